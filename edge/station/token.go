package station

import (
	"errors"
	"time"

	"meguri/edge/phrase"
	"meguri/protocol"
)

// token decides about a signed token, scanned at the station's reader, which serves all its doors. A keypad that rests does not
// concern it, since nobody guesses a signature.
func (t *turn) token(text string) {
	token, err := protocol.OpenToken(text, t.keys())
	position := token.Lock
	lock, here := t.plan[position]
	switch {
	case errors.Is(err, protocol.ErrUnknownKey):
		t.refuseToken("", "", "the token is signed with a key that this station does not have", phrase.New(phrase.TokenUnknownKey))
		return
	case err != nil: // what it says in detail is not ours either, and may be anything
		t.refuseToken("", "", "a token that the hub has not signed", phrase.New(phrase.NotOurs))
		return
	case !here:
		t.refuseToken("", token.Grant.ID, "the token is for the lock of "+position, phrase.New(phrase.TokenElsewhere))
		return
	}
	t.prove(token)
	t.overdue(position)
	if lock.OutOfService {
		t.refuseToken(position, token.Grant.ID, reasonOutOfService, phrase.New(phrase.BeingServiced))
		return
	}
	grant, o := t.grantOfToken(lock, token)
	if o.reason != "" {
		t.refuseToken(position, grant.ID, o.reason, o.line)
		return
	}
	actions := len(t.Actions)
	t.open(position, grant)
	for _, a := range t.Actions[actions:] { // who scans looks at the reader
		if s, ok := a.(Show); ok {
			t.Actions = append(t.Actions, Show{Line: s.Line, Refused: s.Refused})
		}
	}
}

// keys are those of all doors; they come with each, and are the same.
func (t *turn) keys() [][]byte {
	for _, lock := range t.plan {
		if len(lock.Keys) > 0 {
			return lock.Keys
		}
	}
	return nil
}

// grantOfToken is the grant that a token stands for, and what stands against it. The plan's word goes before the token's, which
// may be older. A grant that the plan leaves out although it is no newer was revoked, or is long over.
func (t *turn) grantOfToken(lock protocol.LockPlan, token protocol.Token) (protocol.Grant, objection) {
	for _, g := range lock.Grants {
		if g.ID == token.Grant.ID {
			t.unanswered(lock.Position, g.ID)
			return g, t.objection(lock.Position, g, signedAt(token))
		}
	}
	g, signed := token.Grant, time.UnixMilli(signedAt(token))
	switch {
	case t.now.UnixMilli() >= g.Until:
		return g, object(rankLate, "too late", phrase.CodeTooLate)
	case token.Issued <= lock.Issued:
		return g, object(rankLate, "the grant of the token is revoked", phrase.TokenRevoked)
	case signed.After(t.now.Add(time.Hour)):
		return g, object(rankEarly, "the token is of a time that has not come", phrase.ClockNotSet)
	case t.now.Sub(signed).Milliseconds() > lock.RuleFor(g.Holder).PlanAgeMS: // only a plan can revoke, and this one is older
		return g, object(rankLate, "the plan is too old to know whether the token still holds", phrase.NoPlanYet)
	}
	t.unanswered(lock.Position, g.ID)
	return g, t.objection(lock.Position, g, signedAt(token))
}

func (t *turn) refuseToken(position, grant, reason string, line phrase.Phrase) {
	t.record(protocol.GrantRefused{Position: position, Grant: grant, Reason: reason})
	t.Actions = append(t.Actions, Show{Line: line, Refused: true})
}
