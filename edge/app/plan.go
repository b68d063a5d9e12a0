package app

import (
	"fmt"
	"strings"
	"time"

	"meguri/edge/driver"
	edgelog "meguri/edge/log"
	"meguri/edge/scanner"
	"meguri/edge/station"
	"meguri/edge/warehouse"
	"meguri/protocol"
)

// plan is the active plan, decoded.
type plan struct {
	manifest     protocol.Manifest
	locks        station.Plan
	temperatures map[string]protocol.TemperaturePlan // by position
	scanner      protocol.ScannerPlan
	driver       protocol.DriverPlan
	warehouse    protocol.WarehousePlan
	items        []protocol.ItemsPlan
	book         *warehouse.Book // of both
}

// decodePlan reads the parts by their names. Parts of a kind that this version does not know are left alone.
func decodePlan(m protocol.Manifest, parts map[string][]byte) (plan, error) {
	p := plan{manifest: m, locks: station.Plan{}, temperatures: map[string]protocol.TemperaturePlan{}}
	for _, ref := range m.Parts {
		kind, position, _ := strings.Cut(ref.Name, "/")
		if err := p.decodePart(kind, position, parts[ref.Name]); err != nil {
			return plan{}, fmt.Errorf("part %s: %w", ref.Name, err)
		}
	}
	p.book = warehouse.NewBook(p.warehouse, p.items)
	p.items = nil // the book has them
	return p, nil
}

func (p *plan) decodePart(kind, position string, body []byte) error {
	switch kind {
	case "lock":
		var l protocol.LockPlan
		err := protocol.DecodeBody(body, &l)
		p.locks[position] = l
		return err
	case "fridge", "shipper":
		var t protocol.TemperaturePlan
		err := protocol.DecodeBody(body, &t)
		p.temperatures[position] = t
		return err
	case "scanner":
		return protocol.DecodeBody(body, &p.scanner)
	case "driver":
		return protocol.DecodeBody(body, &p.driver)
	case "warehouse":
		var w protocol.WarehousePlan
		err := protocol.DecodeBody(body, &w)
		p.warehouse = warehouse.Join(p.warehouse, w)
		return err
	case "items":
		var i protocol.ItemsPlan
		err := protocol.DecodeBody(body, &i)
		p.items = append(p.items, i)
		return err
	}
	return nil
}

func (a *agent) loadPlan(tx *edgelog.Tx) error {
	var m protocol.Manifest
	if err := get(tx, keyManifest, &m); err != nil || m.Plan == 0 {
		return err
	}
	if m.Incarnation != a.log.Incarnation() {
		a.planVersion.Store(m.Plan) // versions go on rising
		return nil                  // made for another life of this storage: no grant of it is honoured
	}
	parts := map[string][]byte{}
	for _, ref := range m.Parts {
		body, err := tx.Get(keyPart + ref.Hash.String())
		if err != nil {
			return err
		}
		if protocol.HashPart(body) != ref.Hash {
			return fmt.Errorf("%w: stored plan part %s does not match its hash", edgelog.ErrDamaged, ref.Name)
		}
		parts[ref.Name] = body
	}
	p, err := decodePlan(m, parts)
	if err != nil {
		return fmt.Errorf("stored plan %d: %w", m.Plan, err)
	}
	a.usePlan(p, parts)
	return nil
}

func (a *agent) usePlan(p plan, parts map[string][]byte) {
	a.plan, a.book = p, p.book
	held := map[protocol.Hash][]byte{}
	for _, ref := range p.manifest.Parts {
		held[ref.Hash] = parts[ref.Name]
	}
	a.parts.Store(&held)
	a.planVersion.Store(p.manifest.Plan)
	a.setSampling(p.sampleEvery())
}

// sampleEvery is how often the probes are read, in milliseconds: as often as one of them has to be, and all together.
func (p plan) sampleEvery() int64 {
	every := defaultSampleEvery.Milliseconds()
	for _, t := range p.temperatures {
		if t.SampleEveryMS > 0 {
			every = min(every, t.SampleEveryMS)
		}
	}
	return every
}

// locks is what the plan says of the doors. A log that was forked has drawn a new incarnation, and what was planned for the
// old one opens no door: the hub cannot know what the other copy has done with it. A new plan is on its way.
func (a *agent) locks() station.Plan {
	if a.plan.manifest.Incarnation != a.log.Incarnation() {
		return nil
	}
	return a.plan.locks
}

// unplanned says that there is no plan that was made for this life of the storage: no code can be right.
func (a *agent) unplanned() bool { return a.plan.manifest.Incarnation != a.log.Incarnation() }

// Part gives a part of the active plan, so that the link need not ask for it again.
func (a *agent) Part(h protocol.Hash) ([]byte, bool) {
	body, ok := (*a.parts.Load())[h]
	return body, ok
}

// Activate makes a whole plan durable and uses it. A plan that cannot be read is refused, and the hub hears why.
func (a *agent) Activate(m protocol.Manifest, parts map[string][]byte) error {
	p, unread := decodePlan(m, parts) // not in the loop: with 100,000 pieces it takes longer than a scan may wait
	result := make(chan error, 1)
	a.do(func() { result <- a.activateDecoded(m, parts, p, unread) })
	select {
	case err := <-result:
		return err
	case <-a.done:
		return fmt.Errorf("plan %d: agent is stopping", m.Plan)
	}
}

func (a *agent) activate(m protocol.Manifest, parts map[string][]byte) error {
	p, unread := decodePlan(m, parts)
	return a.activateDecoded(m, parts, p, unread)
}

func (a *agent) activateDecoded(m protocol.Manifest, parts map[string][]byte, p plan, unread error) error {
	if err := a.settle(); err != nil { // what is owed must not overwrite what follows
		return err
	}
	if unread != nil {
		_ = a.commit([]protocol.Body{protocol.PlanApplied{Plan: m.Plan, Reason: unread.Error()}}, nil) // logged there
		return unread
	}
	confirmed := time.UnixMilli(m.MadeAt)
	if a.vouched == m.Plan && a.vouchedAt.After(confirmed) {
		confirmed = a.vouchedAt
	}
	stations := station.Confirmed(station.PlanChanged(a.station, p.locks), confirmed)
	scans := scanner.PlanChanged(a.scanner, p.scanner)
	run := driver.PlanChanged(a.driver, p.driver)
	records := []protocol.Body{protocol.PlanApplied{Plan: m.Plan}}
	if every := p.sampleEvery(); every != a.sampleEvery.Load() {
		records = append(records, a.sampling(every))
	}
	err := a.write(a.stamp(), records, a.carryNotes(p, map[string]any{keyStation: stations, keyScanner: scans, keyDriver: run}),
		func(tx *edgelog.Tx) error { return storePlan(tx, p, parts) })
	if err != nil {
		return err
	}
	a.station, a.scanner, a.driver = stations, scans, run
	a.usePlan(p, parts)
	a.tellNext()
	a.logger.Info("plan active", "plan", m.Plan, "parts", len(m.Parts))
	return nil
}

// Planned tells which plan the hub said at a time, its own, is the newest for this device.
func (a *agent) Planned(newest uint64, at time.Time) { a.do(func() { a.confirm(newest, at) }) }

// confirm notes that the plan here is still the newest: until then what it says was not revoked.
func (a *agent) confirm(newest uint64, at time.Time) {
	if newest != a.planVersion.Load() { // it is on its way
		a.vouched, a.vouchedAt = newest, at
	}
	if newest == 0 || newest != a.planVersion.Load() || a.unplanned() || len(a.cfg.Kit.Locks) == 0 {
		return
	}
	a.station = station.Confirmed(a.station, at)
	a.happened(nil, map[string]any{keyStation: a.station})
}

// storePlan writes the manifest and the parts that are new, and drops those that no longer belong to it.
func storePlan(tx *edgelog.Tx, p plan, parts map[string][]byte) error {
	stored, err := tx.Keys(keyPart)
	if err != nil {
		return err
	}
	stale := map[string]bool{}
	for _, key := range stored {
		stale[key] = true
	}
	kept := map[string]bool{}
	for _, ref := range p.manifest.Parts {
		key := keyPart + ref.Hash.String()
		if kept[key] {
			continue
		}
		kept[key] = true
		if stale[key] {
			if body, err := tx.Get(key); err == nil && protocol.HashPart(body) == ref.Hash {
				delete(stale, key)
				continue
			}
		}
		delete(stale, key)
		if err := tx.Put(key, parts[ref.Name]); err != nil {
			return err
		}
	}
	for key := range stale {
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return put(tx, keyManifest, p.manifest)
}

func positionOf(sensor string) string {
	position, _, _ := strings.Cut(sensor, "/")
	return position
}
