package sim

import (
	"slices"
	"time"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/protocol"
)

// compareLedger wants the ledger to be true at every moment, exact to one sampling interval: where a round was recorded it has
// been received, or the device dropped it and said so; where it says received, rounds were recorded; and where it says off, none
// was. It is for storages that nobody has copied or put away and clocks that nobody has set: of the others the numbers are
// compared, see compareReadings. The caller holds the model.
func (s *sim) compareLedger(l *hubLife, t *truth, until time.Time) {
	if t.branched || t.badClock || t.owes || s.model.rewound || len(t.lives) != 1 || t.life().unknown > 0 {
		return
	}
	rounds, every := t.life().rounds(until)
	all, _ := t.life().rounds(s.model.now()) // the newest may have arrived, too
	if len(rounds) < 2 || every == 0 {
		return
	}
	var stretches []fleet.Stretch
	err := l.store.Read(l.ctx, func(tx *store.Tx) (err error) {
		stretches, _, err = tx.Ledger(l.ctx, t.id, fleet.Ask{From: rounds[0].Add(-time.Hour), To: until, Now: s.model.now()})
		return err
	})
	if err != nil {
		s.model.broken("%s: ledger: %v", t.id, err)
		return
	}
	for _, at := range rounds {
		if !slices.ContainsFunc(stretches, func(st fleet.Stretch) bool { return has(st.State) && holds(st, at, every) }) {
			s.model.broken("%s: a round was recorded at %s, and the ledger says %s (P2)", t.id, at.Format(time.DateTime), stateAt(stretches, at))
		}
	}
	for _, st := range stretches {
		margin := every + st.Within + dated
		from, to := st.From.Add(margin), st.To.Add(-margin)
		inside := within(all, from, to)
		switch {
		case !from.Before(to):
		case st.State == fleet.StateOff && len(inside) > 0:
			s.model.broken("%s: the ledger says off from %s to %s, and a round was recorded at %s (P2)", t.id, st.From.Format(time.DateTime),
				st.To.Format(time.DateTime), inside[0].Format(time.DateTime))
		case st.State == fleet.StateReceived:
			before := from
			for _, at := range append(inside, to) {
				if at.Sub(before) > 2*every+dated {
					s.model.broken("%s: the ledger says received from %s to %s, and nothing was recorded from %s to %s (P2)", t.id,
						st.From.Format(time.DateTime), st.To.Format(time.DateTime), before.Format(time.DateTime), at.Format(time.DateTime))
				}
				before = at
			}
		}
	}
}

// rounds gives when each round was taken that was durable before a time, and the longest interval between two.
func (l *life) rounds(until time.Time) (at []time.Time, every time.Duration) {
	for _, f := range l.facts[protocol.Readings] {
		b, err := protocol.DecodeEvent(f.kind, []byte(f.body))
		record, ok := b.(protocol.Rounds)
		if err != nil || !ok || f.at.After(until) {
			continue
		}
		all, err := record.Split()
		if err != nil {
			continue // the hub says so, too
		}
		for _, r := range all {
			at = append(at, f.at.Add(-time.Duration(r.Ago)*time.Millisecond))
		}
	}
	for _, f := range l.all {
		if b, err := protocol.DecodeEvent(f.kind, []byte(f.body)); err == nil {
			if set, ok := b.(protocol.SamplingSet); ok {
				every = max(every, time.Duration(set.EveryMS)*time.Millisecond)
			}
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	return at, every
}

// has says whether a state stands for rounds that the device took and that it has not lost.
func has(s fleet.State) bool {
	return s == fleet.StateReceived || s == fleet.StateSensorFault || s == fleet.StateThinned
}

// holds says whether a moment is in a stretch, to one interval.
func holds(st fleet.Stretch, at time.Time, every time.Duration) bool {
	margin := every + st.Within + dated
	return !at.Before(st.From.Add(-margin)) && !at.After(st.To.Add(margin))
}

func stateAt(stretches []fleet.Stretch, at time.Time) fleet.State {
	for _, st := range stretches {
		if !at.Before(st.From) && at.Before(st.To) {
			return st.State
		}
	}
	return "nothing"
}

func within(sorted []time.Time, from, to time.Time) []time.Time {
	i, _ := slices.BinarySearchFunc(sorted, from, time.Time.Compare)
	j, _ := slices.BinarySearchFunc(sorted, to, time.Time.Compare)
	return sorted[i:max(i, j)]
}
