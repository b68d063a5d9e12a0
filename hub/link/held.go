package link

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"meguri/hub/store"
	"meguri/protocol"
)

// heldUp is a failure on one record that was taken for a passing one: nothing behind it is taken until it has passed.
type heldUp struct {
	log    string // device, incarnation and log
	device string
	of     protocol.LogID
	number uint64
	err    error
}

func (h *heldUp) Error() string { return fmt.Sprintf("number %d: %v", h.number, h.err) }

func (h *heldUp) Unwrap() error { return h.err }

func (t *taking) heldAt(number uint64, err error) error {
	return &heldUp{log: t.logName(), device: t.device.ID, of: t.batch.Log, number: number, err: err}
}

// tellAfter is how often a log may fail at the same number before a person is told. Devices send again every few seconds.
const tellAfter = 5

// held counts how often logs have failed at the same number: at most one entry a log, gone when the log goes on.
type held struct {
	mu   sync.Mutex
	logs map[string]failures
}

type failures struct {
	number uint64
	times  int
	told   bool
}

// again counts a failure, and says whether a person has to be told.
func (h *held) again(log string, number uint64) (times int, tell bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.logs[log]
	if f.number != number {
		f = failures{number: number, told: f.told}
	}
	f.times++
	h.logs[log] = f
	return f.times, f.times >= tellAfter && !f.told
}

func (h *held) wasTold(log string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.logs[log]
	f.told = true
	h.logs[log] = f
}

// passed forgets a log that goes on, and says whether a person was told of it.
func (h *held) passed(log string, forget bool) (told bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f, ok := h.logs[log]
	if ok && forget {
		delete(h.logs, log)
	}
	return f.told
}

func (t *taking) logName() string {
	return fmt.Sprintf("%s/%s/%d", t.device.ID, t.incarnation, t.batch.Log)
}

func heldWork(log string) string { return "log_held/" + log }

// noteHeld tells a person of a log that fails at the same number again and again: what looks like a passing failure may be a
// fault of ours that never passes.
func (r *Receiver) noteHeld(ctx context.Context, err error) {
	var h *heldUp
	if !errors.As(err, &h) || ctx.Err() != nil {
		return
	}
	times, tell := r.held.again(h.log, h.number)
	if !tell {
		return
	}
	now := r.config.Clock.Now()
	failed := r.config.Store.Change(ctx, func(tx *store.Tx) error {
		return tx.OpenWork(ctx, heldWork(h.log), "log_held", h.device, clean(fmt.Sprintf(
			"the hub cannot take %s %d of this device and nothing behind it, tried %d times: %v", h.of, h.number, times, h.err), maxReason), now)
	})
	if failed == nil {
		r.held.wasTold(h.log)
	}
}

// goesOn settles what was told of a log that goes on.
func (t *taking) goesOn(ctx context.Context) error {
	log := t.logName()
	if t.receiver.held.passed(log, false) {
		if err := t.tx.SettleWork(ctx, heldWork(log), t.now); err != nil {
			return err
		}
	}
	t.tx.OnCommit(func() { t.receiver.held.passed(log, true) })
	return nil
}
