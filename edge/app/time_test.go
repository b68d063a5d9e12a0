package app

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/internal/clock"
	"meguri/protocol"
)

// tell is a welcome that comes so long after its hello; the hub has the true time.
func (r *rig) tell(roundTrip time.Duration) {
	asked := r.clock.Stopwatch()
	time.Sleep(roundTrip / 2) // of the bubble
	hub := r.truth()
	time.Sleep(roundTrip / 2)
	r.HubTime(hub, asked)
	for len(r.inputs) > 0 {
		(<-r.inputs)()
	}
}

func (r *rig) truth() time.Time { return r.clock.WithFault(nil).Now() }

// off is how far the device's time is from the truth.
func (r *rig) off() time.Duration { return r.now().Sub(r.truth()).Abs() }

// Boot in 1970, run for hours, reboot, and then the time comes: the pair of the second boot dates all of it, and the hub bounds the
// first by its neighbours. Every record says what its boot's clock was worth.
func TestABoardThatBootsIn1970DatesAllOfTheBootInWhichTheTimeCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.kit.BatteryClock = false
		hub := r.clock
		power := func() { r.clock = clock.New(time.Now(), time.Unix(0, 0), 1) }
		power()
		r.start()
		r.read(5000)
		time.Sleep(5 * time.Hour) // of the bubble
		r.doorMoved("f1", false)
		r.cut()
		power()
		r.start()
		defer func() { r.cut() }()
		begun := hub.Now()
		time.Sleep(3 * time.Hour)
		r.doorMoved("f1", true)
		shut := hub.Now()
		asked := r.clock.Stopwatch()
		time.Sleep(300 * time.Millisecond)
		r.HubTime(hub.Now(), asked)
		(<-r.inputs)()
		r.doorMoved("f1", false)

		pair := said[protocol.ClockSet](r)
		require.Len(t, pair, 1)
		require.LessOrEqual(t, pair[0].Within, int64(160))
		boots := map[uint64]int{}
		for _, record := range r.records(protocol.Events) {
			boots[record.Boot]++
			dated := time.UnixMilli(pair[0].Wall - pair[0].Mono + record.Mono)
			switch {
			case record.Boot == 1:
				require.Equal(t, protocol.WallUnset, record.Quality)
			case record.Kind == protocol.KindBooted:
				require.Equal(t, protocol.WallUnset, record.Quality)
				require.WithinDuration(t, begun, dated, time.Second)
			case record.Kind == protocol.KindDoorClosed:
				require.WithinDuration(t, shut, dated, time.Second)
			case record.Kind == protocol.KindClockSet:
				require.Equal(t, protocol.WallSet, record.Quality)
			}
		}
		require.Len(t, boots, 2)
	})
}

func TestAStepOfTheBoardsClockIsRecordedAndTheHubPutsItRight(t *testing.T) {
	for _, step := range []time.Duration{20 * time.Second, -20 * time.Second, 5 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.kit.Flush = time.Hour
			r.start()
			defer r.cut()
			r.pass(time.Minute)
			r.tell(100 * time.Millisecond)
			require.Len(t, said[protocol.ClockSet](r), 1, "it was right, and the hub hears that")
			r.read(5000)
			before := r.stamp()
			r.fault.Step(step)
			r.pass(time.Second)
			pairs := said[protocol.ClockSet](r)[1:]
			require.Len(t, pairs, 1)
			require.InDelta(t, step.Abs().Milliseconds(), pairs[0].Within, 200)
			require.LessOrEqual(t, r.off(), time.Duration(pairs[0].Within)*time.Millisecond)
			rounds := r.records(protocol.Readings)
			require.Len(t, rounds, 1, "what was sampled by the time before is recorded before")
			require.Equal(t, before.Wall, rounds[0].Wall)
			require.Less(t, rounds[0].Mono, pairs[0].Mono)
			r.tell(100 * time.Millisecond)
			require.Less(t, r.off(), time.Second)
			require.Len(t, said[protocol.ClockSet](r), 3)
		})
	}
}

func TestADriftingBoardStaysWithinTwoSeconds(t *testing.T) {
	for _, ppm := range []int64{500, -500} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.fault.PPM = ppm
			r.start()
			defer r.cut()
			for range 6 * 24 {
				r.tell(200 * time.Millisecond)
				r.pass(10 * time.Minute)
				require.Less(t, r.off(), 2*time.Second)
			}
			require.NotEmpty(t, said[protocol.ClockSet](r))
		})
	}
}

// An alarm comes after the time outside the limits, not after what the clock says.
func TestAlarmsMeasureTimeHoweverTheClockIsSet(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -50 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.start()
			defer r.cut()
			r.give(1, time.Minute, 10*time.Minute)
			for minute := range 12 {
				if minute == 5 {
					r.fault.Step(step)
					r.pass(time.Second)
				}
				r.read(9000)
				require.Equal(t, minute > 9, len(said[protocol.Alarm](r)) == 1, "%v, minute %d", step, minute)
				r.pass(time.Minute)
			}
		})
	}
}

func TestTheHubsTimeIsTakenHalfwayThroughTheRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.kit.BatteryClock = false
		r.start()
		defer r.cut()
		r.tell(4 * time.Second)
		require.Less(t, r.off(), 10*time.Millisecond)
		require.InDelta(t, 2000, said[protocol.ClockSet](r)[0].Within, 10)
	})
}
