package warehouse_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/phrase"
	"meguri/edge/warehouse"
	"meguri/internal/gs1"
	"meguri/internal/rental"
	"meguri/protocol"
)

func TestPutAwayDirectsToAShelfWithRoomNearItsLike(t *testing.T) {
	fit := as(shelved(dress, 9, ""), protocol.FinalInspected)
	plan := protocol.WarehousePlan{Shelves: []protocol.ShelfPlan{{Place: "A-1", Room: 1}, {Place: "A-2", Room: 3}, {Place: "A-3"}}}
	d := newDesk(t, plan, fit, as(shelved(dress, 8, ""), protocol.FinalInspected), as(shelved(coat, 7, ""), protocol.InspectedIn),
		shelved(dress, 1, "A-2"), shelved(coat, 2, "A-1")).at(protocol.StepPutAway)
	v := d.right(phrase.PieceRight, code(dress, 9))
	require.Equal(t, phrase.New(phrase.PutOnShelf, "A-2"), v.Next, "with its like")
	d.warns(phrase.PieceAgain, code(dress, 9))
	d.right(phrase.OnShelf, shelf("A-2"))
	require.Equal(t, "A-2", d.items()[0].Place)
	require.Equal(t, phrase.New(phrase.PutOnShelf, "A-2"), d.scan(code(coat, 7)).Next, "its like's shelf is full, the next is the nearest")
	require.Equal(t, phrase.New(phrase.PutOnShelf, "A-3"), d.scan(code(dress, 8)).Next, "there is room for one, and two are in hand")
	v = d.warns(phrase.ShelfFull, shelf("A-2"))
	require.Equal(t, "S00008: A-2 is full.", v.Line.In("en"), "it lies there all the same")
	require.Len(t, d.items(), 3)
	require.Equal(t, string(warehouse.FullShelf), d.items()[2].Rule)
	d.refuses(phrase.PieceBeforeShelf, shelf("A-3"))
	d.warns(phrase.ShelfUnknown, code(dress, 9), shelf("Z-9"))
}

func TestAPieceThatHasNotPassedIsNotShelved(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{}, protocol.KnownItem{Item: id(dress, 1), Custody: protocol.ReturnInspected}).at(protocol.StepPutAway)
	d.refuses(phrase.RuleState, code(dress, 1))
	require.Empty(t, d.items(), "it is not on a shelf yet")
	require.Empty(t, d.state.Pending)
}

// wave is two orders with three pieces on three shelves, and a piece that is free.
func wave(t *testing.T, swaps protocol.SwapRule) *desk {
	promised := func(i protocol.KnownItem, order string) protocol.KnownItem {
		i.Order = order
		return i
	}
	return newDesk(t, protocol.WarehousePlan{Swaps: swaps,
		Shelves: []protocol.ShelfPlan{{Place: "A-1"}, {Place: "A-2"}, {Place: "A-3"}},
		Orders: []protocol.PickOrder{
			{Order: "o1", Tote: "1", Bag: sscc(1), Lines: []protocol.PickLine{{Item: id(dress, 1), Shelf: "A-3"}, {Item: id(coat, 2), Shelf: "A-1"}}},
			{Order: "o2", Tote: "2", Lines: []protocol.PickLine{{Item: id(dress, 3), Shelf: "A-2"}}}}},
		promised(shelved(dress, 1, "A-3"), "o1"), promised(shelved(coat, 2, "A-1"), "o1"), promised(shelved(dress, 3, "A-2"), "o2"),
		shelved(dress, 4, "A-2"), as(shelved(dress, 5, "A-2"), protocol.Quarantined), promised(shelved(dress, 6, "A-2"), "o9"))
}

func TestPickingWalksTheShelvesInOrderIntoTheTotesOfSeveralOrders(t *testing.T) {
	d := wave(t, protocol.SwapRule{}).at(protocol.StepPick)
	require.Equal(t, phrase.New(phrase.GoTo, "A-1", "S00002"), warehouse.Next(d.state, d.book))
	v := d.right(phrase.IntoTote, shelf("A-1"), code(coat, 2))
	require.Equal(t, []string{"S00002", "1"}, v.Line.Args)
	require.Equal(t, phrase.New(phrase.GoTo, "A-2", "S00003"), v.Next)
	v = d.refuses(phrase.WrongTote, label(gs1.Tote, "2"))
	require.Equal(t, []string{"1"}, v.Line.Args)
	d.right(phrase.ErrorSeen, menu("ok"))
	d.right(phrase.ToteRight, label(gs1.Tote, "1"))
	d.right(phrase.IntoTote, code(dress, 3))
	d.warns(phrase.PieceAgain, code(dress, 3))
	v = d.right(phrase.IntoTote, code(dress, 1))
	require.Equal(t, phrase.AllPicked, v.Next.Key)
	require.Equal(t, []string{"o1", "o2", "o1"}, []string{d.items()[0].Order, d.items()[1].Order, d.items()[2].Order})
	require.Equal(t, "A-1", d.items()[0].Place)
}

func TestAnEquivalentPieceIsPickedOnlyIfTheRuleAllows(t *testing.T) {
	d := wave(t, protocol.SwapRule{}).at(protocol.StepPick)
	d.refuses(phrase.NotOnPickList, code(dress, 4))
	require.Empty(t, d.items(), "it goes back")
	require.Len(t, of[protocol.ScanRefused](d.records), 1)

	d = wave(t, protocol.SwapRule{SameGarment: true}).at(protocol.StepPick)
	v := d.right(phrase.InsteadIntoTote, code(dress, 4))
	require.Equal(t, []string{"S00004", "2", "S00003"}, v.Line.Args)
	require.Equal(t, "o2", d.items()[0].Order)
	d.refuses(phrase.RulePromised, code(dress, 6))
	d.scan(menu("ok"))
	d.refuses(phrase.RuleState, code(dress, 5))
	d.scan(menu("ok"))
	d.right(phrase.IntoTote, code(dress, 1))
	d.right(phrase.IntoTote, code(coat, 2))
	require.Equal(t, phrase.AllPicked, warehouse.Next(d.state, d.book).Key, "the line of the other piece is done")

	worse := shelved(dress, 4, "A-2")
	worse.Grade = protocol.GradeC
	d = newDesk(t, wave(t, protocol.SwapRule{SameGarment: true}).book.Plan, worse, shelved(dress, 3, "A-2")).at(protocol.StepPick)
	require.Equal(t, protocol.VerdictRefuse, d.scan(code(dress, 4)).Is, "worse than the one that was chosen")
}

func TestABagIsPackedWhenAllLinesAreInAndLeavesOnlySo(t *testing.T) {
	d := wave(t, protocol.SwapRule{SameGarment: true}).at(protocol.StepPick)
	for _, c := range []string{code(dress, 1), code(coat, 2), code(dress, 4)} {
		require.Equal(t, accepted, d.scan(c).Is)
	}
	d.at(protocol.StepPack)
	d.refuses(phrase.AskBag, code(dress, 1))
	d.right(phrase.BagOpened, bagCode(1))
	require.Equal(t, phrase.New(phrase.PackNext, "1"), d.right(phrase.PieceRight, code(dress, 1)).Next)
	d.refuses(phrase.RuleOtherOrder, code(dress, 4))
	require.Equal(t, refused, d.items()[1].Verdict)
	d.scan(menu("ok"))
	d.refuses(phrase.CloseFirst, bagCode(2))
	d.refuses(phrase.BagShort, menu("close"))
	d.scan(menu("ok"))
	d.at(protocol.StepShip)
	d.refuses(phrase.BagShort, bagCode(1))
	require.Equal(t, string(warehouse.Short), of[protocol.BagScanned](d.records)[0].Rule)
	d.scan(menu("ok"))

	d.at(protocol.StepPack)
	require.Equal(t, phrase.AllPacked, d.right(phrase.PieceRight, bagCode(2), code(dress, 4)).Next.Key, "by the piece's own order")
	d.right(phrase.BagClosed, menu("close"))
	d.at(protocol.StepShip)
	d.right(phrase.WaybillNoted, "]A0123-456")
	d.right(phrase.BagShipped, bagCode(2))
	d.warns(phrase.BagAgain, bagCode(2))
	left := of[protocol.BagScanned](d.records)
	require.Equal(t, []protocol.BagScanned{{Bag: sscc(2), Step: protocol.StepShip, Operator: "b1", Place: "st-7", Order: "o2",
		Waybill: "123-456", Verdict: accepted}}, left)
	d.at(protocol.StepVoidShip)
	d.right(phrase.BagVoided, bagCode(2))
}

// back is a bag with three pieces on their way home, and another customer's one.
func back(t testing.TB) *desk {
	out := func(gtin string, n int, order string) protocol.KnownItem {
		return protocol.KnownItem{Item: id(gtin, n), Custody: protocol.InTransitBack, Order: order, Grade: protocol.GradeA}
	}
	return newDesk(t, protocol.WarehousePlan{Bags: []protocol.ExpectedBag{
		{Bag: sscc(1), Order: "o1", Items: []string{id(dress, 1), id(dress, 2), id(coat, 3)}},
		{Bag: sscc(2), Order: "o2", Items: []string{id(coat, 4)}}}},
		out(dress, 1, "o1"), out(dress, 2, "o1"), out(coat, 3, "o1"), out(coat, 4, "o2"), shelved(coat, 5, "A-1")).at(protocol.StepReceive)
}

func TestReceivingAReturnShowsWhatIsMissingNotExpectedAndSomebodyElses(t *testing.T) {
	d := back(t)
	v := d.right(phrase.BagReceived, bagCode(1))
	require.Equal(t, []string{"3"}, v.Line.Args)
	require.Equal(t, phrase.New(phrase.UnpackNext, "2"), d.right(phrase.PieceRight, code(dress, 1)).Next)
	d.warns(phrase.SomebodyElses, code(coat, 4))
	d.refuses(phrase.RuleState, code(coat, 5)) // which should be on its shelf
	d.scan(menu("ok"))
	d.warns(phrase.PieceUnknown, code(coat, 77))
	d.warns(phrase.FindNoted, menu("belongings"))
	d.warns(phrase.FindNoted, "]C0OTHER-SHOP-1")
	d.right(phrase.PieceRight, code(dress, 2))
	d.warns(phrase.PieceAgain, code(dress, 2))
	v = d.warns(phrase.BagMissing, menu("close"))
	require.Equal(t, "1 missing: S00003.", v.Line.In("en"))
	require.Equal(t, phrase.CloseAgain, v.Next.Key)
	require.True(t, d.state.Bag.Closing)
	d.warns(phrase.BagMissing, menu("close"))
	bags := of[protocol.BagScanned](d.records)
	require.Len(t, bags, 2)
	require.Equal(t, protocol.StepReceive, bags[0].Step)
	require.Equal(t, protocol.BagScanned{Bag: sscc(1), Step: protocol.StepUnpack, Operator: "b1", Place: "st-11", Order: "o1", Verdict: warned,
		Rule: string(warehouse.Missing), Found: []protocol.BagFind{{Kind: "belongings"}, {Kind: "foreign", Scan: "OTHER-SHOP-1"}}}, bags[1])
	require.Len(t, d.items(), 5)
	for _, i := range d.items() {
		require.Equal(t, sscc(1), i.Bag)
		require.Equal(t, protocol.StepUnpack, i.Step)
	}
}

func TestAPieceFoundAfterTheFirstCloseIsNotMissing(t *testing.T) {
	d := back(t)
	d.warns(phrase.BagMissing, bagCode(1), code(dress, 1), code(dress, 2), menu("close"))
	d.right(phrase.PieceRight, code(coat, 3))
	d.right(phrase.BagClosed, menu("close"))
	require.Equal(t, accepted, of[protocol.BagScanned](d.records)[1].Verdict)
}

func TestBagsAreReceivedInARowAndUnpackedLater(t *testing.T) {
	d := back(t)
	d.right(phrase.BagReceived, bagCode(1))
	d.right(phrase.BagReceived, bagCode(2))
	d.warns(phrase.BagAgain, bagCode(2))
	d.warns(phrase.BagUnexpected, bagCode(9))
	require.Len(t, of[protocol.BagScanned](d.records), 3)
	d.at(protocol.StepUnpack)
	d.right(phrase.BagOpened, bagCode(1))
	d.right(phrase.PieceRight, code(dress, 1))
	require.Empty(t, of[protocol.BagScanned](d.records))
	require.Equal(t, accepted, d.items()[0].Verdict, "it was received with its bag")
}

func TestABagWithoutALabelGetsANameThatIsOnItsPieces(t *testing.T) {
	d := back(t)
	v := d.warns(phrase.BagNamed, menu("no-label"))
	alias := v.Line.Args[0]
	require.Equal(t, "X-1201-1", alias)
	d.warns(phrase.SomebodyElses, code(dress, 1)) // of somebody's order: the hub finds out by it whose bag it is
	d.refuses(phrase.CloseFirst, menu("no-label"))
	d.right(phrase.BagClosed, menu("close"))
	require.Equal(t, "X-1201-2", d.warns(phrase.BagNamed, menu("no-label")).Line.Args[0])
	require.Equal(t, alias, d.items()[0].Bag)
	bags := of[protocol.BagScanned](d.records)
	require.Equal(t, alias, bags[0].Alias)
	require.Equal(t, protocol.StepUnpack, bags[1].Step)
}

func TestAnInspectionIsRecordedWithAllThatWasFound(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{}, protocol.KnownItem{Item: id(dress, 1), Custody: protocol.Unpacked, Grade: protocol.GradeA}).
		at(protocol.StepInspectReturn)
	v := d.right(phrase.PieceRight, code(dress, 1))
	require.Equal(t, phrase.InspectNext, v.Next.Key)
	d.refuses(phrase.DamageFirst, menu("at-hem"))
	d.right(phrase.GradeNoted, menu("grade-b"))
	d.right(phrase.DirtNoted, menu("dirty"))
	d.right(phrase.DetailNoted, menu("d-stain"), menu("at-left_sleeve"), menu("photo-p1"))
	d.right(phrase.DamageNoted, menu("d-tear"))
	d.refuses(phrase.FinishFirst, code(dress, 2))
	d.refuses(phrase.FinishFirst, menu("st-13"))
	d.right(phrase.PieceFailed, menu("fail"))
	require.Equal(t, []protocol.ItemScanned{{Item: id(dress, 1), Step: protocol.StepInspectReturn, Operator: "b1", Place: "st-12",
		Grade: protocol.GradeB, Dirty: true, Damages: []protocol.Damage{{Kind: "stain", Place: "left_sleeve", Photo: "p1"}, {Kind: "tear"}},
		Verdict: accepted}}, d.items())
	d.warns(phrase.PieceAgain, code(dress, 1)) // and looked at again
	d.right(phrase.PieceFailed, menu("fail"))
	require.Len(t, d.items(), 2)
}

func TestWhoHasRepairedAPieceDoesNotPassIt(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{}, protocol.KnownItem{Item: id(dress, 1), Custody: protocol.ReturnInspected, Damaged: true, Grade: protocol.GradeB}).
		at(protocol.StepClean)
	d.refuses(phrase.AskBatch, code(dress, 1))
	d.right(phrase.PieceRight, label(gs1.Batch, "c-7"), code(dress, 1))
	require.Equal(t, "c-7", d.items()[0].Batch)
	d.at(protocol.StepCleaned)
	d.right(phrase.PieceRight, code(dress, 1))
	d.at(protocol.StepRepair)
	d.right(phrase.PieceRight, label(gs1.Batch, "wo-1"), code(dress, 1))
	d.at(protocol.StepRepaired)
	d.right(phrase.PieceRight, code(dress, 1))
	d.at(protocol.StepInspectFinal)
	d.refuses(phrase.RuleSamePerson, code(dress, 1), menu("pass"))
	require.Equal(t, string(rental.SamePerson), d.items()[0].Rule)
	d.right(phrase.ErrorSeen, menu("ok"))
	d.right(phrase.SignedOn, badge("b2"))
	d.at(protocol.StepInspectFinal)
	d.right(phrase.PiecePassed, code(dress, 1), menu("pass"))
	d.at(protocol.StepPutAway)
	d.right(phrase.OnShelf, code(dress, 1), shelf("A-1"))
}

func TestQuarantineNeedsAReason(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{}, shelved(dress, 1, "A-1"), shelved(dress, 2, "A-1")).at(protocol.StepQuarantine)
	d.refuses(phrase.AskReason, code(dress, 1))
	d.right(phrase.PieceRight, menu("why-mould"), code(dress, 1))
	d.right(phrase.PieceRight, menu("d-stain"), code(dress, 2))
	require.Equal(t, []string{"mould", "stain"}, []string{d.items()[0].Reason, d.items()[1].Reason})
}

func TestACountSplitsIntoRightElsewhereMissingAndUnknown(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{}, shelved(dress, 1, "A-1"), shelved(dress, 2, "A-1"), shelved(coat, 3, "B-2"),
		as(shelved(coat, 4, ""), protocol.OnRent)).at(protocol.StepCount)
	d.refuses(phrase.AskShelf, code(dress, 1))
	require.Equal(t, []string{"A-1", "2"}, d.right(phrase.CountBegun, shelf("A-1")).Line.Args)
	d.right(phrase.PieceRight, code(dress, 1))
	d.warns(phrase.PieceAgain, code(dress, 1))
	require.Equal(t, "S00003 belongs on B-2.", d.warns(phrase.RuleElsewhere, code(coat, 3)).Line.In("en"))
	d.refuses(phrase.RuleOut, code(coat, 4))
	d.scan(menu("ok"))
	d.warns(phrase.PieceUnknown, code(coat, 5))
	v := d.warns(phrase.CountDone, menu("close"))
	require.Equal(t, "1 right, 2 from elsewhere, 1 missing, 1 unknown.", v.Line.In("en"))
	require.Len(t, d.items(), 4)
	counted := of[protocol.ShelfCounted](d.records)
	require.Len(t, counted, 1)
	require.EqualValues(t, 4, counted[0].Pieces)
	require.Equal(t, []string{"B-2", "0"}, d.right(phrase.CountBegun, shelf("B-2")).Line.Args, "the coat was taken over")
}

// Found by 100,000 simulated pieces: somebody's shift ended at the card that closes a shelf, the next shelf's label was refused, and what
// lay on that one was recorded on the one before.
func TestWhoGoesOnToTheNextShelfHasCountedTheOneBefore(t *testing.T) {
	pieces := []protocol.KnownItem{shelved(dress, 1, "A-1"), shelved(dress, 2, "A-1"), shelved(coat, 3, "B-2")}
	for rule, test := range map[string]func(*desk) (places []string){
		"what was not on it is missing": func(d *desk) []string {
			d.right(phrase.PieceRight, code(dress, 1))
			v := d.warns(phrase.CountDone, shelf("B-2"))
			require.Equal(t, "1 right, 0 from elsewhere, 1 missing, 0 unknown.", v.Line.In("en"))
			require.Equal(t, "B-2: each piece, then Close.", v.Next.In("en"))
			return []string{"A-1"}
		},
		"a shelf that was counted whole says only what comes next": func(d *desk) []string {
			d.right(phrase.PieceRight, code(dress, 1), code(dress, 2))
			d.right(phrase.CountBegun, shelf("B-2"))
			return []string{"A-1"}
		},
		"a label without a piece was the wrong one": func(d *desk) []string {
			require.Equal(t, []string{"A-1"}, d.warns(phrase.NotCounted, shelf("B-2")).Line.Args)
			return nil
		},
		"what somebody else had begun is not counted": func(d *desk) []string {
			d.right(phrase.PieceRight, code(dress, 1))
			d.now = d.now.Add(10 * time.Minute)
			d.refuses(phrase.AskBadge, menu("close"))
			d.right(phrase.SignedOn, badge("b1"))
			d.warns(phrase.NotCounted, shelf("B-2"))
			return nil
		},
	} {
		t.Run(rule, func(t *testing.T) {
			d := newDesk(t, protocol.WarehousePlan{}, pieces...).at(protocol.StepCount)
			d.right(phrase.CountBegun, shelf("A-1"))
			places := test(d)
			d.right(phrase.PieceRight, code(coat, 3))
			require.Equal(t, "B-2", d.items()[len(d.items())-1].Place)
			var counted []string
			for _, c := range of[protocol.ShelfCounted](d.records) {
				counted = append(counted, c.Place)
			}
			require.Equal(t, places, counted)
		})
	}
}

func TestABagThatComesWhileAnotherIsOpenIsOpenedAfterIt(t *testing.T) {
	d := back(t)
	d.right(phrase.PieceRight, bagCode(1), code(dress, 1))
	for _, next := range []int{2, 8} {
		d.warns(phrase.CloseFirst, bagCode(next))
		d.warns(phrase.BagAgain, bagCode(next))
	}
	d.warns(phrase.BagMissing, menu("close"), menu("close"))
	d.right(phrase.BagOpened, bagCode(2))
	d.warns(phrase.BagAgain, bagCode(2))
	d.warns(phrase.BagUnexpected, bagCode(8))
	require.Equal(t, sscc(8), d.state.Bag.ID)
	received := 0
	for _, b := range of[protocol.BagScanned](d.records) {
		if b.Step == protocol.StepReceive {
			received++
		}
	}
	require.Equal(t, 3, received, "each bag has arrived once")
}

func TestABagThatIsPackedIsKnownWithItsOrderWhenTheNextIsOpened(t *testing.T) {
	d := wave(t, protocol.SwapRule{}).at(protocol.StepPick)
	d.right(phrase.IntoTote, code(dress, 3))
	d.at(protocol.StepPack)
	d.right(phrase.PieceRight, bagCode(7), code(dress, 3))
	d.right(phrase.BagOpened, bagCode(8))
	d.at(protocol.StepShip)
	d.right(phrase.BagShipped, bagCode(7))
	require.Equal(t, "o2", of[protocol.BagScanned](d.records)[0].Order)
}

func TestASecondWaybillBeforeABagIsSaidToReplaceTheFirst(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{}).at(protocol.StepShip)
	d.right(phrase.WaybillNoted, "WB-1")
	d.right(phrase.WaybillNoted, "WB-1")
	v := d.warns(phrase.WaybillReplaced, "WB-2")
	require.Equal(t, "Waybill WB-2 in place of WB-1: is a bag without one?", v.Line.In("en"))
	d.warns(phrase.BagUnknown, bagCode(1))
	require.Equal(t, "WB-2", of[protocol.BagScanned](d.records)[0].Waybill)
}
