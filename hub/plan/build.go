// Package plan makes the plans of devices from what the hub holds: an adapter between the store and the wire. A plan is a
// function of the database and of what is over by now, so making it again changes nothing unless the facts have changed.
package plan

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"meguri/hub/dispatch"
	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/protocol"
)

const (
	sampleEvery = time.Minute
	// sampleForEngineer is how often a board samples that is being put into service.
	sampleForEngineer = 5 * time.Second
)

// Roles of a device, as stored.
const (
	RoleStation = "station"
	RoleShipper = "shipper"
	RoleScanner = "scanner"
	RoleDriver  = "driver"
)

// TooLarge says that a part of a plan does not fit into a message. Trying again does not help: a person has to.
type TooLarge struct {
	Part  string
	Bytes int
}

func (e *TooLarge) Error() string {
	return fmt.Sprintf("plan part %s has %d bytes, at most %d go to a device", e.Part, e.Bytes, protocol.MaxPart)
}

// Build gives the parts of the plan for a device of a role that serves a place: a location, shipper, shop or route, and speaks a
// revision of the protocol. It depends
// on now only in what is over: that leaves the plan. A date whose leftovers cannot be decided, because its station is silent,
// is over all the same, so that it does not stand in the way of the next. A part that is too large is *TooLarge.
func Build(ctx context.Context, tx *store.Tx, role, place string, revision uint64, now time.Time) (map[string][]byte, error) {
	return build(ctx, tx, role, place, revision, false, now, nil)
}

// BuildFor is Build for one device: while it is being put into service nobody has a grant at it, and it samples often, so that the
// engineer sees at once which probe moves.
func BuildFor(ctx context.Context, tx *store.Tx, d fleet.Device, now time.Time) (map[string][]byte, error) {
	return buildFor(ctx, tx, d, now, nil)
}

// shared are the parts that all scanners of a warehouse get: they are made once for all of them.
type shared map[string]map[string][]byte

func buildFor(ctx context.Context, tx *store.Tx, d fleet.Device, now time.Time, s shared) (map[string][]byte, error) {
	out, err := tx.InCommissioning(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	return build(ctx, tx, string(d.Role), d.Place, d.Revision, out, now, s)
}

func build(ctx context.Context, tx *store.Tx, role, place string, revision uint64, out bool, now time.Time, s shared) (map[string][]byte, error) {
	b := builder{ctx: ctx, tx: tx, now: now, revision: revision, out: out, shared: s, parts: map[string][]byte{}}
	dates, err := tx.DatesUnderWay(ctx, now.Add(-dispatch.Collected))
	if err != nil {
		return nil, err
	}
	switch role {
	case RoleStation:
		err = b.station(place, dates)
	case RoleShipper:
		err = b.shipper(place)
	case RoleScanner:
		err = b.scanners(place, dates)
	case RoleDriver:
		err = b.driver(place, dates)
	}
	if err != nil {
		return nil, fmt.Errorf("plan for %s %s: %w", role, place, err)
	}
	return b.parts, nil
}

type builder struct {
	ctx      context.Context
	tx       *store.Tx
	now      time.Time
	revision uint64
	out      bool // the device is being put into service
	shared   shared
	earliest string // shipping date of a warehouse's lists
	parts    map[string][]byte
	runs     map[string]dispatch.Run // those that were asked for
}

func (b *builder) add(name string, part any) error {
	body, err := protocol.EncodeBody(part)
	if err != nil {
		return err
	}
	if len(body) > protocol.MaxPart {
		return &TooLarge{Part: name, Bytes: len(body)}
	}
	b.parts[name] = body
	return nil
}

func (b *builder) station(location string, dates []string) error {
	fridges, err := b.tx.FridgesAt(b.ctx, location)
	if err != nil {
		return err
	}
	locks, own := map[string]*protocol.LockPlan{}, map[string]store.TemperatureLimit{}
	for _, f := range fridges {
		locks[f.ID] = &protocol.LockPlan{Position: f.ID, OutOfService: b.out}
		own[f.ID] = f
		watched := air(f)
		watched.SampleEveryMS = b.sampleEvery().Milliseconds()
		if watched.Rules, err = b.airRules(f.ID); err != nil {
			return err
		}
		if err := b.add("fridge/"+f.ID, watched); err != nil {
			return err
		}
	}
	for _, date := range dates {
		if err := b.locks(location, date, locks, own); err != nil {
			return err
		}
	}
	if !b.out {
		if err := b.passes(location, locks); err != nil {
			return err
		}
	}
	if err := b.tokens(location, locks); err != nil {
		return err
	}
	for id, lock := range locks {
		if err := b.lock("lock/"+id, *lock); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) sampleEvery() time.Duration {
	if b.out {
		return sampleForEngineer
	}
	return sampleEvery
}

// tokens adds what locks need to check signed tokens, and what to do in doubt.
func (b *builder) tokens(location string, locks map[string]*protocol.LockPlan) error {
	keys, err := b.tx.TokenKeys(b.ctx, b.now)
	if err != nil {
		return err
	}
	newest, err := b.tx.NewestGrant(b.ctx, location)
	if err != nil {
		return err
	}
	people, err := b.people()
	if err != nil {
		return err
	}
	for _, lock := range locks {
		if !newest.IsZero() {
			lock.Issued = newest.UnixMilli()
		}
		for _, k := range keys {
			lock.Keys = append(lock.Keys, k.Public)
		}
		if b.revision >= peopleRules {
			lock.People = people
		}
	}
	return nil
}

// lock adds the part of one door. When it is too large, those who have nothing behind this door are left out: they are not told
// any more which door is theirs, but everybody is served.
func (b *builder) lock(name string, lock protocol.LockPlan) error {
	err := b.add(name, lock)
	if !errors.As(err, new(*TooLarge)) {
		return err
	}
	lock.Grants = slices.DeleteFunc(lock.Grants, func(g protocol.Grant) bool {
		return g.Holder == protocol.HolderCustomer && len(g.Containers) == 0
	})
	return b.add(name, lock)
}

func (b *builder) locks(location, date string, locks map[string]*protocol.LockPlan, own map[string]store.TemperatureLimit) error {
	if over, err := b.over(date, location, dispatch.Collected); over || err != nil {
		return err
	}
	containers, err := b.tx.ContainersOfLocation(b.ctx, date, location)
	if err != nil {
		return err
	}
	barred, err := b.tx.BarredAt(b.ctx, location, date)
	if err != nil {
		return err
	}
	for _, c := range containers {
		lock, ok := locks[c.FridgeID]
		if !ok {
			continue // a broken row, which hub/check tells of, must not leave a station without a plan
		}
		slot, err := b.goods(protocol.SlotAssignment{DatedContainer: c.ID, Slot: c.SlotID, GRAI: c.GRAI,
			Placed: c.State == dispatch.Placed}, c, own, barred)
		if err != nil {
			return err
		}
		lock.Containers = append(lock.Containers, slot)
	}
	if err := b.shipperKeys(location, date, locks); err != nil {
		return err
	}
	if b.out {
		return nil
	}
	grants, err := b.tx.GrantsOfLocation(b.ctx, date, location)
	if err != nil {
		return err
	}
	for _, g := range grants {
		needs, err := b.tx.OrderNeeds(b.ctx, g.OrderID) // none for a courier
		if err != nil {
			return err
		}
		for id, lock := range locks {
			grant := grantFor(g, id, dispatch.Wanted(needs))
			if b.revision < goodsKnown && anyBarred(grant.Containers, barred) {
				continue // that agent knows of no hold
			}
			lock.Grants = append(lock.Grants, b.withCode(grant, g))
		}
	}
	return nil
}

// over says whether pickup of a delivery closed at least so long ago. A location may have none on a date.
func (b *builder) over(date, location string, ago time.Duration) (bool, error) {
	d, err := b.tx.Delivery(b.ctx, date, location)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	return !d.PickupCloses.Add(ago).After(b.now), err
}

// GrantID is the id of a grant at one lock: a counted grant belongs to one lock.
func GrantID(grant, fridge string) string { return grant + "@" + fridge }

// grantFor is a grant at one lock, without its code.
func grantFor(g dispatch.Grant, fridge string, needs []dispatch.Need) protocol.Grant {
	id := GrantID(g.ID, fridge)
	grant := protocol.Grant{ID: id, Holder: protocol.HolderCustomer, Order: g.OrderID, From: g.From.UnixMilli(), Until: g.Until.UnixMilli()}
	if g.Holder == dispatch.Courier {
		grant.Holder, grant.Uses = protocol.HolderCourier, dispatch.CourierUses
	}
	for _, n := range needs {
		switch {
		case n.FridgeID == fridge:
			grant.Containers = append(grant.Containers, n.ContainerID)
		case !slices.Contains(grant.Elsewhere, n.FridgeID):
			grant.Elsewhere = append(grant.Elsewhere, n.FridgeID)
		}
	}
	return grant
}

// Tokens are what an order's customer carries, to be signed: one for each fridge with goods, since a grant belongs to one lock.
func Tokens(ctx context.Context, tx *store.Tx, g dispatch.Grant) ([]protocol.Token, error) {
	needs, err := tx.OrderNeeds(ctx, g.OrderID)
	if err != nil {
		return nil, err
	}
	needs = dispatch.Wanted(needs)
	var all []protocol.Token
	for _, n := range needs {
		if slices.ContainsFunc(all, func(t protocol.Token) bool { return t.Lock == n.FridgeID }) {
			continue
		}
		all = append(all, protocol.Token{Lock: n.FridgeID, Issued: g.IssuedAt.UnixMilli(), Grant: grantFor(g, n.FridgeID, needs)})
	}
	return all, nil
}

func (b *builder) shipper(shipper string) error {
	limit, err := b.tx.ShipperLimit(b.ctx, shipper)
	limited := err == nil
	if errors.Is(err, store.ErrNotFound) { // its category may have rules all the same, as store.RulesAt has it
		limit, err = store.TemperatureLimit{ID: shipper, MinMilliC: math.MinInt32, MaxMilliC: math.MaxInt32}, nil
	}
	if err != nil {
		return err
	}
	watched := air(limit)
	if watched.Rules, err = b.airRules(limit.ID); err != nil {
		return err
	}
	if !limited && len(watched.Rules) == 0 {
		return nil // sampled all the same, by the device's own default
	}
	return b.add("shipper/"+shipper, watched)
}

// scanners serve a shop, or a rental warehouse.
func (b *builder) scanners(place string, dates []string) error {
	isWarehouse, err := b.tx.HasWarehouse(b.ctx, place)
	switch {
	case err != nil:
		return err
	case isWarehouse:
		return b.warehouse(place)
	}
	return b.scanner(place, dates)
}

// scanner lists the containers of all dates that have not been picked up: the next date may be frozen while one is packed.
func (b *builder) scanner(shop string, dates []string) error {
	part := protocol.ScannerPlan{Position: shop}
	for _, date := range dates {
		list, err := b.tx.PackingToScan(b.ctx, date, shop)
		if err != nil {
			return err
		}
		for _, line := range list.Lines {
			over, err := b.over(date, line.LocationID, 0)
			if err != nil {
				return err
			}
			if over { // its box may be needed again
				continue
			}
			if part.Date == "" {
				part.Date = date
			}
			part.Containers = append(part.Containers, packingPart(line))
		}
	}
	if len(part.Containers) == 0 {
		return nil
	}
	return b.add("scanner/"+shop, part)
}

func packingPart(line dispatch.PackingLine) protocol.PackingListPart {
	part := protocol.PackingListPart{DatedContainer: line.ID, Address: line.AddressID, GRAI: line.GRAI}
	for _, p := range line.Products {
		part.Products = append(part.Products, protocol.PackingLine{GTIN: p.GTIN, Units: uint32(p.Units)})
	}
	return part
}

// driver gives the sheet of the first run that carries something and is not over, else of the last one.
func (b *builder) driver(route string, dates []string) error {
	var part *protocol.DriverPlan
	for _, date := range dates {
		id, err := b.tx.RunOfRoute(b.ctx, route, date)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		run, err := b.tx.Run(b.ctx, id)
		if err != nil {
			return err
		}
		containers, err := b.tx.ContainersOfRun(b.ctx, id)
		if err != nil {
			return err
		}
		kept, err := b.tx.KeptBack(b.ctx, date)
		if err != nil {
			return err
		}
		containers = slices.DeleteFunc(containers, func(c dispatch.Container) bool { return kept[c.ID] != "" }) // its scan is refused
		if len(containers) == 0 {
			continue
		}
		p := driverPart(route, run, containers)
		part = &p
		if !run.Over(b.now) {
			break
		}
	}
	if part == nil {
		return nil
	}
	return b.add("driver/"+route, *part)
}

func driverPart(route string, run dispatch.Run, containers []dispatch.Container) protocol.DriverPlan {
	part := protocol.DriverPlan{Position: route, Run: run.ID}
	for _, s := range run.Stops {
		part.Stops = append(part.Stops, protocol.RunStop{Sequence: uint32(s.Sequence), Kind: string(s.Kind), Place: s.PlaceID,
			PlannedAt: s.PlannedAt.UnixMilli()})
	}
	for _, c := range containers {
		part.Containers = append(part.Containers, protocol.RunContainer{DatedContainer: c.ID, GRAI: c.GRAI, Address: c.AddressID,
			Shipper: c.ShipperGRAI, Location: c.LocationID, Slot: c.SlotID})
	}
	return part
}
