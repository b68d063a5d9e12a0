package scanner

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/edge/phrase"
	"meguri/protocol"
)

var noon = time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)

// GRAIs and a GTIN with good check digits.
const (
	boxA = "095200010000101"
	boxB = "095200010000102"
	gtin = "9520001000010"
)

func list() protocol.ScannerPlan {
	products := []protocol.PackingLine{{GTIN: gtin, Units: 2}}
	return protocol.ScannerPlan{Position: "shop", Date: "2026-12-01", Containers: []protocol.PackingListPart{
		{DatedContainer: "c1", Address: "a1", Products: products},
		{DatedContainer: "c2", Address: "a2", Products: products},
		{DatedContainer: "c3", Address: "a3", GRAI: "095200010000109"},
	}}
}

type tester interface {
	require.TestingT
	Helper()
}

// rig is a scanner under test. After each scan it goes through a restart.
type rig struct {
	t tester
	s State
	p protocol.ScannerPlan
}

func newRig(t tester) *rig {
	r := &rig{t: t}
	r.plan(list())
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

func (r *rig) plan(p protocol.ScannerPlan) {
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
	require.Equal(r.t, []protocol.Body{protocol.ScanRefused{Step: "packing", Scan: scan, Reason: reason}}, v.Records)
}

func (r *rig) fill(container, grai, address string) {
	r.t.Helper()
	r.requireTaken("91"+container, phrase.New(phrase.ScanTheBox))
	r.requireTaken("8003"+grai, phrase.New(phrase.Filled, address),
		protocol.ContainerFilled{DatedContainer: container, GRAI: grai})
}

func TestALineIsFilledAndPutOnItsAddress(t *testing.T) {
	r := newRig(t)
	r.fill("c1", boxA, "a1")
	r.requireTaken("92a1", phrase.New(phrase.Shelved), protocol.ContainerShelved{GRAI: boxA, Address: "a1"})
	r.requireRefused("92a1", "an address without a box", phrase.New(phrase.BoxBeforeAddress))
}

func TestABoxOnTheWrongAddressIsSentToItsOwn(t *testing.T) {
	r := newRig(t)
	r.fill("c1", boxA, "a1")
	r.requireRefused("92a2", "box belongs on a1", phrase.New(phrase.WrongAddress, "a1"))
	r.requireTaken("92a1", phrase.New(phrase.Shelved), protocol.ContainerShelved{GRAI: boxA, Address: "a1"})
}

func TestABoundBoxCanBePutOnItsAddressLater(t *testing.T) {
	r := newRig(t)
	r.fill("c1", boxA, "a1")
	r.fill("c2", boxB, "a2")
	r.requireTaken("8003"+boxA, phrase.New(phrase.PutOnAddress, "a1"))
	r.requireTaken("92a1", phrase.New(phrase.Shelved), protocol.ContainerShelved{GRAI: boxA, Address: "a1"})
	r.requireTaken("8003"+boxA, phrase.New(phrase.PutOnAddress, "a1"))
	r.requireTaken("92a1", phrase.New(phrase.Shelved)) // twice is nothing new
}

func TestRebindingIsRefused(t *testing.T) {
	r := newRig(t)
	r.fill("c1", boxA, "a1")
	t.Run("of a box", func(t *testing.T) {
		r.t = t
		r.requireTaken("91c2", phrase.New(phrase.ScanTheBox))
		r.requireRefused("8003"+boxA, "box is bound to c1", phrase.New(phrase.BoxInUse, "c1"))
	})
	t.Run("of a line", func(t *testing.T) {
		r.t = t
		r.requireTaken("91c1", phrase.New(phrase.ScanTheBox))
		r.requireRefused("8003"+boxB, "c1 has box "+boxA, phrase.New(phrase.LineHasBox))
		r.requireTaken("8003"+boxA, phrase.New(phrase.PutOnAddress, "a1"))
	})
}

func TestScansOutOfOrderAreRefused(t *testing.T) {
	r := newRig(t)
	r.requireRefused("8003"+boxA, "box is bound to nothing", phrase.New(phrase.LineBeforeBox))
	r.requireRefused("91c9", "not on this packing list", phrase.New(phrase.NotOnList, "2026-12-01"))
	r.requireRefused("93slot", "no code for this step", phrase.New(phrase.PackingHelp))
	r.requireRefused("01"+"0"+gtin, "a product without a step", phrase.New(phrase.ProductOnlyWhenShort))
	r.requireRefused("95short", "short of what?", phrase.New(phrase.LineFirst))
	r.requireRefused("95tea", "unknown menu code", phrase.New(phrase.NoMenuCard))
	require.Equal(t, phrase.New(phrase.NotOurs), r.scan("\xff").Line)
	r.p = protocol.ScannerPlan{}
	r.requireRefused("91c1", "no packing list", phrase.New(phrase.NoList))
}

func TestAShortageIsNotedUnitByUnitAtMostAsOftenAsTheLineHasThem(t *testing.T) {
	r := newRig(t)
	short := protocol.ItemShort{DatedContainer: "c1", GTIN: gtin, Units: 1}
	r.requireTaken("91c1", phrase.New(phrase.ScanTheBox))
	for range 2 {
		r.requireTaken("95short", phrase.New(phrase.ScanShortProduct))
		r.plan(r.p) // a new list in between does not end the step
		r.requireTaken("01"+"0"+gtin, phrase.New(phrase.NotedShort), short)
	}
	r.plan(r.p)
	r.requireTaken("95short", phrase.New(phrase.ScanShortProduct))
	r.requireRefused("01"+"0"+gtin, "all units are short already", phrase.New(phrase.AllShort))
	r.requireTaken("95short", phrase.New(phrase.ScanShortProduct))
	r.requireRefused("0109520001000027", "product is not in c1", phrase.New(phrase.ProductNotOnLine))
	r.requireTaken("8003"+boxA, phrase.New(phrase.Filled, "a1"), protocol.ContainerFilled{DatedContainer: "c1", GRAI: boxA})
	r.requireRefused("01"+"0"+gtin, "a product without a step", phrase.New(phrase.ProductOnlyWhenShort))
}

func TestAProductIsKnownByAnyCodeThatIsOnIt(t *testing.T) {
	const labelLike = "9112345678903" // an EAN that would be a line of the list, did the reader not say what it is
	r := newRig(t)
	p := list()
	p.Containers[0].Products = append(p.Containers[0].Products, protocol.PackingLine{GTIN: labelLike, Units: 1})
	r.plan(p)
	r.requireTaken("]d291c1", phrase.New(phrase.ScanTheBox))
	for scan, product := range map[string]string{"]d2010" + gtin + "17261231" + "10L-7": gtin, "]E0" + gtin: gtin, "]E0" + labelLike: labelLike} {
		r.requireTaken("]d295short", phrase.New(phrase.ScanShortProduct))
		r.requireTaken(scan, phrase.New(phrase.NotedShort), protocol.ItemShort{DatedContainer: "c1", GTIN: product, Units: 1})
	}
}

func TestANewListForgetsWhatItNoLongerHolds(t *testing.T) {
	t.Run("the line that was selected", func(t *testing.T) {
		r := newRig(t)
		r.requireTaken("91c1", phrase.New(phrase.ScanTheBox))
		p := list()
		p.Containers = p.Containers[1:]
		r.plan(p)
		r.requireRefused("8003"+boxA, "box is bound to nothing", phrase.New(phrase.LineBeforeBox))
	})
	t.Run("the box in hand", func(t *testing.T) {
		r := newRig(t)
		r.fill("c1", boxA, "a1")
		p := list()
		p.Containers = p.Containers[1:]
		r.plan(p)
		r.requireRefused("92a1", "an address without a box", phrase.New(phrase.BoxBeforeAddress))
		require.Len(t, r.s.Bound, 1, "only what the hub knows")
	})
	t.Run("but not what the hub has not heard yet", func(t *testing.T) {
		r := newRig(t)
		r.fill("c1", boxA, "a1")
		r.plan(list())
		r.requireTaken("92a1", phrase.New(phrase.Shelved), protocol.ContainerShelved{GRAI: boxA, Address: "a1"})
		r.plan(protocol.ScannerPlan{}) // and not for want of a list
		r.plan(list())
		require.Equal(t, boxA, r.s.Bound["c1"])
		require.True(t, r.s.Shelved["c1"])
	})
}

func TestWhereTheHubKnowsAnotherBoxTheHubHasDecided(t *testing.T) {
	r := newRig(t)
	r.fill("c1", boxA, "a1")
	r.requireTaken("92a1", phrase.New(phrase.Shelved), protocol.ContainerShelved{GRAI: boxA, Address: "a1"})
	p := list()
	p.Containers[0].GRAI, p.Containers[1].GRAI = boxB, boxA // another scanner of the shop was first
	r.plan(p)
	r.requireTaken("8003"+boxA, phrase.New(phrase.PutOnAddress, "a2"))
	require.False(t, r.s.Shelved["c1"], "that was another box")
	p.Containers[0].GRAI = ""
	r.s.Bound["c1"] = boxA
	r.plan(p)
	require.NotContains(t, r.s.Bound, "c1", "one box is in one container")
}

// A box is bound to one line and a line to one box, whatever is scanned and however often the device restarts.
func TestNoSequenceOfScansBindsTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRig(t)
		owner, box := map[string]string{}, map[string]string{} // by box, by line
		short := map[string]uint32{}
		scans := []string{"91c1", "91c2", "91c3", "8003" + boxA, "8003" + boxB, "92a1", "92a2", "92a3", "95short", "01" + "0" + gtin,
			"junk", "plan"}
		for range rapid.IntRange(1, 60).Draw(t, "turns") {
			scan := rapid.SampledFrom(scans).Draw(t, "scan")
			if scan == "plan" {
				r.plan(rapid.SampledFrom([]protocol.ScannerPlan{list(), {}}).Draw(t, "plan"))
				continue
			}
			for _, b := range r.scan(scan).Records {
				switch b := b.(type) {
				case protocol.ContainerFilled:
					require.NotContains(t, owner, b.GRAI)
					require.NotContains(t, box, b.DatedContainer)
					owner[b.GRAI], box[b.DatedContainer] = b.DatedContainer, b.GRAI
				case protocol.ContainerShelved:
					require.Contains(t, owner, b.GRAI)
					require.Equal(t, "a"+owner[b.GRAI][1:], b.Address)
				case protocol.ItemShort:
					short[b.DatedContainer]++
					require.LessOrEqual(t, short[b.DatedContainer], uint32(2))
				}
			}
			require.LessOrEqual(t, len(r.s.Bound)+len(r.s.Shelved)+len(r.s.Missing), 3*len(list().Containers))
		}
	})
}

// A list may have more lines than a message of the wire has fields: the state of a full day must be read back.
func TestTheStateOfALongListIsReadBack(t *testing.T) {
	p := protocol.ScannerPlan{Date: "2026-12-01"}
	for range 1000 {
		id := "c" + string(rune('一'+len(p.Containers)))
		p.Containers = append(p.Containers, protocol.PackingListPart{DatedContainer: id, GRAI: id})
	}
	r := &rig{t: t}
	r.plan(p)
	require.Len(t, r.s.Bound, 1000)
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{"91c1", "8003" + boxA, "92a1", "95short", "01" + "0" + gtin, "", "\xff", "91c1\x1d8003" + boxA} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		r := newRig(t)
		for _, scan := range []string{first, "91c1", second, first} {
			r.scan(scan) // the rig reads state and records back
		}
	})
}
