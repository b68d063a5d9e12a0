package link

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/protocol"
)

// entry is one record of a batch, decoded as far as it can be.
type entry struct {
	number uint64
	raw    []byte
	rec    protocol.Record // its number is 0 when not even that could be read
	body   protocol.Body   // nil when unread is not
	unread error
}

// dating dates the records of a batch.
type dating struct {
	boots map[uint64]*bootOf
	known map[uint64]fleet.Clocks // of boots, as far as they were asked for
}

// bootOf is what a batch says of a boot.
type bootOf struct {
	first, last time.Duration // monotonic times of its records
	told        []fleet.Pair
}

// lookAhead notes what a batch says of its boots, before anything of it is dated: a clock may be set further on.
func (t *taking) lookAhead(ctx context.Context, entries []entry) error {
	t.dating = dating{boots: map[uint64]*bootOf{}, known: map[uint64]fleet.Clocks{}}
	var b *bootOf
	var of uint64
	for _, e := range entries {
		if e.rec.Number == 0 {
			continue
		}
		mono := claimOf(e.rec).Mono
		if b == nil || of != e.rec.Boot {
			of = e.rec.Boot
			if b = t.dating.boots[of]; b == nil {
				b = &bootOf{first: mono, last: mono}
				t.dating.boots[of] = b
			}
		}
		b.first, b.last = min(b.first, mono), max(b.last, mono)
		if pair, ok := pairIn(e.rec, e.body); ok {
			b.told = append(b.told, pair)
		}
	}
	for boot, b := range t.dating.boots {
		if err := t.tx.SawBoot(ctx, t.device.ID, t.incarnation, boot, max(0, b.last), t.now); err != nil {
			return err
		}
	}
	return nil
}

// pairIn is the pair of clocks that a record tells, false when it tells none.
func pairIn(rec protocol.Record, body protocol.Body) (fleet.Pair, bool) {
	set, ok := body.(protocol.ClockSet)
	if !ok || rec.Quality == protocol.WallUnset {
		return fleet.Pair{}, false
	}
	p := store.PairOf(set)
	return p, p.Plausible()
}

func claimOf(rec protocol.Record) fleet.Claim {
	return store.ClaimOf(rec.Mono, rec.Wall, int64(rec.Quality))
}

// date says when a record was made, as well as that is known now.
func (t *taking) date(ctx context.Context, rec protocol.Record) (fleet.Dated, error) {
	k, known := t.dating.known[rec.Boot]
	if !known {
		var first time.Duration
		if b := t.dating.boots[rec.Boot]; b != nil {
			first = b.first
		}
		var err error
		if k, err = t.clocks(ctx, rec.Boot, first); err != nil {
			return fleet.Dated{}, err
		}
		t.dating.known[rec.Boot] = k
	}
	return k.Date(claimOf(rec), t.now), nil
}

// clocks gives what is known of the time of a boot, for records from a monotonic time on.
func (t *taking) clocks(ctx context.Context, boot uint64, from time.Duration) (fleet.Clocks, error) {
	pairs, err := t.tx.Pairs(ctx, t.device.ID, t.incarnation, boot, from)
	if err != nil {
		return fleet.Clocks{}, err
	}
	if b := t.dating.boots[boot]; b != nil {
		pairs = append(pairs, b.told...)
	}
	if len(pairs) > 0 {
		sortPairs(pairs)
		return fleet.Clocks{Pairs: pairs}, nil
	}
	life, err := t.tx.BootsAround(ctx, t.device.ID, t.incarnation, boot)
	if err != nil {
		return fleet.Clocks{}, err
	}
	for i := range life {
		t.dating.addTold(&life[i])
	}
	return fleet.Neighbours(life, boot, t.device.AddedAt), nil
}

func sortPairs(pairs []fleet.Pair) {
	slices.SortStableFunc(pairs, func(a, b fleet.Pair) int { return cmp.Compare(a.Mono, b.Mono) })
}

// addTold adds what the batch itself says of a boot.
func (d *dating) addTold(s *fleet.Sighting) {
	b := d.boots[s.Boot]
	if b == nil || len(b.told) == 0 {
		return
	}
	first, final := b.told[0], b.told[len(b.told)-1]
	if s.First == nil || first.Mono < s.First.Mono {
		s.First = &first
	}
	if s.Final == nil || final.Mono >= s.Final.Mono {
		s.Final = &final
	}
}

// Bounds of dating again what was dated before more was known.
const (
	maxRedated  = 2000 // records in one transaction; the rest comes with the device's next batches
	redatedPage = 500
	redateBoots = 16 // on either side of one that has learnt the time: those without are bounded by it
)

// redating is how far the records of a device are dated again: from boot on, in its log behind a number, up to boot to.
type redating struct {
	boot, to uint64
	log      protocol.LogID
	after    uint64
}

// redate dates again what is not well dated in the boots of which a batch has told the time and in those around them, and goes
// on with what was left to do by an earlier batch.
func (t *taking) redate(ctx context.Context) error {
	key := t.device.ID + "/" + t.incarnation
	todo, left := t.receiver.undated.get(key)
	for boot, b := range t.dating.boots {
		if len(b.told) > 0 {
			todo = todo.with(left, boot)
			left = true
		}
	}
	if !left {
		return nil
	}
	t.dating = dating{} // what was told is stored by now
	left, err := t.redateSome(ctx, &todo)
	if err != nil {
		return err
	}
	t.tx.OnCommit(func() { t.receiver.undated.set(key, todo, left) })
	return nil
}

// with adds the boots around one that has learnt the time.
func (r redating) with(left bool, boot uint64) redating {
	from := boot - min(boot, redateBoots)
	if !left {
		return redating{boot: from, to: boot + redateBoots, log: protocol.Events}
	}
	if from < r.boot {
		r = redating{boot: from, to: r.to, log: protocol.Events}
	}
	r.to = max(r.to, boot+redateBoots)
	return r
}

// redateSome does as much as one transaction may, and says whether something is left.
func (t *taking) redateSome(ctx context.Context, r *redating) (left bool, err error) {
	for budget := maxRedated; budget > 0; {
		if r.log == protocol.Events && r.after == 0 {
			boot, found, err := t.tx.NextBoot(ctx, t.device.ID, t.incarnation, r.boot, r.to)
			if err != nil || !found {
				return false, err
			}
			r.boot = boot
		}
		find := t.tx.UndatedEvents
		if r.log == protocol.Readings {
			find = t.tx.UndatedReadings
		}
		page, err := find(ctx, t.device.ID, t.incarnation, r.boot, r.after, redatedPage)
		if err != nil {
			return false, err
		}
		if err := t.redatePage(ctx, *r, page); err != nil {
			return false, err
		}
		budget -= len(page)
		switch {
		case len(page) == redatedPage:
			r.after = page[len(page)-1].Number
		case r.log == protocol.Events:
			r.log, r.after = protocol.Readings, 0
		default:
			*r = redating{boot: r.boot + 1, to: r.to, log: protocol.Events}
		}
	}
	return true, nil
}

func (t *taking) redatePage(ctx context.Context, r redating, page []store.Undated) error {
	if len(page) == 0 {
		return nil
	}
	first := page[0].Claim.Mono
	for _, u := range page {
		first = min(first, u.Claim.Mono)
	}
	k, err := t.clocks(ctx, r.boot, first)
	if err != nil {
		return err
	}
	var better []store.Redated
	var moved []store.Undated
	for _, u := range page {
		d := k.Date(u.Claim, u.Received)
		if u.Span > 0 {
			d.Within += fleet.Drift(u.Span)
		}
		if d.At.Sub(u.Dated.At).Abs() < time.Millisecond && (d.Within-u.Dated.Within).Abs() <= time.Millisecond {
			continue
		}
		better = append(better, store.Redated{Number: u.Number, Dated: d})
		moved = append(moved, u)
	}
	if watch := t.receiver.config.Watch; watch != nil && r.log == protocol.Readings && len(better) > 0 {
		from := better[0].Dated.At
		for i, b := range better {
			for _, at := range []time.Time{b.Dated.At, moved[i].Dated.At} {
				if at = at.Add(-moved[i].Span); at.Before(from) {
					from = at
				}
			}
		}
		if err := watch.Redated(ctx, t.tx, t.device.ID, from, t.now); err != nil {
			return err
		}
	}
	if r.log == protocol.Readings {
		return t.tx.RedateReadings(ctx, t.device.ID, t.incarnation, better)
	}
	for i, u := range slices.Backward(moved) { // of guesses that are alike, what holds is the last one's
		if err := t.retell(ctx, u, better[i].Dated); err != nil {
			return err
		}
	}
	return t.tx.RedateEvents(ctx, t.device.ID, t.incarnation, better)
}

// retell moves what an event has changed to its better time. What cannot be moved keeps the guess: the event itself says better.
func (t *taking) retell(ctx context.Context, u store.Undated, d fleet.Dated) error {
	effects, ok := t.receiver.config.Effects.(Redater)
	if !ok || u.Outcome != store.Applied {
		return nil
	}
	body, err := protocol.DecodeEvent(protocol.Kind(u.Kind), u.Body)
	if err != nil {
		return nil //nolint:nilerr // it was readable once; its time in the log is what matters
	}
	e := Event{Device: t.device.ID, Place: t.device.Place, Role: string(t.device.Role), Incarnation: t.batch.Incarnation,
		Number: u.Number, At: d.At, Within: d.Within, Received: u.Received, Body: body}
	err = t.tx.Savepoint(ctx, func() error { return effects.Redate(ctx, t.tx, e, u.Dated.At) })
	if _, ok := t.permanent(err); err != nil && !ok {
		return err
	}
	return nil
}

// Redater is what Effects may do besides: move what they have stored when an event turns out to have happened at another time.
type Redater interface {
	// Redate changes times that Apply has taken from an event which was dated was then, and e.At now. It may change nothing.
	Redate(ctx context.Context, tx *store.Tx, e Event, was time.Time) error
}

var errNoTime = errors.New("a clock that was set, in a record whose clock was not, or to a time that is none")
