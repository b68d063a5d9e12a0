package app

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/monitor"
	"meguri/protocol"
)

// A read that hangs is a silent sensor: the round goes on, no second read is begun, and what comes too late is not believed.
func TestAReadThatNeverComesBackIsASilentSensor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan int64)
		var reads atomic.Int32
		p := &probe{sensor: "f/air", read: func() (int64, error) {
			reads.Add(1)
			return <-hang, nil
		}}
		silent := func() time.Duration {
			t.Helper()
			begun := time.Now()
			_, err := p.ask(t.Context())
			require.Equal(t, protocol.SensorSilent, faultOf(err))
			return time.Since(begun)
		}
		require.Equal(t, patience, silent())
		require.Zero(t, silent(), "the next rounds do not wait")
		require.EqualValues(t, 1, reads.Load())
		hang <- 1 // the bus comes back, with what was measured long ago
		synctest.Wait()
		go func() { hang <- 4_000 }()
		v, err := p.ask(t.Context())
		require.NoError(t, err)
		require.Equal(t, int64(4_000), v)
		require.EqualValues(t, 2, reads.Load())
	})
}

func TestEachKindOfProbeHasItsTraits(t *testing.T) {
	require.Equal(t, monitor.Fine, Probe{Chip: chipSHT4x}.traits(false))
	require.Equal(t, monitor.Fine, Probe{Chip: chipADS1115}.traits(true))
	require.Equal(t, monitor.CoarseInFridge, Probe{Chip: chipDS18B20}.traits(false))
	require.Equal(t, monitor.CoarseInBox, Probe{Chip: chipDS18B20}.traits(true))
	require.Equal(t, protocol.SensorMissing, faultOf(errors.New("what nobody has named")))
}

// What a driver cannot see, a probe that answers well and lies, is a fault in the readings all the same.
func TestASensorThatLiesIsAFaultInTheReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		defer r.cut()
		values := map[string][]int64{"f1/air": {4_000, 4_062, 90_000, 4_125}, "f2/air": {5_000, 5_003, 5_001, 5_004}}
		r.hardware.probes = nil
		for _, sensor := range []string{"f1/air", "f2/air"} {
			n := -1
			r.hardware.probes = append(r.hardware.probes, &probe{sensor: sensor, traits: monitor.Fine, read: func() (int64, error) {
				n++
				return values[sensor][n%4], nil
			}})
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.hardware.sample(ctx, r.agent) }()
		for range 4 {
			synctest.Wait()
			r.drain()
			time.Sleep(time.Duration(r.sampleEvery.Load()) * time.Millisecond)
		}
		cancel()
		require.NoError(t, <-ended)
		var faults []protocol.SensorFault
		for _, rounds := range said[protocol.Rounds](r) {
			all, err := rounds.Split()
			require.NoError(t, err)
			for _, one := range all {
				faults = append(faults, one.Samples[0].Fault)
				require.Equal(t, protocol.SensorOK, one.Samples[1].Fault)
			}
		}
		require.Equal(t, []protocol.SensorFault{protocol.SensorOK, protocol.SensorOK, protocol.SensorNoisy, protocol.SensorOK}, faults[:4])
	})
}
