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
	g := &greeting{receiver: r, device: device, hello: h}
	if err := r.alone(ctx, g); err != nil {
		return protocol.Welcome{}, err
	}
	if g.refused {
		return protocol.Welcome{}, fmt.Errorf("%w: device %s has begun anew %d times within a day", ErrNotTaken, device, maxLives)
	}
	g.tell()
	r.changed()
	return g.welcome, nil
}

// greeting is what a hello changes.
type greeting struct {
	receiver *Receiver
	device   string
	hello    protocol.Hello

	said          fleet.Greeting
	now           time.Time
	before, after fleet.Device
	welcome       protocol.Welcome
	acks          []protocol.Ack // of what is safe to delete by now
	forked        error
	rival         bool
	refused       bool // it begins anew too often
	gaps          int64
}

// maxLives is how many incarnations a device may begin within a day: each costs rows and a plan. Cards that break, and boards that
// are set up, need a few.
const maxLives = 40

func (g *greeting) run(ctx context.Context, tx *store.Tx) error {
	r, h := g.receiver, g.hello
	g.now = r.config.Clock.Now()
	g.acks, g.forked, g.rival, g.refused, g.gaps = nil, nil, false, false, 0
	g.welcome = protocol.Welcome{Nonce: h.Nonce, Incarnation: h.Incarnation, Epoch: r.epoch, HubTime: g.now.UnixMilli(), Window: window,
		Revision: protocol.Revision}
	g.said = fleet.Greeting{Incarnation: h.Incarnation.String(), Boot: h.Boot, Session: h.Session, Software: clean(h.Software, maxText),
		Revision: min(h.Revision, maxCounter), Plan: h.Plan, CommandCounter: h.CommandCounter}
	var err error
	if g.before, err = r.device(ctx, tx, g.device); err != nil {
		return err
	}
	life, known, err := tx.Life(ctx, g.device, g.said.Incarnation)
	if err != nil {
		return err
	}
	if g.refused, err = g.tooMany(ctx, tx, known); err != nil || g.refused {
		return err
	}
	g.after = g.before.Greet(g.said, known, g.now)
	if err := tx.SaveDevice(ctx, g.after); err != nil {
		return err
	}
	if known {
		err = g.again(ctx, tx, life)
	} else {
		err = g.begin(ctx, tx)
	}
	if err != nil {
		return err
	}
	if err := g.reconcile(ctx, tx); err != nil {
		return err
	}
	g.welcome.Verdict = verdict(g.after, g.said.Incarnation, g.forked)
	return r.planOf(ctx, tx, g.after, &g.welcome)
}

// tooMany says whether the device begins anew too often, of which a person hears. Its log waits; nothing of it is lost.
func (g *greeting) tooMany(ctx context.Context, tx *store.Tx, known bool) (bool, error) {
	if known {
		return false, nil
	}
	n, err := tx.LivesSince(ctx, g.device, g.now.Add(-24*time.Hour))
	if err != nil || n < maxLives {
		return false, err
	}
	return true, misbehaves(ctx, tx, g.device, fmt.Sprintf("its storage has begun anew %d times within a day, and is not heard before tomorrow", n), g.now)
}

func (g *greeting) done() protocol.Message {
	if g.refused {
		return nil
	}
	g.tell()
	return g.welcome
}

// safe gives the acknowledgements that follow the welcome.
func (g *greeting) safe() []protocol.Message {
	all := make([]protocol.Message, len(g.acks))
	for i, a := range g.acks {
		all[i] = a
	}
	return all
}

// tell counts and says what was committed.
func (g *greeting) tell() {
	r := g.receiver
	r.stats.Gaps.Add(g.gaps)
	r.astray.welcome(g.device, g.welcome)
	if g.forked != nil {
		r.stats.Forks.Add(1)
		r.config.Logger.Warn("log has forked", "device", g.device, "incarnation", g.hello.Incarnation, "error", g.forked)
	}
	if g.rival {
		r.config.Logger.Warn("two storages live under one id", "device", g.device, "incarnation", g.hello.Incarnation,
			"current", g.after.Incarnation)
	}
	// One that has seen a newer plan than is known here, as after a restored backup, needs a plan above that; one that was upgraded
	// may need one that says more.
	if g.needsPlan() && r.config.Greeted != nil {
		r.config.Greeted(g.after.Place)
	}
}

func (g *greeting) needsPlan() bool {
	return g.before.Incarnation != g.after.Incarnation || g.after.PlanSent > g.before.PlanSent || g.before.Revision != g.after.Revision
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
func (g *greeting) reconcile(ctx context.Context, tx *store.Tx) error {
	holds := map[protocol.LogID]protocol.Position{}
	for _, p := range g.hello.Logs {
		holds[p.Log] = p
	}
	var logs []fleet.Log
	var found []*fleet.Gap
	restored := false
	for _, id := range []protocol.LogID{protocol.Events, protocol.Readings} {
		l, ok, err := tx.DeviceLog(ctx, g.device, g.said.Incarnation, uint8(id))
		if err != nil {
			return err
		}
		if !ok {
			l = g.newLog(id)
		}
		restored = restored || l.Restored
		var gap *fleet.Gap
		if p, says := holds[id]; says && g.forked == nil {
			l, gap, g.forked = l.Reconcile(fleet.Holding{First: p.First, Next: p.Next, Before: fleet.Hash(p.Before)})
			if g.forked != nil {
				g.forked = fmt.Errorf("%s: %w", id, g.forked)
			}
		}
		logs, found = append(logs, l), append(found, gap)
		g.welcome.Expect = append(g.welcome.Expect, protocol.Expect{Log: id, Next: l.Next})
	}
	if g.forked != nil {
		return forkSeen(ctx, tx, g.device, g.said.Incarnation, g.forked, g.now)
	}
	for i, l := range logs {
		if err := g.settle(ctx, tx, l, found[i], holds[protocol.LogID(l.Log)]); err != nil {
			return err
		}
	}
	if !restored {
		return nil
	}
	return tx.HelloSinceRestore(ctx, g.device, g.said.Incarnation)
}

// newLog is a log before its first record.
func (g *greeting) newLog(id protocol.LogID) fleet.Log {
	l := fleet.Log{Incarnation: g.said.Incarnation, Log: uint8(id), Next: 1, State: fleet.Current}
	if g.said.Incarnation != g.after.Incarnation {
		l.State = fleet.Superseded
	}
	return l
}

// settle stores a log that fits what the device holds of it, with the gap between the two.
func (g *greeting) settle(ctx context.Context, tx *store.Tx, l fleet.Log, gap *fleet.Gap, holds protocol.Position) error {
	if err := tx.SaveDeviceLog(ctx, g.device, l); err != nil {
		return err
	}
	if gap != nil {
		g.gaps++
		if err := tx.AddGap(ctx, g.device, l.Incarnation, l.Log, *gap, g.now); err != nil {
			return err
		}
	}
	if l.Incarnation != g.after.Incarnation {
		if err := g.found(ctx, tx, l, holds.Next); err != nil {
			return err
		}
	}
	// A backup may have made more of it safe to delete since the last batch, and a cloned card may have written other records of
	// the same numbers. A device that has more to send hears of both anyway.
	if holds.Next == l.Next && holds.First < l.Next {
		a := g.receiver.ack(g.device, g.hello.Incarnation, l)
		a.HubTime, a.Verdict = g.now.UnixMilli(), verdict(g.after, g.said.Incarnation, nil)
		g.acks = append(g.acks, a)
	}
	return nil
}

// ack acknowledges what was taken of a log, with the hash by which the device sees that it is its own log that is meant.
func (r *Receiver) ack(device string, incarnation protocol.Incarnation, l fleet.Log) protocol.Ack {
	a := protocol.Ack{Epoch: r.epoch, Incarnation: incarnation, Log: protocol.LogID(l.Log), Applied: l.Next - 1, Window: window,
		Hash: protocol.Hash(l.Hash)}
	a.Safe = a.Applied
	if r.config.Safe != nil {
		a.Safe = min(a.Applied, r.config.Safe(device, incarnation, a.Log, a.Applied))
	}
	return a
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
	err := r.config.Store.Read(ctx, func(tx *store.Tx) (err error) {
		owed, err = r.owed(ctx, tx, device)
		return err
	})
	return owed, err
}

func (r *Receiver) owed(ctx context.Context, tx *store.Tx, device string) ([]protocol.Message, error) {
	d, err := r.device(ctx, tx, device)
	if err != nil || d.Incarnation == "" {
		return nil, err
	}
	incarnation, err := protocol.ParseIncarnation(d.Incarnation)
	if err != nil {
		return nil, err
	}
	plan, ok, err := tx.NewestPlan(ctx, device)
	if err != nil {
		return nil, err
	}
	var owed []protocol.Message
	if ok && plan.Owed(d) {
		owed = append(owed, manifest(plan, incarnation))
	}
	commands, err := tx.OpenCommands(ctx, device)
	if err != nil {
		return nil, err
	}
	for _, c := range commands {
		if !c.Owed() {
			continue
		}
		wire := protocol.Command{ID: c.ID, Incarnation: incarnation, Counter: c.Counter, Deadline: c.Deadline.UnixMilli(),
			PlanAtLeast: c.PlanAtLeast, Kind: protocol.CommandKind(c.Kind), Target: c.Target}
		if wire.Kind == protocol.CommandShowNumber {
			if wire.Text, err = tx.NumberToShow(ctx, c.ID); err != nil {
				return nil, err
			}
			if wire.Text == "" { // nobody needs it any more
				continue
			}
		}
		owed = append(owed, wire)
	}
	return owed, nil
}

func manifest(p fleet.Plan, incarnation protocol.Incarnation) protocol.Manifest {
	m := protocol.Manifest{Incarnation: incarnation, Plan: p.Version, MadeAt: p.MadeAt.UnixMilli()}
	for _, part := range p.Parts {
		m.Parts = append(m.Parts, protocol.PartRef{Name: part.Name, Hash: protocol.Hash(part.Hash), Size: uint32(part.Size)})
	}
	return m
}
