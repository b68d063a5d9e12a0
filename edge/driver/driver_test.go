package driver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/edge/phrase"
	"meguri/protocol"
)

var noon = time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)

// GRAIs with good check digits.
const (
	boxA     = "095200010000101"
	boxB     = "095200010000102"
	boxC     = "095200010000103"
	shipperX = "095200010000108"
	shipperY = "095200010000109"
	foreign  = "095200010000107"
)

// sheet is a run: box A is known, the boxes on a2 and a3 are not yet.
func sheet() protocol.DriverPlan {
	return protocol.DriverPlan{Position: "route", Run: "route@2026-12-01",
		Stops: []protocol.RunStop{{Sequence: 1, Kind: "collect", Place: "spot"}, {Sequence: 5, Kind: "return", Place: "depot"},
			{Sequence: 2, Kind: "deliver", Place: "loc"}, {Sequence: 3, Kind: "collect", Place: "spot"}, {Sequence: 4, Kind: "swap", Place: "yard"}},
		Containers: []protocol.RunContainer{
			{DatedContainer: "c1", GRAI: boxA, Address: "a1", Shipper: shipperX, Location: "loc", Slot: "s1"},
			{DatedContainer: "c2", Address: "a2", Shipper: shipperY, Location: "loc", Slot: "s2"},
			{DatedContainer: "c3", Address: "a3", Shipper: shipperX, Location: "loc", Slot: "s3"},
		}}
}

type tester interface {
	require.TestingT
	Helper()
}

// rig is a driver's device under test. After each scan it goes through a restart.
type rig struct {
	t tester
	s State
	p protocol.DriverPlan
}

func newRig(t tester) *rig {
	r := &rig{t: t}
	r.plan(sheet())
	return r
}

func reread(t tester, s State) State {
	t.Helper()
	b, err := protocol.EncodeBody(s)
	require.NoError(t, err)
	var again State
	require.NoError(t, protocol.DecodeBody(b, &again))
	return again
}

func (r *rig) plan(p protocol.DriverPlan) {
	r.t.Helper()
	before := reread(r.t, r.s)
	after := PlanChanged(r.s, p)
	require.Equal(r.t, before, reread(r.t, r.s), "the state given stays as it is")
	r.s, r.p = reread(r.t, after), p
}

func (r *rig) scan(scan string) Verdict {
	r.t.Helper()
	before := reread(r.t, r.s)
	v := Scan(r.s, r.p, scan, noon)
	require.Equal(r.t, before, reread(r.t, r.s), "the state given stays as it is")
	for _, b := range v.Records {
		body, err := protocol.EncodeBody(b)
		require.NoError(r.t, err)
		again, err := protocol.DecodeEvent(b.Kind(), body)
		require.NoError(r.t, err)
		require.Equal(r.t, b, again)
	}
	for _, language := range []phrase.Language{phrase.English, phrase.Japanese} {
		require.NotContains(r.t, v.Line.In(language), "{", "every place of the line is filled")
	}
	r.s = reread(r.t, v.State)
	return v
}

func (r *rig) requireTaken(scan string, line phrase.Phrase, records ...protocol.Body) {
	r.t.Helper()
	v := r.scan(scan)
	require.False(r.t, v.Refused, "%v", v.Records)
	require.Equal(r.t, line, v.Line)
	require.Equal(r.t, records, v.Records)
}

func (r *rig) requireRefused(scan, reason string, line phrase.Phrase) {
	r.t.Helper()
	v := r.scan(scan)
	require.True(r.t, v.Refused)
	require.Equal(r.t, line, v.Line)
	require.Equal(r.t, []protocol.Body{protocol.ScanRefused{Step: "loading", Scan: scan, Reason: reason}}, v.Records)
}

func loaded(grai, shipper string) protocol.ContainerLoaded {
	return protocol.ContainerLoaded{Run: "route@2026-12-01", GRAI: grai, Shipper: shipper}
}

func reached(sequence uint32) protocol.StopReached {
	return protocol.StopReached{Run: "route@2026-12-01", Sequence: sequence}
}

func TestABoxIsLoadedByAddressBoxAndShipper(t *testing.T) {
	r := newRig(t)
	r.requireTaken("92a1", phrase.New(phrase.ScanTheBox))
	r.requireTaken("8003"+boxA, phrase.New(phrase.PutIntoShipper, shipperX))
	r.requireTaken("8003"+boxA, phrase.New(phrase.PutIntoShipper, shipperX)) // scanned twice
	r.requireTaken("8003"+shipperX, phrase.New(phrase.Loaded), loaded(boxA, shipperX))
	r.requireRefused("8003"+boxA, "loaded already", phrase.New(phrase.HaveBox))
	r.requireRefused("92a1", "loaded already", phrase.New(phrase.HaveBox))
}

func TestABoxThatTheSheetKnowsNeedsNoAddress(t *testing.T) {
	r := newRig(t)
	p := sheet()
	p.Containers[1].GRAI = boxB
	r.plan(p)
	r.requireTaken("8003"+boxA, phrase.New(phrase.PutIntoShipper, shipperX))
	r.requireTaken("8003"+boxB, phrase.New(phrase.PutIntoShipper, shipperY)) // another one first
	r.requireTaken("8003"+shipperY, phrase.New(phrase.Loaded), loaded(boxB, shipperY))
}

func TestABoxThatTheSheetDoesNotKnowIsTheOneOnTheAddress(t *testing.T) {
	r := newRig(t)
	r.requireRefused("8003"+boxB, "box is not on this sheet", phrase.New(phrase.BoxNotYours))
	r.requireTaken("92a2", phrase.New(phrase.ScanTheBox))
	r.requireTaken("8003"+boxB, phrase.New(phrase.PutIntoShipper, shipperY))
	r.requireTaken("8003"+boxB, phrase.New(phrase.PutIntoShipper, shipperY)) // scanned twice
	r.requireTaken("8003"+shipperY, phrase.New(phrase.Loaded), loaded(boxB, shipperY))

	r.requireTaken("92a3", phrase.New(phrase.ScanTheBox))
	r.requireRefused("8003"+boxB, "loaded already", phrase.New(phrase.HaveBox)) // it cannot be that one too
}

func TestABoxOnAnAddressOfAnotherIsLeftThere(t *testing.T) {
	r := newRig(t)
	r.requireTaken("92a1", phrase.New(phrase.ScanTheBox))
	r.requireRefused("8003"+boxB, "box "+boxA+" belongs on the address", phrase.New(phrase.OtherBoxHere))
	r.requireTaken("92a2", phrase.New(phrase.ScanTheBox))
	r.requireRefused("8003"+boxA, "box belongs on a1", phrase.New(phrase.BoxBelongsOn, "a1"))
	r.requireRefused("92a9", "nothing of this run on the address", phrase.New(phrase.NothingYours))
}

func TestAWrongShipperIsRefused(t *testing.T) {
	for name, shipper := range map[string]string{"of this run": shipperY, "of another run": foreign} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.requireTaken("92a3", phrase.New(phrase.ScanTheBox))
			r.requireTaken("8003"+boxC, phrase.New(phrase.PutIntoShipper, shipperX))
			r.requireRefused("8003"+shipper, "box goes into "+shipperX, phrase.New(phrase.WrongShipper, shipperX))
			r.requireTaken("8003"+shipperX, phrase.New(phrase.Loaded), loaded(boxC, shipperX))
		})
	}
}

func TestAShipperIsNeverTakenForABox(t *testing.T) {
	r := newRig(t)
	r.requireRefused("8003"+shipperX, "a shipper without a box", phrase.New(phrase.BoxBeforeShipper))
	r.requireTaken("92a2", phrase.New(phrase.ScanTheBox))
	r.requireRefused("8003"+shipperX, "a shipper without a box", phrase.New(phrase.BoxBeforeShipper))
	r.requireTaken("8003"+boxB, phrase.New(phrase.PutIntoShipper, shipperY))
}

func TestStopsAreReachedForwardOnly(t *testing.T) {
	r := newRig(t)
	r.requireTaken("94spot", phrase.New(phrase.StopCollect, "spot"), reached(1))
	r.requireTaken("94spot", phrase.New(phrase.AtStop, "spot"))
	r.requireTaken("94loc", phrase.New(phrase.StopDeliver, "loc"), reached(2))
	r.requireTaken("94spot", phrase.New(phrase.StopCollect, "spot"), reached(3))
	r.requireRefused("94loc", "no stop of this run ahead", phrase.New(phrase.NoStopAhead))
	r.requireTaken("94depot", phrase.New(phrase.StopReturn, "depot"), reached(5)) // one was left out
	r.requireRefused("94yard", "no stop of this run ahead", phrase.New(phrase.NoStopAhead))
	r.requireRefused("94moon", "no stop of this run ahead", phrase.New(phrase.NoStopAhead))
}

func TestANewStopStartsWithoutABoxInHand(t *testing.T) {
	r := newRig(t)
	r.requireTaken("8003"+boxA, phrase.New(phrase.PutIntoShipper, shipperX))
	r.requireTaken("94spot", phrase.New(phrase.StopCollect, "spot"), reached(1))
	r.requireRefused("8003"+shipperX, "a shipper without a box", phrase.New(phrase.BoxBeforeShipper))
}

func TestAStopOfANewKindIsReachedAllTheSame(t *testing.T) {
	r := newRig(t)
	r.requireTaken("94yard", phrase.New(phrase.AtStop, "yard"), reached(4))
}

func TestOtherCodesAreRefusedByTheStep(t *testing.T) {
	r := newRig(t)
	r.requireRefused("93slot", "no code for this step", phrase.New(phrase.LoadingHelp))
	require.Equal(t, phrase.New(phrase.NotOurs), r.scan("\xff").Line)
}

func TestANewSheet(t *testing.T) {
	aboard := func(t *testing.T) *rig {
		r := newRig(t)
		r.requireTaken("94spot", phrase.New(phrase.StopCollect, "spot"), reached(1))
		r.requireTaken("8003"+boxA, phrase.New(phrase.PutIntoShipper, shipperX))
		r.requireTaken("8003"+shipperX, phrase.New(phrase.Loaded), loaded(boxA, shipperX))
		r.requireTaken("92a2", phrase.New(phrase.ScanTheBox))
		r.requireTaken("8003"+boxB, phrase.New(phrase.PutIntoShipper, shipperY))
		return r
	}
	t.Run("of the same run goes on where the driver is", func(t *testing.T) {
		r := aboard(t)
		p := sheet()
		p.Containers[1].Shipper = shipperX // it goes into another shipper now
		r.plan(p)
		require.Equal(t, uint32(1), r.s.Stop)
		r.requireRefused("8003"+shipperY, "box goes into "+shipperX, phrase.New(phrase.WrongShipper, shipperX))
		r.requireTaken("8003"+shipperX, phrase.New(phrase.Loaded), loaded(boxB, shipperX))
		r.requireRefused("8003"+boxA, "loaded already", phrase.New(phrase.HaveBox))
	})
	t.Run("without the box in hand forgets it", func(t *testing.T) {
		r := aboard(t)
		p := sheet()
		p.Containers = p.Containers[2:]
		r.plan(p)
		r.requireRefused("8003"+shipperY, "box is not on this sheet", phrase.New(phrase.BoxNotYours))
		require.Empty(t, r.s.Loaded)
	})
	t.Run("that knows another box for the address forgets the one in hand", func(t *testing.T) {
		r := aboard(t)
		p := sheet()
		p.Containers[1].GRAI = boxC
		r.plan(p)
		r.requireRefused("8003"+shipperY, "a shipper without a box", phrase.New(phrase.BoxBeforeShipper))
	})
	t.Run("without the address that was scanned forgets it", func(t *testing.T) {
		r := newRig(t)
		r.requireTaken("92a2", phrase.New(phrase.ScanTheBox))
		p := sheet()
		p.Containers = p.Containers[:1]
		r.plan(p)
		r.plan(sheet())
		r.requireRefused("8003"+boxB, "box is not on this sheet", phrase.New(phrase.BoxNotYours))
	})
	t.Run("that knows another box than the one aboard lets the right one come", func(t *testing.T) {
		r := aboard(t)
		r.requireTaken("8003"+shipperY, phrase.New(phrase.Loaded), loaded(boxB, shipperY))
		p := sheet()
		p.Containers[1].GRAI = boxC
		r.plan(p)
		r.requireTaken("8003"+boxC, phrase.New(phrase.PutIntoShipper, shipperY))
	})
	t.Run("of another run starts anew", func(t *testing.T) {
		r := aboard(t)
		p := sheet()
		p.Run = "route@2026-12-02"
		r.plan(p)
		require.Equal(t, reread(t, State{Run: p.Run}), r.s)
	})
	t.Run("that is missing forgets nothing", func(t *testing.T) {
		r := aboard(t)
		before := r.s
		r.plan(protocol.DriverPlan{})
		r.plan(sheet())
		require.Equal(t, before, r.s)
	})
}

func TestABoxThatLeftTheSheetUnnoticedIsNotLoaded(t *testing.T) {
	r := newRig(t)
	r.requireTaken("8003"+boxA, phrase.New(phrase.PutIntoShipper, shipperX))
	r.p.Containers = r.p.Containers[1:] // without PlanChanged
	r.requireRefused("8003"+shipperX, "box is no longer on the sheet", phrase.New(phrase.BoxOffSheet))
}

func TestAContainerIsLoadedOnce(t *testing.T) {
	r := newRig(t)
	r.s.Loaded = map[string]string{"c1": boxC}
	r.requireRefused("8003"+boxA, "loaded already, as box "+boxC, phrase.New(phrase.HaveBox))
}

// Whatever is scanned and however often the device restarts: each container and each box is loaded once, into its shipper,
// and stops only rise.
func TestNoSequenceOfScansLoadsTwiceOrGoesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRig(t)
		boxes, stop := map[string]bool{}, uint32(0)
		scans := []string{"92a1", "92a2", "92a3", "8003" + boxA, "8003" + boxB, "8003" + boxC, "8003" + shipperX, "8003" + shipperY,
			"8003" + foreign, "94spot", "94loc", "94depot", "junk", "plan"}
		for range rapid.IntRange(1, 60).Draw(t, "turns") {
			scan := rapid.SampledFrom(scans).Draw(t, "scan")
			if scan == "plan" {
				r.plan(rapid.SampledFrom([]protocol.DriverPlan{sheet(), {}}).Draw(t, "plan"))
				continue
			}
			for _, b := range r.scan(scan).Records {
				switch b := b.(type) {
				case protocol.ContainerLoaded:
					require.NotContains(t, boxes, b.GRAI)
					require.NotContains(t, []string{shipperX, shipperY}, b.GRAI)
					boxes[b.GRAI] = true
					if b.GRAI == boxA {
						require.Equal(t, shipperX, b.Shipper)
					}
				case protocol.StopReached:
					require.Greater(t, b.Sequence, stop)
					stop = b.Sequence
				}
			}
			require.Len(t, r.s.Loaded, len(boxes))
			require.LessOrEqual(t, len(r.s.Loaded), len(sheet().Containers))
		}
	})
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{"92a1", "8003" + boxA, "8003" + shipperX, "94spot", "", "\xff", "92a2\x1d8003" + boxB} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		r := newRig(t)
		for _, scan := range []string{first, "92a2", second, "8003" + shipperY} {
			r.scan(scan) // the rig reads state and records back
		}
	})
}
