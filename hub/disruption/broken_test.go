package disruption_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/capacity"
	"meguri/hub/disruption"
	"meguri/hub/order"
	"meguri/hub/storetest"
)

func TestADeliveryWithBrokenRowsIsCalledOff(t *testing.T) {
	for rule, statement := range map[string]string{
		"a sum that is not":          "UPDATE dated_containers SET used_ml = used_ml + 1",
		"a run that is not":          "UPDATE dated_containers SET run_id = 'route-9@2026-12-01' WHERE location_id = 'loc-1'",
		"an item that is lost":       "DELETE FROM order_items WHERE order_id = 'o-1' AND line = 1",
		"a container that is lost":   "DELETE FROM dated_containers WHERE shop_id = 'shop-b'",
		"an order that is cancelled": "UPDATE orders SET state = 'cancelled' WHERE id = 'o-3'",
	} {
		t.Run(rule, func(t *testing.T) {
			url := storetest.SQLite(t)
			s := open(t, url)
			s.place("o-1", "loc-1", "a-cold", 1, "b-cold", 1)
			s.place("o-2", "loc-2", "a-cold", 1)
			s.place("o-3", "loc-1", "a-cold", 1)
			storetest.Break(t, url, statement)
			look := s.act()
			look.Apply = false
			out := order.Out{Kind: order.OutLocation, ID: "loc-1"}
			preview, err := s.service.CallOff(s.Context(), date, out, look)
			require.NoError(t, err)
			do := s.act()
			do.Expect = preview.Mark()
			r, err := s.service.CallOff(s.Context(), date, out, do)
			require.NoError(t, err)
			require.Equal(t, preview.CalledOff, r.CalledOff)
			require.Equal(t, order.CalledOff, s.get("o-1").State)
			require.Empty(t, s.get("o-1").Items)
			require.Empty(t, s.get("o-3").Items)
			require.Equal(t, order.Accepted, s.get("o-2").State)
			require.Len(t, s.get("o-2").Items, 1)
			require.Len(t, s.notices(), len(r.CalledOff))
		})
	}
}

func TestOnABrokenDateARunIsCalledOffWithAllThatRidesInIt(t *testing.T) {
	url := storetest.SQLite(t)
	s := open(t, url)
	s.place("o-1", "loc-1", "a-cold", 1)
	s.place("o-2", "loc-2", "a-cold", 1)
	storetest.Break(t, url, "UPDATE dated_containers SET used_ml = used_ml + 1 WHERE location_id = 'loc-2'")
	r, err := s.service.CallOff(s.Context(), date, order.Out{Kind: order.OutRun, ID: "route-1@" + date}, s.act())
	require.NoError(t, err)
	require.Equal(t, []disruption.Gone{{OrderID: "o-1", LocationID: "loc-1", Units: 1}}, r.CalledOff)
	require.Empty(t, s.get("o-1").Items)
}

func TestWhatHasToNumberAnewSaysWhatIsBroken(t *testing.T) {
	url := storetest.SQLite(t)
	s := open(t, url)
	s.place("o-1", "loc-1", "a-cold", 1)
	storetest.Break(t, url, "UPDATE dated_containers SET used_ml = used_ml + 1")
	_, err := s.service.TakeOut(s.Context(), date, slot1, s.act())
	require.ErrorAs(t, err, new(*capacity.BrokenError))
	_, err = s.service.Limit(s.Context(), date, "a-cold", 0, true, s.act())
	require.ErrorAs(t, err, new(*capacity.BrokenError))
}
