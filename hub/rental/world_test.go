package rental_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/fleet"
	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

// Garments of the warehouse.
const (
	dress = "09520001000010"
	coat  = "09520001000027"
)

// day is when all begins.
var day = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

// piece is the code of a garment's n-th piece.
func piece(gtin string, n int) string { return fmt.Sprintf("(01)%s(21)P%d", gtin, n) }

func files(pieces int) fstest.MapFS {
	var items, orders strings.Builder
	items.WriteString("item,warehouse_id,shelf_id,grade\n")
	orders.WriteString("order_id,customer_id,warehouse_id,ship_date,gtin,item\n")
	for n := range pieces {
		fmt.Fprintf(&items, "%s,w-1,A-%d,A\n%s,w-1,B-%d,B\n", piece(dress, n), n%3, piece(coat, n), n%3)
		fmt.Fprintf(&orders, "o-%d,c-%d,w-1,2026-12-02,%s,\no-%d,c-%d,w-1,2026-12-02,,%s\n", n, n, dress, n, n, piece(coat, n))
	}
	return fstest.MapFS{
		bulk.WarehousesFile: {Data: []byte("id,gln,name,swap_garment\nw-1,9520001000058,Koto,true\n")},
		bulk.ShelvesFile:    {Data: []byte("id,warehouse_id,walk,room\nA-0,w-1,1,50\nA-1,w-1,2,50\nA-2,w-1,3,50\nB-0,w-1,4,\nB-1,w-1,5,\nB-2,w-1,6,\n")},
		bulk.OperatorsFile:  {Data: []byte("badge,warehouse_id,pin,steps\nop-1,w-1,2468,\nop-2,w-1,,3|4|5\n")},
		bulk.GarmentsFile: {Data: []byte("gtin,name,size,colour,price_yen\n" + dress + ",Dress,M,navy,24000\n" +
			coat + ",Coat,L,grey,60000\n")},
		bulk.RentalItemsFile:  {Data: []byte(items.String())},
		bulk.RentalOrdersFile: {Data: []byte(orders.String())},
	}
}

// open gives a warehouse with so many pieces of each garment on shelves, and as many orders of a dress and a coat.
func open(t testing.TB, url string, pieces int) *store.Store {
	t.Helper()
	s := storetest.Open(t, url)
	done, err := (&rental.Keeper{}).Import(t.Context(), s, bulk.ReadRental(files(pieces)), "test", day.Add(-24*time.Hour))
	require.NoError(t, err)
	require.Zero(t, done.Refuse)
	return s
}

var errUndo = errors.New("undo")

// tried runs fn in a transaction that is undone.
func tried(t *testing.T, s *store.Store, fn func(*world)) {
	err := s.Change(t.Context(), func(tx *store.Tx) error {
		fn(&world{t: t, ctx: t.Context(), tx: tx, numbers: map[string]uint64{}})
		return errUndo
	})
	require.ErrorIs(t, err, errUndo)
}

// world is a warehouse inside one transaction, in which each device numbers what it says.
type world struct {
	t       *testing.T
	ctx     context.Context
	tx      *store.Tx
	keeper  rental.Keeper
	numbers map[string]uint64
}

// at is a time so many minutes after the beginning.
func at(minutes float64) time.Time { return day.Add(time.Duration(minutes * float64(time.Minute))) }

func (w *world) source(device string, minutes float64) rental.Source {
	w.numbers[device]++
	return rental.Source{Device: store.DeviceLife(device, "1"), Number: w.numbers[device], Warehouse: "w-1", At: at(minutes),
		Within: 2 * time.Second, Recorded: at(minutes).Add(time.Minute)}
}

// scan has a device do a step to a piece.
func (w *world) scan(device string, minutes float64, item string, step protocol.Step, with ...func(*protocol.ItemScanned)) {
	w.t.Helper()
	w.late(w.source(device, minutes), item, step, with...)
}

// late is scan with a record that was numbered before.
func (w *world) late(src rental.Source, item string, step protocol.Step, with ...func(*protocol.ItemScanned)) {
	w.t.Helper()
	b := protocol.ItemScanned{Item: item, Step: step, Operator: "op-1", Verdict: protocol.VerdictAccept}
	for _, fn := range with {
		fn(&b)
	}
	require.NoError(w.t, w.tx.Savepoint(w.ctx, func() error { return w.keeper.Item(w.ctx, w.tx, src, b) }))
}

func (w *world) bag(device string, minutes float64, bag string, step protocol.Step, with ...func(*protocol.BagScanned)) {
	w.t.Helper()
	b := protocol.BagScanned{Bag: bag, Step: step, Operator: "op-1", Verdict: protocol.VerdictAccept}
	for _, fn := range with {
		fn(&b)
	}
	require.NoError(w.t, w.tx.Savepoint(w.ctx, func() error { return w.keeper.Bag(w.ctx, w.tx, w.source(device, minutes), b) }))
}

func order(id string) func(*protocol.ItemScanned) {
	return func(b *protocol.ItemScanned) { b.Order = id }
}
func inBag(id string) func(*protocol.ItemScanned) {
	return func(b *protocol.ItemScanned) { b.Bag = id }
}
func place(id string) func(*protocol.ItemScanned) {
	return func(b *protocol.ItemScanned) { b.Place = id }
}
func by(badge string) func(*protocol.ItemScanned) {
	return func(b *protocol.ItemScanned) { b.Operator = badge }
}
func refused(b *protocol.ItemScanned) { b.Verdict = protocol.VerdictRefuse }
func passed(b *protocol.ItemScanned)  { b.Conformant = true }
func damaged(kind string) func(*protocol.ItemScanned) {
	return func(b *protocol.ItemScanned) { b.Damages = []protocol.Damage{{Kind: kind, Place: "left sleeve"}} }
}

func (w *world) item(id string) store.RentalItem {
	w.t.Helper()
	i, err := w.tx.RentalItem(w.ctx, id)
	require.NoError(w.t, err)
	return i
}

func (w *world) custody(id string) string { return rental.CustodyName(w.item(id).Custody) }

// lines gives the pieces that stand for the lines of an order.
func (w *world) lines(id string) (pieces []string) {
	w.t.Helper()
	lines, err := w.tx.RentalLines(w.ctx, id)
	require.NoError(w.t, err)
	for _, l := range lines {
		pieces = append(pieces, l.Piece)
	}
	return pieces
}

// work gives the open work, as kind and subject.
func (w *world) work() []string {
	w.t.Helper()
	all, err := w.tx.Work(w.ctx, false, 100)
	require.NoError(w.t, err)
	open := []string{}
	for _, i := range all {
		open = append(open, i.Kind+" "+i.Subject)
	}
	slices.Sort(open)
	return open
}

func (w *world) allocate(id string) []rental.LineOutcome {
	w.t.Helper()
	all, err := w.keeper.AllocateOrder(w.ctx, w.tx, id, at(600), "lead-1", at(0))
	require.NoError(w.t, err)
	return all
}

// out sends an order of both garments to its customer in a bag, until so many minutes.
func (w *world) out(id, bag string, minutes float64) (pieces []string) {
	w.t.Helper()
	w.allocate(id)
	pieces = w.lines(id)
	for n, p := range pieces {
		w.scan("s-1", minutes-6+float64(n), p, protocol.StepPick, order(id))
		w.scan("s-1", minutes-4+float64(n), p, protocol.StepPack, order(id), inBag(bag))
	}
	w.bag("s-1", minutes-1, bag, protocol.StepShip, func(b *protocol.BagScanned) { b.Order, b.Waybill = id, "W1" })
	n, err := w.keeper.Deliver(w.ctx, w.tx, id, "carrier", at(minutes))
	require.NoError(w.t, err)
	require.Equal(w.t, len(pieces), n)
	return pieces
}

func scannerDevice() fleet.Device {
	return fleet.Device{ID: "s-1", Role: fleet.Scanner, Place: "w-1", AddedBy: "test", AddedAt: day}
}
