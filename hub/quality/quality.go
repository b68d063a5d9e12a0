// Package quality keeps goods that may have been too warm or too cold, for too long, from being handed out: it judges them by the
// rules of hub/coldchain whenever something new is known of their place, holds what is broken or in doubt, tells the customers, and
// takes the decision of a person. It joins those rules with the store. DESIGN.md says what follows from what.
package quality

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meguri/hub/coldchain"
	"meguri/hub/store"
)

// Service judges and decides.
type Service struct {
	Store *store.Store
	Touch func(place string) // of each place whose devices may need another plan, after the commit; nil for nobody
}

const (
	// stands is how long a reading stands for what comes after it: two rounds of a minute may be lost before anything is unknown.
	stands = 3 * time.Minute
	// lookBack is how far before a change readings are looked at, so that an excursion under way is found whole.
	lookBack = 2 * time.Hour
	// maxSamples is how many readings of one sensor are read at once, and maxPages how often: each 5 s over four weeks.
	maxSamples = 50_000
	maxPages   = 10
	// AtOnce is how many places one turn judges.
	AtOnce = 200
)

// JudgeDue judges the goods at all places that wait for it, each place in a transaction of its own, and says how many it were. What
// fails does not keep the others from being judged, and is tried again.
func (s *Service) JudgeDue(ctx context.Context, now time.Time) (int, error) {
	var due []store.Due
	err := s.Store.Read(ctx, func(tx *store.Tx) (err error) {
		due, err = tx.DuePositions(ctx, now, AtOnce)
		return err
	})
	var failed []error
	for _, d := range due {
		if err := s.judgePlace(ctx, d.Position, now); err != nil {
			later := s.Store.Change(ctx, func(tx *store.Tx) error { return tx.DueLater(ctx, d.Position, now) }) // the others first
			failed = append(failed, fmt.Errorf("judge the goods at %s: %w", d.Position, errors.Join(err, later)))
		}
	}
	return len(due), errors.Join(append(failed, err)...)
}

func (s *Service) judgePlace(ctx context.Context, position string, now time.Time) error {
	return s.Store.Change(ctx, func(tx *store.Tx) error {
		since, ok, err := tx.TakeDue(ctx, position)
		if err != nil || !ok {
			return err
		}
		t := &turn{service: s, ctx: ctx, tx: tx, now: now}
		if err := t.judge(position, since); err != nil {
			return err
		}
		t.tell()
		return nil
	})
}

// turn is one transaction that judges, holds or decides.
type turn struct {
	service *Service
	ctx     context.Context
	tx      *store.Tx
	now     time.Time
	places  map[string]bool // whose devices need another plan
}

func (t *turn) concerns(places ...string) {
	if t.places == nil {
		t.places = map[string]bool{}
	}
	for _, p := range places {
		t.places[p] = true
	}
}

// tell has the devices of the places concerned get another plan after the commit.
func (t *turn) tell() {
	if t.service.Touch == nil || len(t.places) == 0 {
		return
	}
	places := t.places
	t.tx.OnCommit(func() {
		for p := range places {
			t.service.Touch(p)
		}
	})
}

// judge judges all goods that were at a position since then, and its alarms.
func (t *turn) judge(position string, since time.Time) error {
	stays, err := t.tx.StaysAt(t.ctx, position, since, t.now)
	if err != nil {
		return err
	}
	probes, err := t.probes(position)
	if err != nil {
		return err
	}
	from, err := t.alarmsSince(probes, since)
	if err != nil {
		return err
	}
	for _, stay := range stays {
		if stay.From.Before(from) {
			from = stay.From
		}
	}
	if oldest := t.now.Add(-2 * longestExcursion); from.Before(oldest) {
		from = oldest
	}
	watched, err := t.rules(position, from)
	if err != nil {
		return err
	}
	place, from, err := t.fromRest(position, probes, watched.from(from), watched.standing)
	if err != nil {
		return err
	}
	if err := t.alarms(place, watched, from); err != nil {
		return err
	}
	for _, stay := range stays {
		if err := t.goods(stay, place.Known); err != nil {
			return fmt.Errorf("container %s: %w", stay.Container.ID, err)
		}
	}
	return nil
}

// goods judges one container on one leg, and holds it when that is called for.
func (t *turn) goods(stay store.GoodsStay, known coldchain.Known) error {
	was, err := t.tx.JudgementOf(t.ctx, stay.Container.ID, stay.Leg)
	if err != nil {
		return err
	}
	j := store.Judgement{Container: stay.Container.ID, Stay: stay.Stay, Verdict: coldchain.Judge(stay.Stay, known, t.now),
		Revision: max(1, was.Revision), JudgedAt: t.now}
	if was.Revision > 0 && (j.State != was.State || !j.At.Equal(was.At)) {
		j.Revision++
	}
	if err := t.tx.SaveJudgement(t.ctx, j); err != nil {
		return err
	}
	return t.follow(stay, j, known)
}

// follow does what a judgement calls for.
func (t *turn) follow(stay store.GoodsStay, j store.Judgement, known coldchain.Known) error {
	holds, err := t.tx.HoldsOf(t.ctx, j.Container)
	if err != nil {
		return err
	}
	if j.Leg == coldchain.Shipper {
		if err := t.reconcile(j, holds, whole(stay.Stay, known, j.Known)); err != nil {
			return err
		}
	}
	var last, released *store.Hold // of this leg, that the readings brought about
	for i, h := range holds {
		if h.Leg != j.Leg || h.Cause != store.CauseBroken && h.Cause != store.CauseDoubtful {
			continue
		}
		if last = &holds[i]; h.Decision == store.Released {
			released = last
		}
	}
	j, calls := question(stay.Stay, known, j, released, t.now)
	switch {
	case last == nil && calls:
		return t.holdJudged(stay, j, 1)
	case last == nil:
		return nil
	case last.Decision == store.Undecided && !calls:
		return t.lift(*last, "readings that came later show that nothing was wrong", j)
	case last.Decision == store.Undecided:
		return t.update(*last, stay, j)
	case last.Decision != store.Condemned && calls:
		return t.holdJudged(stay, j, len(holds)+1)
	}
	return nil
}

// question is what a person has to decide about a judgement, and whether there is anything. Once goods were released it is whether they
// have become so much worse than what was decided about, or how they have been since: nobody decides twice about the same.
func question(stay coldchain.Stay, known coldchain.Known, j store.Judgement, released *store.Hold, now time.Time) (store.Judgement, bool) {
	if released == nil || j.State == coldchain.Broken && (released.Cause == store.CauseDoubtful ||
		j.Outside > released.Outside+max(stay.Limit.Outside, time.Minute)) {
		return j, calls(stay.Limit, j.Verdict)
	}
	stay.From = released.DecidedAt
	if !released.Judged.IsZero() { // what came to be known only after the decision is new, though it was before
		stay.From = released.Judged
	}
	since := coldchain.Judge(stay, known, now)
	since.Outside = j.Outside // of a hold that is all, for the next question
	j.Verdict = since
	return j, calls(stay.Limit, since)
}

// calls says whether goods are to be held because of a verdict.
func calls(l coldchain.Limit, v coldchain.Verdict) bool {
	return v.State == coldchain.Broken || v.State == coldchain.Doubtful && l.DoubtHolds
}
