package station

import (
	"time"

	"meguri/edge/phrase"
	"meguri/protocol"
)

// Clocked says what the time is worth: whether it is proven, and a moment that it is not before, with all doubt there is. Without a
// proof that moment never goes back, and it is kept over restarts; a proof is believed also when it says that it is earlier.
func Clocked(s State, proven bool, notBefore time.Time) State {
	s.Unproven = !proven
	if ms := notBefore.UnixMilli(); proven || ms > s.NotBefore {
		s.NotBefore = ms
	}
	return s
}

// Confirmed notes that the hub said at a time, its own, that the plan here is its newest.
func Confirmed(s State, at time.Time) State {
	s.Confirmed = at.UnixMilli()
	return s
}

// signedAt is when the hub vouched for a token.
func signedAt(token protocol.Token) int64 { return max(token.Issued, token.Signed) }

// prove learns from a token: no later than it was signed can it be now. So an engineer with a fresh one opens a door whose clock is lost.
func (t *turn) prove(token protocol.Token) {
	if at := signedAt(token); t.State.Unproven && at > t.now.UnixMilli() {
		t.now = time.UnixMilli(at).UTC()
		t.State.NotBefore = at
	}
}

// timely says what the time has against a grant.
func (t *turn) timely(position string, g protocol.Grant) objection {
	now := t.now.UnixMilli()
	policy := protocol.UnprovenNothing
	if t.State.Unproven {
		policy = t.plan[position].RuleFor(g.Holder).Unproven
	}
	switch {
	case now >= g.Until: // whatever the time is, it is no earlier
		return object(rankLate, "too late", phrase.CodeTooLate)
	case t.State.Unproven && policy == protocol.UnprovenNothing:
		return object(rankEarly, "the clock is not set", phrase.ClockNotSet)
	case t.State.Unproven && policy == protocol.UnprovenNotOver:
		return objection{}
	case t.State.Unproven && now < g.From:
		return object(rankEarly, "the clock is not set, and it was too early when it last was", phrase.ClockNotSet)
	case now < g.From:
		return object(rankEarly, "too early", phrase.CodeTooEarly)
	}
	return objection{}
}

// vouched says whether the hub has vouched for a grant lately enough, with the plan here or by what it signed at a time, Unix
// milliseconds; 0 for no token. A lock that is offline cannot know what was revoked since.
func (t *turn) vouched(position string, g protocol.Grant, signed int64) objection {
	most := t.plan[position].RuleFor(g.Holder).PlanAgeMS
	if t.now.UnixMilli()-max(t.State.Confirmed, signed) <= most {
		return objection{}
	}
	return object(rankLate, "the plan is too old to know whether the grant still holds", phrase.PlanTooOld)
}
