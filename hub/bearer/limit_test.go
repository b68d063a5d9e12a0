package bearer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/hub/bearer"
)

func TestAMinutesRequestsMayComeAtOnceAndThenOneWheneverItsShareHasPassed(t *testing.T) {
	l := bearer.NewLimiter(10)
	for n := range 60 {
		left := l.Take("a", 60, now)
		require.True(t, left.OK)
		require.Equal(t, 59-n, left.Requests)
	}
	left := l.Take("a", 60, now)
	require.False(t, left.OK)
	require.Equal(t, time.Second, left.Wait)
	require.Equal(t, time.Minute, left.Full)
	require.True(t, l.Take("b", 60, now).OK, "another is not held up")
	require.False(t, l.Take("a", 60, now.Add(999*time.Millisecond)).OK)
	require.True(t, l.Take("a", 60, now.Add(time.Second)).OK)
	require.False(t, l.Take("a", 60, now.Add(time.Second)).OK, "what was refused costs nothing, and nothing is given twice")
	require.Equal(t, 59, l.Take("a", 60, now.Add(2*time.Minute)).Requests)
}

func TestALimitThatIsConfiguredAnewHoldsAtOnce(t *testing.T) {
	l := bearer.NewLimiter(10)
	require.Equal(t, 59, l.Take("a", 60, now).Requests)
	require.LessOrEqual(t, l.Take("a", 6, now).Requests, 6)
	require.Equal(t, 6, l.Take("a", 6, now).PerMinute)
}

func TestOnlySoManyAreCountedApart(t *testing.T) {
	l := bearer.NewLimiter(3)
	for n := range 1000 {
		require.True(t, l.Take(fmt.Sprint(n), 1, now).OK)
		require.Equal(t, n == 0, l.Take("busy", 1, now).OK, "who goes on asking is not forgotten")
	}
	require.True(t, l.Take("0", 1, now).OK, "who has not asked for longest is")
}

// In no span does a caller get more than a minute's requests and the span's share.
func TestNoPatternOfAskingGetsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, at, got := bearer.NewLimiter(2), now, 0
		per := rapid.IntRange(1, 1000).Draw(t, "per minute")
		for range rapid.IntRange(1, 50).Draw(t, "turns") {
			at = at.Add(time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "pause")))
			for range rapid.IntRange(1, 50).Draw(t, "requests") {
				if l.Take("a", per, at).OK {
					got++
				}
			}
		}
		if most := float64(per) + float64(per)*at.Sub(now).Minutes(); float64(got) > most+1e-3 {
			t.Fatalf("%d of %f", got, most)
		}
	})
}
