package fleet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestEventTimeIsAsGoodAsWhatIsKnown(t *testing.T) {
	hour := time.Hour
	began := now.Add(-10 * hour)
	pair := func(mono time.Duration, by time.Duration) Pair {
		return Pair{mono, began.Add(mono + by), 100 * time.Millisecond}
	}
	told := Clocks{Pairs: []Pair{pair(hour, 0)}}
	set := func(at time.Time) Claim { return Claim{Mono: 2 * hour, Wall: at, Quality: Set} }
	for name, c := range map[string]struct {
		clocks Clocks
		claim  Claim
		want   time.Time
		within time.Duration // about
	}{
		"told, and the claim fits":              {told, set(began.Add(2*hour + time.Second)), began.Add(2*hour + time.Second), 2900 * time.Millisecond},
		"told, and the claim does not":          {told, set(began.Add(5 * hour)), began.Add(2 * hour), 1900 * time.Millisecond},
		"before it was told":                    {told, Claim{Mono: 0, Wall: time.Unix(0, 0)}, began, 1900 * time.Millisecond},
		"at the moment it was told":             {told, Claim{Mono: hour}, began.Add(hour), 100 * time.Millisecond},
		"between two":                           {Clocks{Pairs: []Pair{pair(hour, 0), pair(3*hour, time.Second)}}, Claim{Mono: 2 * hour}, began.Add(2*hour + time.Second/2), 1400 * time.Millisecond},
		"between two that contradict":           {Clocks{Pairs: []Pair{pair(hour, 0), pair(3*hour, hour)}}, Claim{Mono: 2 * hour}, began.Add(2 * hour), hour + 2*time.Second},
		"behind the second of two":              {Clocks{Pairs: []Pair{pair(hour, hour), pair(2*hour, 0)}}, Claim{Mono: 2 * hour}, began.Add(2 * hour), 100 * time.Millisecond},
		"told the future":                       {Clocks{Pairs: []Pair{pair(hour, 20*hour)}}, Claim{Mono: hour}, now, 11 * hour},
		"set, by whom nobody said":              {Clocks{}, set(began), began, 6600 * time.Millisecond},
		"a battery clock that nobody checked":   {Clocks{}, Claim{Wall: began, Quality: Battery}, began, 10 * time.Minute},
		"a battery clock of before its boot":    {Clocks{After: began}, Claim{Wall: began.Add(-hour), Quality: Battery}, now, 10 * hour},
		"an empty battery":                      {Clocks{After: began}, Claim{Wall: time.Unix(946684800, 0), Quality: Battery}, now, 10 * hour},
		"nothing known":                         {Clocks{}, Claim{Wall: time.Unix(60, 0)}, now, now.Sub(earliest)},
		"running when it was added":             {Clocks{After: began}, Claim{Mono: hour}, now, 9 * hour},
		"received before":                       {Clocks{After: began, Begun: began.Add(hour)}, Claim{Mono: hour}, began.Add(2*hour + 1800*time.Millisecond), hour + 2*time.Second},
		"a boot that ended":                     {Clocks{After: began, Last: hour, Before: began.Add(2 * hour)}, Claim{Mono: hour / 2}, began.Add(hour), hour/2 + 2*time.Second},
		"a boot that ended at once":             {Clocks{After: began, Last: hour, Before: began.Add(hour)}, Claim{Mono: hour / 2}, began.Add(hour / 2), 900 * time.Millisecond},
		"monotonic time that goes back":         {told, Claim{Mono: -hour}, began, 1900 * time.Millisecond},
		"monotonic time that cannot be":         {told, Claim{Mono: 1<<63 - 1}, now, 100 * 366 * 24 * hour},
		"what the hub heard contradicts itself": {Clocks{After: now.Add(hour)}, Claim{}, now, now.Sub(earliest)},
	} {
		got := c.clocks.Date(c.claim, now)
		require.WithinDuration(t, c.want, got.At, 4*time.Second*c.within/hour+10*time.Millisecond, name)
		require.InDelta(t, c.within.Seconds(), got.Within.Seconds(), 0.1+c.within.Seconds()/100, name)
	}
}

func TestNeighboursPassOnWhatTheyKnow(t *testing.T) {
	hour := time.Hour
	pair := &Pair{Wall: now, Within: time.Second}
	told := &Pair{Mono: hour, Wall: now.Add(11 * hour), Within: time.Second}
	life := []Sighting{{Boot: 1, Last: hour, First: pair, Final: pair}, {Boot: 2, Last: 2 * hour, Begun: now.Add(30 * hour)}, {Boot: 5, Last: hour, Begun: now.Add(20 * hour)},
		{Boot: 6, Last: hour}, {Boot: 9, Last: hour, First: told, Final: told}}
	k := Neighbours(life, 5, time.Time{})
	require.WithinDuration(t, now.Add(3*hour), k.After, 10*time.Second, "an hour and two hours after the pair")
	require.WithinDuration(t, now.Add(9*hour), k.Before, 10*time.Second, "an hour before the boot that began an hour before the pair")
	require.Equal(t, hour, k.Last)
	require.Equal(t, now.Add(20*hour), k.Begun)

	k = Neighbours(life, 1<<63, now.Add(-hour))
	require.WithinDuration(t, now.Add(11*hour), k.After, 10*time.Second)
	require.Zero(t, k.Before)
	k = Neighbours(nil, 1, now)
	require.Equal(t, now, k.After)
}

// truth is a device as it really was.
type truth struct {
	boot     uint64
	began    time.Time
	rate     float64 // of its clock
	lasted   time.Duration
	quality  Quality
	battery  time.Duration // how far its battery clock is off
	pairs    []Pair
	records  []Claim
	at       []time.Time
	received time.Time // of all its records
	known    int       // of the pairs, how many the hub has seen when it dates
}

func drawTruth(t *rapid.T, boot uint64, began time.Time) *truth {
	b := &truth{boot: boot, began: began, rate: 1 + rapid.Float64Range(-500, 500).Draw(t, "ppm")/1e6,
		lasted: time.Duration(rapid.Int64Range(0, int64(10*24*time.Hour)).Draw(t, "lasted"))}
	b.quality = Quality(rapid.IntRange(0, 1).Draw(t, "battery"))
	b.battery = time.Duration(rapid.Int64Range(int64(-untoldBattery), int64(untoldBattery)).Draw(t, "battery off"))
	for range rapid.IntRange(0, 4).Draw(t, "contacts") { // the hub told it the time, as well as it could
		at := rapid.Int64Range(0, int64(b.lasted)).Draw(t, "contact")
		within := time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(5*time.Second)).Draw(t, "within"))
		off := time.Duration(rapid.Int64Range(-int64(within), int64(within)).Draw(t, "off"))
		b.pairs = append(b.pairs, Pair{b.mono(time.Duration(at)), began.Add(time.Duration(at) + off), within})
	}
	sortPairs(b.pairs)
	for range rapid.IntRange(1, 5).Draw(t, "records") {
		at := time.Duration(rapid.Int64Range(0, int64(b.lasted)).Draw(t, "at"))
		b.at = append(b.at, began.Add(at))
		b.records = append(b.records, b.claim(t, b.mono(at), began.Add(at)))
	}
	return b
}

func (b *truth) mono(d time.Duration) time.Duration { return time.Duration(float64(d) * b.rate) }

// claim is what the device's wall clock showed; somebody may have set it wrong after the last pair.
func (b *truth) claim(t *rapid.T, mono time.Duration, at time.Time) Claim {
	c := Claim{Mono: mono, Wall: time.Unix(0, 0).Add(mono), Quality: b.quality}
	if c.Quality == Battery {
		c.Wall = at.Add(b.battery)
	}
	for _, p := range b.pairs {
		if p.Mono <= mono {
			c.Wall, c.Quality = p.Wall.Add(mono-p.Mono), Set
		}
	}
	if c.Quality == Set && rapid.IntRange(0, 5).Draw(t, "stepped") == 0 {
		c.Wall = c.Wall.Add(time.Duration(rapid.Int64Range(int64(-48*time.Hour), int64(48*time.Hour)).Draw(t, "step")))
	}
	return c
}

func sortPairs(pairs []Pair) {
	for i := range pairs {
		for j := i; j > 0 && pairs[j].Mono < pairs[j-1].Mono; j-- {
			pairs[j], pairs[j-1] = pairs[j-1], pairs[j]
		}
	}
}

// TestEveryDateIsTrueToWhatItSays: whatever the clocks of a device do and whatever the hub has heard of its boots so far, each
// record was made when it is said to have been, or as near as is said.
func TestEveryDateIsTrueToWhatItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var boots []*truth
		at := now
		for n := range rapid.IntRange(1, 6).Draw(t, "boots") {
			at = at.Add(time.Duration(rapid.Int64Range(0, int64(3*24*time.Hour)).Draw(t, "off")))
			boots = append(boots, drawTruth(t, uint64(n+1), at))
			at = at.Add(boots[n].lasted)
		}
		var life []Sighting
		for i, b := range boots {
			b.received = b.began.Add(b.lasted + time.Duration(rapid.Int64Range(0, int64(5*24*time.Hour)).Draw(t, "delivered")))
			b.known = len(b.pairs)
			if i == len(boots)-1 || rapid.Bool().Draw(t, "late") { // a pair is still on its way
				b.known = rapid.IntRange(0, len(b.pairs)).Draw(t, "known")
			}
			s := Sighting{Boot: b.boot, Begun: b.received}
			for _, r := range b.records {
				s.Last = max(s.Last, r.Mono)
				s.Begun = firstOf(s.Begun, b.received.Add(-r.Mono))
			}
			if pairs := b.pairs[:b.known]; len(pairs) > 0 {
				s.First, s.Final = &pairs[0], &pairs[len(pairs)-1]
			}
			life = append(life, s)
		}
		since := now.Add(-time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, "since")))
		for _, b := range boots {
			k := Neighbours(life, b.boot, since)
			k.Pairs = b.pairs[:b.known]
			for i, r := range b.records {
				if r.Quality == Set && b.known == 0 {
					continue // set, and stepped, and nobody has said a word: the pair comes first
				}
				got := k.Date(r, b.received)
				require.False(t, got.At.After(b.received))
				off := got.At.Sub(b.at[i]).Abs()
				require.LessOrEqual(t, off, max(WellDated, got.Within), "boot %d, %+v: %s, was %s", b.boot, r, got.At, b.at[i])
				require.GreaterOrEqual(t, got.Within, time.Duration(0))
			}
		}
	})
}
