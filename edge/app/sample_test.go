package app

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

func TestWithoutAFlushIntervalEachRoundIsDurableAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		defer r.cut()
		for n := range 3 {
			r.read(5000 + int64(n))
			require.Len(t, said[protocol.Rounds](r), n+1)
		}
	})
}

// Flushing is what decides how much flash a day costs, and how much a power cut.
func TestRoundsWaitInMemoryNoLongerThanTheKitAllows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.kit.Flush = 10 * time.Minute
		r.start()
		defer r.cut()
		for range 61 {
			r.read(5000)
			r.pass(time.Minute)
		}
		records := r.records(protocol.Readings)
		require.Len(t, records, 6, "one in ten minutes")
		for _, record := range records {
			b, err := protocol.DecodeEvent(record.Kind, record.Body)
			require.NoError(t, err)
			rounds, err := b.(protocol.Rounds).Split()
			require.NoError(t, err)
			require.Len(t, rounds, 10)
			require.EqualValues(t, 9*60_000, rounds[0].Ago)
			require.False(t, b.(protocol.Rounds).Alarm)
			require.Equal(t, r.wall.at(record.Mono), record.Wall, "at the time of the last round")
		}
		require.LessOrEqual(t, r.rounds.age(r.mono()), 10*time.Minute)
	})
}

func TestEventsWaitForNoFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.kit.Flush = 10 * time.Minute
		r.start()
		defer r.cut()
		r.read(5000)
		r.doorMoved("f1", false)
		require.Len(t, said[protocol.DoorOpened](r), 1)
		require.Empty(t, said[protocol.Rounds](r))
	})
}

func TestMoreRoundsThanARecordTakesAreFlushedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.kit.Flush = 24 * time.Hour
		r.start()
		defer r.cut()
		for range protocol.MaxRounds + 1 {
			r.read(5000)
			time.Sleep(time.Second) // of the bubble
		}
		all := said[protocol.Rounds](r)
		require.Len(t, all, 1)
		require.Len(t, all[0].Gaps, protocol.MaxRounds-1)
		require.Len(t, r.rounds.held, 1)
	})
}

// From the first round outside the limits until one is inside again each is durable at once and marked.
func TestRoundsOutsideTheLimitsAreMarkedAndWaitForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.kit.Flush = 10 * time.Minute
		r.start()
		defer r.cut()
		r.give(1, time.Minute, 2*time.Minute)
		type state struct{ records, marked, alarms int }
		count := func() (s state) {
			for _, b := range said[protocol.Rounds](r) {
				s.records++
				if b.Alarm {
					s.marked++
					require.Empty(t, b.Gaps, "by itself")
				}
			}
			s.alarms = len(said[protocol.Alarm](r))
			return s
		}
		for _, step := range []struct {
			milliC int64
			want   state
		}{
			{5000, state{}},
			{5000, state{}},
			{9000, state{2, 1, 0}}, // what was held, and the round itself
			{9000, state{3, 2, 0}},
			{9000, state{4, 3, 1}}, // raised, in the same transaction
			{9000, state{5, 4, 1}},
			{5000, state{6, 5, 2}}, // over; the round that ended it is of the alarm
			{5000, state{6, 5, 2}},
		} {
			r.read(step.milliC)
			require.Equal(t, step.want, count())
			time.Sleep(time.Minute) // of the bubble
		}
	})
}

func TestAnOrderlyEndRecordsWhatWasSampledAndThenThatNothingFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.kit.Flush = time.Hour
		r.start()
		defer r.cut()
		r.read(5000)
		r.read(5001)
		r.end(context.Canceled)
		require.Len(t, said[protocol.Rounds](r)[0].Gaps, 1)
		events := r.records(protocol.Events)
		require.Equal(t, protocol.KindStopped, events[len(events)-1].Kind)
	})
}

func TestAPowerCutRecordsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.kit.Flush = time.Hour
		r.start()
		defer r.cut()
		r.read(5000)
		r.end(ErrPowerCut)
		require.Empty(t, said[protocol.Rounds](r))
		require.Empty(t, said[protocol.Stopped](r))
	})
}

func TestARunningAgentEndsInOrderOnlyWithPower(t *testing.T) { synctest.Test(t, endsInOrder) }

func endsInOrder(t *testing.T) {
	for cause, want := range map[error]bool{context.Canceled: true, ErrPowerCut: false} {
		bodies, stop := runUntil(t, newBench(), twoDoors())
		require.Equal(t, []string{"f1/air", "f2/air"}, await[protocol.SamplingSet](t, bodies).Sensors)
		await[protocol.Rounds](t, bodies)
		require.NoError(t, stop(cause))
		var last protocol.Body
		for len(bodies) > 0 {
			last = <-bodies
		}
		if want {
			require.Equal(t, protocol.Stopped{}, last)
		} else {
			require.NotEqual(t, protocol.Stopped{}, last)
		}
	}
}

func TestHowADeviceSamplesIsSaidAtEachStartAndWhenItChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.kit.Flush = 10 * time.Minute
		r.start()
		want := protocol.SamplingSet{EveryMS: 60_000, FlushMS: 600_000, Sensors: []string{"f1/air", "f2/air"}}
		require.Equal(t, protocol.KindBooted, r.records(protocol.Events)[0].Kind)
		require.Equal(t, []protocol.SamplingSet{want}, said[protocol.SamplingSet](r))
		r.give(1, time.Minute, 0)
		require.Len(t, said[protocol.SamplingSet](r), 1, "nothing new")
		r.give(2, 10*time.Second, 0)
		want.EveryMS = 10_000
		all := said[protocol.SamplingSet](r)
		require.Len(t, all, 2)
		require.Equal(t, want, all[1])
		require.Len(t, r.resample, 1, "the probes hear of it at once")
		r.kit.Flush = 0
		r.restart()
		want.FlushMS = 0
		all = said[protocol.SamplingSet](r)
		require.Equal(t, want, all[len(all)-1])
		require.NoError(t, r.log.Renew())
		r.tick()
		all = said[protocol.SamplingSet](r)
		require.Len(t, all, 4, "a new incarnation is told, too: the old one's records may be gone")
		require.Equal(t, want, all[3])
		r.cut()
	})
}

func TestAPlanThatSamplesMoreOftenIsFollowedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		defer r.cut()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.hardware.sample(ctx, r.agent) }()
		(<-r.inputs)()
		time.Sleep(20 * time.Second) // of the bubble
		begun := time.Now()
		r.setSampling(10_000)
		(<-r.inputs)()
		require.Zero(t, time.Since(begun), "ten seconds have passed already")
		(<-r.inputs)()
		require.Equal(t, 10*time.Second, time.Since(begun), "a round's own time is a part of the interval")
		cancel()
		require.NoError(t, <-ended)
	})
}
