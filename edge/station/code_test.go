package station

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/phrase"
	"meguri/protocol"
)

func TestACodeOpensItsDoorAndSaysWhereTheGoodsAre(t *testing.T) {
	r := newRig(t, everythingIn(), twoFridges())
	d := r.code("f1", "111111")
	require.Equal(t, []protocol.Body{protocol.GrantUsed{Position: "f1", Grant: "a@f1", Use: 1}}, d.Records)
	require.Equal(t, []Fire{{Position: "f1", Grant: "a@f1"}}, fires(d))
	line, refused := shown(t, d)
	require.False(t, refused)
	require.Equal(t, phrase.New(phrase.OpenSlots, "f1-1"), line)
	require.IsType(t, Fire{}, d.Actions[len(d.Actions)-1], "so that the answer of the lock is the last word on the display")

	line, _ = shown(t, r.code("f1", "222222"))
	require.Equal(t, phrase.New(phrase.OpenSlotsElsewhere, "f1-2, f1-3", "f2"), line)
	line, _ = shown(t, r.code("f2", "99999999"))
	require.Equal(t, phrase.New(phrase.OpenCourier), line)
}

func TestAGrantOpensOnlyWithinItsWindow(t *testing.T) {
	r := newRig(t, everythingIn(), twoFridges())
	for name, c := range map[string]struct {
		now    time.Time
		reason string
		line   phrase.Key
	}{
		"a millisecond before":  {noon.Add(-time.Hour - time.Millisecond), "too early", phrase.CodeTooEarly},
		"its end is exclusive":  {noon.Add(4 * time.Hour), "too late", phrase.CodeTooLate},
		"clock set back to '70": {time.Unix(5, 0), "too early", phrase.CodeTooEarly},
	} {
		t.Run(name, func(t *testing.T) {
			r.t, r.now = t, c.now
			r.requireRefused(r.code("f1", "111111"), c.reason, phrase.New(c.line))
		})
	}
	r.t, r.now = t, noon.Add(-time.Hour)
	r.requireOpens("f1", "111111")
}

func TestACustomersDoorOpensOnlyWhenTheOrdersContainersAreIn(t *testing.T) {
	r := newRig(t, State{}, twoFridges())
	r.requireRefused(r.code("f1", "222222"), "not delivered yet", phrase.New(phrase.NotDelivered))
	r.box(boxB)
	r.slot("f1-2")
	r.requireRefused(r.code("f1", "222222"), "1 of 2 containers delivered, not c3",
		phrase.New(phrase.PartlyDelivered, "1", "2", "f1-3"))
	r.box(boxC)
	r.slot("f1-3")
	r.requireOpens("f1", "222222")
}

func TestABoxTakenAtItsWordDoesNotCountWhenThePlanNamesAnother(t *testing.T) {
	r := newRig(t, everythingIn(), twoFridges())
	r.p["f2"].Containers[0].GRAI = boxC
	r.requireRefused(r.code("f2", "222222"), "not delivered yet", phrase.New(phrase.NotDelivered))
	r.p["f2"].Containers[0].GRAI = "x"
	r.requireOpens("f2", "222222")
}

func TestACodeOnTheWrongFridgeNamesTheRightOne(t *testing.T) {
	r := newRig(t, everythingIn(), twoFridges())
	r.requireRefused(r.code("f2", "111111"), "goods are in another fridge", phrase.New(phrase.OrderElsewhere, "f1"))
	r.requireRefused(r.code("f3", "111111"), "no such code here", phrase.New(phrase.NoSuchCode))
}

func TestAnOrderWithoutGoodsIsToldSo(t *testing.T) {
	p := Plan{"f1": {Grants: []protocol.Grant{customer("a", "111111")}}}
	r := newRig(t, State{}, p)
	r.requireRefused(r.code("f1", "111111"), "nothing was delivered for the order", phrase.New(phrase.NothingForYou))
}

func TestAHolderOfAKindFromANewerHubOpensNothing(t *testing.T) {
	g := courier("k", "99999999", 0)
	g.Holder = 9
	r := newRig(t, State{}, Plan{"f1": {Grants: []protocol.Grant{g}}})
	r.requireRefused(r.code("f1", "99999999"), "holder of kind 9 is unknown to this version", phrase.New(phrase.NothingForYou))
}

func TestCountedUsesAreNeverExceeded(t *testing.T) {
	t.Run("across restarts", func(t *testing.T) {
		r := newRig(t, State{}, twoFridges())
		r.requireOpens("f1", "99999999")
		r.requireOpens("f1", "99999999")
		r.requireRefused(r.code("f1", "99999999"), "used up", phrase.New(phrase.CodeUsedUp))
		r.requireOpens("f2", "99999999") // another lock's grant is counted apart
	})
	t.Run("when the grant vanishes from the plan and comes back", func(t *testing.T) {
		r := newRig(t, State{}, twoFridges())
		r.requireOpens("f1", "99999999")
		r.requireOpens("f1", "99999999")
		r.s = PlanChanged(r.s, Plan{})
		r.s = PlanChanged(r.s, r.p)
		r.requireRefused(r.code("f1", "99999999"), "used up", phrase.New(phrase.CodeUsedUp))
	})
	t.Run("when the relay's answer is lost", func(t *testing.T) {
		r := newRig(t, State{}, twoFridges())
		f := fires(r.code("f1", "99999999"))[0]
		r.fired(f, errSilent)
		r.requireOpens("f1", "99999999")
		r.requireRefused(r.code("f1", "99999999"), "used up", phrase.New(phrase.CodeUsedUp))
	})
	t.Run("when there is no room to count", func(t *testing.T) {
		s := State{Uses: map[string]Use{}}
		for i := range most {
			s.Uses[string(rune(i+256))] = Use{Count: 1}
		}
		r := newRig(t, s, twoFridges())
		r.requireRefused(r.code("f1", "99999999"), "no room to count its use", phrase.New(phrase.OutOfService))
	})
}

func TestACustomersCodeOpensAsOftenAsNeeded(t *testing.T) {
	r := newRig(t, everythingIn(), twoFridges())
	for range 50 {
		r.requireOpens("f1", "111111")
		r.contact("f1", false)
		r.contact("f1", true)
		r.after(time.Minute)
	}
}

func TestOfTwoGrantsWithOneCodeTheOneThatOpensIsMeant(t *testing.T) {
	yesterday, today, tomorrow := customer("y", "111111", "c1"), customer("t", "111111", "c2"), customer("m", "111111", "c3")
	yesterday.Until, tomorrow.From = at(-time.Minute), at(time.Hour)
	p := Plan{"f1": {Grants: []protocol.Grant{tomorrow, yesterday, today}}}
	r := newRig(t, State{In: map[string]Box{"c2": {GRAI: boxA}}}, p)
	require.Equal(t, "t", fires(r.code("f1", "111111"))[0].Grant)

	t.Run("and else the one of today", func(t *testing.T) {
		r := newRig(t, State{}, p)
		r.requireRefused(r.code("f1", "111111"), "not delivered yet", phrase.New(phrase.NotDelivered))
	})
	t.Run("and else the one that is still to come", func(t *testing.T) {
		r := newRig(t, State{}, Plan{"f1": {Grants: []protocol.Grant{yesterday, tomorrow}}})
		r.requireRefused(r.code("f1", "111111"), "too early", phrase.New(phrase.CodeTooEarly))
	})
}

func TestAKeypadSlowsDownAfterWrongCodes(t *testing.T) {
	wrong := func(r *rig, n int) {
		for range n {
			r.requireRefused(r.code("f1", "000000"), "no such code here", phrase.New(phrase.NoSuchCode))
		}
	}
	t.Run("for everybody, but at its own door only", func(t *testing.T) {
		r := newRig(t, everythingIn(), twoFridges())
		wrong(r, WrongCodes)
		r.requireRefused(r.code("f1", "111111"), "the keypad rests", phrase.New(phrase.TooManyWrongCodes))
		r.requireOpens("f2", "222222")
		r.now = noon.Add(RestsFirst)
		r.requireOpens("f1", "111111")
	})
	t.Run("longer and longer, and never for more than a minute", func(t *testing.T) {
		r := newRig(t, everythingIn(), twoFridges())
		wrong(r, WrongCodes-1)
		for _, rest := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60} {
			wrong(r, 1)
			r.now = r.now.Add(rest*time.Second - time.Millisecond)
			r.requireRefused(r.code("f1", "000000"), "the keypad rests", phrase.New(phrase.TooManyWrongCodes))
			r.now = r.now.Add(time.Millisecond)
		}
		r.requireOpens("f1", "111111")
	})
	t.Run("also when right codes come in between", func(t *testing.T) {
		r := newRig(t, everythingIn(), twoFridges())
		wrong(r, WrongCodes-1)
		r.requireOpens("f1", "111111")
		wrong(r, 1)
		r.requireRefused(r.code("f1", "111111"), "the keypad rests", phrase.New(phrase.TooManyWrongCodes))
	})
	t.Run("not for slips that are far apart", func(t *testing.T) {
		r := newRig(t, everythingIn(), twoFridges())
		for range 3 * WrongCodes {
			wrong(r, 1)
			r.requireOpens("f1", "111111")
			r.contact("f1", false)
			r.contact("f1", true)
			r.now = r.now.Add(WrongFor + time.Second)
		}
	})
	t.Run("never for longer, though the clock is set back", func(t *testing.T) {
		r := newRig(t, everythingIn(), twoFridges())
		wrong(r, WrongCodes)
		r.now = noon.Add(-30 * time.Minute)
		r.requireOpens("f1", "111111")
	})
}
