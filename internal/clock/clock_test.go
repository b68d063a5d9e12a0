package clock

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseReadsWhatStringMakes(t *testing.T) {
	anchor := time.Date(2026, 12, 1, 0, 0, 0, 123, time.UTC)
	start := time.Date(2026, 11, 30, 15, 0, 0, 0, time.UTC)
	c, err := Parse(New(anchor, start, 960).String())
	require.NoError(t, err)
	require.Equal(t, New(anchor, start, 960), c)

	c, err = Parse("")
	require.NoError(t, err)
	require.Equal(t, Real(), c)
	require.Empty(t, c.String())
}

func TestParseNamesWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"noon":                        "START@ANCHOR*RATE",
		"noon@2026-12-01T00:00:00Z*2": "start",
		"2026-12-01T00:00:00Z@noon*2": "anchor",
		"2026-12-01T00:00:00Z@2026-12-01T00:00:00Z*0":       "rate",
		"2026-12-01T00:00:00Z@2026-12-01T00:00:00Z*fast":    "rate",
		"2026-12-01T00:00:00Z@2026-12-01T00:00:00Z*1000000": "rate",
	} {
		_, err := Parse(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestAnHourPassesInASecondAtRate3600(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
		c := New(time.Now(), start, 3600)
		before := time.Now()
		require.NoError(t, c.Sleep(t.Context(), time.Hour))
		require.Equal(t, time.Second, time.Since(before))
		require.Equal(t, start.Add(time.Hour), c.Now())
	})
}

func TestAStopwatchRunsAtTheClocksRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for rate, want := range map[int64]time.Duration{0: time.Second, 1: time.Second, 960: 16 * time.Minute} {
			passed := New(time.Now(), time.Now(), rate).Stopwatch()
			require.Zero(t, passed())
			require.NoError(t, Real().Sleep(t.Context(), time.Second))
			require.Equal(t, want, passed())
		}
	})
}

func TestWaitsEndAtTheirTimeOfTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, began := New(time.Now(), time.Now(), 60), time.Now()
		<-c.After(time.Minute)
		require.Equal(t, time.Second, time.Since(began))
		ticker := c.Ticker(time.Minute)
		defer ticker.Stop()
		<-ticker.C
		require.Equal(t, 2*time.Second, time.Since(began))
		ctx, cancel := c.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, c.Sleep(ctx, time.Hour), context.DeadlineExceeded)
		require.Equal(t, 3*time.Second, time.Since(began))
	})
}
