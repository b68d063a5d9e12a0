package rental_test

import (
	"flag"
	"fmt"
	"syscall"
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

// BenchmarkScans applies scans as the link does, 1000 in a transaction, each in a savepoint, and stored as an event: with the pieces of
// a batch read ahead, or one by one; "plain" only stores the events. The ratio is to that, in time of the processor: what else runs on the
// machine does not change it much.
func BenchmarkScans(b *testing.B) {
	plain := 0.0
	for _, how := range []string{"plain", "one-by-one", "ahead"} {
		b.Run(how, func(b *testing.B) {
			spent := benchmarkScans(b, how)
			b.ReportMetric(scansAtOnce*float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(1e6/spent, "events/cpu-s")
			if how == "plain" {
				plain = spent
			} else if plain > 0 {
				b.ReportMetric(spent/plain, "times-plain")
			}
		})
	}
}

const scansAtOnce = 1000

// benchmarkScans gives the microseconds of the processor that an event takes.
func benchmarkScans(b *testing.B, how string) float64 {
	s := open(b, storetest.SQLite(b), 2000)
	change(b, s, func(tx *store.Tx) error { return addScanner(b, tx) })
	effects := &effect.Effects{}
	number := uint64(0)
	began := processor(b)
	for b.Loop() {
		change(b, s, func(tx *store.Tx) error {
			all := make([]link.Event, scansAtOnce)
			bodies := make([]protocol.Body, scansAtOnce)
			for n := range all {
				number++
				all[n] = scanOf(number, piece(dress, int(number*7919)%2000)) // over the whole house
				bodies[n] = all[n].Body
			}
			if how == "ahead" {
				if err := effects.Ahead(b.Context(), tx, bodies); err != nil {
					return err
				}
			}
			for _, ev := range all {
				if how != "plain" {
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
	return float64((processor(b) - began).Microseconds()) / (scansAtOnce * float64(b.N))
}

// processor is the time that the program has had of the processor so far.
func processor(tb testing.TB) time.Duration {
	var u syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
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

var (
	housePieces = flag.Int("house", 1000, "pieces of each of two garments in BenchmarkPages")
	houseDays   = flag.Int64("housedays", 90, "days that BenchmarkPages' warehouse has worked")
)

// BenchmarkPages asks what the page of a warehouse asks. The ratio is to reading as many bare rows of pieces.
func BenchmarkPages(b *testing.B) {
	s := open(b, storetest.SQLite(b), *housePieces)
	change(b, s, func(tx *store.Tx) error {
		for n := range *houseDays * 22 {
			from := protocol.Custody(n % 22)
			at := day.AddDate(0, 0, -int(n/22))
			if err := tx.AddStrides(b.Context(), store.Stride{Warehouse: "w-1", At: at, From: from, To: from + 1, Stayed: time.Hour}); err != nil {
				return err
			}
		}
		return nil
	})
	read := func(fn func(tx *store.Tx) error) time.Duration {
		began := time.Now()
		require.NoError(b, s.Read(b.Context(), fn))
		return time.Since(began)
	}
	var asked, bare time.Duration
	for b.Loop() {
		asked += read(func(tx *store.Tx) error {
			if _, err := rental.TodoUntil(b.Context(), tx, "", "2026-12-02"); err != nil {
				return err
			}
			if _, err := tx.Stages(b.Context(), "", day); err != nil {
				return err
			}
			if _, err := tx.StageTurns(b.Context(), "", day.AddDate(0, 0, -90)); err != nil {
				return err
			}
			_, err := tx.Rates(b.Context(), "", day.AddDate(0, 0, -90))
			return err
		})
		b.StopTimer()
		bare += read(func(tx *store.Tx) error {
			_, err := tx.KnownItems(b.Context(), "w-1", 1_000_000)
			return err
		})
		b.StartTimer()
	}
	b.ReportMetric(float64(asked)/float64(bare), "times-bare")
	b.ReportMetric(asked.Seconds()*1000/float64(b.N), "ms/page")
}
