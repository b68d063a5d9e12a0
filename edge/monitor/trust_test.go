package monitor

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/protocol"
)

// minutely gives a probe's values, one a minute, and counts its verdicts.
func minutely(of Traits, values ...int64) (faults map[protocol.SensorFault]int, firstAt int) {
	var t Trust
	faults, firstAt = map[protocol.SensorFault]int{}, -1
	for i, v := range values {
		s := t.Judge(of, sample(v), int64(i)*60_000)
		if faults[s.Fault]++; s.Fault != protocol.SensorOK && firstAt < 0 {
			firstAt = i
		}
	}
	return faults, firstAt
}

func repeated(n int, v int64) []int64 {
	all := make([]int64, n)
	for i := range all {
		all[i] = v
	}
	return all
}

func TestTheSameValueForTooLongIsAStuckSensor(t *testing.T) {
	for _, of := range []Traits{Fine, CoarseInFridge, CoarseInBox} {
		minutes := int(of.StuckAfter / time.Minute)
		_, at := minutely(of, repeated(minutes, 4_000)...)
		require.Equal(t, -1, at, "not before %v", of.StuckAfter)
		values := append(repeated(minutes+10, 4_000), 4_062, 4_000)
		faults, at := minutely(of, values...)
		require.Equal(t, minutes, at)
		require.Equal(t, 10, faults[protocol.SensorStuck], "it is trusted again when it moves")
	}
}

func TestFewSamplesAreNeverStuck(t *testing.T) {
	var trust Trust
	for i := range 29 {
		require.Equal(t, protocol.SensorOK, trust.Judge(Fine, sample(4_000), int64(i)*int64(time.Hour/time.Millisecond)).Fault)
	}
	require.Equal(t, protocol.SensorStuck, trust.Judge(Fine, sample(4_000), 29*3_600_000).Fault)
}

func TestALeapIsNotBelievedUntilThreeAgree(t *testing.T) {
	faults, at := minutely(Fine, 4_000, 4_010, 60_000, 4_020, 4_030)
	require.Equal(t, 2, at, "one wild value")
	require.Equal(t, 1, faults[protocol.SensorNoisy])
	faults, _ = minutely(Fine, 4_000, 40_000, -30_000, 50_000, -40_000, 60_000, 4_000)
	require.Equal(t, 5, faults[protocol.SensorNoisy], "none agrees with another")
	faults, _ = minutely(Fine, 4_000, 60_000, 60_500, 60_300, 60_100)
	require.Equal(t, 2, faults[protocol.SensorNoisy], "the third that agrees is believed")
	var trust Trust
	trust.Judge(Fine, sample(4_000), 0)
	require.Equal(t, protocol.SensorOK, trust.Judge(Fine, sample(60_000), leapMS+1).Fault, "after a long time anything may be")
}

func TestNoiseBeyondWhatAirDoesIsNamed(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	noise := func(sigma float64) (values []int64) {
		for range 600 {
			values = append(values, 4_000+int64(r.NormFloat64()*sigma))
		}
		return values
	}
	for sigma, least := range map[float64]int{2_500: 500, 4_000: 560} {
		faults, _ := minutely(Fine, noise(sigma)...)
		require.GreaterOrEqual(t, faults[protocol.SensorNoisy], least, "of 600 at %v m°C", sigma)
	}
	for _, sigma := range []float64{50, 300, 800} {
		_, at := minutely(Fine, noise(sigma)...)
		require.Equal(t, -1, at, "%v m°C is a bad probe and not a broken one", sigma)
	}
}

func TestNoiseEndsWhenItIsQuietAgain(t *testing.T) {
	var values []int64
	for i := range 100 {
		values = append(values, 4_000+int64(i%2)*6_000)
	}
	faults, at := minutely(Fine, append(values, make([]int64, 100)...)...)
	require.Equal(t, window-1, at)
	require.Less(t, faults[protocol.SensorNoisy], 100)
	require.Greater(t, faults[protocol.SensorNoisy], 80)
}

// Faults teach nothing, and no verdict gives a number with a fault or changes one without.
func TestAVerdictIsTheSampleOrAFaultWithoutANumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var trust Trust
		mono := int64(0)
		for range rapid.IntRange(1, 200).Draw(t, "samples") {
			mono += rapid.Int64Range(0, 2*leapMS).Draw(t, "after")
			s := protocol.Sample{Sensor: "a", Fault: protocol.SensorFault(rapid.IntRange(0, 3).Draw(t, "fault"))}
			if s.Fault == protocol.SensorOK {
				s.MilliC = rapid.Int64Range(-60_000, 130_000).Draw(t, "value")
			}
			got := trust.Judge(Fine, s, mono)
			switch got.Fault {
			case s.Fault:
				require.Equal(t, s, got)
			default:
				require.Equal(t, protocol.SensorOK, s.Fault)
				require.Zero(t, got.MilliC)
				require.Contains(t, []protocol.SensorFault{protocol.SensorStuck, protocol.SensorNoisy}, got.Fault)
			}
			require.LessOrEqual(t, len(trust.values), window)
		}
	})
}
