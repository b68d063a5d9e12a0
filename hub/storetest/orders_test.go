package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/order"
	"meguri/hub/store"
)

const date = "2026-12-01"

// before is a time before the cutoffs of the small network's first date.
var before = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// fresh is a database with the small network, and its URL.
func fresh(t *testing.T, empty func() string, replace ...string) (*store.Store, string) {
	url := empty()
	s := Open(t, url)
	Import(t, s, Network(t, replace...))
	return s, url
}

// request asks for products at loc-1: product, quantity, product, quantity.
func request(id string, of ...any) order.Request {
	r := order.Request{ID: id, DeliveryDate: date, LocationID: "loc-1", CustomerID: "member-1"}
	for i := 0; i+1 < len(of); i += 2 {
		r.Lines = append(r.Lines, order.Line{ProductID: of[i].(string), Quantity: int64(of[i+1].(int))})
	}
	return r
}

func place(t *testing.T, s *order.Service, r order.Request) order.Outcome {
	t.Helper()
	o, err := s.Place(t.Context(), r, before, "person-1")
	require.NoError(t, err)
	return o
}

func TestOrders(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		for _, c := range []struct {
			rule string
			test func(*testing.T, func() string)
		}{
			{"an accepted order is stored with its assignments", acceptedIsStored},
			{"a refused order is stored with its limit and takes nothing", refusedIsStored},
			{"the same request again gets the same outcome, another with its id a conflict", repeats},
			{"after the cutoff and when the date is frozen nothing is taken", cutoffs},
			{"what the network lacks is told by field", unknowns},
			{"a new service goes on where the last one stopped", restart},
			{"a changed network is known to a running service", importMeanwhile},
			{"orders of a group are decided one after the other", groups},
			{"twenty racing for the last place: one gets it", raceOneService},
			{"twenty racing in two processes for the last places: none is sold twice", raceTwoServices},
			{"orders can be listed and counted", lists},
		} {
			t.Run(c.rule, func(t *testing.T) { c.test(t, empty) })
		}
	})
}

func acceptedIsStored(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	service := order.NewService(s.Orders())
	r := request("o-1", "b-cold", 2, "a-cold", 1)
	require.Equal(t, order.Outcome{OrderID: "o-1", DeliveryDate: date, State: order.Accepted}, place(t, service, r))
	require.Equal(t, order.Accepted, place(t, service, request("o-2", "a-rare", 1)).State)

	o, err := service.Get(t.Context(), "o-1")
	require.NoError(t, err)
	b := order.Item{Line: 1, Unit: 1, ProductID: "b-cold", ShopID: "shop-b", Category: "cold", ContainerID: "C-20261201-0001",
		FridgeID: "loc-1-f1", SlotID: "loc-1-f1-s1", RunID: "route-1@2026-12-01", ShipperID: "box-1-cold", AddressID: "spot-2-1"}
	b2 := b
	b2.Unit = 2
	a := order.Item{Line: 2, Unit: 1, ProductID: "a-cold", ShopID: "shop-a", Category: "cold", ContainerID: "C-20261201-0002",
		FridgeID: "loc-1-f1", SlotID: "loc-1-f1-s2", RunID: "route-1@2026-12-01", ShipperID: "box-1-cold", AddressID: "spot-1-1"}
	require.Equal(t, order.Order{Request: r, State: order.Accepted, PlacedBy: "person-1", PlacedAt: before,
		LineStates: make([]order.LineState, 2), Items: []order.Item{b, b2, a}}, o)

	_, err = service.Get(t.Context(), "o-9")
	require.ErrorIs(t, err, order.ErrNotFound)

	left, err := service.Remaining(t.Context(), date)
	require.NoError(t, err)
	require.Equal(t, int64(18), left.Products[3].Left)
	require.Equal(t, int64(500), left.Locations[0].Open[1].FreeML)
	_, err = service.Remaining(t.Context(), "2026-12-25")
	require.ErrorIs(t, err, order.ErrNoDelivery)
}

func refusedIsStored(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	service := order.NewService(s.Orders())
	for i, c := range []struct {
		lines       []any
		limit, what string
	}{
		{[]any{"b-cold", 1, "a-rare", 4}, "sales_limit", "a-rare"},
		{[]any{"a-cold", 2, "b-cold", 4}, "container", "shop-b"},
		{[]any{"b-cold", 3}, "address", "spot-2"},
	} {
		id := fmt.Sprintf("o-%d", i)
		want := order.Outcome{OrderID: id, DeliveryDate: date, State: order.Refused, Limit: "", What: c.what}
		got := place(t, service, request(id, c.lines...))
		want.Limit = got.Limit
		require.Equal(t, c.limit, string(got.Limit))
		require.Equal(t, want, got)
		o, err := service.Get(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, want, o.Outcome())
		require.Empty(t, o.Items)
		require.Len(t, o.Lines, len(c.lines)/2)
	}
	fits := request("o-3", "a-cold", 1)
	fits.LocationID = "loc-2"
	require.Equal(t, order.Accepted, place(t, service, fits).State)
	over := request("o-4", "a-cold", 2)
	over.LocationID = "loc-2"
	require.Equal(t, order.Outcome{OrderID: "o-4", DeliveryDate: date, State: order.Refused, Limit: "shipper", What: "shop-a"}, place(t, service, over))
}

func repeats(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	service := order.NewService(s.Orders())
	first := place(t, service, request("o-1", "a-rare", 3))
	refused := place(t, service, request("o-2", "a-rare", 1))
	first.Repeated, refused.Repeated = true, true
	for name, service := range map[string]*order.Service{"same": service, "new": order.NewService(s.Orders())} {
		require.Equal(t, first, place(t, service, request("o-1", "a-rare", 3)), name)
		require.Equal(t, refused, place(t, service, request("o-2", "a-rare", 1)), name)
		_, err := service.Place(t.Context(), request("o-1", "a-rare", 2), before, "person-1")
		require.ErrorIs(t, err, order.ErrConflict, name)
		other := request("o-1", "a-rare", 3) // an order for another date has the id
		other.DeliveryDate = "2026-12-02"
		_, err = service.Place(t.Context(), other, before, "person-1")
		require.ErrorIs(t, err, order.ErrConflict, name)
		late, err := service.Place(t.Context(), request("o-1", "a-rare", 3), before.AddDate(1, 0, 0), "person-1")
		require.NoError(t, err, "the answer is the same after the cutoff")
		require.Equal(t, first, late, name)
	}
}

func cutoffs(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	service := order.NewService(s.Orders())
	cutoff := time.Date(2026, 11, 30, 17, 0, 0, 0, time.UTC)
	_, err := service.Place(t.Context(), request("o-1", "a-cold", 1), cutoff, "person-1")
	require.ErrorIs(t, err, order.ErrAfterCutoff)
	_, err = service.Place(t.Context(), request("o-1", "a-cold", 1), cutoff.Add(-time.Millisecond), "person-1")
	require.NoError(t, err)
	elsewhere := request("o-2", "a-cold", 1)
	elsewhere.LocationID = "loc-2" // its cutoff is an hour earlier
	_, err = service.Place(t.Context(), elsewhere, cutoff.Add(-time.Hour), "person-1")
	require.ErrorIs(t, err, order.ErrAfterCutoff)

	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error { return tx.Freeze(t.Context(), date, cutoff) }))
	_, err = service.Place(t.Context(), request("o-3", "a-cold", 1), before, "person-1")
	require.ErrorIs(t, err, order.ErrAfterCutoff, "a service that was running learns of it")
	require.True(t, place(t, service, request("o-1", "a-cold", 1)).Repeated)
	_, err = service.Get(t.Context(), "o-3")
	require.ErrorIs(t, err, order.ErrNotFound)
}

func unknowns(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	service := order.NewService(s.Orders())
	at := func(change func(*order.Request)) order.Request {
		r := request("o-1", "a-cold", 1, "b-cold", 1)
		change(&r)
		return r
	}
	for field, r := range map[string]order.Request{
		"order_id":            at(func(r *order.Request) { r.ID = "o 1" }),
		"customer_id":         at(func(r *order.Request) { r.CustomerID = "" }),
		"location_id":         at(func(r *order.Request) { r.LocationID = "loc-9" }),
		"delivery_date":       at(func(r *order.Request) { r.DeliveryDate = "2026-12-25" }),
		"lines":               at(func(r *order.Request) { r.Lines = nil }),
		"lines[1].product_id": at(func(r *order.Request) { r.Lines[1].ProductID = "melon" }),
		"lines[0].quantity":   at(func(r *order.Request) { r.Lines[0].Quantity = 0 }),
	} {
		_, err := service.Place(t.Context(), r, before, "person-1")
		var wrong *order.FieldError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, field, wrong.Field)
	}
	r := request("o-1", "a-cold", 1)
	r.DeliveryDate, r.LocationID = "2026-12-02", "loc-2"
	_, err := service.Place(t.Context(), r, before, "person-1")
	require.ErrorContains(t, err, "want a location with a delivery on 2026-12-02")
	require.Equal(t, order.Accepted, place(t, service, request("o-1", "a-cold", 1)).State)
}

func restart(t *testing.T, empty func() string) {
	s, url := fresh(t, empty)
	require.Equal(t, order.Accepted, place(t, order.NewService(s.Orders()), request("o-1", "a-cold", 1)).State)
	again := order.NewService(Open(t, url).Orders())
	require.Equal(t, order.Accepted, place(t, again, request("o-2", "a-cold", 1)).State)
	one, err := again.Get(t.Context(), "o-1")
	require.NoError(t, err)
	two, err := again.Get(t.Context(), "o-2")
	require.NoError(t, err)
	require.Equal(t, one.Items[0].ContainerID, two.Items[0].ContainerID, "the container has room for both")
}

func importMeanwhile(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	service := order.NewService(s.Orders())
	require.Equal(t, order.Accepted, place(t, service, request("o-1", "a-rare", 2)).State)
	Import(t, s, Network(t, bulk.ProductsFile, "cold,100,3", "cold,100,1"))
	require.Equal(t, "sales_limit", string(place(t, service, request("o-2", "a-rare", 1)).Limit), "the limit is now below what is sold")
	Import(t, s, Network(t, bulk.ProductsFile, "cold,100,3", "cold,100,5"))
	require.Equal(t, order.Accepted, place(t, service, request("o-3", "a-rare", 3)).State)
}

func groups(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	service := order.NewService(s.Orders())
	place(t, service, request("o-0", "a-rare", 1))
	taken := request("x-1", "a-cold", 1)
	taken.DeliveryDate = "2026-12-02"
	place(t, service, taken)
	var arrivals []order.Arrival
	for _, r := range []order.Request{request("o-1", "a-rare", 1), request("o-0", "a-rare", 1), request("o-2", "melon", 1),
		request("o-3", "a-rare", 2), request("o-4", "a-rare", 1), request("o-1", "a-rare", 1), request("x-1", "a-cold", 1)} {
		arrivals = append(arrivals, order.Arrival{Request: r, At: before, By: "person-1"})
	}
	results, err := service.PlaceGroup(t.Context(), arrivals)
	require.NoError(t, err)
	var got []string
	for _, r := range results {
		text := string(r.Outcome.State) + " " + string(r.Outcome.Limit)
		if r.Err != nil {
			text = r.Err.Error()
		} else if r.Outcome.Repeated {
			text = "again " + text
		}
		got = append(got, text)
	}
	require.Equal(t, []string{"accepted ", "again accepted ", `lines[0].product_id: "melon": want the id of a product`,
		"refused sales_limit", "accepted ", "again accepted ", order.ErrConflict.Error()}, got)

	arrivals[0].Request.DeliveryDate = "2026-12-02"
	_, err = service.PlaceGroup(t.Context(), arrivals)
	require.ErrorContains(t, err, "want all for 2026-12-02")
	_, err = service.PlaceGroup(t.Context(), nil)
	require.ErrorContains(t, err, "want 1 to 256")
}

// race places n orders at once, spread over the services, and counts what became of them.
func race(t *testing.T, n int, services []*order.Service, product string) map[order.State]int {
	outcomes := make([]order.Outcome, n)
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			r := request(fmt.Sprintf("o-%02d", i), product, 1)
			outcomes[i], errs[i] = services[i%len(services)].Place(t.Context(), r, before, "person-1")
		})
	}
	all.Wait()
	counts := map[order.State]int{}
	for i, o := range outcomes {
		require.NoError(t, errs[i])
		counts[o.State]++
	}
	return counts
}

func raceOneService(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty, bulk.ProductsFile, "cold,100,3", "cold,100,1")
	require.Equal(t, map[order.State]int{order.Accepted: 1, order.Refused: 19},
		race(t, 20, []*order.Service{order.NewService(s.Orders())}, "a-rare"))
}

func raceTwoServices(t *testing.T, empty func() string) {
	s, url := fresh(t, empty)
	services := []*order.Service{order.NewService(s.Orders()), order.NewService(Open(t, url).Orders())}
	// Two units fit into a container of shop-b, and there is one address for it.
	require.Equal(t, map[order.State]int{order.Accepted: 2, order.Refused: 18}, race(t, 20, services, "b-cold"))
	counts, err := read(t, s, func(tx *store.Tx) ([]order.Order, error) {
		return tx.ListOrders(t.Context(), order.Filter{Date: date, State: order.Accepted})
	})
	require.NoError(t, err)
	require.Len(t, counts, 2)
	mark, err := read(t, s, func(tx *store.Tx) (order.Mark, error) { return tx.DateMark(t.Context(), date) })
	require.NoError(t, err)
	require.Positive(t, mark.Revision)
	require.LessOrEqual(t, mark.Revision, int64(20), "each group of orders has raised it once")
	require.LessOrEqual(t, mark.Epoch, mark.Revision, "and who was first to write since it loaded took an epoch")
}

// read is what fn reads.
func read[T any](t *testing.T, s *store.Store, fn func(*store.Tx) (T, error)) (v T, err error) {
	err = s.Read(t.Context(), func(tx *store.Tx) error {
		v, err = fn(tx)
		return err
	})
	return v, err
}

func lists(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	service := order.NewService(s.Orders())
	for i := range 4 {
		place(t, service, request(fmt.Sprintf("o-%d", i), "a-rare", 1))
	}
	ids := func(f order.Filter) (ids []string) {
		all, err := read(t, s, func(tx *store.Tx) ([]order.Order, error) { return tx.ListOrders(t.Context(), f) })
		require.NoError(t, err)
		for _, o := range all {
			ids = append(ids, o.ID)
		}
		return ids
	}
	require.Equal(t, []string{"o-0", "o-1", "o-2", "o-3"}, ids(order.Filter{}))
	require.Equal(t, []string{"o-3"}, ids(order.Filter{Date: date, State: order.Refused}))
	require.Equal(t, []string{"o-1", "o-2"}, ids(order.Filter{LocationID: "loc-1", After: "o-0", Most: 2}))
	require.Empty(t, ids(order.Filter{Date: "2026-12-02"}))
	counts, err := read(t, s, func(tx *store.Tx) ([]order.Count, error) { return tx.OrderCounts(t.Context(), date) })
	require.NoError(t, err)
	require.Equal(t, []order.Count{{State: order.Accepted, Orders: 3}, {State: order.Refused, Limit: "sales_limit", Orders: 1}}, counts)
}

func TestChanges(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		s, _ := fresh(t, empty)
		revision := func() order.Mark {
			n, err := read(t, s, func(tx *store.Tx) (order.Mark, error) { return tx.DateMark(t.Context(), date) })
			require.NoError(t, err)
			return n
		}
		was := revision()
		next := order.Mark{Epoch: was.Epoch + 1, Revision: was.Revision + 1}
		t.Run("an error leaves the database as it was", func(t *testing.T) {
			err := s.Change(t.Context(), func(tx *store.Tx) error {
				raised, err := tx.RaiseDate(t.Context(), date, was, next, before)
				require.True(t, raised)
				require.NoError(t, err)
				return context.Canceled
			})
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, was, revision())
		})
		t.Run("a failed commit leaves the database as it was", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			err := s.Change(ctx, func(tx *store.Tx) error {
				raised, err := tx.RaiseDate(ctx, date, was, next, before)
				require.True(t, raised)
				cancel()
				return err
			})
			require.Error(t, err)
			require.Equal(t, was, revision())
		})
		t.Run("a revision is raised only from what it is", func(t *testing.T) {
			require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
				for _, other := range []order.Mark{{Epoch: was.Epoch, Revision: was.Revision - 1}, {Epoch: was.Epoch + 1, Revision: was.Revision},
					{Epoch: was.Epoch, Revision: was.Revision, Frozen: true}} {
					raised, err := tx.RaiseDate(t.Context(), date, other, next, before)
					require.NoError(t, err)
					require.False(t, raised)
				}
				return nil
			}))
			require.Equal(t, was, revision())
		})
		t.Run("a list that is cut into several statements is stored whole", func(t *testing.T) {
			r := request("long")
			for range order.MaxLines {
				r.Lines = append(r.Lines, order.Line{ProductID: "a-cold", Quantity: 1})
			}
			service := order.NewService(s.Orders())
			require.Equal(t, order.Refused, place(t, service, r).State)
			o, err := service.Get(t.Context(), "long")
			require.NoError(t, err)
			require.Equal(t, r, o.Request)
		})
	})
}
