package block

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// anyRow draws numbers near each other as well as the worst.
func anyRow(t *rapid.T, i int) Row {
	n := func(name string, near int64) int64 {
		return rapid.OneOf(rapid.Int64Range(near-3, near+200), rapid.Just(near), rapid.Int64(),
			rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64})).Draw(t, name)
	}
	return Row{Number: n("number", int64(i)), Mono: n("mono", int64(i)*60_000), ClaimedAt: n("claimed", 0), Quality: n("quality", 2),
		EventAt: n("event", int64(i)*60_000), Within: n("within", 0), Received: n("received", int64(i)*60_000), MilliC: n("m°C", 4000),
		Fault: n("fault", 0), Span: n("span", 0), Samples: n("samples", 1), FaultCount: n("faults", 0),
		Earlier: rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 1, 30)).Draw(t, "earlier")}
}

func TestABlockGivesBackItsRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := make([]Row, rapid.IntRange(1, 60).Draw(t, "rows"))
		for i := range rows {
			rows[i] = anyRow(t, i)
		}
		body, err := Encode(rows)
		require.NoError(t, err)
		got, err := Decode(body)
		require.NoError(t, err)
		require.Equal(t, rows, got)
		again, err := Encode(got)
		require.NoError(t, err)
		require.Equal(t, body, again, "the same rows give the same bytes")
	})
}

// steady are rows of a probe in steps of 62.5 m°C, one a minute, with the jitter of a live station.
func steady(n int, seed uint64) []Row {
	r := rand.New(rand.NewPCG(seed, 1))
	rows := make([]Row, n)
	c := 0.0
	for i := range rows {
		c += r.NormFloat64() * 0.2
		mono := int64(i)*60_000 + r.Int64N(4)
		rows[i] = Row{Number: int64(i + 1), Mono: mono, EventAt: 1_700_000_000_000 + mono, ClaimedAt: 1_700_000_000_000 + mono, Quality: 2,
			Within: 40, Received: 1_700_000_000_000 + mono + 20 + r.Int64N(60), MilliC: 4000 + int64(math.Round(c))*125/2, Samples: 1}
	}
	return rows
}

func TestAnyChangedByteIsFound(t *testing.T) {
	body, err := Encode(steady(300, 1))
	require.NoError(t, err)
	for i := range body {
		changed := append([]byte(nil), body...)
		changed[i] ^= 1 << (i % 8)
		_, err := Decode(changed)
		require.ErrorIs(t, err, ErrDamaged, "byte %d", i)
		_, err = Decode(body[:i])
		require.ErrorIs(t, err, ErrDamaged, "cut at %d", i)
	}
}

func TestWhatIsTooMuchIsRefused(t *testing.T) {
	for _, rows := range [][]Row{nil, make([]Row, MaxRows+1), {{Earlier: make([]byte, MaxEarlier+1)}}} {
		_, err := Encode(rows)
		require.Error(t, err)
	}
}

func TestFitFillsTheRoom(t *testing.T) {
	rows := steady(4000, 2)
	for _, size := range []int{300, 940, 4000} {
		n, body, err := Fit(rows, size)
		require.NoError(t, err)
		require.LessOrEqual(t, len(body), size)
		require.Greater(t, len(body), size*9/10)
		got, err := Decode(body)
		require.NoError(t, err)
		require.Equal(t, rows[:n], got)
		t.Logf("%d bytes: %d rows, %.2f bytes each", size, n, float64(len(body))/float64(n))
	}
	n, _, err := Fit([]Row{{Earlier: []byte("what a row takes by itself, that it takes")}, {}}, 10)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

func FuzzDecode(f *testing.F) {
	for _, n := range []int{1, 5, 400} {
		body, err := Encode(steady(n, 3))
		require.NoError(f, err)
		f.Add(body[:len(body)-4])
	}
	with, err := Encode([]Row{{Samples: 2, Earlier: []byte{0x83, 0x81, 1}}, {Samples: 2, Earlier: []byte{0x83}}})
	require.NoError(f, err)
	f.Add(with[:len(with)-4])
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) == 0 || len(text) > 1<<16 {
			return
		}
		rows, err := decode(text) // behind the checksum, which a fuzzer does not pass
		if err != nil {
			require.ErrorIs(t, err, ErrDamaged)
			return
		}
		require.LessOrEqual(t, len(rows), MaxRows)
		again, err := Encode(rows)
		require.NoError(t, err)
		same, err := Decode(again)
		require.NoError(t, err)
		require.Equal(t, rows, same)
	})
}

func BenchmarkDecode(b *testing.B) {
	_, body, err := Fit(steady(1000, 4), 940)
	require.NoError(b, err)
	rows := 0
	for b.Loop() {
		got, err := Decode(body)
		require.NoError(b, err)
		rows += len(got)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
	b.ReportMetric(float64(len(body))*float64(b.N)/float64(rows), "B/row")
}
