package link

import (
	"context"
	"errors"
	"fmt"
	"io"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/protocol"
)

// Drained is what was taken out of a storage by hand.
type Drained struct {
	Incarnation protocol.Incarnation
	Events      int64 // new ones
	Readings    int64 // new samples
	Repeated    int64 // records that were there already
}

// Errors about draining a storage by hand.
var (
	ErrInService   = errors.New("the device is in service and delivers its log by itself: revoke or replace it first")
	ErrNeverHeard  = errors.New("the storage was never heard of")
	ErrNotExported = errors.New("not what edge export writes")
)

// Drain takes what edge export has read out of a storage of a device that is shut out, or of one of its former storages. It
// changes nothing that was taken before, so that it may be done again. A storage that was never heard of is only taken when
// neverHeard says so: it could be another device's.
func (r *Receiver) Drain(ctx context.Context, device string, in io.Reader, neverHeard bool) (Drained, error) {
	c := r.config
	c.Greeted = nil
	by := NewReceiver(c)
	by.drains = true
	messages := protocol.NewReader(in)
	first, err := messages.Next()
	if err != nil {
		return Drained{}, fmt.Errorf("%w: %w", ErrNotExported, err)
	}
	h, ok := first.(protocol.Hello)
	if !ok {
		return Drained{}, fmt.Errorf("%w: it begins with %T, want a hello", ErrNotExported, first)
	}
	if err := by.alone(ctx, &emptying{greeting: greeting{receiver: by, device: device, hello: h}, neverHeard: neverHeard}); err != nil {
		return Drained{}, err
	}
	for err == nil {
		err = by.drainNext(ctx, device, h, messages)
	}
	s := by.Stats()
	d := Drained{Incarnation: h.Incarnation, Events: s.Events.Load(), Readings: s.Readings.Load(), Repeated: s.Repeated.Load()}
	if d.Events+d.Readings > 0 {
		r.changed()
	}
	if errors.Is(err, io.EOF) {
		return d, nil
	}
	return d, err
}

func (r *Receiver) drainNext(ctx context.Context, device string, h protocol.Hello, messages *protocol.Reader) error {
	m, err := messages.Next()
	if err != nil {
		return err
	}
	b, ok := m.(protocol.Batch)
	if !ok || b.Incarnation != h.Incarnation {
		return fmt.Errorf("%w: want batches of incarnation %s", ErrNotExported, h.Incarnation)
	}
	ack, err := r.Batch(ctx, device, b)
	if err == nil && ack.Verdict == protocol.Forked {
		err = fmt.Errorf("%s from %d: %w", b.Log, b.First, fleet.ErrForked)
	}
	return err
}

// emptying is the hello of a storage that is drained by hand: it makes nothing present and nothing current.
type emptying struct {
	greeting
	neverHeard bool
}

func (e *emptying) run(ctx context.Context, tx *store.Tx) error {
	e.now, e.forked = e.receiver.config.Clock.Now(), nil
	e.said = fleet.Greeting{Incarnation: e.hello.Incarnation.String()}
	var err error
	if e.before, err = e.receiver.device(ctx, tx, e.device); err != nil {
		return err
	}
	e.after = e.before
	if !e.before.Revoked() && e.said.Incarnation == e.before.Incarnation {
		return ErrInService
	}
	_, known, err := tx.Life(ctx, e.device, e.said.Incarnation)
	if err == nil && !known {
		err = e.unheard(ctx, tx)
	}
	if err != nil {
		return err
	}
	if err := e.reconcile(ctx, tx); err != nil {
		return err
	}
	return e.forked
}

// unheard begins the logs of a storage that never said hello: of one that was salvaged when it was exported, or of a board
// that never found the network.
func (e *emptying) unheard(ctx context.Context, tx *store.Tx) error {
	owner, err := tx.HasIncarnation(ctx, e.said.Incarnation)
	if err != nil {
		return err
	}
	if owner != "" {
		return fmt.Errorf("the storage is that of device %s", owner)
	}
	parent, goesOn := "", false
	if e.hello.Parent != nil {
		parent = e.hello.Parent.Incarnation.String()
		if _, goesOn, err = tx.Life(ctx, e.device, parent); err != nil {
			return err
		}
	}
	if !goesOn && (!e.neverHeard || !e.before.Revoked()) {
		return fmt.Errorf("incarnation %s of device %s: %w", e.said.Incarnation, e.device, ErrNeverHeard)
	}
	life := fleet.Life{Incarnation: e.said.Incarnation, Parent: parent, FirstHeardAt: e.now, HeardAt: e.now, SupersededAt: e.now}
	if err := tx.SaveLife(ctx, e.device, life); err != nil {
		return err
	}
	if parent == "" {
		return nil
	}
	return e.goOn(ctx, tx, parent)
}

func (e *emptying) done() protocol.Message { return nil }
