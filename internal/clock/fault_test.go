package clock

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAFaultyClockDriftsAndStepsAndItsStopwatchOnlyDrifts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
		f := &Fault{PPM: 500}
		c := New(time.Now(), start, 1).WithFault(f)
		passed := c.Stopwatch()
		time.Sleep(1000 * time.Second)
		require.Equal(t, start.Add(1000*time.Second+500*time.Millisecond), c.Now())
		require.Equal(t, 1000*time.Second+500*time.Millisecond, passed())
		f.Step(-time.Hour)
		require.Equal(t, start.Add(1000*time.Second+500*time.Millisecond-time.Hour), c.Now())
		require.Equal(t, 1000*time.Second+500*time.Millisecond, passed())
	})
}
