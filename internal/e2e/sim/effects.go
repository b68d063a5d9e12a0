package sim

import (
	"database/sql"

	"meguri/protocol"
)

// effects wants what events mean to be so in the hub, and nothing else: goods that were taken, boxes in their slots, and no fork
// where nobody copied anything.
func (s *sim) effects() {
	l := s.hub.alive()
	s.model.mu.Lock()
	defer s.model.mu.Unlock()
	taken, placed, filled, doubt := map[string]bool{}, map[string]bool{}, map[string]bool{}, s.model.rewound
	for id, t := range s.model.devices {
		doubt = doubt || t.branched || len(t.lives) > 1
		for _, life := range t.lives {
			doubt = doubt || life.unknown > 0
			for _, f := range life.all {
				s.learnEffect(f, taken, placed, filled)
			}
		}
		var forks int
		err := l.raw.QueryRow("SELECT count(*) FROM device_logs WHERE device_id = ? AND state = 'forked'", id).Scan(&forks)
		if err == nil && forks > 0 && !t.branched {
			s.model.broken("%s: the hub calls its log forked, and nobody has copied it", id)
		}
	}
	if doubt {
		return
	}
	known := map[string]bool{}
	s.eachLocked(l.raw, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		known[id] = true
		return err
	}, "SELECT id FROM commands")
	s.eachLocked(l.raw, func(rows *sql.Rows) error {
		var device, name, outcome, reason string
		var number uint64
		var kind protocol.Kind
		var body []byte
		err := rows.Scan(&device, &number, &kind, &body, &name, &outcome, &reason)
		// A command that was given after the backup is gone with the database; that a device has carried it out stays on record.
		if id := commandOf(kind, body); id == "" || known[id] || !s.model.restored {
			s.model.broken("%s: event %d, %s, is %s: %s", device, number, name, outcome, reason)
		}
		return err
	}, "SELECT device_id, number, kind, body, name, outcome, reason FROM events WHERE outcome <> 'applied'")
	s.eachLocked(l.raw, func(rows *sql.Rows) error {
		var order, fridge string
		err := rows.Scan(&order, &fridge)
		if !taken[order+" "+fridge] {
			s.model.broken("the hub says that %s was taken from %s, and no device does", order, fridge)
		}
		delete(taken, order+" "+fridge)
		return err
	}, "SELECT order_id, fridge_id FROM order_pickups")
	for what := range taken {
		s.model.broken("%s: goods were taken, and the hub does not know", what)
	}
	s.eachLocked(l.raw, func(rows *sql.Rows) error {
		var id, state, grai, slot string
		err := rows.Scan(&id, &state, &grai, &slot)
		if want := filled[id+" "+grai] && placed[grai+" "+slot]; want != (state == "placed") {
			s.model.broken("container %s with box %q: the hub says %s, and that it stands in its slot is %t", id, grai, state, want)
		}
		return err
	}, "SELECT id, state, coalesce(grai, ''), slot_id FROM dated_containers")
}

// commandOf is the command that an event is about; empty for other events.
func commandOf(kind protocol.Kind, body []byte) string {
	b, err := protocol.DecodeEvent(kind, body)
	if err != nil {
		return ""
	}
	switch b := b.(type) {
	case protocol.CommandTaken:
		return b.ID
	case protocol.CommandAnswered:
		return b.ID
	}
	return ""
}

func (s *sim) learnEffect(f fact, taken, placed, filled map[string]bool) {
	b, err := protocol.DecodeEvent(f.kind, []byte(f.body))
	if err != nil {
		return // of a kind to come
	}
	switch b := b.(type) {
	case protocol.PickupInferred:
		taken[b.Order+" "+b.Position] = true
	case protocol.ContainerPlaced:
		placed[b.GRAI+" "+b.Slot] = true
	case protocol.ContainerFilled:
		filled[b.DatedContainer+" "+b.GRAI] = true
	}
}
