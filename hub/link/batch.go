package link

import (
	"context"
	"crypto/rand"
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
	hashes := make([]fleet.Hash, len(b.Records)+1)
	running := b.Before
	hashes[0] = fleet.Hash(running)
	for i, record := range b.Records {
		running = running.Next(record)
		hashes[i+1] = fleet.Hash(running)
	}
	var t *taking
	err := r.config.Store.Change(ctx, func(tx *store.Tx) error {
		t = &taking{receiver: r, tx: tx, batch: b, incarnation: b.Incarnation.String(), now: r.config.Clock.Now()}
		return t.run(ctx, device, hashes)
	})
	if err != nil {
		return protocol.Ack{}, fmt.Errorf("batch of %s, %s from %d: %w", device, b.Log, b.First, err)
	}
	t.count()
	if t.forked != nil {
		r.config.Logger.Warn("log has forked", "device", device, "incarnation", b.Incarnation, "log", b.Log, "error", t.forked)
	}
	ack := protocol.Ack{Epoch: r.epoch, Incarnation: b.Incarnation, Log: b.Log, Applied: t.next - 1, HubTime: t.now.UnixMilli(),
		Window: window}
	if t.known {
		ack.Verdict = verdict(t.device, t.incarnation, t.forked)
	}
	ack.Safe = ack.Applied
	if r.config.Safe != nil {
		ack.Safe = min(ack.Applied, r.config.Safe(device, b.Incarnation, b.Log, ack.Applied))
	}
	r.changed()
	return ack, nil
}

// taking is one attempt at one batch.
type taking struct {
	receiver    *Receiver
	tx          *store.Tx
	batch       protocol.Batch
	incarnation string
	now         time.Time

	device   fleet.Device
	next     uint64
	known    bool // the incarnation has said hello
	forked   error
	settings map[uint64]*fleet.Setting // of the boots in the batch, as far as they were asked for
	rows     []store.ReadingRow
	owned    map[string]bool // sensors that were asked about

	events, readings, repeated, quarantined, notApplied, gaps int64
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
	t.next = log.Next
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
	if err := t.take(ctx, skip); err != nil {
		return err
	}
	if err := t.heard(ctx); err != nil || skip == len(t.batch.Records) {
		return err
	}
	log = log.Take(t.batch.First+uint64(len(t.batch.Records)), hashes[len(hashes)-1])
	t.next = log.Next
	return t.tx.SaveDeviceLog(ctx, device, log)
}

// heard notes that the device is there, and a plan that has come into force.
func (t *taking) heard(ctx context.Context) error {
	t.device = t.device.Hear(t.incarnation, t.now)
	return t.tx.SaveDevice(ctx, t.device)
}

func (t *taking) take(ctx context.Context, skip int) error {
	t.settings = settingsIn(t.batch.Records[skip:])
	for i, raw := range t.batch.Records[skip:] {
		number := t.batch.First + uint64(skip+i)
		var err error
		if t.batch.Log == protocol.Readings {
			err = t.reading(ctx, number, raw)
		} else {
			err = t.event(ctx, number, raw)
		}
		if err != nil {
			return fmt.Errorf("number %d: %w", number, err)
		}
	}
	return t.tx.AddReadings(ctx, t.device.ID, t.incarnation, t.rows)
}

func (t *taking) count() {
	s := t.receiver.Stats()
	s.Events.Add(t.events)
	s.Readings.Add(t.readings)
	s.Repeated.Add(t.repeated)
	s.Quarantined.Add(t.quarantined)
	s.NotApplied.Add(t.notApplied)
	s.Gaps.Add(t.gaps)
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
func (t *taking) event(ctx context.Context, number uint64, raw []byte) error {
	t.events++
	row := store.EventRow{Device: t.device.ID, Incarnation: t.incarnation, Number: number, Name: "unreadable", Body: raw,
		EventAt: t.now, ReceivedAt: t.now, Outcome: store.Applied}
	rec, body, unread := t.decode(number, raw)
	if rec.Number != 0 {
		at, err := t.eventTime(ctx, rec)
		if err != nil {
			return err
		}
		row.EventAt, row.Boot, row.Kind, row.Body = at, rec.Boot, uint16(rec.Kind), rec.Body
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
		row.Outcome, row.Reason = store.Quarantined, clean(unread.Error(), maxReason)
		return t.tx.AddEvent(ctx, row)
	}
	row.Name, row.Subject = name(body), clean(subject(body), maxText)
	before := t.device
	if err := t.tx.Savepoint(ctx, func() error { return t.apply(ctx, number, rec, row.EventAt, body) }); err != nil {
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
func (t *taking) apply(ctx context.Context, number uint64, rec protocol.Record, at time.Time, body protocol.Body) (err error) {
	defer func() {
		if p := recover(); p != nil {
			t.receiver.config.Logger.Error("panic while applying an event", "device", t.device.ID, "number", number,
				"event", name(body), "panic", p, "stack", string(debug.Stack()))
			err = &NotApplied{Reason: fmt.Sprintf("fault in the hub: %v", p)}
		}
	}()
	switch b := body.(type) {
	case protocol.Booted:
		return nil
	case protocol.ClockSet:
		return t.clockSet(ctx, rec)
	case protocol.Damaged:
		return t.gap(ctx, fleet.Gap{First: number, Last: number, Reason: fmt.Sprintf("damaged in the device's storage: %d bytes", b.Bytes)})
	case protocol.PlanApplied:
		return t.planApplied(ctx, at, b)
	case protocol.CommandAnswered:
		return t.commandAnswered(ctx, at, b)
	}
	return t.receiver.config.Effects.Apply(ctx, t.tx, Event{Device: t.device.ID, Place: t.device.Place, Role: string(t.device.Role),
		Incarnation: t.batch.Incarnation, Number: number, At: at, Received: t.now, Body: body})
}

// clockSet dates the events of the boot that came before.
func (t *taking) clockSet(ctx context.Context, rec protocol.Record) error {
	setting := settingOf(rec)
	if setting == nil {
		return &NotApplied{Reason: "a clock that was set, in a record whose clock was not"}
	}
	if before, err := t.tx.ClockSetting(ctx, t.device.ID, t.incarnation, rec.Boot); err != nil || before != nil {
		return err // dated already
	}
	undated, err := t.tx.UndatedEvents(ctx, t.device.ID, t.incarnation, rec.Boot)
	if err != nil {
		return err
	}
	for _, u := range undated {
		at := fleet.EventTime(fleet.Claim{Mono: u.Mono}, setting, u.Received)
		if err := t.tx.DateEvent(ctx, t.device.ID, t.incarnation, u.Number, at); err != nil {
			return err
		}
	}
	return nil
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
	outcome, ok := outcomes[b.Outcome]
	if !ok {
		return &NotApplied{Reason: fmt.Sprintf("outcome %d of a command is unknown", b.Outcome)}
	}
	c, err := t.tx.Command(ctx, clean(b.ID, maxText))
	if errors.Is(err, store.ErrNotFound) || err == nil && c.Device != t.device.ID {
		return &NotApplied{Reason: "no command " + clean(b.ID, maxText) + " was given to this device"}
	}
	if err != nil {
		return err
	}
	if c, err = c.Answer(outcome, clean(b.Reason, maxReason), at); err != nil {
		return &NotApplied{Reason: err.Error()}
	}
	return t.tx.SaveCommand(ctx, c)
}

// reading takes one record of the readings log.
func (t *taking) reading(ctx context.Context, number uint64, raw []byte) error {
	rec, body, unread := t.decode(number, raw)
	switch b := body.(type) {
	case protocol.Samples:
		if unread = checkSamples(b); unread != nil {
			break
		}
		var err error
		if unread, err = t.foreign(ctx, b); err != nil {
			return err
		}
		if unread != nil {
			break
		}
		at, err := t.eventTime(ctx, rec)
		if err != nil {
			return err
		}
		t.samples(number, at, b)
		return nil
	case protocol.Thinned:
		return t.thinned(ctx, number, b)
	}
	t.quarantined++
	return t.tx.AddQuarantine(ctx, store.QuarantineRow{ID: rand.Text(), Device: t.device.ID, Incarnation: t.incarnation,
		Log: uint8(t.batch.Log), Number: number, ReceivedAt: t.now, Reason: clean(unread.Error(), maxReason), Raw: raw})
}

func (t *taking) samples(number uint64, at time.Time, b protocol.Samples) {
	for _, s := range b.Samples {
		t.readings++
		t.rows = append(t.rows, store.ReadingRow{Number: number, Sensor: s.Sensor, EventAt: at, ReceivedAt: t.now, MilliC: s.MilliC,
			Fault: uint8(s.Fault)})
	}
}

// foreign says which sensor of a round is not the device's to speak of, nil for none.
func (t *taking) foreign(ctx context.Context, b protocol.Samples) (reason, err error) {
	owns := t.receiver.config.Owns
	if owns == nil {
		return nil, nil
	}
	if t.owned == nil {
		t.owned = map[string]bool{}
	}
	for _, s := range b.Samples {
		mine, asked := t.owned[s.Sensor]
		if !asked {
			if mine, err = owns(ctx, t.tx, t.device, s.Sensor); err != nil {
				return nil, err
			}
			t.owned[s.Sensor] = mine
		}
		if !mine {
			return fmt.Errorf("sensor %q is not at %s, which the device serves", s.Sensor, t.device.Place), nil
		}
	}
	return nil, nil
}

func checkSamples(b protocol.Samples) error {
	seen := map[string]bool{}
	for _, s := range b.Samples {
		switch {
		case s.Sensor == "" || s.Sensor != clean(s.Sensor, maxText):
			return fmt.Errorf("%w: sensor %.40q: want 1 to %d bytes of printable text", protocol.ErrMalformed, s.Sensor, maxText)
		case seen[s.Sensor]:
			return fmt.Errorf("%w: sensor %q twice", protocol.ErrMalformed, s.Sensor)
		}
		seen[s.Sensor] = true
	}
	return nil
}

func (t *taking) gap(ctx context.Context, g fleet.Gap) error {
	t.gaps++
	return t.tx.AddGap(ctx, t.device.ID, t.incarnation, uint8(t.batch.Log), g, t.now)
}

// thinned explains numbers that the device no longer had. Those that were taken before it dropped them are not missing.
func (t *taking) thinned(ctx context.Context, number uint64, b protocol.Thinned) error {
	log := uint8(t.batch.Log)
	reason := fmt.Sprintf("thinned by the device: %d samples from %s to %s", b.Samples, when(b.FromWall), when(b.ToWall))
	if b.Samples > 0 {
		reason += fmt.Sprintf(", %d to %d m°C", b.MinMilliC, b.MaxMilliC)
	}
	switch {
	case b.From == 0 && b.To == 0: // numbers of the parent incarnation: an empty span at its own number keeps the note
		return t.gap(ctx, fleet.Gap{First: number, Last: number - 1, Reason: reason})
	case b.From == number && b.To == number:
		return t.gap(ctx, fleet.Gap{First: number, Last: number, Reason: "damaged in the device's storage"})
	}
	gaps, err := t.tx.Gaps(ctx, t.device.ID, t.incarnation, log)
	if err != nil {
		return err
	}
	for _, g := range gaps {
		parts := g.Explain(b.From, b.To, reason)
		if parts == nil {
			continue
		}
		t.gaps++
		if err := t.tx.ReplaceGap(ctx, t.device.ID, t.incarnation, log, g, parts, t.now); err != nil {
			return err
		}
	}
	return nil
}
