package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"meguri/hub/dispatch"
	"meguri/hub/fleet"
	"meguri/hub/order"
	"meguri/protocol"
)

// DeviceView is a device as lists show it.
type DeviceView struct {
	ID, Role, Place, Software, Incarnation string
	Online                                 bool
	Seen                                   time.Time // zero before its first hello
	Boot, PlanSent, PlanActive             int64
}

const deviceView = `SELECT id, role, place, software, incarnation, online, seen_at, boot, plan_sent, plan_active
	FROM devices WHERE revoked_at IS NULL `

func scanDeviceView(row scanner) (DeviceView, error) {
	var d DeviceView
	var seen sql.NullInt64
	err := row.Scan(&d.ID, &d.Role, &d.Place, &d.Software, &d.Incarnation, &d.Online, &seen, &d.Boot, &d.PlanSent, &d.PlanActive)
	d.Seen = fromOptionalMillis(seen)
	return d, err
}

// DeviceViews gives the devices that are not revoked.
func (tx *Tx) DeviceViews(ctx context.Context) ([]DeviceView, error) {
	return list(ctx, tx, scanDeviceView, deviceView+"ORDER BY role, id")
}

// DeviceViewsAt gives the devices that serve a place.
func (tx *Tx) DeviceViewsAt(ctx context.Context, place string) ([]DeviceView, error) {
	return list(ctx, tx, scanDeviceView, deviceView+"AND place = $1 ORDER BY role, id", place)
}

// DeviceView gives a device that is not revoked, or ErrNotFound.
func (tx *Tx) DeviceView(ctx context.Context, id string) (DeviceView, error) {
	found, err := list(ctx, tx, scanDeviceView, deviceView+"AND id = $1", id)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("device %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return DeviceView{}, err
	}
	return found[0], nil
}

// LogView is how far the hub has followed one log of a device.
type LogView struct {
	Incarnation string
	Log         int64 // protocol.LogID
	Next        int64 // number expected next
	State       string
}

// LogViews gives the logs of a device.
func (tx *Tx) LogViews(ctx context.Context, device string) ([]LogView, error) {
	return list(ctx, tx, func(row scanner) (l LogView, err error) {
		err = row.Scan(&l.Incarnation, &l.Log, &l.Next, &l.State)
		return l, err
	}, `SELECT incarnation, log, next_number, state FROM device_logs WHERE device_id = $1 ORDER BY incarnation, log`, device)
}

// GapView is numbers of a log that the hub will never get.
type GapView struct {
	Incarnation      string
	Log, First, Last int64
	Reason           string
	Noted            time.Time
}

// GapViews gives the newest gaps in the logs of a device.
func (tx *Tx) GapViews(ctx context.Context, device string, most int) ([]GapView, error) {
	return list(ctx, tx, func(row scanner) (g GapView, err error) {
		var noted int64
		err = row.Scan(&g.Incarnation, &g.Log, &g.First, &g.Last, &g.Reason, &noted)
		g.Noted = fromMillis(noted)
		return g, err
	}, `SELECT incarnation, log, first_number, last_number, reason, noted_at FROM device_gaps
		WHERE device_id = $1 ORDER BY noted_at DESC, log, first_number LIMIT $2`, device, most)
}

// CommandView is a command and what became of it.
type CommandView struct {
	ID, Target, AskedBy, Outcome, Reason string
	State                                string // fleet.CommandState
	Kind                                 int64  // protocol.CommandKind
	Asked, Deadline, Answered            time.Time
}

const commandView = `SELECT id, kind, target, asked_by, asked_at, deadline, outcome, reason, answered_at, taken_at, settling_since
	FROM commands `

func scanCommandView(row scanner) (CommandView, error) {
	var c CommandView
	var asked, deadline int64
	var answered, taken, settling sql.NullInt64
	err := row.Scan(&c.ID, &c.Kind, &c.Target, &c.AskedBy, &asked, &deadline, &c.Outcome, &c.Reason, &answered, &taken, &settling)
	c.State = string(fleet.Command{Outcome: fleet.CommandOutcome(c.Outcome), TakenAt: fromOptionalMillis(taken),
		Settling: fromOptionalMillis(settling)}.State())
	c.Asked, c.Deadline, c.Answered = fromMillis(asked), fromMillis(deadline), fromOptionalMillis(answered)
	return c, err
}

// CommandViews gives the newest commands to a device.
func (tx *Tx) CommandViews(ctx context.Context, device string, most int) ([]CommandView, error) {
	return list(ctx, tx, scanCommandView, commandView+"WHERE device_id = $1 ORDER BY counter DESC LIMIT $2", device, most)
}

// CommandView gives a command, or ErrNotFound.
func (tx *Tx) CommandView(ctx context.Context, id string) (CommandView, error) {
	found, err := list(ctx, tx, scanCommandView, commandView+"WHERE id = $1", id)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("command %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return CommandView{}, err
	}
	return found[0], nil
}

// Shortage is units of a product that a shop could not deliver for a date, and the orders that go without.
type Shortage struct {
	ShopID, Shop, ProductID, Name string // ids, and names of shop and product
	Units                         int
	Orders                        []string
	Open                          []string // of these, the ones that somebody still has to tell
}

// Shortages gives what is short on a date.
func (tx *Tx) Shortages(ctx context.Context, date string) ([]Shortage, error) {
	type row struct {
		shop, shopName, product, name, order string
		open                                 bool
	}
	rows, err := list(ctx, tx, func(s scanner) (r row, err error) {
		err = s.Scan(&r.shop, &r.shopName, &r.product, &r.name, &r.order, &r.open)
		return r, err
	}, `SELECT i.shop_id, s.name, i.product_id, p.name, i.order_id,
		EXISTS (SELECT 1 FROM work_items w WHERE w.kind = 'shortage' AND w.subject = i.order_id AND w.closed_at IS NULL)
		FROM order_items i JOIN products p ON p.id = i.product_id JOIN shops s ON s.id = i.shop_id
		WHERE i.delivery_date = $1 AND i.short ORDER BY p.sequence, i.product_id, i.order_id`, date)
	var all []Shortage
	for _, r := range rows {
		if len(all) == 0 || all[len(all)-1].ProductID != r.product {
			all = append(all, Shortage{ShopID: r.shop, Shop: r.shopName, ProductID: r.product, Name: r.name})
		}
		s := &all[len(all)-1]
		s.Units++
		if n := len(s.Orders); n == 0 || s.Orders[n-1] != r.order {
			s.Orders = append(s.Orders, r.order)
			if r.open {
				s.Open = append(s.Open, r.order)
			}
		}
	}
	return all, err
}

// PlaceCount is how many orders of a location are in a state.
type PlaceCount struct {
	LocationID, State string
	Orders            int
}

// OrdersByLocation counts a date's orders by location and state.
func (tx *Tx) OrdersByLocation(ctx context.Context, date string) ([]PlaceCount, error) {
	return list(ctx, tx, func(row scanner) (c PlaceCount, err error) {
		err = row.Scan(&c.LocationID, &c.State, &c.Orders)
		return c, err
	}, `SELECT location_id, state, COUNT(*) FROM orders WHERE delivery_date = $1 GROUP BY location_id, state
		ORDER BY location_id, state`, date)
}

// SlotView is a slot of a location and the container that is to stand there on a date, if any.
type SlotView struct {
	ID, FridgeID                  string
	CapacityML                    int64
	Container, State, Shop, Categ string // of the container; empty for a slot that nothing is planned for
	Box                           string
	UsedML                        int64
	Orders                        int
}

// SlotViews gives a location's slots as planned for a date.
func (tx *Tx) SlotViews(ctx context.Context, location, date string) ([]SlotView, error) {
	return list(ctx, tx, func(row scanner) (s SlotView, err error) {
		err = row.Scan(&s.ID, &s.FridgeID, &s.CapacityML, &s.Container, &s.State, &s.Shop, &s.Categ, &s.Box, &s.UsedML, &s.Orders)
		return s, err
	}, `SELECT s.id, s.fridge_id, s.capacity_ml, COALESCE(c.id, ''), COALESCE(c.state, ''), COALESCE(h.name, ''),
		COALESCE(c.category, ''), COALESCE(c.grai, ''), COALESCE(c.used_ml, 0),
		(SELECT COUNT(DISTINCT i.order_id) FROM order_items i WHERE i.dated_container_id = c.id)
		FROM slots s LEFT JOIN dated_containers c ON c.slot_id = s.id AND c.delivery_date = $2
		LEFT JOIN shops h ON h.id = c.shop_id
		WHERE s.location_id = $1 ORDER BY s.sequence, s.id`, location, date)
}

// Summary is a delivery date in numbers.
type Summary struct {
	Date                            string
	Orders                          []order.Count
	Items, Short                    int
	Containers, Shippers, Addresses int
	Slots                           int // that containers were planned for
	ContainersByState               map[string]int
	Events                          map[protocol.Kind]int // applied, by kind
	EventsAll, NotApplied, Unknown  int
	Pickups                         int // fridges opened for an order
	Alarms, Commands                int
	Readings, FaultyReadings        int
	Quarantined                     int // since the hub began
	ReadingRecords, MissingRecords  int // since the hub began
	MissingEvents                   int // since the hub began
	LateStops                       []dispatch.Stop
	Shortages                       []Shortage
	LeftOver, Undelivered           []string // orders
}

// Summarise adds up a date. Events and readings are those between its first cutoff and two hours after its last closing; what
// has no time of its own is counted since the hub began. It returns ErrNotFound for a date without deliveries.
func (tx *Tx) Summarise(ctx context.Context, date string, now time.Time) (Summary, error) {
	s := Summary{Date: date, ContainersByState: map[string]int{}, Events: map[protocol.Kind]int{}}
	d, err := tx.DateView(ctx, date)
	if err != nil {
		return s, err
	}
	from, until := d.Cutoff, d.Closes.Add(2*time.Hour)
	for _, step := range []func() error{
		func() error { return tx.summariseOrders(ctx, &s) },
		func() error { return tx.summariseContainers(ctx, &s) },
		func() error { return tx.summariseEvents(ctx, &s, from, until) },
		func() error { return tx.summariseReadings(ctx, &s, from, until) },
		func() (err error) { s.LateStops, err = tx.LateStopsOf(ctx, date, now); return err },
		func() (err error) { s.Shortages, err = tx.Shortages(ctx, date); return err },
	} {
		if err := step(); err != nil {
			return s, fmt.Errorf("summary of %s: %w", date, err)
		}
	}
	return s, nil
}

func (tx *Tx) summariseOrders(ctx context.Context, s *Summary) (err error) {
	if s.Orders, err = tx.OrderCounts(ctx, s.Date); err != nil {
		return err
	}
	inState := func(state string) ([]string, error) {
		return list(ctx, tx, scanText, "SELECT id FROM orders WHERE delivery_date = $1 AND state = $2 ORDER BY id", s.Date, state)
	}
	if s.LeftOver, err = inState("left_over"); err != nil {
		return err
	}
	if s.Undelivered, err = inState("undelivered"); err != nil {
		return err
	}
	return tx.row(ctx, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN short THEN 1 ELSE 0 END), 0) FROM order_items
		WHERE delivery_date = $1`, s.Date).Scan(&s.Items, &s.Short)
}

func (tx *Tx) summariseContainers(ctx context.Context, s *Summary) error {
	type count struct {
		state string
		n     int
	}
	states, err := list(ctx, tx, func(row scanner) (c count, err error) {
		err = row.Scan(&c.state, &c.n)
		return c, err
	}, "SELECT state, COUNT(*) FROM dated_containers WHERE delivery_date = $1 GROUP BY state", s.Date)
	if err != nil {
		return err
	}
	for _, c := range states {
		s.ContainersByState[c.state] = c.n
	}
	return tx.row(ctx, `SELECT COUNT(*), COUNT(DISTINCT shipper_id), COUNT(DISTINCT address_id), COUNT(DISTINCT slot_id)
		FROM dated_containers WHERE delivery_date = $1`, s.Date).Scan(&s.Containers, &s.Shippers, &s.Addresses, &s.Slots)
}

func (tx *Tx) summariseEvents(ctx context.Context, s *Summary, from, until time.Time) error {
	type count struct {
		kind    protocol.Kind
		outcome string
		n       int
	}
	counts, err := list(ctx, tx, func(row scanner) (c count, err error) {
		err = row.Scan(&c.kind, &c.outcome, &c.n)
		return c, err
	}, // no event is received before it happens, and there is an index for when it was received
		"SELECT kind, outcome, COUNT(*) FROM events WHERE received_at >= $1 AND event_at >= $1 AND event_at < $2 GROUP BY kind, outcome",
		millis(from), millis(until))
	if err != nil {
		return err
	}
	for _, c := range counts {
		s.EventsAll += c.n
		switch c.outcome {
		case "applied":
			s.Events[c.kind] += c.n
		case "not_applied":
			s.NotApplied += c.n
		case "unknown":
			s.Unknown += c.n
		}
	}
	err = tx.row(ctx, `SELECT COUNT(*) FROM order_pickups p JOIN orders o ON o.id = p.order_id
		WHERE o.delivery_date = $1`, s.Date).Scan(&s.Pickups)
	if err != nil {
		return err
	}
	err = tx.row(ctx, "SELECT COUNT(*) FROM alarms WHERE raised_at >= $1 AND raised_at < $2", millis(from), millis(until)).Scan(&s.Alarms)
	if err != nil {
		return err
	}
	return tx.row(ctx, "SELECT COUNT(*) FROM commands WHERE asked_at >= $1 AND asked_at < $2", millis(from), millis(until)).Scan(&s.Commands)
}

// summariseReadings goes by sensor, which is how readings can be found without going through all of them.
func (tx *Tx) summariseReadings(ctx context.Context, s *Summary, from, until time.Time) error {
	var err error
	s.Readings, s.FaultyReadings, err = tx.countSamples(ctx, "SELECT id || '/air' FROM fridges UNION SELECT id || '/air' FROM shippers",
		from, until)
	if err != nil {
		return err
	}
	err = tx.row(ctx, "SELECT COUNT(*) FROM quarantine").Scan(&s.Quarantined)
	if err != nil {
		return err
	}
	err = tx.row(ctx, "SELECT COALESCE(SUM(next_number - 1), 0) FROM device_logs WHERE log = $1", int64(protocol.Readings)).Scan(&s.ReadingRecords)
	if err != nil {
		return err
	}
	missing := "SELECT COALESCE(SUM(last_number - first_number + 1), 0) FROM device_gaps WHERE log = $1"
	if err := tx.row(ctx, missing, int64(protocol.Readings)).Scan(&s.MissingRecords); err != nil {
		return err
	}
	return tx.row(ctx, missing, int64(protocol.Events)).Scan(&s.MissingEvents)
}

// PickupView is a fridge that was opened for an order, and why it is thought that goods were taken.
type PickupView struct {
	FridgeID, Basis string
	At              time.Time
}

// PickupViews gives the pickups of an order in order of time.
func (tx *Tx) PickupViews(ctx context.Context, order string) ([]PickupView, error) {
	return list(ctx, tx, func(row scanner) (p PickupView, err error) {
		var at int64
		err = row.Scan(&p.FridgeID, &at, &p.Basis)
		p.At = fromMillis(at)
		return p, err
	}, "SELECT fridge_id, at, basis FROM order_pickups WHERE order_id = $1 ORDER BY at, fridge_id", order)
}
