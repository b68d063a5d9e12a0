package warehouse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/edge/phrase"
	"meguri/edge/warehouse"
	"meguri/protocol"
)

func TestANoteGoesWhenTheListsSayTheSame(t *testing.T) {
	d := wave(t, protocol.SwapRule{}).at(protocol.StepPick)
	d.right(phrase.IntoTote, code(dress, 1))
	d.right(phrase.IntoTote, code(dress, 3))
	require.Equal(t, 2, d.book.Size())
	after := as(shelved(dress, 1, "A-3"), protocol.Picked)
	after.Order = "o1"
	next := warehouse.NewBook(d.book.Plan, []protocol.ItemsPlan{{Items: []protocol.KnownItem{after, shelved(dress, 3, "A-2")}}})
	next.Take(carried(next, d.book, 0)...)
	require.Equal(t, 1, next.Size(), "the hub has not heard of the other yet")
	d.book = next
	d.warns(phrase.PieceAgain, code(dress, 3))
	require.Equal(t, phrase.GoTo, warehouse.Next(d.state, d.book).Key)
}

func TestANoteGoesWhenTheHubHadItAndDecidedOtherwise(t *testing.T) {
	d := wave(t, protocol.SwapRule{}).at(protocol.StepPick)
	d.right(phrase.IntoTote, code(dress, 1))
	heard := d.now.UnixMilli()
	d.right(phrase.IntoTote, code(dress, 3))
	next := warehouse.NewBook(d.book.Plan, []protocol.ItemsPlan{{Items: []protocol.KnownItem{shelved(dress, 1, "B-9"), shelved(dress, 3, "A-2")}}})
	next.Take(carried(next, d.book, heard)...)
	require.Equal(t, 1, next.Size())
}

func carried(next, old *warehouse.Book, heard int64) []warehouse.Shard {
	parts, _ := next.Carry(old, warehouse.State{Visit: 99, Begun: 99}, func(at int64) bool { return at <= heard })
	return parts
}

func TestNotesAreBoundedAndTheOldestGo(t *testing.T) {
	b := warehouse.NewBook(protocol.WarehousePlan{}, nil)
	filled := 0
	for n := range 60_000 {
		if part := b.Stage([]warehouse.Note{{Item: shelved(dress, n, "A-1"), At: int64(n)}}); part[0].Number == 7 {
			filled++
			b.Take(part...)
		}
	}
	require.Greater(t, filled, 150)
	require.Equal(t, 100, b.Size())
	again := b.Stage([]warehouse.Note{{Item: shelved(dress, 1, "A-1")}, {Item: shelved(dress, 1, "A-2")}})
	require.Len(t, again[0].Notes, 1, "the newer of two")
}

func TestStagingChangesNothing(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{}, shelved(dress, 1, "A-1")).at(protocol.StepQuarantine)
	d.scan(menu("why-mould"))
	v := warehouse.Scan(d.state, d.book, code(dress, 1), d.now)
	require.Len(t, d.book.Stage(v.Changes), 1)
	require.Zero(t, d.book.Size())
	require.Equal(t, protocol.VerdictAccept, d.scan(code(dress, 1)).Is, "it could not be stored, and is scanned again")
}

func TestAPartOutsideOfItsBoundsIsLeftAlone(t *testing.T) {
	b := warehouse.NewBook(protocol.WarehousePlan{}, nil)
	b.Take(warehouse.Shard{Number: -1}, warehouse.Shard{Number: warehouse.Shards})
	require.Zero(t, b.Size())
}

// A new list while a shelf is counted or a bag packed: what was scanned there is a repeat still, though the hub has heard of it.
func TestANewListDuringAVisitLetsNothingBeCountedTwice(t *testing.T) {
	on := []protocol.KnownItem{shelved(dress, 1, "A-1"), shelved(dress, 2, "A-1")}
	d := newDesk(t, protocol.WarehousePlan{}, on...).at(protocol.StepCount)
	d.right(phrase.PieceRight, shelf("A-1"), code(dress, 1))
	d.warns(phrase.PieceUnknown, code(dress, 9))
	on[0].Grade = protocol.GradeB // as somebody in the office has it
	next := warehouse.NewBook(d.book.Plan, []protocol.ItemsPlan{{Items: on}})
	parts, bags := next.Carry(d.book, d.state, func(int64) bool { return true })
	changed := 0
	for _, p := range parts {
		if !d.book.Holds(p) {
			changed++
		}
	}
	require.Equal(t, 1, changed, "what the list says of a piece is in its note, and has to be stored")
	next.Take(parts...)
	next.TakeBags(bags...)
	d.book = next
	d.warns(phrase.PieceAgain, code(dress, 1))
	d.warns(phrase.PieceAgain, code(dress, 9))
	v := d.warns(phrase.CountDone, menu("close"))
	require.Equal(t, "1 right, 0 from elsewhere, 1 missing, 1 unknown.", v.Line.In("en"))
}

func TestANewListDuringAVisitLetsNoBagLeaveTwice(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{}).at(protocol.StepShip)
	d.scan(bagCode(1))
	next := warehouse.NewBook(d.book.Plan, nil)
	_, bags := next.Carry(d.book, d.state, func(int64) bool { return true })
	next.TakeBags(bags...)
	d.book = next
	d.warns(phrase.BagAgain, bagCode(1))
	d.at(protocol.StepVoidShip)
	_, bags = next.Carry(d.book, d.state, func(int64) bool { return true })
	for _, p := range bags {
		require.Empty(t, p.Bags)
	}
}

func TestADockRemembersTheBagsOfADay(t *testing.T) {
	d := newDesk(t, protocol.WarehousePlan{}).at(protocol.StepShip)
	for n := range 3000 {
		d.scan(bagCode(n))
	}
	d.warns(phrase.BagAgain, bagCode(0))
	v := warehouse.Scan(d.state, d.book, bagCode(5000), d.now)
	parts := d.book.StageBags(v.Bags)
	require.Len(t, parts, 1)
	require.Less(t, len(parts[0].Bags), 60, "a scan writes a small part")
}
