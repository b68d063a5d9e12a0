package station

import (
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/phrase"
	"meguri/protocol"
)

var (
	hubKey   = ed25519.NewKeyFromSeed([]byte("a seed of thirty-two bytes, here"))
	otherKey = ed25519.NewKeyFromSeed([]byte("another seed of thirty-two bytes"))
)

// signed is twoFridges with the hub's key, as planned an hour ago.
func signed() Plan {
	p := twoFridges()
	for position, lock := range p {
		lock.Issued, lock.Keys = at(-time.Hour), [][]byte{hubKey.Public().(ed25519.PublicKey)}
		p[position] = lock
	}
	return p
}

func (r *rig) token(t protocol.Token, key ed25519.PrivateKey) Decision {
	r.t.Helper()
	text, err := protocol.SignToken(t, key)
	require.NoError(r.t, err)
	return r.scan("]Q1" + text)
}

// tokenOf is the token of a planned grant.
func tokenOf(p Plan, lock, grant string) protocol.Token {
	for _, g := range p[lock].Grants {
		if g.ID == grant {
			g.PIN = protocol.Hash{}
			return protocol.Token{Lock: lock, Issued: at(-2 * time.Hour), Grant: g}
		}
	}
	return protocol.Token{}
}

// newer is a token of a grant that the plan does not know yet.
func newer() protocol.Token {
	g := customer("new@f1", "", "c1")
	g.PIN = protocol.Hash{}
	return protocol.Token{Lock: "f1", Issued: at(-time.Minute), Grant: g}
}

func TestATokenOpensItsDoorWithoutACode(t *testing.T) {
	p := signed()
	r := newRig(t, everythingIn(), p)
	d := r.token(tokenOf(p, "f1", "b@f1"), hubKey)
	require.Equal(t, []protocol.Body{protocol.GrantUsed{Position: "f1", Grant: "b@f1", Use: 1}}, d.Records)
	require.Equal(t, []Fire{{Position: "f1", Grant: "b@f1"}}, fires(d))
	require.Contains(t, d.Actions, Show{Line: phrase.New(phrase.OpenSlotsElsewhere, "f1-2, f1-3", "f2")}, "who scans looks at the reader")
}

func TestATokenOpensWhileTheKeypadRests(t *testing.T) {
	p := signed()
	r := newRig(t, everythingIn(), p)
	for range WrongCodes {
		r.code("f1", "000000")
	}
	r.requireRefused(r.code("f1", "111111"), "the keypad rests", phrase.New(phrase.TooManyWrongCodes))
	require.Len(t, fires(r.token(tokenOf(p, "f1", "a@f1"), hubKey)), 1)
}

func TestATokenOfAGrantThatIsNewerThanThePlanOpens(t *testing.T) {
	r := newRig(t, everythingIn(), signed())
	require.Len(t, fires(r.token(newer(), hubKey)), 1)
}

func TestATokenIsRefused(t *testing.T) {
	p := signed()
	with := func(token protocol.Token, change func(*protocol.Token)) protocol.Token {
		change(&token)
		return token
	}
	for name, c := range map[string]struct {
		state  State
		token  protocol.Token
		key    ed25519.PrivateKey
		reason string
		line   phrase.Key
	}{
		"of somebody who signs himself": {token: newer(), key: otherKey, line: phrase.TokenUnknownKey,
			reason: "the token is signed with a key that this station does not have"},
		"for another station's lock": {token: with(newer(), func(t *protocol.Token) { t.Lock = "f9" }), reason: "the token is for the lock of f9",
			line: phrase.TokenElsewhere},
		"revoked: the plan is newer, and leaves the grant out": {token: with(newer(), func(t *protocol.Token) { t.Issued = at(-time.Hour) }),
			reason: "the grant of the token is revoked", line: phrase.TokenRevoked},
		"too old for a plan that is older still": {token: with(newer(), func(t *protocol.Token) { t.Issued = at(-25 * time.Hour) }),
			reason: "the plan is too old to know whether the token still holds", line: phrase.NoPlanYet},
		"before its window": {token: with(newer(), func(t *protocol.Token) { t.Grant.From = at(time.Hour) }), reason: "too early",
			line: phrase.CodeTooEarly},
		"after its window": {token: with(newer(), func(t *protocol.Token) { t.Grant.Until = at(-time.Second) }), reason: "too late",
			line: phrase.CodeTooLate},
		"issued in the future": {token: with(newer(), func(t *protocol.Token) { t.Issued = at(2 * time.Hour) }),
			reason: "the token is of a time that has not come", line: phrase.ClockNotSet},
		"goods are not in": {state: State{In: map[string]Box{}}, token: tokenOf(p, "f1", "a@f1"), reason: "not delivered yet",
			line: phrase.NotDelivered},
		"older than what the plan says of its window": {token: with(tokenOf(p, "f1", "k@f1"), func(t *protocol.Token) { t.Grant.Uses = 99 }),
			state: State{Uses: map[string]Use{"k@f1": {Count: 2}}}, reason: "used up", line: phrase.CodeUsedUp},
	} {
		t.Run(name, func(t *testing.T) {
			plan := signed()
			if c.reason == "the plan is too old to know whether the token still holds" {
				for position, lock := range plan {
					lock.Issued = at(-48 * time.Hour)
					plan[position] = lock
				}
			}
			if c.state.In == nil {
				c.state.In = everythingIn().In
			}
			if c.key == nil {
				c.key = hubKey
			}
			r := newRig(t, c.state, plan)
			r.requireRefused(r.token(c.token, c.key), c.reason, phrase.New(c.line))
		})
	}
}

func TestACountedGrantIsCountedByCodeAndTokenTogether(t *testing.T) {
	p := signed()
	r := newRig(t, everythingIn(), p)
	courier := tokenOf(p, "f1", "k@f1") // two uses
	require.Len(t, fires(r.token(courier, hubKey)), 1)
	r.contact("f1", false)
	r.contact("f1", true)
	r.requireOpens("f1", "99999999")
	r.contact("f1", false)
	r.contact("f1", true)
	r.requireRefused(r.token(courier, hubKey), "used up", phrase.New(phrase.CodeUsedUp))
	require.Empty(t, r.s.Locks["f1"].Wrong, "a token is no guess")
}

func TestATokenThatWasChangedIsNoneOfOurs(t *testing.T) {
	r := newRig(t, everythingIn(), signed())
	text, err := protocol.SignToken(newer(), hubKey)
	require.NoError(t, err)
	other := map[bool]string{true: "A", false: "B"}[text[40] != 'A']
	for _, bad := range []string{text[:40] + other + text[41:], "meguri1:", "MEGURI1:2KCFIMRXFAWDE5DIMVZGK4TFMFSHS", "MEGURI1:\xff\xfe"} {
		r.requireRefused(r.scan(bad), "a token that the hub has not signed", phrase.New(phrase.NotOurs))
	}
}
