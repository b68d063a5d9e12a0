package station

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/phrase"
	"meguri/protocol"
)

// selected gives the grants of twoFridges codes of eleven digits: of a with the selector 123, of b with 456, of the courier with 789.
func selected() Plan {
	codes := map[byte]string{'a': "12300000001", 'b': "45600000001", 'k': "78900000001"}
	p := twoFridges()
	for _, lock := range p {
		for i := range lock.Grants {
			g := &lock.Grants[i]
			code := codes[g.ID[0]]
			g.PIN, g.Selector, g.Salt = protocol.Hash{}, code[:3], []byte("salt of "+g.ID[:1])
			g.Check = protocol.CheckPIN(code, g.Salt)
		}
	}
	return p
}

const lockedReason = "codes with these first digits are locked after wrong ones"

// guess tries so many wrong codes of a's, each as soon as the keypad takes one.
func guess(r *rig, position string, n int) {
	r.t.Helper()
	for range n {
		r.requireRefused(r.code(position, "12399999999"), "no such code here", phrase.New(phrase.NoSuchCode))
		r.now = r.now.Add(KeypadRests)
	}
}

func TestACodeWithASelectorOpens(t *testing.T) {
	r := newRig(t, everythingIn(), selected())
	r.requireOpens("f1", "12300000001")
	r.requireOpens("f2", "45600000001")
	r.requireRefused(r.code("f1", "12300000002"), "no such code here", phrase.New(phrase.NoSuchCode))
}

func TestWrongCodesLockTheirSelectorAndNobodyElse(t *testing.T) {
	r := newRig(t, everythingIn(), selected())
	guess(r, "f1", WrongTries-1)
	r.requireRefused(r.code("f2", "12399999999"), "no such code here", phrase.New(phrase.NoSuchCode)) // any door counts
	r.requireRefused(r.code("f1", "12300000001"), lockedReason, phrase.New(phrase.CodeLocked))
	r.requireRefused(r.code("f2", "12300000001"), lockedReason, phrase.New(phrase.CodeLocked))
	r.requireOpens("f1", "45600000001")
	r.now = r.now.Add(LockedFirst)
	r.requireOpens("f2", "45600000001")
	r.requireRefused(r.code("f2", "12300000001"), "goods are in another fridge", phrase.New(phrase.OrderElsewhere, "f1"))
}

// Whoever guesses at a selector for a day has a dozen codes of a hundred million.
func TestASelectorIsLockedTwiceAsLongEachTime(t *testing.T) {
	r := newRig(t, everythingIn(), selected())
	tried := 0
	for end := r.now.Add(24 * time.Hour); r.now.Before(end); r.now = r.now.Add(20 * time.Second) {
		if d := r.code("f1", "12399999999"); d.Records[0].(protocol.GrantRefused).Reason == "no such code here" {
			tried++
		}
	}
	require.LessOrEqual(t, tried, 15)
	require.GreaterOrEqual(t, tried, 12)
}

func TestARightCodeEndsTheCountOfItsSelector(t *testing.T) {
	r := newRig(t, everythingIn(), selected())
	for range 3 {
		guess(r, "f1", WrongTries-1)
		r.requireOpens("f1", "12300000001")
		r.contact("f1", false)
		r.contact("f1", true)
	}
}

func TestALockedSelectorIsBoundedByALockAlsoWhenTheClockIsSetBack(t *testing.T) {
	r := newRig(t, everythingIn(), selected())
	guess(r, "f1", WrongTries)
	r.now = r.now.Add(-48 * time.Hour)
	d := r.code("f1", "12300000001")
	require.Equal(t, "too early", d.Records[0].(protocol.GrantRefused).Reason)
}

func TestTriesAreForgottenWithTheGrantsOfTheirSelector(t *testing.T) {
	r := newRig(t, everythingIn(), selected())
	guess(r, "f1", 1)
	require.Len(t, r.s.Tries, 1)
	require.Len(t, PlanChanged(r.s, selected()).Tries, 1)
	require.Empty(t, PlanChanged(r.s, twoFridges()).Tries)
	r.requireRefused(r.code("f1", "99999999999"), "no such code here", phrase.New(phrase.NoSuchCode))
	require.Len(t, r.s.Tries, 1, "a selector that nobody has is not kept")
}

func BenchmarkGuess(b *testing.B) {
	for b.Loop() {
		protocol.CheckPIN("12300000001", []byte("sixteen bytes of"))
	}
}
