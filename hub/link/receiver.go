package link

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/internal/clock"
	"meguri/protocol"
)

// Config is what a Receiver needs. Changed, Greeted, Safe and Owns may be nil.
type Config struct {
	Store   *store.Store
	Effects Effects
	Clock   clock.Clock
	Logger  *slog.Logger
	// Changed is told after each commit that people may want to see.
	Changed func()
	// Greeted is told the place of a device that has said hello for the first time with this incarnation, after the commit:
	// it needs a plan.
	Greeted func(place string)
	// Safe says up to which number a device may delete, when everything up to applied is committed. Without it that is
	// applied; where backups count, it is what is in one.
	Safe func(device string, incarnation protocol.Incarnation, log protocol.LogID, applied uint64) uint64
	// Owns says whether a sensor stands where the device serves, so that none forges another's readings. Without it all do.
	Owns func(ctx context.Context, tx *store.Tx, d fleet.Device, sensor string) (bool, error)
}

// Receiver takes what devices say, on whatever wire it comes. Its methods may be called at once from many goroutines; those of
// one device should come one after the other, in order.
type Receiver struct {
	config Config
	epoch  uint64
	stats  Stats

	mu      sync.Mutex
	garbage map[string]int // payloads kept in quarantine, by device; filled as devices send garbage
}

// Stats counts what was received since the start.
type Stats struct {
	Events      atomic.Int64 // records applied, or kept as not applied, unknown or quarantined
	Readings    atomic.Int64 // samples stored
	Repeated    atomic.Int64 // records that were there already
	Quarantined atomic.Int64 // payloads and records that could not be read
	NotApplied  atomic.Int64
	Forks       atomic.Int64
	Gaps        atomic.Int64 // named
	Failed      atomic.Int64 // messages that were not taken for a passing reason
}

// ErrNotTaken wraps what a device said and the hub will not take, for good; the device is not answered.
var ErrNotTaken = errors.New("not taken")

// NewReceiver makes a receiver with an epoch of its own.
func NewReceiver(c Config) *Receiver {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, crypto/rand
	epoch := binary.BigEndian.Uint64(b[:])>>2 | 1
	return &Receiver{config: c, epoch: epoch, garbage: map[string]int{}}
}

// Listen is called before devices are heard, first or again after the wire was cut: who has left meanwhile nobody knows, so
// that nobody counts as online before it says something.
func (r *Receiver) Listen(ctx context.Context) error {
	return r.config.Store.Change(ctx, func(tx *store.Tx) error { return tx.ForgetPresence(ctx) })
}

// Stats gives the live counters.
func (r *Receiver) Stats() *Stats { return &r.stats }

// window is how many batches a log of one device may have in flight: enough for 100 ms of round trip, and little enough that
// a fleet's are held in memory.
const window = 8

// Payload decodes and handles one message of a device and gives the answers to it, in order. What cannot be decoded is put in
// quarantine and counted, and is no error. Other errors: ErrNotTaken, or a passing one after which the device sends it again.
func (r *Receiver) Payload(ctx context.Context, device string, payload []byte) ([]protocol.Message, error) {
	m, err := protocol.Decode(payload)
	if err != nil {
		return nil, r.quarantine(ctx, device, payload, err.Error())
	}
	answers, err := r.handle(ctx, device, m)
	if err != nil && !errors.Is(err, ErrNotTaken) {
		r.stats.Failed.Add(1)
	}
	if errors.Is(err, errDown) {
		return nil, r.quarantine(ctx, device, payload, err.Error())
	}
	return answers, err
}

var errDown = fmt.Errorf("%w: a message that only the hub sends", ErrNotTaken)

func (r *Receiver) handle(ctx context.Context, device string, m protocol.Message) ([]protocol.Message, error) {
	switch m := m.(type) {
	case protocol.Hello:
		w, err := r.Hello(ctx, device, m)
		if err != nil {
			return nil, err
		}
		answers := []protocol.Message{w}
		if w.Verdict != protocol.Current {
			return answers, nil
		}
		owed, err := r.Outbox(ctx, device)
		if err != nil { // it is asked for again, and the welcome is worth more
			r.config.Logger.Warn("cannot read what is owed to a device", "device", device, "error", err)
		}
		return append(answers, owed...), nil
	case protocol.Batch:
		a, err := r.Batch(ctx, device, m)
		if err != nil {
			return nil, err
		}
		return []protocol.Message{a}, nil
	case protocol.Want:
		parts, err := r.Want(ctx, device, m)
		answers := make([]protocol.Message, len(parts))
		for i, p := range parts {
			answers[i] = p
		}
		return answers, err
	case protocol.Gone:
		return nil, r.Gone(ctx, device, m)
	}
	return nil, errDown
}

// device gives a device that may speak.
func (r *Receiver) device(ctx context.Context, tx *store.Tx, id string) (fleet.Device, error) {
	d, err := tx.Device(ctx, id)
	switch {
	case errors.Is(err, fleet.ErrUnknownDevice):
		return d, fmt.Errorf("%w: %w", ErrNotTaken, err)
	case err == nil && d.Revoked():
		return d, fmt.Errorf("%w: device %s: %w", ErrNotTaken, id, fleet.ErrRevoked)
	}
	return d, err
}

// Gone takes a will.
func (r *Receiver) Gone(ctx context.Context, device string, g protocol.Gone) error {
	changed := false
	err := r.config.Store.Change(ctx, func(tx *store.Tx) error {
		d, err := r.device(ctx, tx, device)
		if err != nil {
			return err
		}
		after := d.Leave(g.Incarnation.String(), g.Boot, g.Session)
		if changed = after != d; !changed {
			return nil
		}
		return tx.SaveDevice(ctx, after)
	})
	if err == nil && changed {
		r.changed()
	}
	return err
}

func (r *Receiver) changed() {
	if r.config.Changed != nil {
		r.config.Changed()
	}
}

// Bounds of what is kept of a device's garbage. Beyond, it is only counted.
const (
	maxGarbage      = 100     // payloads
	maxGarbageBytes = 4 << 10 // of each
)

// quarantine keeps the beginning of a payload that cannot be read, for the first ones of a device.
func (r *Receiver) quarantine(ctx context.Context, device string, payload []byte, reason string) error {
	r.stats.Quarantined.Add(1)
	r.mu.Lock()
	full := r.garbage[device] >= maxGarbage
	r.mu.Unlock()
	if full {
		return nil
	}
	row := store.QuarantineRow{ID: rand.Text(), Device: device, ReceivedAt: r.config.Clock.Now(), Reason: clean(reason, maxReason),
		Raw: payload[:min(len(payload), maxGarbageBytes)]}
	var kept int
	err := r.config.Store.Change(ctx, func(tx *store.Tx) error {
		if _, err := r.device(ctx, tx, device); err != nil {
			return err
		}
		var err error
		if kept, err = tx.QuarantinedPayloads(ctx, device); err != nil || kept >= maxGarbage {
			return err
		}
		kept++
		return tx.AddQuarantine(ctx, row)
	})
	if err != nil {
		return fmt.Errorf("quarantine a payload of %s: %w", device, err)
	}
	r.mu.Lock()
	r.garbage[device] = kept
	r.mu.Unlock()
	r.config.Logger.Warn("payload in quarantine", "device", device, "bytes", len(payload), "kept", kept, "reason", row.Reason)
	return nil
}
