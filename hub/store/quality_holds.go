package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/coldchain"
	"meguri/protocol"
)

// Hold is a dated container whose goods may not be handed out until a person decides.
type Hold struct {
	ID        string
	Container string
	Position  string // the fridge or shipper where it happened
	Cause     HoldCause
	Leg       coldchain.Leg // empty when a person held it
	Revision  int64         // of the judgement that it follows from, 0 for none
	Since     time.Time     // goods that were taken before are not concerned
	Outside   time.Duration // of the judgement, when it was held or decided last
	Judged    time.Time     // up to here that knew what there was to know; zero without one
	HeldAt    time.Time
	HeldBy    string     // a person, a device, or HeldByHub
	DeviceAt  int64      // what names a station's own decision there; 0 for others
	Reason    alarm.Said // free text where a person held it
	// DeviceCause is why a station held it by itself; 0 for others.
	DeviceCause protocol.GoodsCause

	Decision  Decision
	DecidedAt time.Time // zero while it is open
	DecidedBy string
	Why       string

	LocationID, Date, SpotID, ShopID, State string // of the container

	TakenAt time.Time // of HoldsOfOrder: when the order's goods had been taken, zero for not
}

// HeldByHub is who holds what the readings say.
const HeldByHub = "hub"

// HoldCause is why goods are held.
type HoldCause string

// Causes of a hold.
const (
	CauseBroken   HoldCause = "broken"   // outside for longer than allowed
	CauseDoubtful HoldCause = "doubtful" // for longer than allowed nobody knows
	CauseDevice   HoldCause = "device"   // the station itself has decided
	CausePerson   HoldCause = "person"
)

// Decision is what became of a hold.
type Decision string

// Decisions.
const (
	Undecided Decision = ""
	Released  Decision = "released"
	Condemned Decision = "condemned"
	Lifted    Decision = "lifted" // readings that came later have shown that all was well
)

const holdColumns = `h.id, h.container_id, h.position, h.cause, h.leg, h.revision, h.since, h.outside_ms, h.judged_until, h.held_at, h.device_held, h.held_by, h.reason, h.device_cause,
	h.decision, h.decided_at, h.decided_by, h.why, c.location_id, c.delivery_date, c.collection_spot_id, c.shop_id, c.state
	FROM quality_holds h JOIN dated_containers c ON c.id = h.container_id`

func scanHold(row scanner) (h Hold, err error) {
	var since, outside, held int64
	var judged, decided sql.NullInt64
	err = row.Scan(&h.ID, &h.Container, &h.Position, &h.Cause, &h.Leg, &h.Revision, &since, &outside, &judged, &held, &h.DeviceAt, &h.HeldBy, &h.Reason,
		&h.DeviceCause, &h.Decision, &decided, &h.DecidedBy, &h.Why, &h.LocationID, &h.Date, &h.SpotID, &h.ShopID, &h.State)
	h.Since, h.Outside, h.HeldAt = fromMillis(since), time.Duration(outside)*time.Millisecond, fromMillis(held)
	h.Judged, h.DecidedAt = fromOptionalMillis(judged), fromOptionalMillis(decided)
	return h, err
}

// AddHold stores a new hold. The same id again is the same hold: it is false then, and nothing changes.
func (tx *Tx) AddHold(ctx context.Context, h Hold) (bool, error) {
	n, err := tx.exec(ctx, `INSERT INTO quality_holds (id, container_id, position, cause, leg, revision, since, outside_ms, judged_until, held_at,
		device_held, held_by, reason, device_cause, decision, decided_by, why)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, '', '', '') ON CONFLICT (id) DO NOTHING`,
		h.ID, h.Container, h.Position, string(h.Cause), string(h.Leg), h.Revision, millis(h.Since), h.Outside.Milliseconds(), optionalMillis(h.Judged),
		millis(h.HeldAt), h.DeviceAt, h.HeldBy, string(h.Reason), h.DeviceCause)
	return n == 1, err
}

// DecideHold stores what became of an open hold. It is false when that was decided already.
func (tx *Tx) DecideHold(ctx context.Context, h Hold) (bool, error) {
	n, err := tx.exec(ctx, `UPDATE quality_holds SET decision = $2, decided_at = $3, decided_by = $4, why = $5, outside_ms = $6
		WHERE id = $1 AND decision = ''`, h.ID, string(h.Decision), millis(h.DecidedAt), h.DecidedBy, h.Why, h.Outside.Milliseconds())
	return n == 1, err
}

// UpdateHold stores that more is known of an open hold: since when, how long outside, of which revision.
func (tx *Tx) UpdateHold(ctx context.Context, h Hold) error {
	return tx.write(ctx, `UPDATE quality_holds SET cause = $2, revision = $3, since = $4, outside_ms = $5, reason = $6, judged_until = $7
		WHERE id = $1 AND decision = ''`, h.ID, string(h.Cause), h.Revision, millis(h.Since), h.Outside.Milliseconds(), string(h.Reason), optionalMillis(h.Judged))
}

// Hold gives one, or ErrNotFound.
func (tx *Tx) Hold(ctx context.Context, id string) (Hold, error) {
	h, err := scanHold(tx.row(ctx, "SELECT "+holdColumns+" WHERE h.id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return h, fmt.Errorf("quality hold %.80s: %w", id, ErrNotFound)
	}
	return h, err
}

// HoldsOf gives all holds of a container, the oldest first.
func (tx *Tx) HoldsOf(ctx context.Context, container string) ([]Hold, error) {
	return list(ctx, tx, scanHold, "SELECT "+holdColumns+" WHERE h.container_id = $1 ORDER BY h.held_at, h.id", container)
}

// OpenHolds gives the holds that wait for a decision, by place and then the oldest first.
func (tx *Tx) OpenHolds(ctx context.Context, most int) ([]Hold, error) {
	return list(ctx, tx, scanHold, "SELECT "+holdColumns+" WHERE h.decision = '' ORDER BY h.position, h.held_at, h.id LIMIT $1", most)
}

// DecidedHolds gives holds that were decided, the newest decision first.
func (tx *Tx) DecidedHolds(ctx context.Context, most int) ([]Hold, error) {
	return list(ctx, tx, scanHold, "SELECT "+holdColumns+" WHERE h.decision <> '' ORDER BY h.decided_at DESC, h.id LIMIT $1", most)
}

// Scope is a place, or one container, that a person decides about as a whole.
type Scope string

// Scopes.
const (
	ScopeContainer Scope = "container"
	ScopeFridge    Scope = "fridge"   // a fridge: where it happened, or where the goods stand now
	ScopeShipper   Scope = "shipper"  // where it happened, or in which they ride
	ScopeLocation  Scope = "location" // a station
)

// scopeOf is the condition that a container is in a scope ($1 kind, $2 id), for holds: also by where it happened.
const scopeOf = `($1 = 'container' AND c.id = $2 OR $1 = 'fridge' AND (c.fridge_id = $2 OR h.position = $2)
	OR $1 = 'shipper' AND (c.shipper_id = $2 OR h.position = $2) OR $1 = 'location' AND c.location_id = $2)`

// OpenHoldsIn gives the open holds in a scope.
func (tx *Tx) OpenHoldsIn(ctx context.Context, scope Scope, id string) ([]Hold, error) {
	return list(ctx, tx, scanHold, "SELECT "+holdColumns+" WHERE h.decision = '' AND "+scopeOf+" ORDER BY h.held_at, h.id LIMIT $3",
		string(scope), id, MaxPage)
}

// ContainersIn gives the containers with a box that stand or ride in a scope at a moment: of deliveries that are not closed.
func (tx *Tx) ContainersIn(ctx context.Context, scope Scope, id string) ([]string, error) {
	return list(ctx, tx, scanText, `SELECT c.id FROM dated_containers c
		JOIN deliveries d ON d.location_id = c.location_id AND d.delivery_date = c.delivery_date
		WHERE d.closed_at IS NULL AND c.grai IS NOT NULL AND ($1 = 'container' AND c.id = $2
		OR $1 = 'fridge' AND (c.fridge_id = $2 AND c.state = 'placed'
			OR c.state IN ('filled', 'on_address') AND EXISTS (SELECT 1 FROM collection_addresses a WHERE a.id = c.address_id AND a.fridge_id = $2))
		OR $1 = 'shipper' AND c.shipper_id = $2 AND c.state = 'loaded'
		OR $1 = 'location' AND c.location_id = $2 AND c.state = 'placed') ORDER BY c.id LIMIT $3`, string(scope), id, MaxPage)
}

// Concern says that a hold is about an order's goods; taken is when they had been taken, zero for not yet. It is false when that was
// known.
func (tx *Tx) Concern(ctx context.Context, hold, order string, taken time.Time) (bool, error) {
	n, err := tx.exec(ctx, `INSERT INTO quality_concerned (hold_id, order_id, taken_at) VALUES ($1, $2, $3)
		ON CONFLICT (hold_id, order_id) DO UPDATE SET taken_at = excluded.taken_at
		WHERE quality_concerned.taken_at IS NULL AND excluded.taken_at IS NOT NULL`, hold, order, optionalMillis(taken))
	return n == 1, err
}

// Concerned is an order that a hold is about.
type Concerned struct {
	OrderID string
	Taken   time.Time // zero: in the container still
}

// ConcernedBy gives the orders that a hold is about.
func (tx *Tx) ConcernedBy(ctx context.Context, hold string) ([]Concerned, error) {
	return list(ctx, tx, func(row scanner) (c Concerned, err error) {
		var taken sql.NullInt64
		err = row.Scan(&c.OrderID, &taken)
		c.Taken = fromOptionalMillis(taken)
		return c, err
	}, "SELECT order_id, taken_at FROM quality_concerned WHERE hold_id = $1 ORDER BY order_id", hold)
}

// HoldsOfOrder gives the holds that are about an order, the oldest first.
func (tx *Tx) HoldsOfOrder(ctx context.Context, order string) ([]Hold, error) {
	holds, err := list(ctx, tx, scanHold, "SELECT "+holdColumns+` JOIN quality_concerned q ON q.hold_id = h.id WHERE q.order_id = $1
		ORDER BY h.held_at, h.id`, order)
	if err != nil || len(holds) == 0 {
		return nil, err
	}
	for i := range holds {
		concerned, err := tx.ConcernedBy(ctx, holds[i].ID)
		if err != nil {
			return nil, err
		}
		for _, c := range concerned {
			if c.OrderID == order {
				holds[i].TakenAt = c.Taken
			}
		}
	}
	return holds, nil
}

// Barred says, by container of a location or of a run, what stands against handing it out: a hold that is open, or one by which it
// was condemned. Released ones are told with when that was.
type Barred struct {
	Container string
	Decision  Decision
	At        time.Time // when it was held, or decided
	DeviceAt  int64     // the newest of the station's own decisions that was released, by its name
	// Released and Lifted name the station's own decisions that a person has released, and that the hub has ended: the oldest first.
	Released, Lifted []int64
}

// decided adds a decision of the station's own that does not stand any more.
func (b *Barred) decided(decision Decision, name int64) {
	switch {
	case name == 0:
	case decision == Released:
		b.Released, b.DeviceAt = append(b.Released, name), max(b.DeviceAt, name)
	case decision == Lifted:
		b.Lifted, b.DeviceAt = append(b.Lifted, name), max(b.DeviceAt, name)
	}
}

// BarredAt gives what is held, released or condemned of the containers of a location on a date.
func (tx *Tx) BarredAt(ctx context.Context, location, date string) (map[string]Barred, error) {
	all := map[string]Barred{}
	_, err := list(ctx, tx, func(row scanner) (_ struct{}, err error) {
		var b Barred
		var held, own int64
		var decided sql.NullInt64
		if err := row.Scan(&b.Container, &b.Decision, &held, &decided, &own); err != nil {
			return struct{}{}, err
		}
		decision := b.Decision
		b.At = fromMillis(held)
		if decided.Valid {
			b.At = fromMillis(decided.Int64)
		}
		if was, ok := all[b.Container]; ok {
			if !b.over(was) {
				b.Decision, b.At = was.Decision, was.At
			}
			b.Released, b.Lifted, b.DeviceAt = was.Released, was.Lifted, was.DeviceAt
		}
		b.decided(decision, own)
		all[b.Container] = b
		return struct{}{}, nil
	}, `SELECT h.container_id, h.decision, h.held_at, h.decided_at, h.device_held FROM quality_holds h JOIN dated_containers c ON c.id = h.container_id
		WHERE c.location_id = $1 AND c.delivery_date = $2 ORDER BY h.held_at, h.id`, location, date)
	return all, err
}

// over says whether b counts and not was: condemned goods stay so, an open hold goes before decided ones, and the newest decision counts.
func (b Barred) over(was Barred) bool {
	rank := map[Decision]int{Condemned: 3, Undecided: 2, Released: 1, Lifted: 1}
	if rank[b.Decision] != rank[was.Decision] {
		return rank[b.Decision] > rank[was.Decision]
	}
	return b.At.After(was.At)
}

// HeldItem is units of an order's product in a container.
type HeldItem struct {
	OrderID   string
	Line      int
	Unit      int
	ProductID string
	Name      string
	Short     bool
}

// ItemsIn gives the order items in a container.
func (tx *Tx) ItemsIn(ctx context.Context, container string) ([]HeldItem, error) {
	return list(ctx, tx, func(row scanner) (i HeldItem, err error) {
		err = row.Scan(&i.OrderID, &i.Line, &i.Unit, &i.ProductID, &i.Name, &i.Short)
		return i, err
	}, `SELECT i.order_id, i.line, i.unit, i.product_id, p.name, i.short FROM order_items i JOIN products p ON p.id = i.product_id
		WHERE i.dated_container_id = $1 ORDER BY i.order_id, i.line, i.unit`, container)
}

// TakenFrom gives when the fridge of a container was opened last for each order that has goods in it.
func (tx *Tx) TakenFrom(ctx context.Context, container string) (map[string]time.Time, error) {
	all := map[string]time.Time{}
	_, err := list(ctx, tx, func(row scanner) (_ struct{}, err error) {
		var order string
		var at int64
		err = row.Scan(&order, &at)
		all[order] = fromMillis(at)
		return struct{}{}, err
	}, `SELECT p.order_id, p.last_at FROM order_pickups p JOIN dated_containers c ON c.fridge_id = p.fridge_id
		WHERE c.id = $1 AND p.order_id IN (SELECT i.order_id FROM order_items i WHERE i.dated_container_id = c.id)`, container)
	return all, err
}
