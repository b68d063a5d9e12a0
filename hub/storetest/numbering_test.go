package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/capacity"
	"meguri/hub/order"
	"meguri/hub/store"
)

// The small network with two cold slots more at loc-1 and addresses for them.
func roomy(t *testing.T) bulk.Network {
	return Network(t, bulk.SlotsFile, "loc-1-f2-s1,", "loc-1-f1-s3,loc-1-f1,1000\nloc-1-f1-s4,loc-1-f1,2000\nloc-1-f2-s1,",
		bulk.AddressesFile, "spot-2-1,", "spot-1-4,spot-1,spot-1-f1\nspot-2-2,spot-2,spot-2-f1\nspot-2-1,",
		bulk.ShippersFile, "cold,2,", "cold,4,")
}

func TestAChangedNumberingIsStored(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		for _, c := range []struct {
			rule string
			test func(*testing.T, func() string)
		}{
			{"containers that change places keep their boxes and items", swaps},
			{"items move, and what is left empty is closed", moves},
			{"what a group of decisions undoes itself is not stored", undoes},
			{"limits of a date and what is out of service count", dateLimits},
			{"an order's lines are changed whole or not at all", revises},
		} {
			t.Run(c.rule, func(t *testing.T) { c.test(t, empty) })
		}
	})
}

func stateOfDate(t *testing.T, s *store.Store) order.Date {
	t.Helper()
	d, err := read(t, s, func(tx *store.Tx) (order.Date, error) { return tx.Date(t.Context(), date) })
	require.NoError(t, err)
	return d
}

// later is when decide decides.
var later = before.Add(time.Minute)

// decide stores a change of the numbering as one decision.
func decide(t *testing.T, s *store.Store, c ...capacity.Change) {
	t.Helper()
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
		var all []order.Decision
		for _, change := range c {
			d := order.Decision{Verb: order.Renumber, At: later, Cause: order.CauseMove, Change: change}
			d.Order.DeliveryDate = date
			all = append(all, d)
		}
		return tx.AddDecisions(t.Context(), all, later)
	}))
}

func swaps(t *testing.T, empty func() string) {
	s, url := fresh(t, empty)
	Import(t, s, roomy(t))
	service := order.NewService(s.Orders())
	place(t, service, request("o-1", "a-cold", 2, "b-cold", 2))
	place(t, service, request("o-2", "a-cold", 2))
	was := stateOfDate(t, s).State
	require.Len(t, was.Containers, 3)
	_, err := raw(t, url).ExecContext(t.Context(), "UPDATE dated_containers SET state = 'filled', grai = '1', filled_at = 7 WHERE id = $1",
		was.Containers[0].ID)
	require.NoError(t, err)
	// Round in a circle: slot and place of the next; addresses too where the spot is the same.
	var c capacity.Change
	want := map[string]capacity.Container{}
	for i, from := range was.Containers {
		to, next := from, was.Containers[(i+1)%3]
		to.Slot, to.ShipperPlace = next.Slot, next.ShipperPlace
		if same := was.Containers[(i+2)%3]; same.Spot == from.Spot {
			to.Address = same.Address
		} else if next.Spot == from.Spot {
			to.Address = next.Address
		}
		to.UsedML = min(to.UsedML, to.Slot.CapacityML)
		c.Relocated = append(c.Relocated, capacity.Relocation{From: from, To: to})
		want[to.ID] = to
	}
	decide(t, s, c)
	is := stateOfDate(t, s).State
	for _, got := range is.Containers {
		require.Equal(t, want[got.ID], got)
	}
	require.Equal(t, was.Items, is.Items)
	var state, grai string
	var filled int64
	require.NoError(t, raw(t, url).QueryRowContext(t.Context(), "SELECT state, grai, filled_at FROM dated_containers WHERE id = $1",
		was.Containers[0].ID).Scan(&state, &grai, &filled))
	require.Equal(t, "filled 1 7", fmt.Sprint(state, " ", grai, " ", filled))
	var versions, items int
	require.NoError(t, raw(t, url).QueryRowContext(t.Context(), "SELECT COUNT(*), (SELECT COUNT(*) FROM order_item_history) FROM dated_container_history").
		Scan(&versions, &items))
	require.Equal(t, 6, versions, "what was believed of each until then, and what is known since of how it was")
	require.Zero(t, items, "the items are where they were")
}

func moves(t *testing.T, empty func() string) {
	s, url := fresh(t, empty)
	Import(t, s, roomy(t))
	service := order.NewService(s.Orders())
	place(t, service, request("o-1", "a-cold", 2))
	place(t, service, request("o-2", "a-cold", 1))
	was := stateOfDate(t, s).State
	db := raw(t, url)
	_, err := db.ExecContext(t.Context(), "UPDATE order_items SET short = TRUE WHERE order_id = 'o-2'")
	require.NoError(t, err)
	require.Len(t, was.Containers, 2)
	// A new container takes the slot and the place of the first, which is closed; the second moves to another address.
	opened := was.Containers[0]
	opened.ID, opened.Sequence = "C-20261201-0009", 9
	closed := was.Containers[0]
	from := was.Containers[1]
	to := from
	to.Address = "spot-1-4"
	c := capacity.Change{Opened: []capacity.Container{opened}, Closed: []capacity.Container{closed},
		Relocated: []capacity.Relocation{{From: from, To: to}}}
	for _, i := range was.Items {
		if i.ContainerID == closed.ID {
			move := capacity.Move{Item: i, From: closed.ID}
			move.ContainerID = opened.ID
			c.Moved = append(c.Moved, move)
		}
	}
	decide(t, s, c)
	is := stateOfDate(t, s).State
	require.Equal(t, []capacity.Container{to, opened}, is.Containers)
	require.Len(t, is.Items, len(was.Items))
	for i, item := range is.Items {
		if was.Items[i].ContainerID == closed.ID {
			require.Equal(t, opened.ID, item.ContainerID)
		}
	}
	require.Equal(t, int64(9), is.Sequence)
	var short int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM order_items WHERE short").Scan(&short))
	require.Equal(t, 1, short, "a unit that cannot be delivered stays so where it moves")
}

func undoes(t *testing.T, empty func() string) {
	s, url := fresh(t, empty)
	d := stateOfDate(t, s)
	book, err := capacity.NewBook(d.Network, d.State)
	require.NoError(t, err)
	lines := []capacity.Line{{Product: "a-cold", Quantity: 1}}
	n, err := book.Place("o-1", "loc-1", lines)
	require.NoError(t, err)
	o := order.Order{Request: request("o-1", "a-cold", 1), State: order.Held, PlacedBy: "p", PlacedAt: before, HoldUntil: before,
		LineStates: make([]order.LineState, 1)}
	gone := o
	gone.State, gone.EndedAt, gone.EndReason = order.Cancelled, before, "at once"
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
		return tx.AddDecisions(t.Context(), []order.Decision{
			{Verb: order.Place, Order: o, Sequence: 1, At: before, Change: n},
			{Verb: order.End, Order: gone, From: order.Held, At: before, Cause: order.CauseCancel, Change: book.Remove("o-1")},
		}, before)
	}))
	stored, err := order.NewService(s.Orders()).Get(t.Context(), "o-1")
	require.NoError(t, err)
	require.Equal(t, order.Cancelled, stored.State)
	require.Equal(t, "at once", stored.EndReason)
	var rows int
	require.NoError(t, raw(t, url).QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM container_timeline)
		+ (SELECT COUNT(*) FROM item_timeline)`).Scan(&rows))
	require.Zero(t, rows)
}

func dateLimits(t *testing.T, empty func() string) {
	s, url := fresh(t, empty)
	db := raw(t, url)
	for _, statement := range []string{
		"INSERT INTO product_limits (product_id, delivery_date, sales_limit, set_by, set_at) VALUES ('a-rare', '2026-12-01', 1, 'p', 0)",
		"INSERT INTO out_of_service (kind, thing_id, delivery_date, reason, set_by, set_at) VALUES ('slot', 'loc-1-f1-s1', '2026-12-01', '', 'p', 0), " +
			"('fridge', 'spot-2-f1', '2026-12-01', '', 'p', 0), ('shipper', 'box-1-dry', '2026-12-01', '', 'p', 0), ('location', 'loc-2', '2026-12-01', '', 'p', 0)",
	} {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	service := order.NewService(s.Orders())
	require.Equal(t, "sales_limit", string(place(t, service, request("o-1", "a-rare", 2)).Limit))
	require.Equal(t, "address", string(place(t, service, request("o-2", "b-cold", 1)).Limit))
	require.Equal(t, "shipper", string(place(t, service, request("o-3", "a-dry", 1)).Limit))
	require.Equal(t, "container", string(place(t, service, request("o-4", "a-cold", 3)).Limit), "one slot is left")
	n := stateOfDate(t, s).Network
	require.Equal(t, []string{"loc-1"}, n.Locations)
	next := request("o-5", "a-rare", 3)
	next.DeliveryDate = "2026-12-02"
	require.Equal(t, order.Accepted, place(t, service, next).State, "on another date all is as ever")
}

func revises(t *testing.T, empty func() string) {
	s, _ := fresh(t, empty)
	service := order.NewService(s.Orders())
	place(t, service, request("o-1", "a-cold", 1, "a-rare", 1, "a-dry", 1))
	place(t, service, request("o-2", "a-rare", 1))
	was, err := service.Get(t.Context(), "o-1")
	require.NoError(t, err)
	var refused *capacity.Refused
	_, err = service.Revise(t.Context(), "o-1", "person-1", []order.Line{{ProductID: "a-rare", Quantity: 3}}, before)
	require.ErrorAs(t, err, &refused)
	require.Equal(t, capacity.SalesLimit, refused.Limit)
	is, err := service.Get(t.Context(), "o-1")
	require.NoError(t, err)
	require.Equal(t, was, is, "refused: the order is as before")
	_, err = service.Revise(t.Context(), "o-1", "person-1", []order.Line{{ProductID: "melon", Quantity: 3}}, before)
	var wrong *order.FieldError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "lines[0].product_id", wrong.Field)

	lines := []order.Line{{ProductID: "a-rare", Quantity: 2}, {ProductID: "a-cold", Quantity: 1}}
	out, err := service.Revise(t.Context(), "o-1", "person-1", lines, before)
	require.NoError(t, err)
	require.Equal(t, order.Accepted, out.State)
	is, err = service.Get(t.Context(), "o-1")
	require.NoError(t, err)
	require.Equal(t, lines, is.Lines)
	require.Len(t, is.Items, 3)
	require.Equal(t, int64(3), soldOf(t, service, "a-rare"))
	again := order.NewService(s.Orders())
	_, err = again.Withdraw(t.Context(), "o-1", "person-1", []order.Unit{{Line: 1, Unit: 1}, {Line: 1, Unit: 2}, {Line: 2, Unit: 1}}, "no more", before)
	require.NoError(t, err)
	require.Equal(t, order.CalledOff, stateOf(t, service, "o-1"), "a service that loads it counts the units that are left")
}
