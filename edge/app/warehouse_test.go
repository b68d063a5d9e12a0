package app

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	edgelog "meguri/edge/log"
	"meguri/edge/phrase"
	"meguri/edge/warehouse"
	"meguri/protocol"
)

const someGTIN = "09520001000010" // of GS1's prefix for examples

func pieceCode(n int) string { return fmt.Sprintf("01%s21P%d", someGTIN, n) }
func pieceID(n int) string   { return fmt.Sprintf("(01)%s(21)P%d", someGTIN, n) }

// lists is a day with pieces on shelf A-1, of which the first is to be picked.
func lists(pieces int) (protocol.WarehousePlan, protocol.ItemsPlan) {
	p := protocol.WarehousePlan{Position: "w-1", Operators: []protocol.Operator{{Badge: "b1"}},
		Stations: []protocol.Workstation{{Code: "pick", Step: protocol.StepPick}, {Code: "count", Step: protocol.StepCount},
			{Code: "new", Step: protocol.StepRegister}},
		Orders: []protocol.PickOrder{{Order: "o1", Tote: "1", Lines: []protocol.PickLine{{Item: pieceID(0), Shelf: "A-1"}}}}}
	items := protocol.ItemsPlan{Position: "w-1"}
	for n := range pieces {
		items.Items = append(items.Items, protocol.KnownItem{Item: pieceID(n), Custody: protocol.Shelved, Place: "A-1", Grade: protocol.GradeA,
			Fit: true, Clean: true})
	}
	items.Items[0].Order = "o1"
	return p, items
}

// newWarehouseRig is a scanner of a warehouse.
func newWarehouseRig(t *testing.T) *rig {
	r := newRig(t)
	r.kit = Kit{BatteryClock: true, Warehouse: &Terminal{Position: "w-1", Reader: "s1", Display: "s1"}}
	return r
}

func (r *rig) giveLists(version uint64, p protocol.WarehousePlan, items ...protocol.ItemsPlan) {
	r.t.Helper()
	m := protocol.Manifest{Incarnation: r.log.Incarnation(), Plan: version, MadeAt: r.now().UnixMilli()}
	parts := map[string][]byte{}
	add := func(name string, v any) {
		body := r.part(name, v)
		m.Parts = append(m.Parts, protocol.PartRef{Name: name, Hash: protocol.HashPart(body), Size: uint32(len(body))})
		parts[name] = body
	}
	add("warehouse/w-1", p)
	for n, i := range items {
		add(fmt.Sprintf("items/w-1/%d", n), i)
	}
	require.NoError(r.t, r.activate(m, parts))
}

// scans scans codes and gives what the display says last.
func (r *rig) scans(codes ...string) shown {
	r.t.Helper()
	r.shown("w-1")
	for _, c := range codes {
		r.scannedInWarehouse(scanOf(c))
	}
	all := r.shown("w-1")
	require.Len(r.t, all, len(codes), "a line a scan")
	return all[len(all)-1]
}

func TestAScanOfTheWarehouseIsDurableBeforeItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWarehouseRig(t)
		r.start()
		defer func() { r.cut() }()
		require.Equal(t, shown{text: "There is no list for you yet. Out of service until the hub has been heard. Please call for help.", beeps: 3},
			r.scans("96b1"))
		p, items := lists(3)
		r.giveLists(1, p, items)
		require.Equal(t, "Scan your badge.", r.shown("w-1")[0].text)
		require.Equal(t, shown{text: "b1 signed on. Scan a station card."}, r.scans("96b1"))
		require.Equal(t, "Pick: ready. Go to A-1: P0.", r.scans("95pick").text)
		require.Equal(t, shown{text: "P0 into tote 1. All is picked."}, r.scans(pieceCode(0)))
		r.restart()
		require.Equal(t, "All is picked.", r.shown("w-1")[0].text, "after a power cut it says what comes next")
		require.Equal(t, shown{text: "P0: scanned already. All is picked.", beeps: 1}, r.scans(pieceCode(0)))
		all := said[protocol.ItemScanned](r)
		require.Len(t, all, 1)
		require.Equal(t, "o1", all[0].Order)
		require.Len(t, said[protocol.OperatorChanged](r), 1)
	})
}

func TestAnErrorIsShownAgainAfterARestartUntilItIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWarehouseRig(t)
		r.start()
		defer func() { r.cut() }()
		p, items := lists(3)
		r.giveLists(1, p, items)
		held := r.scans("96b1", "95pick", pieceCode(1))
		require.Equal(t, 3, held.beeps, "no order wants it")
		r.restart()
		require.Equal(t, held.text, r.shown("w-1")[0].text, "and not only: scan OK")
		p.Date = "2026-12-01"
		r.giveLists(2, p, items)
		require.Equal(t, held.text, r.shown("w-1")[0].text, "new lists do not hide it")
		require.Equal(t, "Seen. Go to A-1: P0.", r.scans("95ok").text)
		r.restart()
		require.Equal(t, "Go to A-1: P0.", r.shown("w-1")[0].text)
	})
}

func TestAScanThatCannotBeStoredHasNotHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWarehouseRig(t)
		r.start()
		defer r.cut()
		p, items := lists(3)
		r.giveLists(1, p, items)
		r.scans("96b1", "95pick")
		fill(t, r.agent)
		for range 2 {
			require.Equal(t, 3, r.scans(pieceCode(0)).beeps)
		}
		require.Zero(t, r.book.Size())
		drain(t, r.agent)
		lost := shown{text: "2 scans are lost: the storage is full. Scan the last pieces again. Scan OK when you have seen this.", beeps: 3}
		require.Equal(t, lost, r.scans("95new"), "in a burst the next scan comes before anybody has looked")
		require.Equal(t, protocol.StepRegister, r.handheld.Step, "and is done all the same")
		require.Equal(t, lost, r.scans("95pick"))
		require.Equal(t, shown{text: "Seen. Go to A-1: P0."}, r.scans("95ok"))
		require.Equal(t, "P0 into tote 1. All is picked.", r.scans(pieceCode(0)).text)
		require.Len(t, said[protocol.ItemScanned](r), 1)
	})
}

func TestAPlanThatDoesNotKnowOfAScanYetDoesNotUndoIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWarehouseRig(t)
		r.start()
		defer func() { r.cut() }()
		p, items := lists(3)
		r.giveLists(1, p, items)
		r.scans("96b1", "95pick", pieceCode(0))
		r.giveLists(2, p, items)
		require.Equal(t, "All is picked.", r.shown("w-1")[0].text)
		r.pass(3 * time.Second)
		drain(t, r.agent) // the hub acknowledges
		r.pass(2 * time.Second)
		r.giveLists(3, p, items)
		require.Equal(t, 1, r.book.Size(), "made while it may still have been on its way")
		r.pass(5 * time.Second)
		r.giveLists(4, p, items)
		require.Zero(t, r.book.Size(), "the hub had it, and says that the piece is on its shelf")
		require.Equal(t, "Go to A-1: P0.", warehouse.Next(r.handheld, r.book).In("en"))
	})
}

func TestWhoIsAwayIsSignedOffByTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWarehouseRig(t)
		r.start()
		defer func() { r.cut() }()
		p, items := lists(1)
		r.giveLists(1, p, items)
		r.scans("96b1")
		r.pass(11 * time.Minute)
		require.Equal(t, "Signed off. Scan your badge.", r.shown("w-1")[0].text)
		require.Equal(t, []protocol.OperatorChanged{{Badge: "b1"}, {}}, said[protocol.OperatorChanged](r))
		r.restart()
		require.Empty(t, r.handheld.Badge)
	})
}

// A part of the notes that a version wrote and this one cannot read costs what it says, and not the day.
func TestNotesThatCannotBeReadAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWarehouseRig(t)
		r.start()
		defer func() { r.cut() }()
		p, items := lists(300)
		r.giveLists(1, p, items)
		r.scans("96b1", "95count", "92A-1")
		for n := range 40 {
			r.scans(pieceCode(n))
		}
		require.Equal(t, 40, r.book.Size())
		require.NoError(t, r.log.Update(r.stamp(), func(tx *edgelog.Tx) error {
			keys, err := tx.Keys(keyNotes)
			require.NoError(t, err)
			require.NoError(t, tx.Put(keyOfBags(0), []byte("no CBOR")))
			return tx.Put(keys[0], []byte("no CBOR"))
		}))
		before := r.log.Incarnation()
		r.restart()
		require.Equal(t, before, r.log.Incarnation())
		require.Less(t, r.book.Size(), 40)
		require.Greater(t, r.book.Size(), 35)
		require.Equal(t, "b1", r.handheld.Badge)
		r.restart()
		require.Greater(t, r.book.Size(), 35, "and it is gone from the storage")
	})
}

// A day offline: every scan is in the log, and what is remembered beside has its bound.
func TestADayOfflineIsInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newWarehouseRig(t)
		r.limit.MaxBytes = 16 << 20
		r.start()
		defer func() { r.cut() }()
		p, items := lists(1)
		r.giveLists(1, p, items)
		r.scans("96b1", "95new")
		const scans = 300
		for n := range scans {
			r.scannedInWarehouse(scanOf(pieceCode(n + 10)))
			if n%100 == 0 {
				time.Sleep(5 * time.Minute) // of the bubble
				r.tick()
				r.restart()
			}
		}
		require.Equal(t, scans, len(said[protocol.ItemScanned](r)))
		require.Equal(t, scans, r.book.Size())
		require.Equal(t, warehouse.Shards, 256)
	})
}

func TestALineThatIsAlsoWhatComesNextIsShownOnce(t *testing.T) {
	d := newDisplay(&line{})
	h := &hardware{displays: map[string]*display{"w-1": d}}
	h.tell("w-1", 1, phrase.New(phrase.AskPIN), phrase.New(phrase.AskPIN))
	h.tell("w-2", 1, phrase.New(phrase.AskPIN), phrase.New(phrase.AskPIN)) // which has no display
	require.Equal(t, shown{text: "Enter your PIN, then scan OK.", beeps: 1}, <-d.lines)
}
