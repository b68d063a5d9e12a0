package station

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/phrase"
	"meguri/protocol"
)

const tooOld = "the plan is too old to know whether the grant still holds"

// everyone is a station at whose first door each kind of person has a grant for a week, four uses where they count.
func everyone() Plan {
	p := signed()
	lock := p["f1"]
	for _, h := range []protocol.Holder{protocol.HolderCustomer, protocol.HolderCourier, protocol.HolderShop, protocol.HolderStaff, protocol.HolderEngineer} {
		g := protocol.Grant{ID: who[h], Holder: h, PIN: protocol.HashPIN(who[h], who[h]), From: at(-time.Hour), Until: at(7 * 24 * time.Hour)}
		if h == protocol.HolderCustomer {
			g.Containers = []string{"c1"}
		} else {
			g.Uses = 4
		}
		lock.Grants = append(lock.Grants, g)
	}
	p["f1"] = lock
	return p
}

var who = map[protocol.Holder]string{protocol.HolderCustomer: "customer", protocol.HolderCourier: "courier", protocol.HolderShop: "shop",
	protocol.HolderStaff: "staff", protocol.HolderEngineer: "engineer"}

func TestALockThatIsCutOffHonoursAGrantForAsLongAsThePlanSays(t *testing.T) {
	ages := map[protocol.Holder]time.Duration{}
	for _, r := range protocol.DefaultPeople() {
		ages[r.Holder] = time.Duration(r.PlanAgeMS) * time.Millisecond
	}
	require.Equal(t, 24*time.Hour, ages[protocol.HolderCustomer])
	require.Equal(t, 72*time.Hour, ages[protocol.HolderCourier])
	for h, code := range who {
		t.Run(code, func(t *testing.T) {
			r := newRig(t, everythingIn(), everyone())
			r.now = noon.Add(ages[h])
			r.requireOpens("f1", code)
			r.now = r.now.Add(time.Minute)
			r.requireRefused(r.after(0).with(r.code("f1", code)), tooOld, phrase.New(phrase.PlanTooOld))
			r.s = Confirmed(r.s, r.now)
			r.requireOpens("f1", code)
		})
	}
	t.Run("as the plan has it, where it does", func(t *testing.T) {
		p := everyone()
		lock := p["f1"]
		lock.People = []protocol.PersonRule{{Holder: protocol.HolderCustomer, PlanAgeMS: time.Hour.Milliseconds()}}
		p["f1"] = lock
		r := newRig(t, everythingIn(), p)
		r.now = noon.Add(time.Hour + time.Second)
		r.requireRefused(r.code("f1", "customer"), tooOld, phrase.New(phrase.PlanTooOld))
		r.requireOpens("f1", "courier")
	})
}

// with is the second of two decisions.
func (Decision) with(d Decision) Decision { return d }

func TestATokenThatWasSignedLatelyOpensALockThatIsCutOff(t *testing.T) {
	p := everyone()
	r := newRig(t, everythingIn(), p)
	r.now = noon.Add(70 * time.Hour)
	token := tokenOf(p, "f1", "customer")
	r.requireRefused(r.token(token, hubKey), tooOld, phrase.New(phrase.PlanTooOld))
	token.Signed = r.now.Add(-23 * time.Hour).UnixMilli()
	require.Len(t, fires(r.token(token, hubKey)), 1, "P8: 72 h without the hub, with what the customer's telephone got today")
	token.Signed = r.now.Add(-25 * time.Hour).UnixMilli()
	r.requireRefused(r.token(token, hubKey), tooOld, phrase.New(phrase.PlanTooOld))
}

func TestAnEngineersGrantIsAlwaysCounted(t *testing.T) {
	p := everyone()
	lock := p["f1"]
	lock.Grants[len(lock.Grants)-1].Uses = 0
	r := newRig(t, everythingIn(), p)
	r.requireRefused(r.code("f1", "engineer"), "an engineer's grant has to be counted", phrase.New(phrase.NothingForYou))
}

func TestEachKindOfPersonIsToldWhatToDo(t *testing.T) {
	r := newRig(t, everythingIn(), everyone())
	for code, line := range map[string]phrase.Key{"courier": phrase.OpenCourier, "shop": phrase.OpenShop, "staff": phrase.OpenStaff,
		"engineer": phrase.OpenStaff} {
		got, refused := shown(t, r.code("f1", code))
		require.False(t, refused)
		require.Equal(t, phrase.New(line), got)
	}
}

// lost is a station that knows only that it is no earlier than so long after noon.
func lost(t *testing.T, p Plan, after time.Duration) *rig {
	r := newRig(t, everythingIn(), p)
	r.now = noon.Add(after)
	r.s = Clocked(r.s, false, r.now)
	return r
}

func TestWithoutAProofOfTheTime(t *testing.T) {
	const unset = "the clock is not set"
	for h, code := range who {
		t.Run(code+" gets in when the window holds the moment that it is no earlier than", func(t *testing.T) {
			lost(t, everyone(), 0).requireOpens("f1", code)
		})
		t.Run(code+" does not when it is over whatever the time is", func(t *testing.T) {
			r := lost(t, everyone(), 7*24*time.Hour)
			r.requireRefused(r.code("f1", code), "too late", phrase.New(phrase.CodeTooLate))
		})
		t.Run(code+" when it had not begun", func(t *testing.T) {
			r := lost(t, everyone(), -2*time.Hour)
			if h == protocol.HolderEngineer { // he comes to set it
				r.requireOpens("f1", code)
				return
			}
			r.requireRefused(r.code("f1", code), unset+", and it was too early when it last was", phrase.New(phrase.ClockNotSet))
		})
	}
	t.Run("a plan may let nobody in", func(t *testing.T) {
		p := everyone()
		lock := p["f1"]
		lock.People = []protocol.PersonRule{{Holder: protocol.HolderShop, PlanAgeMS: time.Hour.Milliseconds()}}
		p["f1"] = lock
		r := lost(t, p, 0)
		r.requireRefused(r.code("f1", "shop"), unset, phrase.New(phrase.ClockNotSet))
	})
	t.Run("on its first boot, nobody but by what the hub has signed", func(t *testing.T) {
		p := everyone()
		r := newRig(t, everythingIn(), p)
		r.now = time.Unix(30, 0)
		r.s = Clocked(r.s, false, r.now)
		r.requireRefused(r.code("f1", "customer"), unset+", and it was too early when it last was", phrase.New(phrase.ClockNotSet))
		token := tokenOf(p, "f1", "customer")
		token.Signed = at(time.Minute)
		require.Len(t, fires(r.token(token, hubKey)), 1)
		require.Equal(t, at(time.Minute), r.s.NotBefore, "the signature proves that it is no earlier")
	})
}

func TestATokenProvesNothingToAClockThatIsSet(t *testing.T) {
	p := everyone()
	r := newRig(t, everythingIn(), p)
	r.s = Clocked(r.s, true, r.now)
	token := tokenOf(p, "f1", "customer")
	token.Signed = at(30 * time.Minute)
	r.token(token, hubKey)
	require.Equal(t, at(0), r.s.NotBefore)
}

func TestWhatTheTimeIsNotBeforeNeverGoesBackWithoutAProof(t *testing.T) {
	s := Clocked(State{}, true, noon)
	require.Equal(t, at(0), Clocked(s, false, noon.Add(-time.Hour)).NotBefore)
	require.Equal(t, at(time.Hour), Clocked(s, false, noon.Add(time.Hour)).NotBefore)
	require.Equal(t, at(-time.Hour), Clocked(s, true, noon.Add(-time.Hour)).NotBefore, "a proof is believed")
}
