package station

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/phrase"
	"meguri/protocol"
)

func pickup(order string, seconds int) protocol.PickupInferred {
	return protocol.PickupInferred{Position: "f1", Grant: order + "@f1", Order: "order-" + order + "@f1",
		Basis: fmt.Sprintf("the order's code, then the door stood open for %d s; nobody saw it", seconds)}
}

func opened(grant string) protocol.DoorOpened {
	return protocol.DoorOpened{Position: "f1", Grant: grant}
}

func fault(grant string, k protocol.DoorFaultKind) protocol.DoorFault {
	return protocol.DoorFault{Position: "f1", Grant: grant, Fault: k}
}

// atClosedDoor is a station with everything in, whose first door is known to be shut.
func atClosedDoor(t *testing.T) *rig {
	r := newRig(t, everythingIn(), twoFridges())
	require.Empty(t, r.contact("f1", true).Records, "the first word only tells the state")
	return r
}

func TestAPickupIsInferredFromTheCodeAndTheDoor(t *testing.T) {
	r := atClosedDoor(t)
	f := fires(r.code("f1", "111111"))[0]
	require.Equal(t, []protocol.Body{protocol.RelayFired{Position: "f1", Grant: "a@f1"}}, r.fired(f, nil).Records)
	require.Equal(t, []protocol.Body{opened("a@f1")}, r.contact("f1", false).Records)
	require.Empty(t, r.contact("f1", false).Records, "said twice")
	r.now = r.now.Add(30 * time.Second)
	d := r.contact("f1", true)
	require.Equal(t, []protocol.Body{
		protocol.DoorClosed{Position: "f1", Grant: "a@f1", OpenMS: 30_000}, pickup("a", 30),
	}, d.Records)
	line, _ := shown(t, d)
	require.Equal(t, phrase.New(phrase.ThankYou), line)
	require.Empty(t, r.contact("f1", true).Records, "said twice")
}

func TestASecondCodeWhileTheDoorStandsOpenBurnsNoUseAndBothPickupsAreRecorded(t *testing.T) {
	r := atClosedDoor(t)
	r.requireOpens("f1", "111111")
	r.contact("f1", false)
	for range 3 {
		d := r.code("f1", "222222")
		require.Empty(t, fires(d))
		require.Equal(t, []protocol.Body{fault("b@f1", protocol.DoorAlreadyOpen)}, d.Records)
		line, _ := shown(t, d)
		require.Equal(t, phrase.New(phrase.DoorIsOpen), line)
	}
	require.NotContains(t, r.s.Uses, "b@f1")
	require.Equal(t, []protocol.Body{
		protocol.DoorClosed{Position: "f1", Grant: "a@f1"}, pickup("a", 0), pickup("b", 0),
	}, r.contact("f1", true).Records)
}

func TestASecondCodeBeforeTheDoorIsPulledKeepsTheFirstPickup(t *testing.T) {
	r := atClosedDoor(t)
	r.requireOpens("f1", "111111")
	r.now = r.now.Add(2 * time.Second)
	r.requireOpens("f1", "222222")
	r.contact("f1", false)
	require.Equal(t, []protocol.Body{
		protocol.DoorClosed{Position: "f1", Grant: "a@f1"}, pickup("a", 0), pickup("b", 0),
	}, r.contact("f1", true).Records)
}

func TestACustomersCodeWhileTheCourierLoadsIsAPickupOfTheCustomerOnly(t *testing.T) {
	r := atClosedDoor(t)
	r.requireOpens("f1", "99999999")
	r.contact("f1", false)
	r.code("f1", "111111")
	require.Equal(t, []protocol.Body{protocol.DoorClosed{Position: "f1", Grant: "k@f1"}, pickup("a", 0)},
		r.contact("f1", true).Records)
	require.EqualValues(t, 1, r.s.Uses["k@f1"].Count)
}

func TestACodeThatDoesNotOpenJoinsNoOpenDoor(t *testing.T) {
	r := newRig(t, State{In: map[string]Box{"c1": {GRAI: boxA}}}, twoFridges())
	r.requireOpens("f1", "111111")
	r.contact("f1", false)
	r.requireRefused(r.code("f1", "222222"), "not delivered yet", phrase.New(phrase.NotDelivered))
	require.Len(t, r.contact("f1", true).Records, 2, "closed, and one pickup")
}

func TestAPickupIsRecordedThoughThePlanChangesWhileTheDoorStandsOpen(t *testing.T) {
	r := atClosedDoor(t)
	r.requireOpens("f1", "111111")
	r.contact("f1", false)
	r.p = Plan{}
	r.s = reread(t, PlanChanged(r.s, r.p))
	require.Equal(t, []protocol.Body{protocol.DoorClosed{Position: "f1", Grant: "a@f1"}, pickup("a", 0)},
		r.contact("f1", true).Records)
}

func TestADoorThatDoesNotOpenInTimeIsJammed(t *testing.T) {
	r := atClosedDoor(t)
	r.requireOpens("f1", "111111")
	require.Empty(t, r.after(OpenWithin).Records)
	d := r.after(time.Millisecond)
	require.Equal(t, []protocol.Body{fault("a@f1", protocol.DoorJammed)}, d.Records)
	line, refused := shown(t, d)
	require.True(t, refused)
	require.Equal(t, phrase.New(phrase.DoorDidNotOpen), line)
	require.Empty(t, r.after(time.Hour).Records, "once")
	r.requireOpens("f1", "111111")
}

func TestALockThatDoesNotAnswerIsJammedAtOnce(t *testing.T) {
	r := atClosedDoor(t)
	d := r.fired(fires(r.code("f1", "111111"))[0], errSilent)
	require.Equal(t, []protocol.Body{fault("a@f1", protocol.DoorJammed)}, d.Records)
	line, _ := shown(t, d)
	require.Equal(t, phrase.New(phrase.LockSilent), line)
	require.Empty(t, r.after(OpenWithin+time.Second).Records, "once")
	require.Empty(t, r.after(time.Hour).Records)
	require.Equal(t, []protocol.Body{opened(""), fault("", protocol.DoorUncommanded)}, r.contact("f1", false).Records)
}

func TestALockThatFailsForOneKeepsTheOpeningOfTheOther(t *testing.T) {
	r := atClosedDoor(t)
	r.requireOpens("f1", "111111")
	r.fired(fires(r.code("f1", "222222"))[0], errSilent)
	require.Equal(t, []protocol.Body{opened("a@f1")}, r.contact("f1", false).Records)
	r.fired(Fire{Position: "f1", Grant: "a@f1"}, errSilent) // it has opened all the same
	require.Contains(t, r.contact("f1", true).Records, pickup("a", 0))
}

func TestADoorLeftAjarIsAnAlarmOnce(t *testing.T) {
	r := atClosedDoor(t)
	r.requireOpens("f1", "111111")
	r.contact("f1", false)
	require.Empty(t, r.after(AjarAfter).Records)
	d := r.after(time.Second)
	require.Equal(t, []protocol.Body{fault("a@f1", protocol.DoorAjar)}, d.Records)
	line, _ := shown(t, d)
	require.Equal(t, phrase.New(phrase.ShutDoor), line)
	require.Empty(t, r.after(time.Hour).Records)
	r.contact("f1", true)
	r.requireOpens("f1", "111111")
	r.contact("f1", false)
	require.Len(t, r.after(AjarAfter+time.Second).Records, 1, "and again the next time")
}

func TestADoorThatOpensUncommandedIsAnAlarm(t *testing.T) {
	r := atClosedDoor(t)
	require.Equal(t, []protocol.Body{opened(""), fault("", protocol.DoorUncommanded)}, r.contact("f1", false).Records)
	require.Equal(t, []protocol.Body{protocol.DoorClosed{Position: "f1"}}, r.contact("f1", true).Records)
}

func TestABouncingContactIsNeitherAnAlarmNorLosesThePickup(t *testing.T) {
	r := atClosedDoor(t)
	r.requireOpens("f1", "111111")
	for range 3 {
		require.Equal(t, []protocol.Body{opened("a@f1")}, r.contact("f1", false).Records)
		r.now = r.now.Add(50 * time.Millisecond)
		require.Contains(t, r.contact("f1", true).Records, pickup("a", 0))
		r.now = r.now.Add(50 * time.Millisecond)
	}
	r.now = r.now.Add(Bounce)
	require.Contains(t, r.contact("f1", false).Records, fault("", protocol.DoorUncommanded), "but later it is")
}

func TestADoorThatMovedWithoutPowerIsNotedAtTheStart(t *testing.T) {
	t.Run("shut while the board was off", func(t *testing.T) {
		r := atClosedDoor(t)
		r.requireOpens("f1", "111111")
		r.contact("f1", false)
		r.now = r.now.Add(time.Hour)
		require.Contains(t, r.contact("f1", true).Records, pickup("a", 3600))
	})
	t.Run("opened by the code just before the power went", func(t *testing.T) {
		r := atClosedDoor(t)
		r.requireOpens("f1", "111111")
		r.now = r.now.Add(time.Hour)
		require.Equal(t, []protocol.Body{opened("a@f1")}, r.contact("f1", false).Records)
	})
	t.Run("the power went before the relay moved", func(t *testing.T) {
		r := atClosedDoor(t)
		r.requireOpens("f1", "111111")
		r.now = r.now.Add(time.Hour)
		require.Empty(t, r.contact("f1", true).Records)
		require.Equal(t, []protocol.Body{fault("a@f1", protocol.DoorJammed)}, r.take(Tick).Records)
	})
}

func TestAnOldWaitEndsBeforeTheNextCode(t *testing.T) {
	r := atClosedDoor(t)
	r.requireOpens("f1", "111111")
	r.now = r.now.Add(time.Hour)
	d := r.code("f1", "222222")
	require.Equal(t, []protocol.Body{
		fault("a@f1", protocol.DoorJammed), protocol.GrantUsed{Position: "f1", Grant: "b@f1", Use: 1},
	}, d.Records)
	r.contact("f1", false)
	require.NotContains(t, r.contact("f1", true).Records, pickup("a", 0))
}

func TestAClockThatIsSetNeitherHoldsAWaitForEverNorEndsItAtOnce(t *testing.T) {
	year := 365 * 24 * time.Hour
	for name, jump := range map[string]time.Duration{"set back": -year, "set for the first time": 50 * year} {
		t.Run(name, func(t *testing.T) {
			r := atClosedDoor(t)
			r.unlock("f1")
			require.Empty(t, r.after(jump).Records)
			require.Len(t, r.after(OpenWithin+time.Second).Records, 1, "jammed")

			r.contact("f1", false)
			require.Empty(t, r.after(jump).Records)
			require.Len(t, r.after(AjarAfter+time.Second).Records, 1, "ajar")
			r.now = r.now.Add(jump)
			require.Contains(t, r.contact("f1", true).Records, protocol.DoorClosed{Position: "f1"}, "no nonsense of years")
		})
	}
}

func TestAPersonMayOpenADoorFromTheHub(t *testing.T) {
	r := atClosedDoor(t)
	d := r.unlock("f1")
	require.Equal(t, []Fire{{Position: "f1", Command: "cmd"}}, fires(d))
	require.Equal(t, []protocol.Body{protocol.RelayFired{Position: "f1", Command: "cmd"}}, r.fired(fires(d)[0], nil).Records)
	require.Equal(t, []protocol.Body{opened("")}, r.contact("f1", false).Records, "commanded, so no alarm")
	d = r.unlock("f1")
	require.Empty(t, d.Actions, "it stands open")
	require.Equal(t, []protocol.Body{fault("", protocol.DoorAlreadyOpen)}, d.Records)
}

func TestAnUnlockIsForNobodyWhoCameBefore(t *testing.T) {
	r := atClosedDoor(t)
	r.requireOpens("f1", "111111")
	r.contact("f1", false)
	r.contact("f1", true)
	r.now = r.now.Add(time.Minute)
	r.unlock("f1")
	require.Equal(t, []protocol.Body{opened("")}, r.contact("f1", false).Records)
}

func TestAnUnlockKeepsThePickupOfACodeJustBefore(t *testing.T) {
	r := atClosedDoor(t)
	r.requireOpens("f1", "111111")
	r.fired(fires(r.unlock("f1"))[0], errSilent)
	r.contact("f1", false)
	require.Contains(t, r.contact("f1", true).Records, pickup("a", 0))
}

func TestAnUnknownDoorIsNotClosed(t *testing.T) {
	r := newRig(t, State{}, twoFridges())
	require.Equal(t, []protocol.Body{opened("")}, r.contact("f1", false).Records, "found open: noted, and no break-in")
}

func TestADoorThatSticksAndGivesWayLateIsThePickupOfItsCode(t *testing.T) {
	r := atClosedDoor(t)
	d := r.code("f1", "111111")
	r.now = r.now.Add(OpenWithin) // the storage was slow: the door has its time from the pulse on
	r.fired(fires(d)[0], nil)
	require.Empty(t, r.after(OpenWithin).Records)
	require.Equal(t, []protocol.Body{fault("a@f1", protocol.DoorJammed)}, r.after(time.Second).Records)
	r.now = r.now.Add(OpensLate)
	require.Equal(t, []protocol.Body{opened("a@f1")}, r.contact("f1", false).Records)
	require.Contains(t, r.contact("f1", true).Records, pickup("a", 0))
}

func TestAJamIsNoExcuseForADoorThatOpensMuchLater(t *testing.T) {
	r := atClosedDoor(t)
	r.requireOpens("f1", "111111")
	r.after(OpenWithin + time.Second)
	r.now = r.now.Add(OpensLate + time.Second)
	require.Equal(t, []protocol.Body{opened(""), fault("", protocol.DoorUncommanded)}, r.contact("f1", false).Records)
}
