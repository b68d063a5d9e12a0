package link

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/protocol"
)

// Batch takes the records of a batch that are new and their effects, all in one transaction with the number expected next, and
// gives the acknowledgement of what is committed. An error means that nothing was taken and that there is no
// acknowledgement: the device sends the batch again.
//
// A batch that does not continue the log is acknowledged as well, with what is expected. One of an incarnation that has not
// said hello to this hub's data is, too, with 0: the epoch tells the device to say hello.
func (r *Receiver) Batch(ctx context.Context, device string, b protocol.Batch) (protocol.Ack, error) {
	a := r.newBatch(device, b)
	if err := r.alone(ctx, a); err != nil {
		r.noteHeld(ctx, err)
		return protocol.Ack{}, err
	}
	r.changed()
	return a.ack(), nil
}

// batch is what a batch changes.
type batch struct {
	receiver *Receiver
	device   string
	batch    protocol.Batch
	hashes   []fleet.Hash // before each record, and behind the last
	taking   *taking      // the last attempt
}

func (r *Receiver) newBatch(device string, b protocol.Batch) *batch {
	hashes := make([]fleet.Hash, len(b.Records)+1)
	running := b.Before
	hashes[0] = fleet.Hash(running)
	for i, record := range b.Records {
		running = running.Next(record)
		hashes[i+1] = fleet.Hash(running)
	}
	return &batch{receiver: r, device: device, batch: b, hashes: hashes}
}

func (a *batch) run(ctx context.Context, tx *store.Tx) error {
	r, b := a.receiver, a.batch
	a.taking = &taking{receiver: r, tx: tx, batch: b, incarnation: b.Incarnation.String(), now: r.config.Clock.Now()}
	if err := a.taking.run(ctx, a.device, a.hashes); err != nil {
		return fmt.Errorf("batch of %s, %s from %d: %w", a.device, b.Log, b.First, err)
	}
	return nil
}

func (a *batch) done() protocol.Message { return a.ack() }

// ack acknowledges what is committed.
func (a *batch) ack() protocol.Ack {
	r, b, t := a.receiver, a.batch, a.taking
	t.count()
	if t.forked != nil {
		r.config.Logger.Warn("log has forked", "device", a.device, "incarnation", b.Incarnation, "log", b.Log, "error", t.forked)
	}
	ack := protocol.Ack{Epoch: r.epoch, Incarnation: b.Incarnation, Log: b.Log, Applied: t.next - 1, HubTime: t.now.UnixMilli(),
		Window: window, Hash: protocol.Hash(t.hash)}
	if t.known {
		ack.Verdict = verdict(t.device, t.incarnation, t.forked)
	}
	ack.Safe = ack.Applied
	if r.config.Safe != nil {
		ack.Safe = min(ack.Applied, r.config.Safe(a.device, b.Incarnation, b.Log, ack.Applied))
	}
	return ack
}

// taking is one attempt at one batch.
type taking struct {
	receiver    *Receiver
	tx          *store.Tx
	batch       protocol.Batch
	incarnation string
	now         time.Time

	device  fleet.Device
	from    uint64 // expected before this batch
	next    uint64
	hash    fleet.Hash // behind the number before next
	known   bool       // the incarnation has said hello
	forked  error
	dating  dating
	rows    []store.ReadingRow
	earlier []byte          // what the rows' Earlier are pieces of
	owned   map[string]bool // sensors that were asked about
	carried carried

	unreadable unreadable

	events, readings, repeated, quarantined, discarded, notApplied, gaps, astray int64
}

func (t *taking) run(ctx context.Context, device string, hashes []fleet.Hash) error {
	var err error
	if t.device, err = t.receiver.device(ctx, t.tx, device); err != nil {
		return err
	}
	t.next = 1
	log, known, err := t.tx.DeviceLog(ctx, device, t.incarnation, uint8(t.batch.Log))
	if t.known = known; err != nil || !known {
		return err
	}
	t.from, t.next, t.hash = log.Next, log.Next, log.Hash
	if err := t.strays(ctx, log); err != nil {
		return err
	}
	skip, err := log.Continue(t.batch.First, hashes)
	switch {
	case errors.Is(err, fleet.ErrForked):
		t.forked = fmt.Errorf("%s: %w", t.batch.Log, err)
		return forkSeen(ctx, t.tx, device, t.incarnation, t.forked, t.now)
	case errors.Is(err, fleet.ErrAhead):
		return t.heard(ctx)
	case err != nil:
		return err
	}
	t.repeated = int64(skip)
	if err := t.loadCarried(ctx, log, t.batch.First+uint64(skip)); err != nil {
		return err
	}
	if err := t.take(ctx, skip); err != nil {
		return err
	}
	if err := t.heard(ctx); err != nil || skip == len(t.batch.Records) {
		return err
	}
	if err := t.goesOn(ctx); err != nil {
		return err
	}
	log = log.Take(t.batch.First+uint64(len(t.batch.Records)), hashes[len(hashes)-1])
	t.next, t.hash = log.Next, log.Hash
	return t.tx.SaveDeviceLog(ctx, device, log)
}

// heard notes that the device is there, and a plan that has come into force.
func (t *taking) heard(ctx context.Context) error {
	t.device = t.device.Hear(t.incarnation, t.now)
	return t.tx.SaveDevice(ctx, t.device)
}

func (t *taking) take(ctx context.Context, skip int) error {
	entries := make([]entry, len(t.batch.Records)-skip)
	for i, raw := range t.batch.Records[skip:] {
		e := &entries[i]
		e.number, e.raw = t.batch.First+uint64(skip+i), raw
		e.rec, e.body, e.unread = t.decode(e.number, raw)
	}
	if err := t.lookAhead(ctx, entries); err != nil {
		return err
	}
	if err := t.readAhead(ctx, entries); err != nil {
		return err
	}
	for _, e := range entries {
		var err error
		if t.batch.Log == protocol.Readings {
			err = t.reading(ctx, e)
		} else {
			err = t.event(ctx, e)
		}
		if err == nil {
			err = t.tx.Settle(ctx)
		}
		if err != nil {
			return t.heldAt(e.number, err)
		}
	}
	if err := t.nameDiscarded(ctx); err != nil {
		return err
	}
	rows := t.carried.readings(t.rows)
	if watch := t.receiver.config.Watch; watch != nil && len(rows) > 0 {
		if err := watch.Readings(ctx, t.tx, t.now, rows); err != nil {
			return err
		}
	}
	if err := t.tx.AddReadings(ctx, t.device.ID, t.incarnation, t.now, rows); err != nil {
		return err
	}
	return t.redate(ctx)
}

// readAhead has the effects read what the events of a batch are about.
func (t *taking) readAhead(ctx context.Context, entries []entry) error {
	ahead, ok := t.receiver.config.Effects.(Ahead)
	if !ok || len(entries) < 2 {
		return nil
	}
	bodies := make([]protocol.Body, 0, len(entries))
	for _, e := range entries {
		if e.unread == nil && e.body != nil {
			bodies = append(bodies, e.body)
		}
	}
	return ahead.Ahead(ctx, t.tx, bodies)
}

func (t *taking) count() {
	s := t.receiver.Stats()
	s.Events.Add(t.events)
	s.Readings.Add(t.readings)
	s.Repeated.Add(t.repeated)
	s.Quarantined.Add(t.quarantined)
	s.Discarded.Add(t.discarded)
	s.NotApplied.Add(t.notApplied)
	s.Gaps.Add(t.gaps)
	s.Astray.Add(t.astray)
	if t.forked != nil {
		s.Forks.Add(1)
	}
}

// decode reads a record that must have this number. A body comes only without an error.
func (t *taking) decode(number uint64, raw []byte) (protocol.Record, protocol.Body, error) {
	rec, err := protocol.DecodeRecord(raw)
	if err != nil {
		return protocol.Record{}, nil, err
	}
	if rec.Number != number {
		return protocol.Record{}, nil, fmt.Errorf("%w: the record says number %d", protocol.ErrMalformed, rec.Number)
	}
	body, err := protocol.DecodeEvent(rec.Kind, rec.Body)
	if err == nil && rec.Kind.Log() != t.batch.Log {
		return rec, nil, fmt.Errorf("%w: %s in the %s log", protocol.ErrMalformed, name(body), t.batch.Log)
	}
	return rec, body, err
}

// event takes one record of the events log. Whatever it is, it is stored; what it changes is undone when it cannot be applied.
func (t *taking) event(ctx context.Context, e entry) error {
	t.events++
	rec, body, unread := e.rec, e.body, e.unread
	row := store.EventRow{Device: t.device.ID, Incarnation: t.incarnation, Number: e.number, Name: "unreadable", Body: e.raw,
		EventAt: t.now, ReceivedAt: t.now, Outcome: store.Applied}
	if t.carried.event(rec) {
		t.events, t.repeated = t.events-1, t.repeated+1
		return nil
	}
	if rec.Number != 0 {
		dated, err := t.date(ctx, rec)
		if err != nil {
			return err
		}
		row.EventAt, row.Within = dated.At, dated.Within
		row.Boot, row.Kind, row.Body = rec.Boot, uint16(rec.Kind), rec.Body
		row.Mono, row.ClaimedAt, row.WallQuality = rec.Mono, rec.Wall, uint8(rec.Quality)
	}
	if row.Body == nil {
		row.Body = []byte{}
	}
	switch {
	case errors.Is(unread, protocol.ErrUnknownKind):
		row.Name, row.Outcome, row.Reason = fmt.Sprintf("kind %d", rec.Kind), store.Unknown, unread.Error()
		return t.tx.AddEvent(ctx, row)
	case unread != nil:
		t.quarantined++
		if keep, err := t.keeps(ctx, row.Body, unread); err != nil || !keep {
			return errors.Join(err, t.discard(ctx, e.number))
		}
		row.Outcome, row.Reason = store.Quarantined, clean(unread.Error(), maxReason)
		return t.tx.AddEvent(ctx, row)
	}
	row.Name, row.Subject = name(body), clean(subject(body), maxText)
	before := t.device
	if err := t.tx.Savepoint(ctx, func() error {
		return t.apply(ctx, e.number, rec, fleet.Dated{At: row.EventAt, Within: row.Within}, body)
	}); err != nil {
		t.device = before
		reason, ok := t.permanent(err)
		if !ok {
			return err
		}
		t.notApplied++
		row.Outcome, row.Reason = store.NotApplied, clean(reason, maxReason)
	}
	return t.tx.AddEvent(ctx, row)
}

// permanent says why an event can never be applied, or false for a passing failure.
func (t *taking) permanent(err error) (string, bool) {
	var not *NotApplied
	if t.tx.Lost(err) {
		return "", false
	}
	if errors.As(err, &not) {
		return not.Reason, true
	}
	if t.tx.Refused(err) {
		return "the database refuses it: " + err.Error(), true
	}
	return "", false
}

// apply changes what an event means: here what it says of the device itself, elsewhere all else. A panic on one event must not
// stop the log, or the hub at each start: it is a fault of ours, and the event is kept.
func (t *taking) apply(ctx context.Context, number uint64, rec protocol.Record, dated fleet.Dated, body protocol.Body) (err error) {
	defer func() {
		if p := recover(); p != nil {
			t.receiver.config.Logger.Error("panic while applying an event", "device", t.device.ID, "number", number,
				"event", name(body), "panic", p, "stack", string(debug.Stack()))
			err = &NotApplied{Reason: fmt.Sprintf("fault in the hub: %v", p)}
		}
	}()
	at := dated.At
	switch b := body.(type) {
	case protocol.Booted, protocol.SamplingSet, protocol.Stopped:
		return nil // said of the log itself, for whoever reads it
	case protocol.Salvaged:
		return t.salvaged(ctx, b)
	case protocol.ClockSet:
		if _, ok := pairIn(rec, b); !ok {
			return &NotApplied{Reason: errNoTime.Error()}
		}
		return nil
	case protocol.Damaged:
		return t.gap(ctx, fleet.Gap{First: number, Last: number, Kind: fleet.Damaged, Reason: fmt.Sprintf("damaged in the device's storage: %d bytes", b.Bytes)})
	case protocol.PlanApplied:
		return t.planApplied(ctx, at, b)
	case protocol.CommandTaken:
		return t.command(ctx, b.ID, func(c fleet.Command) (fleet.Command, error) { return c.Take(at), nil })
	case protocol.CommandAnswered:
		return t.commandAnswered(ctx, at, b)
	}
	return t.receiver.config.Effects.Apply(ctx, t.tx, Event{Device: t.device.ID, Place: t.device.Place, Role: string(t.device.Role),
		Incarnation: t.batch.Incarnation, Number: number, At: at, Within: dated.Within, Received: t.now,
		Clock: time.UnixMilli(rec.Wall), Body: body})
}

func (t *taking) planApplied(ctx context.Context, at time.Time, b protocol.PlanApplied) error {
	if b.Plan > maxCounter {
		return &NotApplied{Reason: fmt.Sprintf("plan %d is no version", b.Plan)}
	}
	if err := t.tx.AnswerPlan(ctx, t.device.ID, t.incarnation, b.Plan, clean(b.Reason, maxReason), at); err != nil {
		return err
	}
	if b.Reason == "" {
		t.device = t.device.Activate(t.incarnation, b.Plan)
		if t.device.Role == fleet.Station {
			_, err := t.tx.SettleRevoking(ctx, t.device.Place, t.now)
			return err
		}
		return nil
	}
	return t.tx.OpenWork(ctx, fmt.Sprintf("plan_refused/%s/%d", t.device.ID, b.Plan), "plan_refused", t.device.ID,
		fmt.Sprintf("the device refuses plan %d: %s", b.Plan, clean(b.Reason, maxReason)), at)
}

// maxCounter is what a plan version or counter can be at most, so that the database holds it.
const maxCounter = 1<<62 - 1

var outcomes = map[protocol.CommandOutcome]fleet.CommandOutcome{
	protocol.CommandDone: fleet.CommandDone, protocol.CommandRefused: fleet.CommandRefused, protocol.CommandExpired: fleet.CommandExpired,
}

func (t *taking) commandAnswered(ctx context.Context, at time.Time, b protocol.CommandAnswered) error {
	return t.command(ctx, b.ID, func(c fleet.Command) (fleet.Command, error) {
		if b.Outcome == protocol.CommandUnknown {
			return c.Settle(at), nil
		}
		outcome, ok := outcomes[b.Outcome]
		if !ok {
			return c, fmt.Errorf("outcome %d of a command is unknown", b.Outcome)
		}
		return c.Answer(outcome, clean(b.Reason, maxReason), at)
	})
}

// command changes a command of this device; what do refuses can never be applied.
func (t *taking) command(ctx context.Context, id string, do func(fleet.Command) (fleet.Command, error)) error {
	c, err := t.tx.Command(ctx, clean(id, maxText))
	if errors.Is(err, store.ErrNotFound) || err == nil && c.Device != t.device.ID {
		return &NotApplied{Reason: "no command " + clean(id, maxText) + " was given to this device"}
	}
	if err != nil {
		return err
	}
	if c, err = do(c); err != nil {
		return &NotApplied{Reason: err.Error()}
	}
	if c.Outcome != fleet.CommandOpen {
		if err := t.tx.SettleWork(ctx, workUnsettled(c.ID), t.now); err != nil {
			return err
		}
	}
	return t.tx.SaveCommand(ctx, c)
}

func (t *taking) gap(ctx context.Context, g fleet.Gap) error {
	t.gaps++
	return t.tx.AddGap(ctx, t.device.ID, t.incarnation, uint8(t.batch.Log), g, t.now)
}
