package link

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"meguri/hub/store"
	"meguri/protocol"
)

// act is what one message changes: a transaction of its own, or a part of one.
type act interface {
	// run changes the data. It may be run again, from the beginning, when its transaction is.
	run(ctx context.Context, tx *store.Tx) error
	// done comes after the commit: it counts, tells and gives the answer, nil for none.
	done() protocol.Message
}

// alone runs one act in a transaction.
func (r *Receiver) alone(ctx context.Context, a act) error {
	return r.config.Store.ChangeInSteps(ctx, func(tx *store.Tx) error {
		if err := r.safely(ctx, tx, a); err != nil {
			return err
		}
		return stored(ctx, tx, a)
	})
}

// stored has the events of an act written at once: alone, it answers for what the database has against them.
func stored(ctx context.Context, tx *store.Tx, a act) error {
	err := tx.Flush(ctx)
	if err == nil {
		err = tx.Settle(ctx)
	}
	return answersFor(a, err)
}

// answersFor says of which batch an error is that came at its end.
func answersFor(a act, err error) error {
	if b, ok := a.(*batch); ok && err != nil {
		return fmt.Errorf("batch of %s: %w", b.device, b.taking.heldAt(b.taking.from, err))
	}
	return err
}

// together runs acts of different devices, or of one in order, in one transaction: what costs most, making it durable, is done
// once. Each is in a savepoint of its own, so that what one cannot do it alone has not done. When the transaction fails as a
// whole each act is tried alone. The errors are those of the acts.
func (r *Receiver) together(ctx context.Context, acts []act) []error {
	errs := make([]error, len(acts))
	if len(acts) == 1 {
		errs[0] = r.alone(ctx, acts[0])
		return errs
	}
	err := r.config.Store.ChangeInSteps(ctx, func(tx *store.Tx) error {
		for i, a := range acts {
			errs[i] = tx.Savepoint(ctx, func() error {
				if err := r.safely(ctx, tx, a); err != nil {
					return err
				}
				return answersFor(a, tx.Settle(ctx))
			})
			if errs[i] != nil && tx.Lost(errs[i]) {
				return errs[i] // the transaction has to be run again, or is no more
			}
		}
		return nil
	})
	if err == nil {
		return errs
	}
	for i, a := range acts {
		if errs[i] = ctx.Err(); errs[i] == nil {
			errs[i] = r.alone(ctx, a)
		}
	}
	return errs
}

// safely runs an act. A fault of ours costs one message, not the hub.
func (r *Receiver) safely(ctx context.Context, tx *store.Tx, a act) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.config.Logger.Error("panic while handling a message", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("fault in the hub: %v", p)
		}
	}()
	return a.run(ctx, tx)
}

// message is one message of a device, and what became of it.
type message struct {
	device  string
	payload []byte
	decoded protocol.Message // nil when it cannot be read
	unread  error
	answers []protocol.Message
	err     error // ErrNotTaken, or a passing one
}

func newMessage(device string, payload []byte) *message {
	m := &message{device: device, payload: payload}
	m.decoded, m.unread = protocol.Decode(payload)
	return m
}

// take handles messages of many devices, those of one in order: all that change something in one transaction.
func (r *Receiver) take(ctx context.Context, all []*message) {
	var acts []act
	var of []*message
	for _, m := range all {
		if a := r.actOf(m); a != nil {
			acts, of = append(acts, a), append(of, m)
			continue
		}
		r.other(ctx, m)
	}
	if len(acts) == 0 {
		return
	}
	var welcomed []*message
	committed := false
	for i, err := range r.together(ctx, acts) {
		m := of[i]
		if m.err = err; err != nil {
			r.failed(err)
			r.noteHeld(ctx, err)
			continue
		}
		committed = true
		answer := acts[i].done()
		if answer == nil {
			continue
		}
		m.answers = []protocol.Message{answer}
		if g, ok := acts[i].(*greeting); ok {
			m.answers = append(m.answers, g.safe()...)
		}
		if w, ok := answer.(protocol.Welcome); ok && w.Verdict == protocol.Current {
			welcomed = append(welcomed, m)
		}
	}
	r.addOwed(ctx, welcomed)
	if committed {
		r.changed()
	}
}

func (r *Receiver) failed(err error) {
	if !errors.Is(err, ErrNotTaken) {
		r.stats.Failed.Add(1)
	}
}

// actOf gives what a message changes, nil when it changes nothing.
func (r *Receiver) actOf(m *message) act {
	switch d := m.decoded.(type) {
	case protocol.Hello:
		return &greeting{receiver: r, device: m.device, hello: d}
	case protocol.Batch:
		return r.newBatch(m.device, d)
	case protocol.Gone:
		return &leaving{receiver: r, device: m.device, gone: d}
	}
	return nil
}

// other handles a message that changes nothing, or that cannot be read.
func (r *Receiver) other(ctx context.Context, m *message) {
	switch d := m.decoded.(type) {
	case nil:
		m.err = r.quarantine(ctx, m.device, m.payload, m.unread.Error())
	case protocol.Want:
		var parts []protocol.Part
		parts, m.err = r.Want(ctx, m.device, d)
		for _, p := range parts {
			m.answers = append(m.answers, p)
		}
		if m.err != nil {
			r.failed(m.err)
		}
	default:
		m.err = r.quarantine(ctx, m.device, m.payload, errDown.Error())
	}
}

var errDown = fmt.Errorf("%w: a message that only the hub sends", ErrNotTaken)

// addOwed adds what is owed to devices. When it cannot be read it is sent later; a welcome is worth more.
func (r *Receiver) addOwed(ctx context.Context, devices []*message) {
	if len(devices) == 0 {
		return
	}
	err := r.config.Store.Read(ctx, func(tx *store.Tx) error {
		for _, m := range devices {
			owed, err := r.owed(ctx, tx, m.device)
			if err != nil && !errors.Is(err, ErrNotTaken) { // revoked meanwhile
				return err
			}
			m.answers = append(m.answers, owed...)
		}
		return nil
	})
	if err != nil {
		r.config.Logger.Warn("cannot read what is owed to devices", "error", err)
	}
}
