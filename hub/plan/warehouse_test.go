package plan

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/warehouse"
	"meguri/hub/bulk"
	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

const dress = "09520001000010"

func pieceOf(n int) string { return fmt.Sprintf("(01)%s(21)P%d", dress, n) }

// rentalFiles are those of a warehouse with so many pieces of one garment, and orders of two each.
func rentalFiles(pieces, orders int) fstest.MapFS {
	var shelves, items, wanted strings.Builder
	for n := range 10 {
		fmt.Fprintf(&shelves, "S-%d,w-1,%d,100\n", n, 10-n)
	}
	for n := range pieces {
		fmt.Fprintf(&items, "%s,w-1,S-%d,A\n", pieceOf(n), n%10)
	}
	for n := range orders {
		fmt.Fprintf(&wanted, "o-%04d,c-%d,w-1,2026-12-02,%s\no-%04d,c-%d,w-1,2026-12-02,%s\n", n, n, dress, n, n, dress)
	}
	return fstest.MapFS{
		bulk.WarehousesFile:   {Data: []byte("id,gln,name,swap_garment,swap_worst_grade\nw-1,9520001000058,Koto,true,B\n")},
		bulk.ShelvesFile:      {Data: []byte("id,warehouse_id,walk,room\n" + shelves.String())},
		bulk.OperatorsFile:    {Data: []byte("badge,warehouse_id,pin,steps\nop-1,w-1,2468,\nop-2,w-1,,3|4\n")},
		bulk.GarmentsFile:     {Data: []byte("gtin,name\n" + dress + ",Dress\n")},
		bulk.RentalItemsFile:  {Data: []byte("item,warehouse_id,shelf_id,grade\n" + items.String())},
		bulk.RentalOrdersFile: {Data: []byte("order_id,customer_id,warehouse_id,ship_date,gtin\n" + wanted.String())},
	}
}

func openWarehouse(t *testing.T, url string, pieces, orders int) *store.Store {
	t.Helper()
	s := storetest.Open(t, url)
	k := &rental.Keeper{}
	done, err := k.Import(t.Context(), s, bulk.ReadRental(rentalFiles(pieces, orders)), "test", at(-48, 0))
	require.NoError(t, err)
	require.Zero(t, done.Refuse)
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
		for n := range orders {
			if _, err := k.AllocateOrder(t.Context(), tx, fmt.Sprintf("o-%04d", n), at(48, 0), "test", at(8, 0)); err != nil {
				return err
			}
		}
		return nil
	}))
	return s
}

func partsOf(t *testing.T, s *store.Store, now time.Time) map[string][]byte {
	t.Helper()
	var parts map[string][]byte
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) (err error) {
		parts, err = Build(t.Context(), tx, RoleScanner, "w-1", rentalKnown, now)
		return err
	}))
	require.LessOrEqual(t, len(parts), protocol.MaxParts)
	return parts
}

// joined is what a scanner makes of the lists.
func joined(t *testing.T, parts map[string][]byte) (all protocol.WarehousePlan) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		if strings.HasPrefix(name, "warehouse/") {
			var part protocol.WarehousePlan
			require.NoError(t, protocol.DecodeBody(parts[name], &part), name)
			require.Equal(t, "w-1", part.Position)
			all = warehouse.Join(all, part)
		}
	}
	return all
}

// changed names the parts of one plan that another does not have.
func changed(is, was map[string][]byte) (names []string) {
	for name, body := range is {
		if !bytes.Equal(body, was[name]) {
			names = append(names, name)
		}
	}
	return names
}

func TestScannersOfAWarehouseGetItsLists(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := openWarehouse(t, empty(), 40, 3)
		parts := partsOf(t, s, at(9, 0))
		lists := joined(t, parts)
		require.Equal(t, "2026-12-02", lists.Date)
		require.Equal(t, protocol.SwapRule{SameGarment: true, Worst: protocol.GradeB}, lists.Swaps)
		require.Equal(t, protocol.CheckPIN("2468", lists.Operators[0].Salt), lists.Operators[0].Check)
		require.Equal(t, protocol.Operator{Badge: "op-2", Steps: []protocol.Step{3, 4}}, lists.Operators[1])
		require.Len(t, lists.Operators, 2)
		require.Equal(t, "S-9", lists.Shelves[0].Place, "in the order of the walk")
		require.Len(t, lists.Orders, 3)
		require.ElementsMatch(t, []string{"0001", "0002", "0003"}, []string{lists.Orders[0].Tote, lists.Orders[1].Tote, lists.Orders[2].Tote})
		for _, o := range lists.Orders {
			require.Greater(t, o.Lines[0].Shelf, o.Lines[1].Shelf, "shelves are walked from 9 to 0")
		}
		known := map[string]protocol.KnownItem{}
		for name, body := range parts {
			if strings.HasPrefix(name, "items/w-1/") {
				var part protocol.ItemsPlan
				require.NoError(t, protocol.DecodeBody(body, &part))
				for _, i := range part.Items {
					require.NotContains(t, known, i.Item, "in one part only")
					known[i.Item] = i
				}
			}
		}
		require.Len(t, known, 40)
		one := lists.Orders[0].Lines[0].Item
		require.Equal(t, lists.Orders[0].Order, known[one].Order)
		require.True(t, known[one].Fit && known[one].Clean && known[one].Custody == protocol.Shelved)
		require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) error {
			old, err := Build(t.Context(), tx, RoleScanner, "w-1", rentalKnown-1, at(9, 0))
			require.Empty(t, old, "an agent of before knows of no warehouse")
			return err
		}))
	})
}

// TestTheListsOfALargeWarehouseAreWhole: 5,000 shelves, 1,500 orders of three pieces for tomorrow, and as many bags out for ten days.
func TestTheListsOfALargeWarehouseAreWhole(t *testing.T) {
	b := &builder{parts: map[string][]byte{}}
	var shelves []bulk.Shelf
	for n := range 5000 {
		shelves = append(shelves, bulk.Shelf{ID: fmt.Sprintf("R%02d-%03d", n/100, n%100), Room: 60})
	}
	var orders []protocol.PickOrder
	var bags []protocol.ExpectedBag
	for n := range 15_000 {
		bag := protocol.ExpectedBag{Bag: fmt.Sprintf("%018d", n), Order: fmt.Sprintf("rental-order-%06d", n)}
		o := protocol.PickOrder{Order: bag.Order, Tote: fmt.Sprintf("%04d", n%10000)}
		for m := range 3 {
			bag.Items = append(bag.Items, pieceOf(100_000+3*n+m))
			o.Lines = append(o.Lines, protocol.PickLine{Item: pieceOf(3*n + m), Shelf: shelves[n%len(shelves)].ID})
		}
		if bags = append(bags, bag); n < 1500 {
			orders = append(orders, o)
		}
	}
	require.NoError(t, b.shelves("w-1", shelves))
	require.NoError(t, cut(b, "w-1/orders", orders, orderChunks, func(o protocol.PickOrder) string { return o.Order },
		func(p *protocol.WarehousePlan, all []protocol.PickOrder) { p.Orders = all }))
	require.NoError(t, cut(b, "w-1/bags", bags, bagChunks, func(e protocol.ExpectedBag) string { return e.Bag },
		func(p *protocol.WarehousePlan, all []protocol.ExpectedBag) { p.Bags = all }))
	all := joined(t, b.parts)
	require.Len(t, all.Orders, len(orders))
	require.Len(t, all.Bags, len(bags))
	require.Len(t, all.Shelves, len(shelves))
	for n, s := range all.Shelves {
		require.Equal(t, shelves[n].ID, s.Place, "in the order of the walk")
	}
	require.LessOrEqual(t, 1+shelfChunks+orderChunks+bagChunks+restChunks+moveChunks, protocol.MaxParts)
}

func TestAScanChangesFewPartsOfAWarehouse(t *testing.T) {
	s := openWarehouse(t, storetest.SQLite(t), 1000, 0)
	before := partsOf(t, s, at(9, 0))
	require.Equal(t, 16+2, len(before), "1000 pieces stand still in 16 chunks, beside people and shelves")
	for _, body := range before {
		require.LessOrEqual(t, len(body), protocol.MaxPart)
	}
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
		return (&rental.Keeper{}).Item(t.Context(), tx, rental.Source{Device: "s-1/1", Number: 1, Warehouse: "w-1", At: at(9, 1), Recorded: at(9, 1)},
			protocol.ItemScanned{Item: pieceOf(7), Step: protocol.StepQuarantine, Verdict: 1})
	}))
	after := partsOf(t, s, at(9, 5))
	require.Len(t, changed(after, before), 2, "the chunk that it leaves, and the one that it comes to")
	require.Empty(t, changed(partsOf(t, s, at(20, 0)), after), "and nothing because time passes by day")
}
