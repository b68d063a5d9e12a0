package protocol

import (
	"bytes"
	"compress/flate"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Rounds that are put together come apart as the same, whatever the values and faults are.
func TestRoundsComeApartAsTheyWerePutTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"a", "b", "c"}[:rapid.IntRange(0, 3).Draw(t, "sensors")]
		n := rapid.IntRange(1, 20).Draw(t, "rounds")
		rounds := make([]Round, n)
		for i := range rounds {
			if i > 0 {
				rounds[n-1-i].Ago = rounds[n-i].Ago + rapid.Int64Range(0, maxGapMS).Draw(t, "gap")
			}
		}
		for i := range rounds {
			rounds[i].Samples = []Sample{}
			for _, name := range names {
				s := Sample{Sensor: name, Fault: SensorFault(rapid.IntRange(0, 4).Draw(t, "fault"))}
				if s.Fault == SensorOK {
					s.MilliC = rapid.Int64Range(-maxMilliC, maxMilliC).Draw(t, "value")
				}
				rounds[i].Samples = append(rounds[i].Samples, s)
			}
		}
		r, err := NewRounds(rounds)
		require.NoError(t, err)
		bytes, err := EncodeBody(r)
		require.NoError(t, err)
		body, err := DecodeEvent(KindRounds, bytes)
		require.NoError(t, err)
		back, err := body.(Rounds).Split()
		require.NoError(t, err)
		require.Equal(t, rounds, back)
	})
}

// A fault that this version does not know is kept with its number: a newer device harms no hub.
func TestAnUnknownFaultIsKept(t *testing.T) {
	rounds := []Round{{Samples: []Sample{{Sensor: "a", Fault: 200}, {Sensor: "b", MilliC: 4000}}}}
	r, err := NewRounds(rounds)
	require.NoError(t, err)
	body, err := DecodeEvent(KindRounds, must(EncodeBody(r)))
	require.NoError(t, err)
	back, err := body.(Rounds).Split()
	require.NoError(t, err)
	require.Equal(t, rounds, back)
	require.Equal(t, "unknown fault", back[0].Samples[0].Fault.String())
}

// Ten quiet rounds of four sensors take less than two and a half bytes a sample, names and all the rest included.
func TestRoundsAreDense(t *testing.T) {
	var rounds []Round
	for i := range 10 {
		r := Round{Ago: int64(9-i) * 60_000}
		for j, name := range []string{"L001-F1/air", "L001-F2/air", "L001-F3/air", "L001-F4/air"} {
			r.Samples = append(r.Samples, Sample{Sensor: name, MilliC: 4000 + int64((i*7+j*13)%5)*62})
		}
		rounds = append(rounds, r)
	}
	r, err := NewRounds(rounds)
	require.NoError(t, err)
	bytes, err := EncodeRecord(someRecord(r))
	require.NoError(t, err)
	require.LessOrEqual(t, len(bytes), 40*5)
}

// Rounds that do not fit together are refused with what is wrong.
func TestRoundsThatDoNotFitAreRefused(t *testing.T) {
	many := make([]Round, MaxRounds+1)
	for name, rounds := range map[string][]Round{
		"none":          {},
		"too many":      many,
		"other sensor":  {{Ago: 1, Samples: []Sample{{Sensor: "a"}}}, {Samples: []Sample{{Sensor: "b"}}}},
		"one fewer":     {{Ago: 1, Samples: []Sample{{Sensor: "a"}}}, {}},
		"backwards":     {{Ago: 0}, {Ago: 5}, {Ago: 0}},
		"not at record": {{Ago: 3}},
		"melting":       {{Samples: []Sample{{Sensor: "a", MilliC: maxMilliC + 1}}}},
		"many sensors":  {{Samples: make([]Sample, MaxSensors+1)}},
	} {
		_, err := NewRounds(rounds)
		require.Error(t, err, name)
	}
	for name, r := range map[string]Rounds{
		"values missing":   {Sensors: []string{"a"}},
		"values too few":   {Sensors: []string{"a"}, Gaps: []int64{1}, Values: [][]int64{{1}}},
		"fault outside":    {Faults: []RoundFault{{Round: 1, Fault: SensorCRC}}},
		"fault of nothing": {Sensors: []string{"a"}, Values: [][]int64{{1}}, Faults: []RoundFault{{}}},
		"overflow":         {Sensors: []string{"a"}, Gaps: []int64{1}, Values: [][]int64{{1 << 62, 1 << 62}}},
	} {
		require.ErrorIs(t, r.Check(), ErrMalformed, name)
	}
}

// A packed batch is the same batch, a good deal smaller.
func TestAPackedBatchIsTheSameBatch(t *testing.T) {
	b := Batch{Incarnation: someIncarnation, Log: Readings, First: 1, Before: someHash}
	for i := range 500 {
		rounds, err := NewRounds([]Round{{Samples: []Sample{{Sensor: "L001-F1/air", MilliC: 4000 + int64(i*37%250)}}}})
		require.NoError(t, err)
		r := someRecord(rounds)
		r.Number, r.Mono, r.Wall = uint64(i+1), r.Mono+int64(i)*60_003, r.Wall+int64(i)*60_003
		record, err := EncodeRecord(r)
		require.NoError(t, err)
		b.Records = append(b.Records, record)
	}
	plain, err := Encode(b)
	require.NoError(t, err)
	packed, err := b.Pack()
	require.NoError(t, err)
	require.Empty(t, packed.Records)
	payload, err := Encode(packed)
	require.NoError(t, err)
	require.Less(t, len(payload)*3, len(plain))
	back, err := Decode(payload)
	require.NoError(t, err)
	require.Equal(t, b, back)
}

// What unpacks to more than is bounded, or is packed and unpacked at once, or is no DEFLATE at all, is malformed.
func TestABadlyPackedBatchIsMalformed(t *testing.T) {
	packed, err := Batch{Records: [][]byte{make([]byte, MaxRecord)}}.Pack()
	require.NoError(t, err)
	var bomb bytes.Buffer
	w := must(flate.NewWriter(&bomb, flate.BestCompression))
	_, err = w.Write(make([]byte, 100*MaxUnpacked))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Less(t, bomb.Len(), MaxPayload)
	for name, b := range map[string]Batch{
		"bomb":    {Log: Events, First: 1, Packed: bomb.Bytes()},
		"both":    {Log: Events, First: 1, Packed: packed.Packed, Records: [][]byte{{1}}},
		"garbage": {Log: Events, First: 1, Packed: []byte("garbage")},
		"empty":   {Log: Events, First: 1, Packed: []byte{}},
	} {
		payload, err := Encode(b)
		require.NoError(t, err)
		_, err = Decode(payload)
		require.ErrorIs(t, err, ErrMalformed, name)
	}
}

// A batch with little in it is not packed.
func TestABatchThatPackingWouldNotShrinkStaysAsItIs(t *testing.T) {
	b := Batch{Log: Events, First: 1, Records: [][]byte{{1, 2, 3}}}
	packed, err := b.Pack()
	require.NoError(t, err)
	require.Equal(t, b, packed)
}
