package station

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/edge/phrase"
	"meguri/protocol"
)

var (
	boxKey    = ed25519.NewKeyFromSeed([]byte("a seed of thirty-two bytes, here"))
	boxPublic = []byte(boxKey.Public().(ed25519.PublicKey))
	aboard    = protocol.GoodsLimit{MaxMilliC: 8_000, OutsideMS: 20 * 60_000, GapMS: 20 * 60_000, DoubtHolds: true}
)

// withRides is twoFridges whose goods in f1 came in the shipper "box", loaded three hours before noon.
func withRides(change ...func(*protocol.Ride)) Plan {
	p := twoFridges()
	f1 := p["f1"]
	for i := range f1.Containers {
		r := protocol.Ride{Shipper: "box", Limit: aboard, From: at(-3 * time.Hour)}
		for _, c := range change {
			c(&r)
		}
		f1.Containers[i].Ride = r
	}
	f1.Shippers = []protocol.ShipperKey{{Shipper: "box", Public: boxPublic}}
	p["f1"] = f1
	return p
}

func unstatedHolds(r *protocol.Ride) { r.UnstatedHolds = true }
func doubtPasses(r *protocol.Ride)   { r.Limit.DoubtHolds = false }

func loadedAt(ms int64) func(*protocol.Ride) {
	return func(r *protocol.Ride) { r.From = ms }
}

// wide is of a plan with a wider range, and says how warm it was.
func wide(s *protocol.Statement) { s.Low, s.High = -1000, 12_000 }

func reaching(back time.Duration) func(*protocol.Statement) {
	return func(s *protocol.Statement) { s.From = s.Until - back.Milliseconds() }
}

// says is a statement of five hours up to now, changed.
func (r *rig) says(change ...func(*protocol.Statement)) string {
	r.t.Helper()
	s := protocol.Statement{Shipper: "box", Boot: 7, From: r.now.Add(-5 * time.Hour).UnixMilli(), Until: r.now.UnixMilli(), Readings: 290,
		MinMilliC: 2_000, MaxMilliC: 5_000, High: 8_000}
	for _, c := range change {
		c(&s)
	}
	text, err := protocol.SignStatement(s, boxKey)
	require.NoError(r.t, err)
	return text
}

// warmed is a statement of a box that was too warm for so many minutes up to so many minutes ago.
func warmed(minutes, ago uint32) func(*protocol.Statement) {
	return func(s *protocol.Statement) {
		s.MaxMilliC = 14_000
		s.Outside = []protocol.Stretch{{Ago: 60 * (ago + minutes), Seconds: 60 * minutes, MilliC: 14_000}}
	}
}

func unread(minutes, ago uint32) func(*protocol.Statement) {
	return func(s *protocol.Statement) {
		s.Gaps = []protocol.Stretch{{Ago: 60 * (ago + minutes), Seconds: 60 * minutes}}
	}
}

func kept[T protocol.Body](records []protocol.Body) (all []T) {
	for _, b := range records {
		if b, ok := b.(T); ok {
			all = append(all, b)
		}
	}
	return all
}

// puts is the hand-in of box A into its slot.
func (r *rig) puts() []protocol.Body {
	r.t.Helper()
	r.box(boxA)
	return r.slot("f1-1").Records
}

// TestARideThatWasTooWarmIsADecisionOfItsOwn: whoever releases goods whose probe was silent has not said that they rode well.
// Goods are without a reading from when the probe fell silent until they stand here, and from their loading until the first reading.
func TestTimesWithoutAReadingThatTouchAreOne(t *testing.T) {
	limit := protocol.GoodsLimit{MinMilliC: 0, MaxMilliC: 8000, OutsideMS: 1, GapMS: (20 * time.Minute).Milliseconds()}
	said := protocol.Statement{Shipper: "box", Boot: 7, From: at(-5 * time.Hour), Until: at(-10 * time.Minute), Readings: 290, MinMilliC: 2000,
		MaxMilliC: 5000, High: 8000}
	minutes := func(ago, long uint32) protocol.Stretch { return protocol.Stretch{Ago: ago * 60, Seconds: long * 60} }
	for rule, c := range map[string]struct {
		loaded time.Duration
		gaps   []protocol.Stretch
		gap    time.Duration
		want   protocol.RideOutcome
	}{
		"alone each may be so long":              {-3 * time.Hour, []protocol.Stretch{minutes(17, 15)}, 15 * time.Minute, protocol.RideSound},
		"silent before the end, then carried":    {-3 * time.Hour, []protocol.Stretch{minutes(15, 15)}, 25 * time.Minute, protocol.RideUncertain},
		"loaded before the first reading":        {-5*time.Hour - 10*time.Minute, []protocol.Stretch{minutes(290, 11)}, 21 * time.Minute, protocol.RideUncertain},
		"one behind the other in the statement":  {-3 * time.Hour, []protocol.Stretch{minutes(100, 11), minutes(89, 11)}, 22 * time.Minute, protocol.RideUncertain},
		"of what was before the loading nothing": {-3 * time.Hour, []protocol.Stretch{minutes(250, 90)}, 10 * time.Minute, protocol.RideSound},
	} {
		t.Run(rule, func(t *testing.T) {
			s := said
			s.Gaps = c.gaps
			v := judgeRide(s, protocol.Ride{Shipper: "box", Limit: limit, From: at(c.loaded)}, at(0))
			require.Equal(t, c.gap.Milliseconds(), v.gapMS)
			require.Equal(t, c.want, v.outcome)
		})
	}
}

func TestARideThatWasTooWarmIsADecisionOfItsOwn(t *testing.T) {
	p := withRides()
	f1 := p["f1"]
	for i := range f1.Containers {
		f1.Containers[i].Goods = bears
	}
	p["f1"] = f1
	r := newRig(t, State{}, p)
	r.puts()
	r.minutes(30, 0, protocol.SensorMissing)
	silent := r.held("c1")
	require.Equal(t, protocol.GoodsDoubtful, silent.Cause)
	held := kept[protocol.GoodsHeld](r.scan(r.says(warmed(60, 60))).Records)
	require.Len(t, held, 1)
	require.Equal(t, protocol.RideBroken, held[0].Cause)
	require.Greater(t, held[0].HeldAt, silent.At)
	r.p["f1"].Containers[0].Hold, r.p["f1"].Containers[0].HoldOf = protocol.GoodsReleased, silent.At
	r.minutes(1, 5000, 0)
	require.Equal(t, held[0].HeldAt, r.held("c1").At, "it is held still")
}

// TestWhatAShipperSaidOfAnotherRideIsNone: yesterday's statement, or that of a board whose key the plan has no more.
func TestWhatAShipperSaidOfAnotherRideIsNone(t *testing.T) {
	for name, change := range map[string]func(*rig){
		"of yesterday's ride": func(r *rig) {
			r.now = r.now.Add(24 * time.Hour)
			r.p = withRides(unstatedHolds, doubtPasses, func(ride *protocol.Ride) { ride.From = at(21 * time.Hour) })
		},
		"of a board that was stolen": func(r *rig) {
			f1 := r.p["f1"]
			f1.Shippers = []protocol.ShipperKey{{Shipper: "box", Public: make([]byte, ed25519.PublicKeySize)}}
			r.p["f1"] = f1
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, State{}, withRides(unstatedHolds, doubtPasses))
			r.scan(r.says())
			change(r)
			held := kept[protocol.GoodsHeld](r.puts())
			require.Len(t, held, 1)
			require.Equal(t, protocol.RideUnstated, held[0].Cause)
		})
	}
}

func TestGoodsThatWereTooWarmOnTheWayAreHeldAtHandIn(t *testing.T) {
	for name, c := range map[string]struct {
		says    []func(*protocol.Statement)
		rides   func() Plan
		outcome protocol.RideOutcome
		cause   protocol.GoodsCause
	}{
		"all was well":                         {nil, func() Plan { return withRides() }, protocol.RideSound, 0},
		"warm for as long as they may":         {[]func(*protocol.Statement){warmed(20, 60)}, func() Plan { return withRides() }, protocol.RideSound, 0},
		"a minute longer":                      {[]func(*protocol.Statement){warmed(21, 60)}, func() Plan { return withRides() }, protocol.RideTooWarm, protocol.RideBroken},
		"warm before they were loaded":         {[]func(*protocol.Statement){warmed(60, 200)}, func() Plan { return withRides() }, protocol.RideSound, 0},
		"partly before":                        {[]func(*protocol.Statement){warmed(60, 150)}, func() Plan { return withRides() }, protocol.RideTooWarm, protocol.RideBroken},
		"no reading for a while":               {[]func(*protocol.Statement){unread(20, 60)}, func() Plan { return withRides() }, protocol.RideSound, 0},
		"for too long":                         {[]func(*protocol.Statement){unread(21, 60)}, func() Plan { return withRides() }, protocol.RideUncertain, protocol.RideDoubtful},
		"and their category passes":            {[]func(*protocol.Statement){unread(21, 60)}, func() Plan { return withRides(doubtPasses) }, protocol.RideUncertain, 0},
		"no word of another range, all inside": {[]func(*protocol.Statement){func(s *protocol.Statement) { s.High = 15_000 }}, func() Plan { return withRides() }, protocol.RideSound, 0},
		"and not all inside": {[]func(*protocol.Statement){func(s *protocol.Statement) { s.High, s.MaxMilliC = 15_000, 12_000 }}, func() Plan { return withRides() },
			protocol.RideUncertain, protocol.RideDoubtful},
		"of a wider range, and outside of that for too long": {[]func(*protocol.Statement){warmed(21, 60), wide}, func() Plan { return withRides() },
			protocol.RideTooWarm, protocol.RideBroken},
		"of a wider range, and outside of that for a while": {[]func(*protocol.Statement){warmed(19, 60), wide}, func() Plan { return withRides() },
			protocol.RideUncertain, protocol.RideDoubtful},
		"of a range that is wider on one side only": {[]func(*protocol.Statement){warmed(60, 60), wide, func(s *protocol.Statement) { s.Low = 1000 }},
			func() Plan { return withRides() }, protocol.RideUncertain, protocol.RideDoubtful},
		"nobody knows when they were loaded": {[]func(*protocol.Statement){warmed(60, 200)}, func() Plan { return withRides(loadedAt(0)) },
			protocol.RideTooWarm, protocol.RideBroken},
		"nor of all that time how it was": {nil, func() Plan { return withRides(loadedAt(0)) }, protocol.RideUncertain, protocol.RideDoubtful},
		"but it was well for 12 hours": {[]func(*protocol.Statement){reaching(12 * time.Hour)}, func() Plan { return withRides(loadedAt(0)) },
			protocol.RideSound, 0},
		"they came before they were to be loaded": {nil, func() Plan { return withRides(loadedAt(at(2 * time.Hour))) },
			protocol.RideUncertain, protocol.RideDoubtful},
		"they came before that, and it was well for 12 hours": {[]func(*protocol.Statement){reaching(12 * time.Hour)},
			func() Plan { return withRides(loadedAt(at(2 * time.Hour))) }, protocol.RideSound, 0},
	} {
		for _, order := range []string{"statement first", "box first"} {
			t.Run(name+", "+order, func(t *testing.T) {
				r := newRig(t, State{}, c.rides())
				text, records := r.says(c.says...), []protocol.Body(nil)
				if order == "statement first" {
					records = append(records, r.scan(text).Records...)
				}
				records = append(records, r.puts()...)
				if order == "box first" {
					records = append(records, r.scan("]Q1"+text).Records...)
				}
				judged := kept[protocol.RideJudged](records)
				require.Equal(t, c.outcome, judged[len(judged)-1].Outcome)
				require.Equal(t, "f1", judged[len(judged)-1].Position)
				held := kept[protocol.GoodsHeld](records)
				if c.cause == 0 {
					require.Empty(t, held)
					r.requireOpens("f1", "111111")
					return
				}
				require.Len(t, held, 1)
				require.Equal(t, c.cause, held[0].Cause)
				require.Equal(t, "box", held[0].Shipper)
				require.Equal(t, r.held("c1").At, held[0].HeldAt)
				r.requireRefused(r.code("f1", "111111"), heldReason, phrase.New(phrase.GoodsHeld))
				require.Empty(t, r.scan(text).Records, "told twice it is known")
				r.p["f1"].Containers[0].Hold, r.p["f1"].Containers[0].HoldOf = protocol.GoodsReleased, held[0].HeldAt
				r.requireOpens("f1", "111111") // a person has decided about that decision
				r.now = r.now.Add(5 * time.Minute)
				require.Empty(t, r.scan(r.says(c.says...)).Records, "and the same is not held again")
			})
		}
	}
}

// What became of the box after the goods were taken out says nothing of them.
func TestAnEmptyBoxMayWarm(t *testing.T) {
	r := newRig(t, State{}, withRides())
	r.puts()
	r.now = r.now.Add(40 * time.Minute)
	require.Equal(t, protocol.RideSound, kept[protocol.RideJudged](r.scan(r.says(warmed(39, 0))).Records)[0].Outcome)
	r.requireOpens("f1", "111111")
}

func TestBoxesThatAreCarriedLongAfterTheStatementAreInDoubt(t *testing.T) {
	r := newRig(t, State{}, withRides())
	r.scan(r.says())
	r.now = r.now.Add(19 * time.Minute)
	require.Empty(t, kept[protocol.GoodsHeld](r.puts()))
	r = newRig(t, State{}, withRides())
	r.scan(r.says())
	r.now = r.now.Add(21 * time.Minute)
	require.Equal(t, protocol.RideCarried, kept[protocol.GoodsHeld](r.puts())[0].Cause)
	r.now = r.now.Add(time.Minute)
	require.Empty(t, r.scan(r.says()).Records, "what the empty shipper reads says nothing of them")
	r.requireRefused(r.code("f1", "111111"), heldReason, phrase.New(phrase.GoodsHeld))
	held := kept[protocol.GoodsHeld](r.scan(r.says(warmed(60, 60))).Records)
	require.Len(t, held, 1, "but that it had been warm before is known")
	require.Equal(t, protocol.RideBroken, held[0].Cause)
	r.p["f1"].Containers[0].Released = []int64{held[0].HeldAt}
	r.requireRefused(r.code("f1", "111111"), heldReason, phrase.New(phrase.GoodsHeld))
	r.p["f1"].Containers[0].Released = []int64{held[0].HeldAt, r.s.Goods["c1"].Held[0].At}
	r.requireOpens("f1", "111111")
}

// What is in doubt because the shipper had the range of another plan is known once it has spoken of its new one.
func TestANewerStatementEndsADoubt(t *testing.T) {
	r := newRig(t, State{}, withRides())
	r.scan(r.says(func(s *protocol.Statement) { s.High, s.MaxMilliC = 15_000, 12_000 }))
	held := kept[protocol.GoodsHeld](r.puts())
	require.Len(t, held, 1)
	r.now = r.now.Add(time.Minute)
	judged := kept[protocol.RideJudged](r.scan(r.says()).Records)
	require.Equal(t, protocol.RideSound, judged[0].Outcome)
	require.Equal(t, held[0].HeldAt, judged[0].Freed)
	r.requireOpens("f1", "111111")
}

func TestGoodsWithoutAStatementDoWhatTheirCategorySays(t *testing.T) {
	r := newRig(t, State{}, withRides())
	records := r.puts()
	require.Equal(t, protocol.RideUnknown, kept[protocol.RideJudged](records)[0].Outcome)
	require.Empty(t, kept[protocol.GoodsHeld](records))
	r.requireOpens("f1", "111111")

	r = newRig(t, State{}, withRides(unstatedHolds))
	held := kept[protocol.GoodsHeld](r.puts())
	require.Equal(t, protocol.RideUnstated, held[0].Cause)
	line, _ := shown(t, r.last)
	require.Equal(t, phrase.New(phrase.HandedInHeld), line)
	r.requireRefused(r.code("f1", "111111"), heldReason, phrase.New(phrase.GoodsHeld))
	records = r.scan(r.says()).Records
	require.Equal(t, held[0].HeldAt, kept[protocol.RideJudged](records)[0].Freed, "the statement ends that by itself")
	r.requireOpens("f1", "111111")

	r = newRig(t, State{}, withRides(unstatedHolds))
	held = kept[protocol.GoodsHeld](r.puts())
	records = r.scan(r.says(warmed(60, 10))).Records
	require.Equal(t, held[0].HeldAt, kept[protocol.RideJudged](records)[0].Freed)
	require.Greater(t, kept[protocol.GoodsHeld](records)[0].HeldAt, held[0].HeldAt, "another decision has another name")
	r.p["f1"].Containers[0].Hold, r.p["f1"].Containers[0].HoldOf = protocol.GoodsReleased, held[0].HeldAt
	r.requireRefused(r.code("f1", "111111"), heldReason, phrase.New(phrase.GoodsHeld))
}

// A shipper that can make no statement is asked for none.
func TestAShipperWithoutAKeyIsTheHubsToJudge(t *testing.T) {
	p := withRides()
	f1 := p["f1"]
	f1.Shippers = nil
	p["f1"] = f1
	r := newRig(t, State{}, p)
	require.Len(t, r.puts(), 1)
	r.requireOpens("f1", "111111")
}

func TestAStatementThatProvesNothingIsRefusedWithItsReason(t *testing.T) {
	other := ed25519.NewKeyFromSeed([]byte("another seed of thirty-two bytes"))
	forged := func(r *rig) string {
		s := protocol.Statement{Shipper: "box", Boot: 7, From: r.now.Add(-5 * time.Hour).UnixMilli(), Until: r.now.UnixMilli(), High: 8_000}
		text, err := protocol.SignStatement(s, other)
		require.NoError(t, err)
		return text
	}
	for name, c := range map[string]struct {
		text   func(r *rig) string
		before func(r *rig)
		line   phrase.Phrase
	}{
		"changed":           {func(r *rig) string { s := r.says(); return s[:len(s)-4] + "AAAA" }, nil, phrase.New(phrase.StatementBroken)},
		"cut":               {func(r *rig) string { return r.says()[:60] }, nil, phrase.New(phrase.StatementBroken)},
		"signed by another": {forged, nil, phrase.New(phrase.StatementNoKey, "box")},
		"of another shipper": {func(r *rig) string { return r.says(func(s *protocol.Statement) { s.Shipper = "other" }) }, nil,
			phrase.New(phrase.StatementElsewhere, "other")},
		"stale": {func(r *rig) string { return r.says(func(s *protocol.Statement) { s.Until -= 11 * 60_000 }) }, nil, phrase.New(phrase.StatementOld, "11")},
		"ahead": {func(r *rig) string { return r.says(func(s *protocol.Statement) { s.Until += 11 * 60_000 }) }, nil, phrase.New(phrase.StatementAhead, "11")},
		"begun after the loading": {func(r *rig) string { return r.says(func(s *protocol.Statement) { s.From = at(-2 * time.Hour) }) }, nil,
			phrase.New(phrase.StatementTooShort, "box")},
		"older than the one before": {func(r *rig) string { return r.says(func(s *protocol.Statement) { s.Until -= 60_000 }) },
			func(r *rig) { r.scan(r.says()) }, phrase.New(phrase.StatementReplayed, "box")},
		"of an older boot": {func(r *rig) string { return r.says(func(s *protocol.Statement) { s.Boot = 6 }) },
			func(r *rig) { r.scan(r.says()) }, phrase.New(phrase.StatementReplayed, "box")},
		"of a shipper without the time": {func(r *rig) string { return r.says(func(s *protocol.Statement) { s.Unproven = true }) }, nil,
			phrase.New(phrase.StatementNoClock, "box")},
		"at a station without the time": {func(r *rig) string { return r.says() }, func(r *rig) { r.s.Unproven = true }, phrase.New(phrase.StationNoClock)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, State{}, withRides())
			if c.before != nil {
				c.before(r)
			}
			stated := r.s.Stated["box"]
			d := r.scan(c.text(r))
			line, refused := shown(t, d)
			require.True(t, refused)
			require.Equal(t, c.line, line)
			require.Equal(t, "a shipper's statement", d.Records[0].(protocol.ScanRefused).Scan)
			require.Equal(t, stated, r.s.Stated["box"], "and counts for nothing")
		})
	}
}

// A board that takes another's place counts its boots anew, with a key of its own.
func TestAShippersNewBoardIsBelieved(t *testing.T) {
	r := newRig(t, State{}, withRides())
	r.scan(r.says())
	other := ed25519.NewKeyFromSeed([]byte("another seed of thirty-two bytes"))
	f1 := r.p["f1"]
	f1.Shippers = []protocol.ShipperKey{{Shipper: "box", Public: other.Public().(ed25519.PublicKey)}}
	r.p["f1"] = f1
	s := protocol.Statement{Shipper: "box", Boot: 1, From: r.now.Add(-5 * time.Hour).UnixMilli(), Until: r.now.UnixMilli(), High: 8_000}
	text, err := protocol.SignStatement(s, other)
	require.NoError(t, err)
	_, refused := shown(t, r.scan(strings.ToLower(text)))
	require.False(t, refused)
}

func TestAStatementIsForgottenWithThePlanThatNeedsIt(t *testing.T) {
	r := newRig(t, State{}, withRides())
	r.scan(r.says())
	require.Contains(t, PlanChanged(r.s, withRides()).Stated, "box")
	require.Empty(t, PlanChanged(r.s, twoFridges()).Stated)
}

// In whatever order boxes and statements come, and however often: what was too warm is never handed out, and what was well always is.
func TestTheOrderOfStatementsAndBoxesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bad, holds := rapid.Bool().Draw(t, "bad"), rapid.Bool().Draw(t, "unstated holds")
		p := withRides()
		if holds {
			p = withRides(unstatedHolds)
		}
		r := newRig(t, State{}, p)
		statement := func(s *protocol.Statement) {
			if bad { // always the same minutes, 60 to 31 before noon
				s.MaxMilliC = 14_000
				from := (s.Until - at(-time.Hour)) / 1000
				s.Outside = []protocol.Stretch{{Ago: uint32(from), Seconds: 1800, MilliC: 14_000}}
			}
		}
		stated, open := false, 0
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			r.now = r.now.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second)
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				r.scan(r.says(statement))
				stated = true
			case 1:
				r.puts()
			case 2:
				r.powerCut("f1", time.Second, true)
			}
			held := 0
			for _, b := range kept[protocol.GoodsHeld](r.last.Records) {
				require.Equal(t, "c1", b.DatedContainer)
				held++
			}
			if _, in := r.s.In["c1"]; in {
				got := (&turn{Decision: Decision{State: r.s}, plan: r.p, now: r.now}).held(r.p["f1"].Containers[0])
				require.Equal(t, stated && bad || !stated && holds, got)
				open += held
			}
		}
		require.LessOrEqual(t, open, 2)
	})
}
