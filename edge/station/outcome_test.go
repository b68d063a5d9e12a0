package station

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/phrase"
	"meguri/protocol"
)

const driverCode = "99999999" // two uses at f1

// sensed is atClosedDoor whose bolt is known to be out.
func sensed(t *testing.T) *rig {
	r := atClosedDoor(t)
	require.Empty(t, r.bolt("f1", true, true).Records)
	return r
}

// pulse lets the bolt move for nobody.
func (r *rig) pulse(position string) {
	r.t.Helper()
	require.Empty(r.t, r.bolt(position, false, true).Records)
	r.now = r.now.Add(500 * time.Millisecond)
	require.Empty(r.t, r.bolt(position, true, true).Records)
}

func returned(grant string, use uint32) protocol.UseReturned {
	return protocol.UseReturned{Position: "f1", Grant: grant, Use: use}
}

// The opening that is granted once more for a use in doubt jams.
func TestAJamDoesNotEatTheUseInDoubt(t *testing.T) {
	r := lastUse(t)
	r.powerCut("f1", time.Minute, true)
	r.after(OpenWithin + time.Second) // in doubt
	r.requireOpens("f1", "99999999")
	r.after(OpenWithin + time.Second) // jammed: bolt out, leaf shut all the while
	r.requireOpens("f1", "99999999")
	r.contact("f1", false)
	require.Empty(t, fires(r.code("f1", "99999999")), "somebody came in")
}

// It jams, and gives way late: whoever pulled came in.
func TestAUseInDoubtThatOpensLateIsMade(t *testing.T) {
	r := lastUse(t)
	r.powerCut("f1", time.Minute, true)
	r.after(OpenWithin + time.Second)
	r.requireOpens("f1", "99999999")
	r.after(OpenWithin + time.Second)
	require.Contains(t, r.contact("f1", false).Records, protocol.GrantUsed{Position: "f1", Grant: "k@f1", Use: 1, Again: true, Late: true})
	r.contact("f1", true)
	r.after(2 * Bounce)
	require.Empty(t, fires(r.code("f1", "99999999")))
}

// A contact that lies costs no more openings for a use in doubt than for others.
func TestAUseInDoubtIsNotGivenBackForEver(t *testing.T) {
	r := lastUse(t)
	r.powerCut("f1", time.Minute, true)
	r.after(OpenWithin + time.Second)
	opened := 0
	for range 10 {
		opened += len(fires(r.code("f1", "99999999")))
		r.after(OpenWithin + time.Second)
	}
	require.Equal(t, MostReturned+1, opened)
}

// The power is back, and the driver does not wait ten seconds before the code is entered again.
func TestALastUseInDoubtOpensAtOnceAfterAPowerCut(t *testing.T) {
	r := lastUse(t)
	r.powerCut("f1", time.Minute, true)
	d := r.code("f1", "99999999")
	require.Len(t, fires(d), 1)
	require.IsType(t, protocol.UseUncertain{}, d.Records[0])
	require.Empty(t, fires(r.code("f1", "99999999")), "in doubt once")

	r = lastUse(t)
	r.powerCut("f1", time.Minute, true)
	r.bolt("f1", false, true)
	require.Empty(t, fires(r.code("f1", "99999999")), "the bolt is back: push, and it opens")
	r = lastUse(t)
	require.Empty(t, fires(r.code("f1", "99999999")), "nothing was missed")
}

// lastUse is a rig whose driver has just entered a code that opens once, before a door that is shut and bolted.
func lastUse(t *testing.T) *rig {
	t.Helper()
	p := twoFridges()
	f1 := p["f1"]
	f1.Grants = []protocol.Grant{courier("k@f1", "99999999", 1)}
	p["f1"] = f1
	r := newRig(t, everythingIn(), p)
	r.contact("f1", true)
	r.bolt("f1", true, true)
	r.requireOpens("f1", "99999999")
	return r
}

func TestAUseWhoseDoorNobodyPulledIsGivenBack(t *testing.T) {
	r := sensed(t)
	for range 2 {
		r.requireOpens("f1", driverCode)
		r.pulse("f1")
		d := r.after(OpenWithin + time.Second)
		require.Equal(t, []protocol.Body{protocol.NotOpened{Position: "f1", Grant: "k@f1"}, returned("k@f1", 0)}, d.Records)
		line, refused := shown(t, d)
		require.True(t, refused)
		require.Equal(t, phrase.New(phrase.DoorNotPulled), line)
	}
	for range 2 {
		r.requireOpens("f1", driverCode)
		r.contact("f1", false)
		r.contact("f1", true)
		r.now = r.now.Add(time.Minute)
	}
	r.requireRefused(r.code("f1", driverCode), "used up", phrase.New(phrase.CodeUsedUp))
}

func TestABoltThatDoesNotMoveIsAJamAndGivesTheUseBack(t *testing.T) {
	r := sensed(t)
	r.requireOpens("f1", driverCode)
	d := r.after(OpenWithin + time.Second)
	require.Equal(t, []protocol.Body{fault("k@f1", protocol.DoorJammed), returned("k@f1", 0)}, d.Records)
}

func TestACustomersUseIsGivenBackTooForTheRecord(t *testing.T) {
	r := sensed(t)
	r.requireOpens("f1", "111111")
	r.pulse("f1")
	require.Contains(t, r.after(OpenWithin+time.Second).Records, returned("a@f1", 0))
}

func TestNoUseIsGivenBackWhen(t *testing.T) {
	for name, during := range map[string]func(r *rig){
		"the bolt stays back: whoever pulls comes in": func(r *rig) { r.bolt("f1", false, true) },
		"the bolt was back for longer than a pulse, as it is while a door is open": func(r *rig) {
			r.bolt("f1", false, true)
			r.now = r.now.Add(BoltBack + time.Millisecond)
			r.bolt("f1", true, true)
		},
		"nobody knows of the bolt": func(r *rig) {
			r.s = reread(r.t, r.s)
			l := r.s.Locks["f1"]
			l.Sense = Sense{}
			r.s.Locks["f1"] = l
		},
		"a contact failed meanwhile": func(r *rig) {
			r.take(func(s State, _ Plan, now time.Time) Decision { return Decision{State: Unseen(s, "f1", now)} })
		},
		"the power was away meanwhile": func(r *rig) { r.powerCut("f1", time.Second, true) },
	} {
		t.Run(name, func(t *testing.T) {
			r := sensed(t)
			r.requireOpens("f1", driverCode)
			during(r)
			for _, b := range r.after(OpenWithin + time.Second).Records {
				require.NotEqual(t, protocol.KindUseReturned, b.Kind())
			}
			require.EqualValues(t, 1, r.s.Uses["k@f1"].Count)
		})
	}
}

func TestAContactThatLiesCostsNoMoreThanSomeUses(t *testing.T) {
	r := sensed(t)
	opens := 0
	for range 20 {
		if len(fires(r.code("f1", driverCode))) == 0 {
			break
		}
		opens++
		r.pulse("f1") // the door opens, and neither contact says so
		r.after(OpenWithin + time.Second)
	}
	require.Equal(t, 2+MostReturned, opens)
}

func TestAUseThatWasGivenBackCountsAgainWhenTheDoorGivesWay(t *testing.T) {
	r := sensed(t)
	r.requireOpens("f1", driverCode)
	r.contact("f1", false)
	r.contact("f1", true)
	r.now = r.now.Add(time.Minute)
	r.requireOpens("f1", driverCode)
	require.Contains(t, r.after(OpenWithin+time.Second).Records, returned("k@f1", 1))
	r.now = r.now.Add(OpensLate / 2)
	require.Equal(t, []protocol.Body{protocol.GrantUsed{Position: "f1", Grant: "k@f1", Use: 2, Late: true}, opened("k@f1")},
		r.contact("f1", false).Records)
	r.contact("f1", true)
	r.requireRefused(r.code("f1", driverCode), "used up", phrase.New(phrase.CodeUsedUp))
}

func TestACodeThatIsEnteredTwiceForOneOpeningIsGivenBackTwice(t *testing.T) {
	r := sensed(t)
	r.requireOpens("f1", driverCode)
	r.requireOpens("f1", driverCode)
	require.Contains(t, r.after(OpenWithin+time.Second).Records, returned("k@f1", 0))
}

func TestARelayThatDoesNotAnswerGivesTheUseBackOnlyWhenTheDoorWasSeenToStayShut(t *testing.T) {
	t.Run("it did", func(t *testing.T) {
		r := sensed(t)
		d := r.fired(fires(r.code("f1", driverCode))[0], errSilent)
		require.Equal(t, []protocol.Body{fault("k@f1", protocol.DoorJammed)}, d.Records)
		require.Equal(t, []protocol.Body{returned("k@f1", 0)}, r.after(OpenWithin+time.Second).Records, "no second fault")
	})
	t.Run("it has fired all the same", func(t *testing.T) {
		r := sensed(t)
		r.fired(fires(r.code("f1", driverCode))[0], errSilent)
		require.Equal(t, []protocol.Body{opened("k@f1")}, r.contact("f1", false).Records)
		require.EqualValues(t, 1, r.s.Uses["k@f1"].Count)
	})
}

// usedUp is a driver whose second and last use met a power cut before the door was seen.
func usedUp(t *testing.T, closed bool) (*rig, Decision) {
	r := sensed(t)
	r.requireOpens("f1", driverCode)
	r.contact("f1", false)
	r.contact("f1", true)
	r.now = r.now.Add(time.Minute)
	r.requireOpens("f1", driverCode)
	d := r.powerCut("f1", time.Hour, closed)
	return r, d
}

func TestAUseInDoubtOpensOnceMoreForAWhileAndIsRecordedAsUncertain(t *testing.T) {
	r, _ := usedUp(t, true)
	d := r.after(OpenWithin + time.Second)
	until := r.now.Add(AgainFor).UnixMilli()
	require.Equal(t, []protocol.Body{protocol.UseUncertain{Position: "f1", Grant: "k@f1", Use: 2, Again: until}}, d.Records)
	d = r.code("f1", driverCode)
	require.Equal(t, []protocol.Body{protocol.GrantUsed{Position: "f1", Grant: "k@f1", Use: 2, Again: true}}, d.Records)
	require.Len(t, fires(d), 1)
	r.contact("f1", false)
	r.contact("f1", true)
	r.requireRefused(r.code("f1", driverCode), "used up", phrase.New(phrase.CodeUsedUp))
}

func TestAUseInDoubtOpensOnceMoreForSomeMinutesOnly(t *testing.T) {
	r, _ := usedUp(t, true)
	r.after(OpenWithin + time.Second)
	r.now = r.now.Add(AgainFor)
	r.requireRefused(r.code("f1", driverCode), "used up", phrase.New(phrase.CodeUsedUp))
}

func TestAUseIsInDoubtOnceHoweverOftenThePowerGoes(t *testing.T) {
	r, _ := usedUp(t, true)
	r.after(OpenWithin + time.Second)
	r.requireOpens("f1", driverCode)
	r.powerCut("f1", time.Minute, true)
	require.Empty(t, r.after(OpenWithin+time.Second).Records, "that opening was counted for nothing")
	r.requireRefused(r.code("f1", driverCode), "used up", phrase.New(phrase.CodeUsedUp))
}

func TestADoorThatIsFoundOpenLeavesNoDoubt(t *testing.T) {
	r, d := usedUp(t, false)
	require.Equal(t, []protocol.Body{opened("k@f1")}, d.Records)
	r.contact("f1", true)
	r.after(OpenWithin + time.Second)
	r.requireRefused(r.code("f1", driverCode), "used up", phrase.New(phrase.CodeUsedUp))
}

func TestAPowerCutLaterThanTheOutcomeLeavesNoDoubt(t *testing.T) {
	r := sensed(t)
	r.requireOpens("f1", driverCode)
	r.contact("f1", false)
	r.contact("f1", true)
	r.powerCut("f1", time.Minute, true)
	require.Empty(t, r.after(OpenWithin+time.Second).Records)
}
