package station

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/phrase"
	"meguri/protocol"
)

func TestADoorOpenedWithTheStaffsKeyIsNoBreakIn(t *testing.T) {
	r := sensed(t)
	require.Equal(t, []protocol.Body{protocol.KeyUsed{Position: "f1"}}, r.key("f1", true).Records)
	require.Empty(t, r.key("f1", true).Records, "said twice")
	require.Equal(t, []protocol.Body{opened("")}, r.contact("f1", false).Records)
	r.key("f1", false)
	r.contact("f1", true)
	r.now = r.now.Add(KeyOpens)
	require.Equal(t, []protocol.Body{opened("")}, r.contact("f1", false).Records, "turned just before")
	r.contact("f1", true)
	r.now = r.now.Add(KeyOpens + time.Second)
	require.Contains(t, r.contact("f1", false).Records, fault("", protocol.DoorUncommanded), "but not for longer")
}

func TestAKeyTakesNobodysPickup(t *testing.T) {
	r := sensed(t)
	r.requireOpens("f1", "111111")
	r.after(OpenWithin + time.Second)
	r.key("f1", true)
	require.Equal(t, []protocol.Body{opened("")}, r.contact("f1", false).Records)
	require.Equal(t, []protocol.Body{protocol.DoorClosed{Position: "f1"}}, r.contact("f1", true).Records)
}

var warm = Warmth{Sensor: "f1/air", MilliC: 9100, LimitMilliC: 8000}

func (r *rig) inside(w Warmth) Decision {
	r.t.Helper()
	return r.take(func(s State, p Plan, now time.Time) Decision { return Inside(s, p, "f1", w, now) })
}

func TestADoorLeftOpenIsAnAlarmEarlierAndLouderWhenItGetsWarmInside(t *testing.T) {
	r := sensed(t)
	r.requireOpens("f1", "111111")
	r.contact("f1", false)
	require.Empty(t, r.inside(warm).Records)
	require.Empty(t, r.after(AjarWarmAfter).Records)
	d := r.after(time.Second)
	require.Equal(t, []protocol.Body{protocol.DoorWarm{Position: "f1", Grant: "a@f1", Sensor: "f1/air", MilliC: 9100, LimitMilliC: 8000}}, d.Records)
	line, refused := shown(t, d)
	require.True(t, refused)
	require.Equal(t, phrase.New(phrase.ShutWarmDoor), line)
	require.Empty(t, r.after(time.Second).Actions)
	require.Len(t, r.after(WarnEvery).Actions, 1, "again and again")
	require.Empty(t, r.last.Records, "but on record once")
	require.Equal(t, []protocol.Body{fault("a@f1", protocol.DoorAjar)}, r.after(AjarAfter).Records)
	r.inside(Warmth{})
	require.Empty(t, r.after(WarnEvery).Actions, "cold again")
	r.contact("f1", true)
	require.Empty(t, r.after(time.Hour).Actions)
}

func TestAShutDoorIsNeverWarm(t *testing.T) {
	r := sensed(t)
	r.inside(warm)
	require.Empty(t, r.after(time.Hour).Records)
}

func TestADoorThatIsShutAndDoesNotBoltIsAnAlarmOfItsOwn(t *testing.T) {
	r := sensed(t)
	r.requireOpens("f1", "111111")
	r.bolt("f1", false, true)
	r.contact("f1", false)
	r.bolt("f1", false, true) // the leaf is shut and the bolt stays back: no DoorClosed
	require.Empty(t, r.after(AjarAfter).Records)
	d := r.after(time.Second)
	require.Equal(t, []protocol.Body{protocol.Unbolted{Position: "f1", Grant: "a@f1"}}, d.Records)
	line, _ := shown(t, d)
	require.Equal(t, phrase.New(phrase.PushDoor), line)
	require.Empty(t, r.after(time.Hour).Records, "once, and it is not ajar")
	r.bolt("f1", true, true)
	require.Contains(t, r.contact("f1", true).Records, pickup("a", 3721))
}

// A door that was shut all the while is not opened to end the alarm, and a power cut does not make it forget that it has raised one.
func TestAnUnboltedDoorIsWellAgainAsSoonAsItsBoltIsOut(t *testing.T) {
	for _, cut := range []bool{false, true} {
		r := sensed(t)
		r.bolt("f1", false, true)
		require.Len(t, kept[protocol.Unbolted](r.after(AjarAfter+time.Second).Records), 1)
		if cut {
			r.now = r.now.Add(time.Minute)
			r.take(func(s State, _ Plan, now time.Time) Decision { return Decision{State: Started(s, now)} })
			r.bolt("f1", false, true)
			require.Empty(t, r.after(time.Hour).Records, "it stands still")
		}
		require.Empty(t, r.bolt("f1", true, false).Records, "the leaf is open: nothing is locked")
		r.bolt("f1", false, true)
		require.Equal(t, []protocol.Body{protocol.Bolted{Position: "f1"}}, r.bolt("f1", true, true).Records)
		require.Empty(t, r.bolt("f1", true, true).Records)
		require.Empty(t, r.contact("f1", true).Records)
	}
}

func TestABoltThatStaysBackWhileTheKeyIsTurnedIsNoFault(t *testing.T) {
	r := sensed(t)
	r.key("f1", true)
	r.bolt("f1", false, true)
	require.Empty(t, r.after(time.Hour).Records)
}
