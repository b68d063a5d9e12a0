package log

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

// sensed is all that was ever sampled, by wall time: each round has its own.
type sensed struct {
	rounds map[int64]protocol.Round
	alarm  map[int64]bool
	mono   map[int64]int64 // of the record that a round in alarm was in
}

// sense appends a record with rounds, and remembers them.
func (s *sensed) sense(t testing.TB, l *Log, i int, random *rand.Rand, alarm bool) {
	t.Helper()
	stamp := stampAt(i * 100)
	var rounds []protocol.Round
	for ago := int64(random.IntN(4)) * 10; ago >= 0; ago -= 10 {
		r := protocol.Round{Ago: ago}
		for _, name := range []string{"F1/air", "F1/product", "F2/air"} {
			sample := protocol.Sample{Sensor: name, MilliC: random.Int64N(9000) - 2000}
			if random.IntN(10) == 0 {
				sample = protocol.Sample{Sensor: name, Fault: protocol.SensorCRC}
			}
			r.Samples = append(r.Samples, sample)
		}
		rounds = append(rounds, r)
		s.rounds[stamp.Wall-ago], s.alarm[stamp.Wall-ago], s.mono[stamp.Wall-ago] = r, alarm, stamp.Mono
	}
	body, err := protocol.NewRounds(rounds)
	require.NoError(t, err)
	body.Alarm = alarm
	var one protocol.Body = body
	if !alarm && len(rounds) == 1 && i%2 == 0 {
		one = protocol.Samples{Samples: rounds[0].Samples} // of an older agent
	}
	require.NoError(t, l.Update(stamp, func(tx *Tx) error {
		_, err := tx.Append(one)
		return err
	}))
}

// check holds that what the log gives, and what its records say was dropped, is together exactly what was sampled.
func (s *sensed) check(t testing.TB, l *Log, alarmsKept bool) (reasons map[protocol.ThinReason]int) {
	t.Helper()
	held := map[int64]bool{}
	var got thinned
	reasons = map[protocol.ThinReason]int{}
	gone := map[uint64]bool{}
	all := readAll(t, l, protocol.Readings)
	var alarms tally
	for _, r := range all {
		body, err := protocol.DecodeEvent(r.Kind, r.Body)
		require.NoError(t, err)
		switch body := body.(type) {
		case protocol.Thinned:
			reasons[body.Reason]++
			got.merge(body)
			for n := body.From; n <= body.To; n++ {
				gone[n] = true
			}
		case protocol.Samples:
			held[r.Wall] = true
		case protocol.Rounds:
			rounds, err := body.Split()
			require.NoError(t, err)
			for _, one := range rounds {
				wall := r.Wall - one.Ago
				require.False(t, held[wall], "twice")
				require.Equal(t, s.rounds[wall], one)
				require.Equal(t, s.mono[wall], r.Mono, "with the time at which it was taken")
				held[wall] = true
			}
			if body.Alarm {
				raw, err := protocol.EncodeRecord(r)
				require.NoError(t, err)
				alarms.add(raw)
			}
		}
	}
	require.Equal(t, alarms, l.committed().Alarms)
	for n := uint64(1); n < all[0].Number; n++ {
		require.True(t, gone[n], "number %d is gone and no record says so", n)
	}
	require.False(t, gone[all[0].Number])
	var want thinned
	for wall, r := range s.rounds {
		if !held[wall] {
			require.False(t, alarmsKept && s.alarm[wall], "a round in alarm is kept")
			want.round(wall, r.Samples)
		}
	}
	for _, w := range want.Sensors {
		require.Contains(t, got.Sensors, w, "exact for each sensor")
	}
	require.Len(t, got.Sensors, len(want.Sensors))
	want.Sensors, got.Sensors = nil, nil
	want.From, want.To, want.Reason = got.From, got.To, got.Reason
	require.Equal(t, want, got)
	return reasons
}

func newSensed() *sensed {
	return &sensed{rounds: map[int64]protocol.Round{}, alarm: map[int64]bool{}, mono: map[int64]int64{}}
}

func TestThinningIsExactForEachSensorAndKeepsAlarms(t *testing.T) {
	for name, c := range map[string]struct {
		options Options
		alarms  int // one record in so many
		reasons []protocol.ThinReason
		kept    bool
	}{
		"share":            {Options{}, 10, []protocol.ThinReason{protocol.ThinShare}, true},
		"records":          {Options{MaxReadings: 200}, 40, []protocol.ThinReason{protocol.ThinCount}, true},
		"age":              {Options{MaxAge: 30 * time.Second}, 10, []protocol.ThinReason{protocol.ThinAge}, true},
		"all":              {Options{MaxReadings: 900, MaxAge: 100 * time.Second}, 10, []protocol.ThinReason{protocol.ThinCount, protocol.ThinAge}, true},
		"nothing but them": {Options{}, 1, []protocol.ThinReason{protocol.ThinShare}, false},
		"too many of them": {Options{MaxReadings: 100}, 2, []protocol.ThinReason{protocol.ThinCount}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.MaxBytes = 1 << 20
			l := openLog(t, path(t), c.options)
			l.db.NoSync = true
			s, random := newSensed(), rand.New(rand.NewPCG(1, 2))
			for i := range 4000 {
				s.sense(t, l, i, random, (i/7)%c.alarms == 0)
				require.LessOrEqual(t, l.committed().Readings.Bytes, l.room.readingsShare(l.committed()))
				if p := l.committed().Readings; c.options.MaxReadings > 0 {
					require.LessOrEqual(t, p.Next-p.First, uint64(c.options.MaxReadings+maxNotes))
				}
				if i%997 == 0 {
					s.check(t, l, c.kept)
				}
			}
			reasons := s.check(t, l, c.kept)
			for _, r := range c.reasons {
				require.NotZero(t, reasons[r], r)
			}
			if name == "age" {
				old := 0
				for _, r := range readAll(t, l, protocol.Readings) {
					if r.Wall < stampAt(400_000).Wall-40_000 && r.Kind == protocol.KindRounds && !inAlarm(r.Body) {
						old++
					}
				}
				require.Zero(t, old)
			}
			// Enough alarms are held to matter, and the newest is one that is.
			a := l.committed().Alarms
			require.NotZero(t, a.Records)
			require.NoError(t, l.DeleteUpTo(protocol.Readings, l.committed().Readings.Next-1))
			require.Zero(t, l.committed().Alarms)
		})
	}
}

func TestReadingsFromBeforeTheClockWasSetAreOfNoAge(t *testing.T) {
	l := openLog(t, path(t), Options{MaxAge: time.Minute})
	at := func(s Stamp) {
		require.NoError(t, l.Update(s, func(tx *Tx) error {
			_, err := tx.Append(sample(1))
			return err
		}))
	}
	at(Stamp{Wall: 5000})
	at(stampAt(0))
	require.Len(t, readAll(t, l, protocol.Readings), 2)
	require.NoError(t, l.DeleteUpTo(protocol.Readings, 1))
	at(stampAt(120_000))
	kinds := []protocol.Kind{}
	for _, r := range readAll(t, l, protocol.Readings) {
		kinds = append(kinds, r.Kind)
	}
	require.Equal(t, []protocol.Kind{protocol.KindThinned, protocol.KindSamples}, kinds)
	at(Stamp{Wall: 1}) // a boot without a clock ages nothing
	require.Len(t, readAll(t, l, protocol.Readings), 3)
}

func TestWhatWasDamagedStaysApartFromWhatWasThinned(t *testing.T) {
	l := openLog(t, path(t), Options{MaxReadings: 64})
	for i := range 30 {
		add(t, l, i, sample(int64(i)))
	}
	for _, n := range []uint64{5, 6, 20} {
		flip(t, l, bucketReadings, numberKey(n), 50)
		require.NoError(t, l.SetAside(protocol.Readings, n))
	}
	flip(t, l, bucketReadings, numberKey(7), 50) // and one that nobody has read
	for i := range 60 {
		add(t, l, i, sample(int64(i)))
	}
	var damaged []string
	samples := uint32(0)
	for _, r := range readAll(t, l, protocol.Readings) {
		var b protocol.Thinned
		if r.Kind == protocol.KindThinned {
			require.NoError(t, protocol.DecodeBody(r.Body, &b))
			if b.Reason == protocol.ThinDamaged {
				damaged = append(damaged, fmt.Sprint(b.From, "-", b.To))
			} else {
				samples += b.Samples
			}
		} else {
			samples++
		}
	}
	require.Equal(t, []string{"5-7", "20-20"}, damaged)
	require.Equal(t, uint32(90-4), samples)
}
