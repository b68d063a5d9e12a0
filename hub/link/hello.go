package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/protocol"
)

// Hello takes what a device says on connecting: its incarnation may be new, and it may lack numbers that the hub expects. The
// welcome says where to go on.
func (r *Receiver) Hello(ctx context.Context, device string, h protocol.Hello) (protocol.Welcome, error) {
	now := r.config.Clock.Now()
	var w protocol.Welcome
	var before, d fleet.Device
	var forked error
	var gaps int64
	err := r.config.Store.Change(ctx, func(tx *store.Tx) error {
		w = protocol.Welcome{Nonce: h.Nonce, Incarnation: h.Incarnation, Epoch: r.epoch, HubTime: now.UnixMilli(), Window: window}
		forked, gaps = nil, 0
		var err error
		if before, err = r.device(ctx, tx, device); err != nil {
			return err
		}
		incarnation := h.Incarnation.String()
		_, known, err := tx.DeviceLog(ctx, device, incarnation, uint8(protocol.Events))
		if err != nil {
			return err
		}
		d = before.Greet(fleet.Greeting{Incarnation: incarnation, Boot: h.Boot, Session: h.Session, Software: clean(h.Software, maxText),
			Plan: h.Plan, CommandCounter: h.CommandCounter}, known, now)
		if err := tx.SaveDevice(ctx, d); err != nil {
			return err
		}
		if !known {
			if err := tx.SupersedeLogs(ctx, device, incarnation); err != nil {
				return err
			}
			if h.Parent != nil {
				if err := noteFork(ctx, tx, device, h, now); err != nil {
					return err
				}
			}
		}
		w.Expect, gaps, forked, err = reconcile(ctx, tx, device, h, now)
		if err != nil {
			return err
		}
		w.Verdict = verdict(d, incarnation, forked)
		return r.planOf(ctx, tx, d, &w)
	})
	if err != nil {
		return protocol.Welcome{}, err
	}
	r.stats.Gaps.Add(gaps)
	if forked != nil {
		r.stats.Forks.Add(1)
		r.config.Logger.Warn("log has forked", "device", device, "incarnation", h.Incarnation, "error", forked)
	}
	if before.Incarnation != d.Incarnation && r.config.Greeted != nil {
		r.config.Greeted(d.Place)
	}
	r.changed()
	return w, nil
}

// planOf names the newest plan in the welcome when it is for this incarnation.
func (r *Receiver) planOf(ctx context.Context, tx *store.Tx, d fleet.Device, w *protocol.Welcome) error {
	if w.Verdict != protocol.Current {
		return nil
	}
	p, ok, err := tx.NewestPlan(ctx, d.ID)
	if ok && p.Incarnation == w.Incarnation.String() && p.Refused == "" {
		w.Plan = p.Version
	}
	return err
}

func verdict(d fleet.Device, incarnation string, forked error) protocol.Verdict {
	switch {
	case forked != nil:
		return protocol.Forked
	case incarnation != d.Incarnation:
		return protocol.Superseded
	}
	return protocol.Current
}

// reconcile compares each log with what the device holds of it, and begins those of a new incarnation. A fork in one log
// leaves all as they are.
func reconcile(ctx context.Context, tx *store.Tx, device string, h protocol.Hello, now time.Time) (
	expect []protocol.Expect, gaps int64, forked, err error) {
	holds := map[protocol.LogID]protocol.Position{}
	for _, p := range h.Logs {
		holds[p.Log] = p
	}
	incarnation := h.Incarnation.String()
	var logs []fleet.Log
	var found []*fleet.Gap
	for _, id := range []protocol.LogID{protocol.Events, protocol.Readings} {
		l, ok, err := tx.DeviceLog(ctx, device, incarnation, uint8(id))
		if err != nil {
			return nil, 0, nil, err
		}
		if !ok {
			l = fleet.Log{Incarnation: incarnation, Log: uint8(id), Next: 1, State: fleet.Current}
		}
		var gap *fleet.Gap
		if p, says := holds[id]; says && forked == nil {
			l, gap, forked = l.Reconcile(fleet.Holding{First: p.First, Next: p.Next, Before: fleet.Hash(p.Before)})
			if forked != nil {
				forked = fmt.Errorf("%s: %w", id, forked)
			}
		}
		logs, found = append(logs, l), append(found, gap)
		expect = append(expect, protocol.Expect{Log: id, Next: l.Next})
	}
	if forked != nil {
		return expect, 0, forked, forkSeen(ctx, tx, device, incarnation, forked, now)
	}
	for i, l := range logs {
		if err := tx.SaveDeviceLog(ctx, device, l); err != nil {
			return nil, 0, nil, err
		}
		if found[i] == nil {
			continue
		}
		gaps++
		if err := tx.AddGap(ctx, device, incarnation, l.Log, *found[i], now); err != nil {
			return nil, 0, nil, err
		}
	}
	return expect, gaps, nil, nil
}

// forkSeen marks the logs of an incarnation, of which a branch was seen that does not fit, and makes it work for a person. The
// branch that fits goes on.
func forkSeen(ctx context.Context, tx *store.Tx, device, incarnation string, why error, now time.Time) error {
	for _, id := range []protocol.LogID{protocol.Events, protocol.Readings} {
		l, ok, err := tx.DeviceLog(ctx, device, incarnation, uint8(id))
		if err != nil {
			return err
		}
		if !ok || l.State == fleet.Forked {
			continue
		}
		l.State = fleet.Forked
		if err := tx.SaveDeviceLog(ctx, device, l); err != nil {
			return err
		}
	}
	return tx.OpenWork(ctx, "fork/"+device+"/"+incarnation, "fork", device,
		"storage of this device was restored from an image, or cloned: "+why.Error(), now)
}

// noteFork records that a new incarnation goes on from where another was left. What was not delivered of that comes with it.
func noteFork(ctx context.Context, tx *store.Tx, device string, h protocol.Hello, now time.Time) error {
	parent := h.Parent.Incarnation.String()
	return forkSeen(ctx, tx, device, parent, fmt.Errorf("incarnation %s goes on behind event %d and reading %d",
		h.Incarnation, h.Parent.Events, h.Parent.Readings), now)
}

// Want gives the parts of the newest plan that a device asks for, as far as they fit in one answer: it asks again for the
// rest. What is not in its own plan it does not get.
func (r *Receiver) Want(ctx context.Context, device string, w protocol.Want) ([]protocol.Part, error) {
	var parts []protocol.Part
	err := r.config.Store.Read(ctx, func(tx *store.Tx) error {
		parts = nil
		if _, err := r.device(ctx, tx, device); err != nil {
			return err
		}
		size := 0
		for _, hash := range w.Hashes {
			body, err := tx.PlanPart(ctx, device, w.Plan, fleet.Hash(hash))
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if size += len(body); size > maxAnswer && len(parts) > 0 {
				return nil
			}
			parts = append(parts, protocol.Part{Hash: hash, Body: body})
		}
		return nil
	})
	return parts, err
}

// maxAnswer is how many bytes of parts one request is answered with.
const maxAnswer = 2 << 20

// Outbox gives what is owed to a device now: the manifest of a plan that it does not have in force, and open commands, in order.
// They are owed until the device's log answers them.
func (r *Receiver) Outbox(ctx context.Context, device string) ([]protocol.Message, error) {
	var owed []protocol.Message
	err := r.config.Store.Read(ctx, func(tx *store.Tx) error {
		owed = nil
		d, err := r.device(ctx, tx, device)
		if err != nil || d.Incarnation == "" {
			return err
		}
		incarnation, err := protocol.ParseIncarnation(d.Incarnation)
		if err != nil {
			return err
		}
		plan, ok, err := tx.NewestPlan(ctx, device)
		if err != nil {
			return err
		}
		if ok && plan.Owed(d) {
			owed = append(owed, manifest(plan, incarnation))
		}
		commands, err := tx.OpenCommands(ctx, device)
		if err != nil {
			return err
		}
		for _, c := range commands {
			owed = append(owed, protocol.Command{ID: c.ID, Incarnation: incarnation, Counter: c.Counter, Deadline: c.Deadline.UnixMilli(),
				PlanAtLeast: c.PlanAtLeast, Kind: protocol.CommandKind(c.Kind), Target: c.Target})
		}
		return nil
	})
	return owed, err
}

func manifest(p fleet.Plan, incarnation protocol.Incarnation) protocol.Manifest {
	m := protocol.Manifest{Incarnation: incarnation, Plan: p.Version, MadeAt: p.MadeAt.UnixMilli()}
	for _, part := range p.Parts {
		m.Parts = append(m.Parts, protocol.PartRef{Name: part.Name, Hash: protocol.Hash(part.Hash), Size: uint32(part.Size)})
	}
	return m
}
