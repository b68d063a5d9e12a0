package coldchain

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

func at(minutes float64) time.Time { return noon.Add(time.Duration(minutes * float64(time.Minute))) }

// minutely is readings of °C, one a minute from noon on. NaN-like faults are given as fault.
func minutely(celsius ...float64) []Reading {
	var all []Reading
	for i, c := range celsius {
		all = append(all, Reading{ID: fmt.Sprintf("d/i/%d", i), At: at(float64(i)), MilliC: int64(math.Round(c * 1000)), Fault: c == fault})
	}
	return all
}

const fault = -999

func repeat(n int, c float64) []float64 { return slices.Repeat([]float64{c}, n) }

func trace(celsius ...float64) []Piece { return Trace(minutely(celsius...), nil, 3*time.Minute) }

var high = Rule{Name: "high", Kind: Consecutive, LimitMilliC: 8000}

func TestAtTheLimitIsInsideAndTheAllowedTimeIsEnough(t *testing.T) {
	rule := high
	rule.For = 10 * time.Minute
	hour := Span{noon, at(60)}
	require.Empty(t, Evaluate(rule, trace(repeat(30, 8)...), hour))
	warm := slices.Concat(repeat(5, 4), repeat(10, 8.001), repeat(5, 4))
	require.Equal(t, []Alarm{{ID: "high/d/i/5", Rule: rule, Since: at(5), Raised: at(15), Cleared: at(15), WorstMilliC: 8001,
		Outside: 10 * time.Minute}}, Evaluate(rule, trace(warm...), hour))
	require.Empty(t, Evaluate(rule, trace(slices.Concat(repeat(5, 4), repeat(9, 9), repeat(5, 4))...), hour), "a minute less")
	low := Rule{Name: "low", Low: true, LimitMilliC: 2000, Kind: Consecutive}
	cold := Evaluate(low, trace(3, 1.5, 1, 3), hour)
	require.Len(t, cold, 1)
	require.Equal(t, int64(1000), cold[0].WorstMilliC)
	require.Equal(t, at(1), cold[0].Raised, "an instant rule needs no time")
}

func TestDelaysDeadbandAndIgnoredEnds(t *testing.T) {
	hour := Span{noon, at(60)}
	for name, c := range map[string]struct {
		rule  func(*Rule)
		temps []float64
		want  [][3]float64 // since, raised, cleared; -1 for open
	}{
		"one that is too short is none":          {func(r *Rule) { r.OnDelay = 3 * time.Minute }, []float64{4, 9, 9, 4, 9, 9, 9, 4}, [][3]float64{{4, 7, 7}}},
		"within the deadband it goes on":         {func(r *Rule) { r.Deadband = 500 }, []float64{9, 7.6, 9, 7.5, 4}, [][3]float64{{0, 0, 3}}},
		"it is over after so long inside":        {func(r *Rule) { r.OffDelay = 2 * time.Minute }, []float64{9, 4, 9, 4, 4, 4}, [][3]float64{{0, 0, 3}}},
		"it goes on":                             {func(*Rule) {}, []float64{4, 9, 9}, [][3]float64{{1, 1, -1}}},
		"what comes before the start is ignored": {func(r *Rule) { r.StartIgnore = 2 * time.Minute }, []float64{9, 9, 4, 4}, nil},
		"an excursion across the start counts from it": {func(r *Rule) { r.StartIgnore, r.For = time.Minute, 2*time.Minute },
			[]float64{9, 9, 9, 4}, [][3]float64{{1, 3, 3}}},
		"the end is ignored":         {func(r *Rule) { r.EndIgnore = 57 * time.Minute }, []float64{4, 4, 4, 9, 9}, nil},
		"a fault neither ends it":    {func(r *Rule) { r.For = 3 * time.Minute }, []float64{9, 9, fault, 9, 4}, [][3]float64{{0, 4, 4}}},
		"nor does it count as warm":  {func(r *Rule) { r.For = 3 * time.Minute }, []float64{9, 9, fault, fault, 4}, nil},
		"two are two":                {func(*Rule) {}, []float64{9, 4, 9, 4}, [][3]float64{{0, 0, 1}, {2, 2, 3}}},
		"consecutive does not add":   {func(r *Rule) { r.For = 3 * time.Minute }, []float64{9, 9, 4, 9, 9, 4}, nil},
		"cumulative adds, inclusive": {func(r *Rule) { r.For, r.Kind = 4*time.Minute, Cumulative }, []float64{9, 9, 4, 9, 9, 4}, [][3]float64{{0, 5, -1}}},
		"cumulative without short ones": {func(r *Rule) { r.For, r.Kind, r.OnDelay = 4*time.Minute, Cumulative, 2*time.Minute },
			[]float64{9, 4, 9, 9, 4, 9, 9, 4}, [][3]float64{{2, 7, -1}}},
	} {
		t.Run(name, func(t *testing.T) {
			rule := high
			c.rule(&rule)
			var got [][3]float64
			for _, a := range Evaluate(rule, trace(c.temps...), hour) {
				one := [3]float64{a.Since.Sub(noon).Minutes(), a.Raised.Sub(noon).Minutes(), -1}
				if !a.Cleared.IsZero() {
					one[2] = a.Cleared.Sub(noon).Minutes()
				}
				got = append(got, one)
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestMeanKineticTemperature(t *testing.T) {
	// By hand: 15 °C weighs exp(-10000/288.15), 35 °C 9.5106 times as much; ln(10.5106/2) = 1.6592; 10000/(34.7041-1.6592) = 302.62 K.
	m, ok := MeanKinetic(trace(15, 35, 15, 35, 4)[:4])
	require.True(t, ok)
	require.InDelta(t, 29_468, m, 5)
	m, _ = MeanKinetic(trace(repeat(10, 5)...))
	require.Equal(t, int64(5000), m)
	_, ok = MeanKinetic(nil)
	require.False(t, ok)

	rule := Rule{Name: "kinetic", Kind: Kinetic, LimitMilliC: 25_000, For: 2 * time.Minute}
	alarms := Evaluate(rule, trace(20, 20, 40, 40, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10), Span{noon, at(60)})
	require.Len(t, alarms, 1)
	require.Equal(t, at(3), alarms[0].Raised)
	require.False(t, alarms[0].Cleared.IsZero())
}

func TestAReadingStandsUntilTheNextAndNoLongerThanItMay(t *testing.T) {
	pieces := Trace([]Reading{{ID: "a", At: at(0), MilliC: 1}, {ID: "b", At: at(10), MilliC: 2}}, nil, 3*time.Minute)
	require.Equal(t, []Piece{{"a", at(0), at(3), 1, 1}, {"b", at(10), at(13), 2, 2}}, pieces)
	filled := Trace([]Reading{{ID: "a", At: at(0), MilliC: 1}, {ID: "b", At: at(10), MilliC: 2}},
		[]Thinning{{ID: "t", From: at(1), Until: at(9), MinMilliC: -5, MaxMilliC: 5, SamplesDropped: 8}}, 3*time.Minute)
	require.Equal(t, []Piece{{"a", at(0), at(3), 1, 1}, {"t", at(3), at(10), -5, 5}, {"b", at(10), at(13), 2, 2}}, filled)
	require.Empty(t, Trace(nil, []Thinning{{From: at(1), Until: at(9)}}, time.Minute), "faults were dropped")
}

func TestProbesInOnePlaceAreJoinedByTheWorst(t *testing.T) {
	a, b := []Piece{{"a", at(0), at(5), 3, 3}, {"a", at(5), at(8), 9, 9}}, []Piece{{"b", at(2), at(6), 4, 4}, {"b", at(9), at(10), 1, 1}}
	require.Equal(t, []Piece{{"a", at(0), at(2), 3, 3}, {"a", at(2), at(5), 3, 4}, {"a", at(5), at(6), 4, 9}, {"a", at(6), at(8), 9, 9},
		{"b", at(9), at(10), 1, 1}}, Overlay(a, b))
}

var cold = Limit{MinMilliC: 0, MaxMilliC: 10_000, Outside: 30 * time.Minute, Gap: 15 * time.Minute, DoubtHolds: true}

func stay(from, until float64) Stay {
	s := Stay{Leg: Station, Position: "f1", From: at(from), Limit: cold}
	if until > 0 {
		s.Until = at(until)
	}
	return s
}

func TestGoodsAreJudgedByAllTimeOutsideOnTheirLeg(t *testing.T) {
	temps := slices.Concat(repeat(30, 11), repeat(10, 5), repeat(10, 11), repeat(60, 4)) // for 10 minutes before they came
	known := Known{Pieces: trace(temps...), Heard: at(90)}
	v := Judge(stay(10, 0), known, at(90))
	require.Equal(t, Sound, v.State, "20 minutes and 10 minutes are what is allowed, not more")
	require.Equal(t, 30*time.Minute, v.Outside)

	temps = slices.Concat(repeat(20, 11), repeat(10, -1), repeat(40, 5), repeat(11, 12), repeat(9, 5))
	known.Pieces = trace(temps...)
	require.Equal(t, Verdict{State: Broken, At: at(70), Outside: 41 * time.Minute, Min: -1000, Max: 12_000, Known: at(90)},
		Judge(stay(0, 0), known, at(90)), "below counts as above does")
	require.Equal(t, Sound, Judge(stay(0, 70), known, at(90)).State, "it was taken before")
}

func TestWhatHasNotArrivedIsNoGap(t *testing.T) {
	known := Known{Pieces: trace(repeat(10, 5)...), Heard: at(10)}
	require.Equal(t, Sound, Judge(stay(0, 0), known, at(600)).State, "silence")
	known = Known{Pieces: trace(slices.Concat(repeat(10, 5), repeat(40, fault), repeat(10, 5))...), Heard: at(60)}
	v := Judge(stay(0, 0), known, at(60))
	require.Equal(t, Doubtful, v.State)
	require.Equal(t, at(10+15), v.At)
	require.Equal(t, 40*time.Minute, v.Gap)
	known.Missing = []Span{{at(10), at(50)}}
	require.Equal(t, Sound, Judge(stay(0, 0), known, at(60)).State)
	known.Missing = []Span{{at(20), at(30)}}
	v = Judge(stay(0, 0), known, at(60))
	require.Equal(t, Doubtful, v.State, "twenty minutes of it the device had none")
	require.Equal(t, at(45), v.At)
}

func TestAProbingClosesAGap(t *testing.T) {
	known := Known{Pieces: trace(slices.Concat(repeat(10, 5), repeat(40, fault), repeat(10, 5))...), Heard: at(60)}
	for name, c := range map[string]struct {
		probings []Probing
		want     State
	}{
		"late in it":                  {[]Probing{{At: at(36), MilliC: 4000}}, Sound},
		"soon after":                  {[]Probing{{At: at(70), MilliC: 10_000}}, Sound},
		"before it says nothing":      {[]Probing{{At: at(5), MilliC: 4000}}, Doubtful},
		"long after":                  {[]Probing{{At: at(81), MilliC: 4000}}, Doubtful},
		"early in it":                 {[]Probing{{At: at(12), MilliC: 4000}}, Doubtful},
		"outside":                     {[]Probing{{At: at(30), MilliC: 10_001}}, Doubtful},
		"one inside, and one outside": {[]Probing{{At: at(30), MilliC: 4000}, {At: at(31), MilliC: 11_000}}, Doubtful},
	} {
		t.Run(name, func(t *testing.T) {
			known.Probings = c.probings
			require.Equal(t, c.want, Judge(stay(0, 0), known, at(60)).State)
		})
	}
}

func TestOnlyWhatWasInItThenIsAffected(t *testing.T) {
	require.True(t, Affected(at(5), time.Time{}))
	require.True(t, Affected(at(5), at(6)))
	require.False(t, Affected(at(5), at(5)))
	require.False(t, Affected(at(5), at(4)))
}

// Late, repeated and shuffled readings end in the same alarms and verdicts as those in order.
func TestTheOrderOfArrivalChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var readings []Reading
		minute := 0
		for i := range rapid.IntRange(1, 120).Draw(t, "readings") {
			minute += rapid.SampledFrom([]int{1, 1, 1, 1, 2, 5, 20}).Draw(t, "step")
			readings = append(readings, Reading{ID: fmt.Sprintf("d/i/%d", i), At: at(float64(minute)),
				MilliC: rapid.SampledFrom([]int64{-500, 4000, 7800, 8000, 9000, 12_000}).Draw(t, "value"),
				Fault:  rapid.IntRange(0, 9).Draw(t, "fault") == 0})
		}
		rule := Rule{Name: "r", Kind: rapid.SampledFrom([]Kind{Consecutive, Cumulative, Kinetic}).Draw(t, "kind"), LimitMilliC: 8000,
			For: time.Duration(rapid.IntRange(0, 20).Draw(t, "for")) * time.Minute, Deadband: 300,
			OnDelay:  time.Duration(rapid.IntRange(0, 3).Draw(t, "on")) * time.Minute,
			OffDelay: time.Duration(rapid.IntRange(0, 3).Draw(t, "off")) * time.Minute}
		span := Span{noon, at(float64(minute + 5))}
		decide := func(readings []Reading) ([]Alarm, Verdict) {
			pieces := Trace(readings, nil, 3*time.Minute)
			return Evaluate(rule, pieces, span), Judge(stay(3, 0), Known{Pieces: pieces, Heard: span.Until}, span.Until)
		}
		alarms, verdict := decide(readings)
		shuffled := append(slices.Clone(readings), readings[:len(readings)/2]...)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		alarms2, verdict2 := decide(shuffled)
		require.Equal(t, alarms, alarms2)
		require.Equal(t, verdict, verdict2)
		seen := map[string]bool{}
		for _, a := range alarms {
			require.False(t, seen[a.ID], "an id is an alarm's own")
			seen[a.ID] = true
			require.False(t, a.Raised.Before(a.Since))
			require.True(t, a.Cleared.IsZero() || rule.Kind == Kinetic || !a.Cleared.Before(a.Raised), "%+v", a)
		}
	})
}

// What is judged is what a clock that ticks every second would count.
func TestAVerdictIsWhatAStopwatchSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var readings []Reading
		second := 0
		for i := range rapid.IntRange(1, 60).Draw(t, "readings") {
			second += rapid.SampledFrom([]int{60, 60, 60, 61, 200, 1500}).Draw(t, "step")
			readings = append(readings, Reading{ID: fmt.Sprint(i), At: noon.Add(time.Duration(second) * time.Second),
				MilliC: rapid.SampledFrom([]int64{-1, 5000, 12_000}).Draw(t, "value"), Fault: rapid.IntRange(0, 9).Draw(t, "fault") == 0})
		}
		s := stay(float64(rapid.IntRange(0, 20).Draw(t, "from")), 0)
		s.Until = s.From.Add(time.Duration(rapid.IntRange(1, 100).Draw(t, "for")) * time.Minute)
		heard := noon.Add(time.Duration(second) * time.Second)
		v := Judge(s, Known{Pieces: Trace(readings, nil, 3*time.Minute), Heard: heard}, at(10_000))
		outside, gap, longest, broken, doubtful := 0, 0, 0, time.Time{}, time.Time{}
		for now := s.From; now.Before(s.Until) && now.Before(heard); now = now.Add(time.Second) {
			i := len(readings) - 1
			for i >= 0 && readings[i].At.After(now) {
				i--
			}
			if i < 0 || readings[i].Fault || now.Sub(readings[i].At) >= 3*time.Minute {
				if gap++; gap > int(s.Limit.Gap.Seconds()) && doubtful.IsZero() {
					doubtful = now
				}
				longest = max(longest, gap)
				continue
			}
			gap = 0
			if c := readings[i].MilliC; c < 0 || c > 10_000 {
				if outside++; outside > int(s.Limit.Outside.Seconds()) && broken.IsZero() {
					broken = now
				}
			}
		}
		want := Verdict{State: Sound, Outside: time.Duration(outside) * time.Second, Gap: time.Duration(longest) * time.Second,
			Min: v.Min, Max: v.Max, Known: v.Known}
		switch {
		case !broken.IsZero():
			want.State, want.At = Broken, broken
		case !doubtful.IsZero():
			want.State, want.At = Doubtful, doubtful
		}
		require.Equal(t, want, v)
	})
}
