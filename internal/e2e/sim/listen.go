package sim

import (
	"context"
	"fmt"
	"strings"

	"meguri/hub/store"
	"meguri/protocol"
)

// connected is told who a device says it is, before it says anything else.
func (m *model) connected(device string, will protocol.Gone) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.devices[device]
	l := t.life()
	if !t.branched && l.incarnation != (protocol.Incarnation{}) && l.incarnation != will.Incarnation {
		m.broken("%s: its storage was %s, and says now that it is %s", device, l.incarnation, will.Incarnation)
	}
	l.incarnation = will.Incarnation
}

// deviceSays looks at what a device sends: it may not have deleted what nobody called safe.
func (m *model) deviceSays(device string, msg protocol.Message) {
	h, ok := msg.(protocol.Hello)
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.devices[device]
	for _, p := range h.Logs {
		key := safetyKey("", h.Incarnation.String(), uint8(p.Log))
		if p.Log == protocol.Events && p.First > t.safe[key]+1 && !t.branched {
			m.broken("%s: holds events from %d, and the hub has called safe up to %d", device, p.First, t.safe[key])
		}
	}
}

// hubSays looks at what the hub sends: it may not acknowledge what it has not committed, or what was never recorded.
func (m *model) hubSays(h *hub, l *hubLife, device string, payload []byte) {
	msg, err := protocol.Decode(payload)
	if err != nil {
		m.fail("the hub sent %s what cannot be read: %v", device, err)
		return
	}
	switch msg := msg.(type) {
	case protocol.Ack:
		committed := m.committed(l, device, msg.Incarnation, msg.Log)
		m.mu.Lock()
		defer m.mu.Unlock()
		t := m.devices[device]
		if committed >= 0 && int64(msg.Applied) > committed {
			m.broken("%s: the hub acknowledged %s up to %d and has committed %d", device, msg.Log, msg.Applied, committed)
		}
		if msg.Safe > msg.Applied {
			m.broken("%s: the hub called %d safe and applied %d", device, msg.Safe, msg.Applied)
		}
		if h.safe != nil && msg.Safe > h.safe.upTo(device, msg.Incarnation, msg.Log, msg.Applied) {
			m.broken("%s: the hub called %s safe up to %d, and that is in no backup", device, msg.Log, msg.Safe)
		}
		key := safetyKey("", msg.Incarnation.String(), uint8(msg.Log))
		t.safe[key] = max(t.safe[key], msg.Safe)
		if before := t.acked[key]; before.epoch == msg.Epoch && before.applied > msg.Applied {
			m.broken("%s: the hub acknowledged %s up to %d, and %d before", device, msg.Log, msg.Applied, before.applied)
		}
		t.acked[key] = acked{msg.Epoch, msg.Applied}
	case protocol.Manifest:
		m.sent(device, msg)
	case protocol.Part:
		m.learn(l, device)
	}
}

// committed is the last number of a log that the hub's database has; -1 when it cannot be asked.
func (m *model) committed(l *hubLife, device string, i protocol.Incarnation, log protocol.LogID) (n int64) {
	err := l.raw.QueryRowContext(l.ctx, "SELECT coalesce(max(next_number), 1) - 1 FROM device_logs WHERE device_id = ? AND incarnation = ? AND log = ?",
		device, i.String(), uint8(log)).Scan(&n)
	if err != nil {
		return -1
	}
	return n
}

// sent: a version names one plan, whatever becomes of the hub, for a device that has it takes it for what it is.
func (m *model) sent(device string, plan protocol.Manifest) {
	key, parts := fmt.Sprintf("%s/%d", plan.Incarnation, plan.Plan), fmt.Sprint(plan.Parts)
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.devices[device]
	if before, again := t.manifests[key]; again && before != parts {
		m.broken("%s: the hub sent plan %d with other parts than before", device, plan.Plan)
	}
	t.manifests[key] = parts
}

// learn keeps what the plans say that a device was sent, by version.
func (m *model) learn(l *hubLife, device string) {
	var newest uint64
	parts := map[string]protocol.LockPlan{}
	err := l.store.Read(l.ctx, func(tx *store.Tx) error {
		p, ok, err := tx.NewestPlan(l.ctx, device)
		if !ok || err != nil {
			return err
		}
		newest = p.Version
		return m.lockParts(l.ctx, tx, device, p.Version, parts)
	})
	if err != nil || newest == 0 {
		return
	}
	m.with(device, func(t *truth) { t.plans[newest] = parts })
}

func (m *model) lockParts(ctx context.Context, tx *store.Tx, device string, version uint64, into map[string]protocol.LockPlan) error {
	p, _, err := tx.NewestPlan(ctx, device)
	if err != nil {
		return err
	}
	for _, part := range p.Parts {
		var lock protocol.LockPlan
		body, err := tx.PlanPart(ctx, device, version, part.Hash)
		if err != nil {
			return err
		}
		if strings.HasPrefix(part.Name, "lock/") && protocol.DecodeBody(body, &lock) == nil {
			into[lock.Position] = lock
		}
	}
	return nil
}
