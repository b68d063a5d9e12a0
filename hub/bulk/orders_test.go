package bulk_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/order"
)

const orderHeader = "order_id,delivery_date,customer_id,location_id,product_id,quantity\n"

var cutoff = time.Date(2026, 11, 30, 17, 0, 0, 0, time.UTC)

func known() bulk.Known {
	return bulk.Known{
		Products: map[string]bool{"a-cold": true, "b-cold": true},
		Deliveries: map[bulk.Visit]bulk.Taking{
			{LocationID: "loc-1", Date: "2026-12-01"}: {Cutoff: cutoff}, {LocationID: "loc-2", Date: "2026-12-01"}: {Cutoff: cutoff.Add(-time.Hour)},
			{LocationID: "loc-1", Date: "2026-12-02"}: {Cutoff: cutoff.AddDate(0, 0, 1)},
		},
	}
}

func read(text string) ([]bulk.Row[order.Request], error) {
	orders, _, err := bulk.ReadOrders(strings.NewReader(text), "orders.csv", known())
	return orders, err
}

func TestRowsOfOneOrderFollowEachOther(t *testing.T) {
	orders, err := read(orderHeader + "o-2,2026-12-01,m-1,loc-1,b-cold,2\no-2,2026-12-01,m-1,loc-1,a-cold,1\no-2,2026-12-01,m-1,loc-1,b-cold,1\no-1,2026-12-02,m-1,loc-1,a-cold,1\n")
	require.NoError(t, err)
	require.Equal(t, []bulk.Row[order.Request]{
		{Line: 2, V: order.Request{ID: "o-2", DeliveryDate: "2026-12-01", CustomerID: "m-1", LocationID: "loc-1",
			Lines: []order.Line{{ProductID: "b-cold", Quantity: 2}, {ProductID: "a-cold", Quantity: 1}, {ProductID: "b-cold", Quantity: 1}}}},
		{Line: 5, V: order.Request{ID: "o-1", DeliveryDate: "2026-12-02", CustomerID: "m-1", LocationID: "loc-1",
			Lines: []order.Line{{ProductID: "a-cold", Quantity: 1}}}},
	}, orders)
}

func TestWrongOrdersAreToldWithRowAndColumn(t *testing.T) {
	const good = "o-1,2026-12-01,m-1,loc-1,a-cold,1\n"
	for rule, c := range map[string]struct{ text, want string }{
		"missing column":       {strings.Replace(orderHeader, "quantity", "count", 1) + good, "orders.csv, row 1, column quantity: want this column"},
		"unknown product":      {orderHeader + good + "o-2,2026-12-01,m-1,loc-1,melon,1\n", `orders.csv, row 3, column product_id: "melon": want an imported product`},
		"unknown delivery":     {orderHeader + "o-1,2026-12-02,m-1,loc-2,a-cold,1\n", `orders.csv, row 2, column location_id: "loc-2": want a location with an imported delivery on 2026-12-02`},
		"no units":             {orderHeader + "o-1,2026-12-01,m-1,loc-1,a-cold,0\n", `orders.csv, row 2, column quantity: "0": want a whole number from 1 to 1000`},
		"negative units":       {orderHeader + "o-1,2026-12-01,m-1,loc-1,a-cold,-3\n", `orders.csv, row 2, column quantity: "-3"`},
		"duplicate id":         {orderHeader + good + "o-2,2026-12-01,m-1,loc-1,a-cold,1\n" + good, `orders.csv, row 4, column order_id: "o-1": want an id that no other row has (row 2 has it)`},
		"broken UTF-8":         {orderHeader + "o-1,2026-12-01,m-\xe3\x81,loc-1,a-cold,1\n", `orders.csv, row 2, column customer_id: "m-\xe3\x81": want text in UTF-8`},
		"date":                 {orderHeader + "o-1,01.12.2026,m-1,loc-1,a-cold,1\n", `orders.csv, row 2, column delivery_date: "01.12.2026": want a date YYYY-MM-DD`},
		"order of two dates":   {orderHeader + good + "o-1,2026-12-02,m-1,loc-1,a-cold,1\n", `orders.csv, row 3, column delivery_date: "2026-12-02": want 2026-12-01 as in the order's row before`},
		"order of two persons": {orderHeader + good + "o-1,2026-12-01,m-2,loc-1,a-cold,1\n", `orders.csv, row 3, column customer_id`},
		"order to two places":  {orderHeader + good + "o-1,2026-12-01,m-1,loc-2,a-cold,1\n", `orders.csv, row 3, column location_id`},
		"too many lines":       {orderHeader + strings.Repeat(good, 201), `orders.csv, row 202, column order_id: "o-1": want 1 to 200 lines`},
		"too few fields":       {orderHeader + "o-1,2026-12-01\n", "orders.csv, row 2: want 6 fields as in the header, has 2"},
		"nothing":              {"", "orders.csv, row 1: want a header"},
	} {
		_, err := read(c.text)
		require.ErrorContains(t, err, c.want, rule)
	}
}

// service is an order service that accepts everything but a product.
type service struct {
	stored map[string]order.Order
	groups [][]order.Arrival
	err    error
}

func (s *service) Get(_ context.Context, id string) (order.Order, error) {
	if o, ok := s.stored[id]; ok {
		return o, nil
	}
	return order.Order{}, order.ErrNotFound
}

func (s *service) PlaceGroup(_ context.Context, arrivals []order.Arrival) ([]order.Result, error) {
	if s.err != nil {
		return nil, s.err
	}
	s.groups = append(s.groups, arrivals)
	var results []order.Result
	for _, a := range arrivals {
		o := order.Order{Request: a.Request, State: order.Accepted}
		if a.Request.Lines[0].ProductID == "b-cold" {
			o.State, o.Limit, o.What = order.Refused, "shipper", "shop-b"
		}
		s.stored[a.Request.ID] = o
		results = append(results, order.Result{Outcome: o.Outcome()})
	}
	return results, nil
}

const threeOrders = orderHeader + "o-1,2026-12-01,m-1,loc-1,a-cold,1\no-2,2026-12-01,m-1,loc-2,b-cold,1\no-3,2026-12-02,m-1,loc-1,a-cold,1\n"

// imported is after every cutoff of the tests.
var imported = cutoff.AddDate(0, 0, 7)

func TestOrdersThatComeBeforeTheCutoffArriveWhenTheyAreImported(t *testing.T) {
	rows, err := read(threeOrders)
	require.NoError(t, err)
	s := &service{stored: map[string]order.Order{}}
	now := cutoff.Add(-time.Hour - time.Minute)
	_, err = bulk.PlaceOrders(t.Context(), s, "orders.csv", rows, known(), "somebody", now)
	require.NoError(t, err)
	require.Equal(t, now, s.groups[0][1].At)
}

func TestOrdersArePlacedInTheFilesOrderJustBeforeTheirCutoff(t *testing.T) {
	rows, err := read(threeOrders)
	require.NoError(t, err)
	s := &service{stored: map[string]order.Order{}}
	p, err := bulk.PlaceOrders(t.Context(), s, "orders.csv", rows, known(), "somebody", imported)
	require.NoError(t, err)
	require.Len(t, s.groups, 2, "one transaction is for one date")
	require.Equal(t, order.Arrival{Request: rows[1].V, At: cutoff.Add(-time.Hour - time.Millisecond), By: "somebody"}, s.groups[0][1])
	require.Equal(t, []int{3, 2, 1, 0}, []int{p.New, p.Accepted(), p.Refused("shipper"), p.Refused("address")})

	var out bytes.Buffer
	require.NoError(t, p.Write(&out))
	require.Equal(t, "order_id,delivery_date,outcome,limit\no-1,2026-12-01,accepted,\no-2,2026-12-01,refused,shipper\no-3,2026-12-02,accepted,\n", out.String())

	again, err := bulk.PlaceOrders(t.Context(), s, "orders.csv", rows, known(), "somebody", imported)
	require.NoError(t, err)
	require.Len(t, s.groups, 2, "what was decided is not placed again")
	require.Zero(t, again.New)
	require.Equal(t, p.Outcomes, again.Outcomes)
}

func TestNothingIsPlacedWhenOneOrderCannotBe(t *testing.T) {
	rows, err := read(threeOrders)
	require.NoError(t, err)
	other := rows[0].V
	other.CustomerID = "m-2"
	s := &service{stored: map[string]order.Order{"o-1": {Request: other, State: order.Accepted}}}
	k := known()
	k.Deliveries[bulk.Visit{LocationID: "loc-1", Date: "2026-12-02"}] = bulk.Taking{Cutoff: cutoff, Frozen: true}
	_, err = bulk.PlaceOrders(t.Context(), s, "orders.csv", rows, k, "somebody", imported)
	require.EqualError(t, err, `orders.csv, row 2, column order_id: "o-1": want an id that no order with other content has`+"\n"+
		`orders.csv, row 4, column delivery_date: "2026-12-02": want a date whose numbering is not frozen`)
	require.Empty(t, s.groups)
}

func TestAFailureOfTheServiceIsPassedOn(t *testing.T) {
	rows, err := read(threeOrders)
	require.NoError(t, err)
	s := &service{err: errors.New("disk full")}
	_, err = bulk.PlaceOrders(t.Context(), s, "orders.csv", rows, known(), "somebody", imported)
	require.ErrorContains(t, err, "disk full")
}

// FuzzReadOrders: whatever stands in a file, reading it ends, and an accepted order is one that the service could take.
func FuzzReadOrders(f *testing.F) {
	f.Add(threeOrders)
	f.Add("\xef\xbb\xbf" + strings.ReplaceAll(threeOrders, "\n", "\r\n"))
	f.Add(orderHeader + "o-1,2026-12-01,m-1,\"loc-1,a-cold,1\n")
	f.Fuzz(func(t *testing.T, text string) {
		orders, err := read(text)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		for _, o := range orders {
			require.NoError(t, o.V.Check())
			require.Positive(t, o.Line)
		}
	})
}
