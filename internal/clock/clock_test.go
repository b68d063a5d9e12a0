package clock

import (
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
