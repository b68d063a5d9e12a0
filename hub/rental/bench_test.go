package rental_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/effect"
	"meguri/hub/link"
	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

// BenchmarkRegister imports 10,000 pieces from CSV.
func BenchmarkRegister(b *testing.B) {
	in := files(5000)
	delete(in, bulk.RentalOrdersFile)
	for b.Loop() {
		s := storetest.Open(b, storetest.SQLite(b))
		done, err := (&rental.Keeper{}).Import(b.Context(), s, bulk.ReadRental(in), "test", day)
		require.NoError(b, err)
		require.Zero(b, done.Refuse)
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "pieces/s")
}

// BenchmarkScans applies scans as the link does, 1000 in a transaction, each in a savepoint, and stored as an event; "plain" only stores
// the events.
func BenchmarkScans(b *testing.B) {
	for _, how := range []string{"scans", "plain"} {
		b.Run(how, func(b *testing.B) { benchmarkScans(b, how == "scans") })
	}
}

const scansAtOnce = 1000

func benchmarkScans(b *testing.B, applied bool) {
	s := open(b, storetest.SQLite(b), 2000)
	change(b, s, func(tx *store.Tx) error { return addScanner(b, tx) })
	effects := &effect.Effects{}
	number := uint64(0)
	for b.Loop() {
		change(b, s, func(tx *store.Tx) error {
			for n := range scansAtOnce {
				number++
				ev := scanOf(number, piece(dress, n%2000))
				if applied {
					if err := tx.Savepoint(b.Context(), func() error { return effects.Apply(b.Context(), tx, ev) }); err != nil {
						return err
					}
				}
				if err := tx.AddEvent(b.Context(), rowOf(b, ev)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	b.ReportMetric(scansAtOnce*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func change(tb testing.TB, s *store.Store, fn func(*store.Tx) error) {
	require.NoError(tb, s.Change(tb.Context(), fn))
}

const life = "00000000000000000000000000000001"

// scanOf is a scan: pieces go from shelf to shelf, and are counted there.
func scanOf(number uint64, item string) link.Event {
	incarnation, _ := protocol.ParseIncarnation(life)
	step := protocol.StepPutAway
	if number/scansAtOnce%2 == 1 {
		step = protocol.StepCount
	}
	return link.Event{Device: "s-1", Role: "scanner", Place: "w-1", Incarnation: incarnation, Number: number,
		At: day.Add(time.Duration(number) * 50 * time.Millisecond), Within: time.Second, Received: day.Add(time.Hour),
		Body: protocol.ItemScanned{Item: item, Step: step, Operator: "op-1", Place: fmt.Sprintf("A-%d", number/scansAtOnce%3), Verdict: 1}}
}

func rowOf(tb testing.TB, ev link.Event) store.EventRow {
	raw, err := protocol.EncodeBody(ev.Body)
	require.NoError(tb, err)
	return store.EventRow{Device: ev.Device, Incarnation: life, Number: ev.Number, Boot: 1, Kind: uint16(ev.Body.Kind()), Name: "item scanned",
		Body: raw, EventAt: ev.At, ReceivedAt: ev.Received, Outcome: store.Applied}
}

func addScanner(tb testing.TB, tx *store.Tx) error {
	return tx.AddDevice(tb.Context(), scannerDevice())
}

// BenchmarkReturn receives a bag of 600 pieces, and unpacks and inspects each.
func BenchmarkReturn(b *testing.B) {
	s := open(b, storetest.SQLite(b), 600)
	keeper := &rental.Keeper{}
	number := uint64(0)
	source := func(at time.Time) rental.Source {
		number++
		return rental.Source{Device: store.DeviceLife("s-1", life), Number: number, Warehouse: "w-1", At: at, Recorded: at}
	}
	at := day
	for b.Loop() {
		b.StopTimer()
		at = at.Add(48 * time.Hour)
		change(b, s, func(tx *store.Tx) error { return outAgain(b, tx, keeper, source, at) })
		b.StartTimer()
		change(b, s, func(tx *store.Tx) error {
			t := at.Add(24 * time.Hour)
			if err := keeper.Bag(b.Context(), tx, source(t), protocol.BagScanned{Bag: "bag", Step: protocol.StepReceive, Verdict: 1}); err != nil {
				return err
			}
			for n := range 600 {
				scan := protocol.ItemScanned{Item: piece(dress, n), Step: protocol.StepUnpack, Bag: "bag", Verdict: 1}
				if err := keeper.Item(b.Context(), tx, source(t.Add(time.Duration(n+1)*time.Millisecond)), scan); err != nil {
					return err
				}
			}
			return keeper.Bag(b.Context(), tx, source(t.Add(time.Second)), protocol.BagScanned{Bag: "bag", Step: protocol.StepUnpack, Verdict: 1})
		})
	}
}

// outAgain takes all pieces from wherever they are to their customers.
func outAgain(b *testing.B, tx *store.Tx, k *rental.Keeper, source func(time.Time) rental.Source, at time.Time) error {
	for n := range 600 {
		p, id := piece(dress, n), fmt.Sprintf("o-%d", n)
		i, err := tx.RentalItem(b.Context(), p)
		if err != nil {
			return err
		}
		steps := []protocol.ItemScanned{{Step: protocol.StepPick, Order: id}, {Step: protocol.StepPack, Order: id, Bag: "bag"}}
		if i.Custody == protocol.Unpacked {
			steps = append([]protocol.ItemScanned{{Step: protocol.StepInspectReturn}, {Step: protocol.StepClean}, {Step: protocol.StepCleaned},
				{Step: protocol.StepInspectFinal, Conformant: true, Operator: "op-2"}, {Step: protocol.StepPutAway, Place: "A-1"}}, steps...)
		}
		for m, scan := range steps {
			scan.Item, scan.Verdict = p, 1
			if err := k.Item(b.Context(), tx, source(at.Add(time.Duration(m)*time.Second)), scan); err != nil {
				return err
			}
		}
	}
	return k.Bag(b.Context(), tx, source(at.Add(time.Minute)), protocol.BagScanned{Bag: "bag", Step: protocol.StepShip, Verdict: 1})
}
