package app

import (
	"errors"
	"maps"

	edgelog "meguri/edge/log"
	"meguri/protocol"
)

// fact is something that has happened when it is recorded: a door that moved, a relay that fired, a start. Refusing it would
// only make the device believe what is not so.
type fact struct {
	stamp   edgelog.Stamp
	records []protocol.Body
	state   map[string]any
}

// maxOwed is how many facts wait in memory for room. While the storage is full nothing is acted on, so they are few.
const maxOwed = 256

// commit makes records and state durable together, for an act that has to wait for that. When it fails nothing has happened
// and the caller must not act. Facts that are owed go first, so that numbers keep the order of things.
func (a *agent) commit(records []protocol.Body, state map[string]any) error {
	if len(records) == 0 && len(state) == 0 {
		return nil
	}
	if err := a.settle(); err != nil {
		return err
	}
	return a.write(a.stamp(), records, state)
}

// happened records facts and the state that follows from them. When it cannot, it remembers them until there is room, with the
// time at which they happened.
func (a *agent) happened(records []protocol.Body, state map[string]any) {
	if a.commit(records, state) == nil {
		return
	}
	if len(a.owed) < maxOwed {
		a.owed = append(a.owed, fact{stamp: a.stamp(), records: records, state: state})
		return
	}
	last := &a.owed[maxOwed-1]
	merged := maps.Clone(last.state)
	if merged == nil {
		merged = map[string]any{}
	}
	maps.Copy(merged, state)
	last.state = merged
	a.lost += len(records)
}

// settle records what is owed, the oldest first.
func (a *agent) settle() error {
	for len(a.owed) > 0 {
		f := a.owed[0]
		if err := a.write(f.stamp, f.records, f.state); err != nil {
			return err
		}
		a.owed = a.owed[1:]
	}
	if a.lost > 0 {
		a.logger.Error("facts could not be kept while the storage was full", "records", a.lost)
		a.lost = 0
	}
	return nil
}

// write is one transaction. A storage that is full is said once, when it becomes full and when it has room again. After any
// other failure it is unknown what is stored, and only a start that reads it again is sure.
func (a *agent) write(s edgelog.Stamp, records []protocol.Body, state map[string]any, also ...func(*edgelog.Tx) error) error {
	var numbers []uint64
	err := a.log.Update(s, func(tx *edgelog.Tx) error {
		numbers = make([]uint64, 0, len(records)) // it may be run again
		for _, f := range also {
			if err := f(tx); err != nil {
				return err
			}
		}
		for _, r := range records {
			n, err := tx.Append(r)
			if err != nil {
				return err
			}
			numbers = append(numbers, n)
		}
		for key, value := range state {
			if err := put(tx, key, value); err != nil {
				return err
			}
		}
		return nil
	})
	a.wrote(err, hasEvents(records))
	if err != nil {
		return err
	}
	if a.deps.Recorded != nil {
		for i, r := range records {
			a.deps.Recorded(r.Kind().Log(), numbers[i], r)
		}
	}
	return nil
}

func hasEvents(records []protocol.Body) bool {
	for _, r := range records {
		if r.Kind().Log() == protocol.Events {
			return true
		}
	}
	return false
}

// wrote notes how a transaction ended. Readings find room also in a storage that is full for events.
func (a *agent) wrote(err error, events bool) {
	switch {
	case err == nil && a.full && events:
		a.full = false
		a.logger.Info("storage has room again")
	case errors.Is(err, edgelog.ErrFull) && !a.full:
		a.full = true
		a.logger.Error("storage is full: nothing is done that would have to be recorded", "error", err)
	case err != nil && !errors.Is(err, edgelog.ErrFull):
		a.logger.Error("cannot record", "error", err)
		a.broken = err
	}
}
