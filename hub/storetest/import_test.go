package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/order"
	"meguri/hub/store"
)

func importNetwork(t *testing.T, s *store.Store, n bulk.Network) (done bulk.Imported, err error) {
	err = s.Change(t.Context(), func(tx *store.Tx) error {
		done, err = tx.ImportNetwork(t.Context(), n)
		return err
	})
	return done, err
}

// loaded is what numbering gets to know of the date.
func loaded(t *testing.T, s *store.Store) order.Date {
	d, err := read(t, s, func(tx *store.Tx) (order.Date, error) { return tx.Date(t.Context(), date) })
	require.NoError(t, err)
	return d
}

func TestImport(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		for _, c := range []struct {
			rule string
			test func(*testing.T, func() string)
		}{
			{"what is imported is what numbering gets", importIsLoaded},
			{"importing again changes nothing but the revision", importAgain},
			{"changed rows are changed", importChanges},
			{"what numbered containers need cannot change, and then nothing does", importInUse},
			{"other measures are taken where all that is numbered still fits, and what it takes is summed anew", importRemeasures},
			{"measures with which what is numbered does not fit are refused with row, column, date and container", importDoesNotFit},
			{"dates with numbered containers keep their runs, others get them anew", importKeepsRuns},
			{"the schedule of a frozen date cannot change", importFrozen},
			{"keys of other rows in the database are told", importKeys},
			{"a second network stands beside the first", importSecond},
			{"what orders may refer to is what is imported", importKnown},
		} {
			t.Run(c.rule, func(t *testing.T) { c.test(t, empty) })
		}
	})
}

func importIsLoaded(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	n, d := Network(t), loaded(t, s)
	require.False(t, d.Mark.Frozen)
	require.Empty(t, d.Orders)
	require.Equal(t, []string{"loc-1", "loc-2"}, d.Network.Locations)
	require.Equal(t, n.Categories[1].V.ID, d.Network.Categories[1].ID)
	require.ElementsMatch(t, n.Categories[1].V.FridgeKinds, d.Network.Categories[1].FridgeKinds)
	for i, p := range n.Products {
		require.Equal(t, p.V, d.Network.Products[i])
	}
	for i, slot := range n.Slots {
		require.Equal(t, slot.V, d.Network.Slots[i])
	}
	for i, a := range n.Addresses {
		require.Equal(t, a.V, d.Network.Addresses[i])
	}
	for i, shop := range n.Shops { // numbering has no use for names
		require.Equal(t, shop.V.SpotID, d.Network.Shops[i].SpotID)
	}
	runs, err := n.Schedule(date)
	require.NoError(t, err)
	require.Equal(t, append(runs[0].Calls, runs[1].Calls...), d.Network.Calls)
	require.Equal(t, append(runs[0].Aboard, runs[1].Aboard...), d.Network.Aboard)
	for _, one := range n.Deliveries[:2] {
		require.Equal(t, one.V.OrderCutoff.UTC(), d.Cutoffs[one.V.LocationID])
	}
	run, err := read(t, s, func(tx *store.Tx) (time.Time, error) {
		r, err := tx.Run(t.Context(), "route-1@"+date)
		return r.Stops[0].PlannedAt, err
	})
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, 11, 30, 21, 30, 0, 0, time.UTC), run, "06:30 in Tokyo")
}

func importAgain(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	first := loaded(t, s)
	done, err := importNetwork(t, s, Network(t))
	require.NoError(t, err)
	require.Equal(t, bulk.Imported{Dates: 2}, done)
	second := loaded(t, s)
	require.Equal(t, first.Mark.Revision+1, second.Mark.Revision, "owners in memory have to look again")
	second.Mark.Revision = first.Mark.Revision
	require.Equal(t, first, second)
}

func importChanges(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	_, err := importNetwork(t, s, Network(t, bulk.ProductsFile, "cold,400,20", "cold,450,25", bulk.CategoriesFile, "refrigerated|shelf", "shelf",
		bulk.StopsFile, "route-1,2,collect,spot-2,07:00\n", "", bulk.ShippersFile, "cold,2", "cold,5", bulk.LimitsFile, "shipper,0,8.5", "shipper,0,7"))
	require.NoError(t, err)
	d := loaded(t, s)
	require.Equal(t, int64(450), d.Network.Products[0].VolumeML)
	require.Equal(t, []string{"shelf"}, d.Network.Categories[1].FridgeKinds)
	require.Len(t, d.Network.Calls, 2, "the run no longer collects at spot-2")
	require.Equal(t, int64(5), d.Network.Aboard[0].Containers)
}

func importInUse(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	require.Equal(t, order.Accepted, place(t, order.NewService(s.Orders()), request("o-1", "a-cold", 1, "b-cold", 1)).State)
	was := loaded(t, s)
	for _, c := range []struct{ file, old, new, want string }{
		{bulk.SlotsFile, "loc-1-f1-s1,loc-1-f1,1000", "loc-1-f1-s1,loc-1-f1,500", "slots.csv, row 2: want no change"},
		{bulk.ShippersFile, "cold,2", "cold,1", "shippers.csv, row 2: want no change"},
		{bulk.ProductsFile, "shop-b,9520001000041,cold", "shop-b,9520001000041,dry", "products.csv, row 5: want no change"},
		{bulk.ShopsFile, "馬場青果店,spot-2", "馬場青果店,spot-1", "shops.csv, row 3: want no change"},
		{bulk.CategoriesFile, "cold,refrigerated", "cold,shelf", "temperature_categories.csv, row 2: want no change"},
		{bulk.AddressesFile, "spot-2-1,spot-2,spot-2-f1", "spot-2-1,spot-1,spot-1-f1", "collection_addresses.csv, row 5: want no change"},
	} {
		// Each with a change that could be made, to see it undone.
		_, err := importNetwork(t, s, Network(t, bulk.SpotsFile, "西の集荷場", "南の集荷場", c.file, c.old, c.new))
		require.ErrorContains(t, err, c.want)
		require.ErrorAs(t, err, new(bulk.Problem))
	}
	require.Equal(t, was, loaded(t, s))
}

// measured are the small network's products and slots with all measures that can be given.
var measured = []string{bulk.ProductsFile, "sales_limit_per_day\n", "sales_limit_per_day,weight_g,length_mm,width_mm,height_mm,no_stacking\n",
	bulk.ProductsFile, "cold,400,20\na-dry", "cold,400,20,500,100,100,50,\na-dry", bulk.ProductsFile, "dry,400,20\n", "dry,400,20,,,,,\n",
	bulk.ProductsFile, "cold,100,3\n", "cold,100,3,,,,,\n", bulk.ProductsFile, "cold,400,20\n", "cold,400,20,,,,,\n",
	bulk.SlotsFile, "capacity_ml\n", "capacity_ml,max_weight_g,fill_percent,length_mm,width_mm,height_mm\n",
	bulk.SlotsFile, "s1,loc-1-f1,1000\n", "s1,loc-1-f1,1000,1000,,150,100,200\n", bulk.SlotsFile, "s2,loc-1-f1,1000\n", "s2,loc-1-f1,1000,,,,,\n",
	bulk.SlotsFile, "s1,loc-1-f2,1000\n", "s1,loc-1-f2,1000,,,,,\n", bulk.SlotsFile, "s1,loc-2-f1,1000\n", "s1,loc-2-f1,1000,,,,,\n",
	bulk.SlotsFile, "s2,loc-2-f1,1000\n", "s2,loc-2-f1,1000,,,,,\n"}

func importMeasured(t *testing.T, s *store.Store, replace ...string) error {
	t.Helper()
	_, err := importNetwork(t, s, Network(t, append(slices.Clone(measured), replace...)...))
	return err
}

func importRemeasures(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty, measured...)
	service := order.NewService(s.Orders())
	require.Equal(t, order.Accepted, place(t, service, request("o-1", "a-cold", 2)).State)
	was := loaded(t, s)
	require.NoError(t, importMeasured(t, s, bulk.ProductsFile, "cold,400,20,500,100", "cold,450,20,400,90"))
	is := loaded(t, s)
	require.Equal(t, int64(900), is.State.Containers[0].UsedML)
	require.Equal(t, was.State.Items, is.State.Items)
	_, err := service.Cancel(t.Context(), "o-1", "office", "", before)
	require.NoError(t, err)
	require.Empty(t, loaded(t, s).State.Containers)

	require.Equal(t, order.Accepted, place(t, service, request("o-2", "a-cold", 2)).State)
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error { return tx.Freeze(t.Context(), date, before) }))
	was = loaded(t, s)
	require.NoError(t, importMeasured(t, s, bulk.ProductsFile, "cold,400,20,500", "cold,300,20,500"))
	is = loaded(t, s)
	require.Equal(t, int64(600), is.State.Containers[0].UsedML, "a frozen date is stored, too")
	require.Equal(t, was.Mark.Revision+1, is.Mark.Revision)
	require.Error(t, importMeasured(t, s, bulk.ProductsFile, "cold,400,20,500", "cold,600,20,500"))

	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
		for _, location := range []string{"loc-1", "loc-2"} {
			if _, err := tx.CloseDelivery(t.Context(), date, location, before); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, importMeasured(t, s, bulk.ProductsFile, "cold,400,20,500", "cold,600,20,500"), "what is over is no reason")
	require.Equal(t, int64(600), loaded(t, s).State.Containers[0].UsedML, "and stays as it was")
}

func importDoesNotFit(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty, measured...)
	service := order.NewService(s.Orders())
	require.Equal(t, order.Accepted, place(t, service, request("o-1", "a-cold", 2)).State)
	was := loaded(t, s)
	for _, c := range []struct{ file, old, new, want string }{
		{bulk.ProductsFile, "cold,400,20,500", "cold,501,20,500", `products.csv, row 2, column volume_ml: "501": want 400`},
		{bulk.ProductsFile, "cold,400,20,500", "cold,400,20,501", `products.csv, row 2, column weight_g: "501": want 500`},
		{bulk.ProductsFile, "500,100,100,50,", "500,210,100,50,", `products.csv, row 2, column length_mm: "210": want 100`},
		{bulk.ProductsFile, "500,100,100,50,", "500,100,100,50,true", `products.csv, row 2, column no_stacking: "true": want false`},
		{bulk.SlotsFile, "1000,1000,,", "1000,999,,", `slots.csv, row 2, column max_weight_g: "999": want 1000`},
		{bulk.SlotsFile, "1000,1000,,", "1000,1000,79,", `slots.csv, row 2, column fill_percent: "79": want 0`},
		{bulk.SlotsFile, "150,100,200", "90,90,90", `slots.csv, row 2, column length_mm: "90": want 150`},
	} {
		err := importMeasured(t, s, c.file, c.old, c.new)
		require.ErrorContains(t, err, c.want)
		require.ErrorContains(t, err, "until 2026-12-01 is over: ")
		require.ErrorContains(t, err, "dated container C-20261201-0001")
		require.ErrorAs(t, err, new(bulk.Problem))
		require.Equal(t, was, loaded(t, s))
	}
	require.NoError(t, importMeasured(t, s, bulk.SlotsFile, "s2,loc-1-f1,1000,,,", "s2,loc-1-f1,1000,5,5,"), "nothing stands in this slot")
}

func importKeepsRuns(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	require.Equal(t, order.Accepted, place(t, order.NewService(s.Orders()), request("o-1", "a-cold", 1)).State)
	was := loaded(t, s)
	done, err := importNetwork(t, s, Network(t, bulk.StopsFile, "route-1,2,collect,spot-2,07:00\n", ""))
	require.NoError(t, err)
	require.Equal(t, bulk.Imported{Dates: 2, RunsKept: 1}, done)
	require.Equal(t, was.Network.Calls, loaded(t, s).Network.Calls)
	next, err := read(t, s, func(tx *store.Tx) (order.Date, error) { return tx.Date(t.Context(), "2026-12-02") })
	require.NoError(t, err)
	require.Len(t, next.Network.Calls, 2)
}

func importFrozen(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error { return tx.Freeze(t.Context(), date, before) }))
	_, err := importNetwork(t, s, Network(t))
	require.NoError(t, err)
	_, err = importNetwork(t, s, Network(t, bulk.DeliveriesFile, "2026-12-01T17:00:00", "2026-12-01T18:00:00"))
	require.ErrorContains(t, err, "deliveries.csv, row 2: want the times that the database has")
	_, err = importNetwork(t, s, Network(t, bulk.DeliveriesFile, "2026-12-02T17:00:00", "2026-12-02T18:00:00"))
	require.NoError(t, err)
}

func importKeys(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	files := Files()
	files[bulk.ProductsFile] += "x-1,新品,shop-a,9520001000058,cold,100,5\n"
	first, err := bulk.ReadNetwork(FS(files))
	require.NoError(t, err)
	Import(t, s, first)
	files[bulk.ProductsFile] = Files()[bulk.ProductsFile] + "x-2,新品,shop-a,9520001000058,cold,100,5\n"
	second, err := bulk.ReadNetwork(FS(files))
	require.NoError(t, err)
	_, err = importNetwork(t, s, second)
	require.ErrorContains(t, err, "products.csv, row 6: want keys that no other row of the database has")
}

func importSecond(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	files := Files()
	files[bulk.RoutesFile] = "id,vehicle_id,driver_id\nroute-3,vehicle-3,driver-3\n"
	files[bulk.StopsFile] = "route_id,sequence,kind,place_id,planned_at\nroute-3,1,collect,spot-2,06:40\nroute-3,2,deliver,loc-2,09:00\n"
	files[bulk.ShippersFile] = "id,vehicle_id,temperature_category,capacity_containers,grai\nbox-3-cold,vehicle-3,cold,1,09520001000041\n"
	n, err := bulk.ReadNetwork(FS(files))
	require.NoError(t, err)
	Import(t, s, n)
	d := loaded(t, s)
	require.Len(t, d.Network.Calls, 4)
	require.Len(t, d.Network.Aboard, 4)
}

func importKnown(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error { return tx.Freeze(t.Context(), date, before) }))
	known, err := read(t, s, func(tx *store.Tx) (bulk.Known, error) { return tx.KnownToOrders(t.Context()) })
	require.NoError(t, err)
	cutoff := time.Date(2026, 11, 30, 17, 0, 0, 0, time.UTC)
	require.Equal(t, bulk.Known{
		Products: map[string]bool{"a-cold": true, "a-dry": true, "a-rare": true, "b-cold": true},
		Deliveries: map[bulk.Visit]bulk.Taking{
			{LocationID: "loc-1", Date: date}:         {Cutoff: cutoff, Frozen: true},
			{LocationID: "loc-2", Date: date}:         {Cutoff: cutoff.Add(-time.Hour), Frozen: true},
			{LocationID: "loc-1", Date: "2026-12-02"}: {Cutoff: cutoff.AddDate(0, 0, 1)},
		},
	}, known)
}
