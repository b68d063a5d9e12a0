package app

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

// drawn is a round of so many sensors; kind decides how wild it is.
func drawn(r *rand.Rand, mono int64, sensors, kind int) round {
	next := round{mono: mono}
	for i := range sensors {
		s := protocol.Sample{Sensor: fmt.Sprintf("loc-001-fridge-%d/air", i), MilliC: 4000 + r.Int64N(200)}
		switch {
		case kind == 1:
			s.MilliC = r.Int64N(400_000) - 200_000
		case kind == 2 && r.IntN(2) == 0, kind == 3:
			s.MilliC, s.Fault = 0, protocol.SensorMissing
		}
		next.samples = append(next.samples, s)
	}
	return next
}

func TestRoundsFillARecordAndNeverMore(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for kind := range 4 {
		for _, sensors := range []int{0, 1, 3, 17, protocol.MaxSensors} {
			var held rounds
			mono := int64(0)
			next := drawn(r, mono, sensors, kind)
			for held.fits(next) {
				held.add(next, false)
				mono += 1 + r.Int64N(70_000)
				next = drawn(r, mono, sensors, kind)
			}
			body, err := held.body()
			require.NoError(t, err)
			encoded, err := protocol.EncodeBody(body)
			require.NoError(t, err)
			require.LessOrEqual(t, len(encoded), held.size, "kind %d, %d sensors", kind, sensors)
			_, err = protocol.EncodeRecord(protocol.Record{Number: 1 << 61, Boot: 1 << 61, Mono: 1 << 61, Wall: 1 << 61, Kind: protocol.KindRounds, Body: encoded})
			require.NoError(t, err)
			if len(held.held) < protocol.MaxRounds && kind == 0 {
				require.Greater(t, len(encoded), maxBody/2, "%d sensors: it is not flushed long before it has to be", sensors)
			}
			back, err := body.Split()
			require.NoError(t, err)
			require.Len(t, back, len(held.held))
			for i, one := range back {
				require.Equal(t, held.last().mono-held.held[i].mono, one.Ago)
				if sensors > 0 {
					require.Equal(t, held.held[i].samples, one.Samples)
				}
			}
		}
	}
}

func TestTheAgeOfRoundsIsThatOfTheOldest(t *testing.T) {
	var held rounds
	require.Zero(t, held.age(5000))
	held.add(round{mono: 1000}, false)
	held.add(round{mono: 3000}, false)
	require.Equal(t, 4*time.Second, held.age(5000))
}
