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
	"time"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/internal/clock"
	"meguri/protocol"
)

// Config is what a Receiver needs. Changed, Greeted, Forgotten, Safe, Owns and Watch may be nil.
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
	// Forgotten is told, in the transaction of its hello, of a device that goes on without the local state that it had, or with what may
	// be an older one: what it has counted is not known any more.
	Forgotten func(ctx context.Context, tx *store.Tx, d fleet.Device, now time.Time) error
	// Safe says up to which number a device may delete, when everything up to applied is committed. Without it that is
	// applied; where backups count, it is what is in one.
	Safe func(device string, incarnation protocol.Incarnation, log protocol.LogID, applied uint64) uint64
	// Owns says whether a sensor stands where the device serves, so that none forges another's readings. Without it all do.
	Owns func(ctx context.Context, tx *store.Tx, d fleet.Device, sensor string) (bool, error)
	// Watch looks at the readings that come, in their transaction. Without it nobody does.
	Watch Watch
}

// Watch looks at readings.
type Watch interface {
	// Readings are about to be stored, all received at once from one device.
	Readings(ctx context.Context, tx *store.Tx, received time.Time, rows []store.ReadingRow) error
	// Redated readings of a device from a time on turn out to have been taken at other times.
	Redated(ctx context.Context, tx *store.Tx, device string, from, now time.Time) error
}

// Receiver takes what devices say, on whatever wire it comes. Its methods may be called at once from many goroutines; those of
// one device should come one after the other, in order.
type Receiver struct {
	config Config
	epoch  uint64
	drains bool // what it takes was read out of a storage by hand, also of a device that is shut out
	stats  Stats

	mu      sync.Mutex
	garbage map[string]int // payloads kept in quarantine, by device; filled as devices send garbage

	undated *backlog
	held    held
	astray  *astray
}

// Stats counts what was received since the start.
type Stats struct {
	Events      atomic.Int64 // records applied, or kept as not applied, unknown or quarantined
	Readings    atomic.Int64 // samples stored
	Repeated    atomic.Int64 // records that were there already
	Quarantined atomic.Int64 // payloads and records that could not be read
	Discarded   atomic.Int64 // records of those of which nothing is kept
	NotApplied  atomic.Int64
	Forks       atomic.Int64
	Gaps        atomic.Int64 // named
	Astray      atomic.Int64 // batches that no device of ours sends: of long ago, or of the far future
	Failed      atomic.Int64 // messages that were not taken for a passing reason
}

// ErrNotTaken wraps what a device said and the hub will not take, for good; the device is not answered.
var ErrNotTaken = errors.New("not taken")

// NewReceiver makes a receiver with an epoch of its own.
func NewReceiver(c Config) *Receiver {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, crypto/rand
	epoch := binary.BigEndian.Uint64(b[:])>>2 | 1
	return &Receiver{config: c, epoch: epoch, garbage: map[string]int{}, undated: newBacklog(), held: held{logs: map[string]failures{}},
		astray: newAstray()}
}

// Listen is called before devices are heard, first or again after the wire was cut: who has left meanwhile nobody knows, so
// that nobody counts as online before it says something.
func (r *Receiver) Listen(ctx context.Context) error {
	return r.config.Store.Change(ctx, func(tx *store.Tx) error { return tx.ForgetPresence(ctx) })
}

// Stats gives the live counters.
func (r *Receiver) Stats() *Stats { return &r.stats }

// Payload decodes and handles one message of a device and gives the answers to it, in order. What cannot be decoded is put in
// quarantine and counted, and is no error. Other errors: ErrNotTaken, or a passing one after which the device sends it again.
func (r *Receiver) Payload(ctx context.Context, device string, payload []byte) ([]protocol.Message, error) {
	m := newMessage(device, payload)
	r.take(ctx, []*message{m})
	return m.answers, m.err
}

// device gives a device that may speak.
func (r *Receiver) device(ctx context.Context, tx *store.Tx, id string) (fleet.Device, error) {
	d, err := tx.Device(ctx, id)
	switch {
	case errors.Is(err, fleet.ErrUnknownDevice):
		return d, fmt.Errorf("%w: %w", ErrNotTaken, err)
	case err == nil && d.Revoked() && !r.drains:
		return d, fmt.Errorf("%w: device %s: %w", ErrNotTaken, id, fleet.ErrRevoked)
	}
	return d, err
}

// Gone takes a will.
func (r *Receiver) Gone(ctx context.Context, device string, g protocol.Gone) error {
	l := &leaving{receiver: r, device: device, gone: g}
	err := r.alone(ctx, l)
	if err == nil && l.changed {
		r.changed()
	}
	return err
}

// leaving is what a will changes.
type leaving struct {
	receiver *Receiver
	device   string
	gone     protocol.Gone
	changed  bool
}

func (l *leaving) run(ctx context.Context, tx *store.Tx) error {
	d, err := l.receiver.device(ctx, tx, l.device)
	if err != nil {
		return err
	}
	after := d.Leave(l.gone.Incarnation.String(), l.gone.Boot, l.gone.Session)
	if l.changed = after != d; !l.changed {
		return nil
	}
	return tx.SaveDevice(ctx, after)
}

func (l *leaving) done() protocol.Message { return nil }

func (r *Receiver) changed() {
	if r.config.Changed != nil {
		r.config.Changed()
	}
}
