package alarm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheOwnerIsToldFirstAndEverybodyWhenNobodyAnswers(t *testing.T) {
	a, _ := New("a", "temperature", "loc-1-f1/air", "", t0) // quality, within 10 minutes
	own, other := Recipient{Mail, "q@example.jp", Quality, "ja"}, Recipient{Mail, "d@example.jp", Dispatcher, "ja"}
	hook := Recipient{Webhook, "https://example.jp/hook", "", "en"}
	all := []Recipient{own, other, hook}
	told := func(after time.Duration, all []Recipient) (to []Recipient) {
		for _, n := range Notices(a, t0, t0.Add(after), all) {
			to = append(to, n.Recipient)
		}
		return to
	}
	require.Empty(t, told(10*time.Minute-1, all))
	require.Equal(t, []Recipient{own, hook}, told(10*time.Minute, all))
	require.Equal(t, []Recipient{own, hook}, told(30*time.Minute-1, all))
	require.Equal(t, []Recipient{own, hook, own, other, hook}, told(30*time.Minute, all))
	require.Equal(t, []Recipient{other}, told(10*time.Minute, []Recipient{other}), "without the owner, whoever is there")

	ids := map[string]bool{}
	for _, n := range Notices(a, t0, t0.Add(time.Hour), all) {
		ids[n.ID] = true
		require.NotContains(t, n.ID, "example")
	}
	require.Len(t, ids, 5, "once a recipient and stage")
	require.NotEqual(t, Notices(a, t0, t0.Add(time.Hour), all)[0].ID, Notices(a, t0.Add(time.Minute), t0.Add(time.Hour), all)[0].ID,
		"called again after it was answered: told again")
	low, _ := New("c", Calibration, "x", "", t0)
	require.Empty(t, Notices(low, t0, t0.Add(1000*time.Hour), all))
}

func TestWhatIsRightAgainWakesNobodyUnlessItIsLatched(t *testing.T) {
	for kind, wakes := range map[string]bool{"temperature": true, "door_ajar": false, Power: false} {
		a, _ := New("a", kind, "loc-1-f1", "", t0)
		require.True(t, a.Escalates(a.State(Around{}, t0)), kind)
		a, _, _ = a.Clear(t0.Add(time.Minute))
		require.Equal(t, wakes, a.Escalates(a.State(Around{}, t0.Add(time.Hour))), kind)
	}
	a, _ := New("a", "temperature", "loc-1-f1", "", t0)
	a, _, _ = a.Acknowledge("p", 1, t0)
	require.False(t, a.Escalates(a.State(Around{}, t0)))
}

func TestTriesEndAfterAnHour(t *testing.T) {
	var all time.Duration
	tries := 1
	for ; ; tries++ {
		wait, again := Retry(tries)
		if !again {
			break
		}
		require.Positive(t, wait)
		require.LessOrEqual(t, wait, 10*time.Minute)
		all += wait
	}
	require.Equal(t, MaxTries, tries)
	require.InDelta(t, 60, all.Minutes(), 20)
}
