package link_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/fleet"
	"meguri/hub/link"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/race"
	"meguri/protocol"
)

// A message names no device: whose it is comes from the topic, which the broker lets nobody else write to. So a device that
// has read another's storage, and says what that one would say next, speaks for itself all the same.
func TestNoDeviceSpeaksForAnotherWhateverItsMessagesName(t *testing.T) {
	n := 50
	if race.Enabled {
		n = 8
	}
	h := newHub(t, storetest.SQLite(t))
	thief, victim := func(i int) string { return fmt.Sprintf("thief-%d", i) }, func(i int) string { return fmt.Sprintf("victim-%d", i) }
	logs := make([]*devLog, n)
	for i := range n {
		h.addDevice(thief(i), fmt.Sprintf("loc-t%d", i))
		h.addDevice(victim(i), fmt.Sprintf("loc-v%d", i))
		logs[i] = newLog(protocol.Events).scans(2)
		h.say(victim(i), helloOf(logs[i]), logs[i].batch(1, 3))
		logs[i].scans(1)
	}
	before := h.all(n, victim)
	for i := range n {
		for v := range n {
			l := logs[v]
			h.say(thief(i), helloOf(l), l.batch(3, 4), protocol.Gone{Incarnation: l.incarnation, Boot: 1, Session: 9})
		}
	}
	require.Equal(t, before, h.all(n, victim))
	for _, d := range before {
		require.Equal(t, fleet.Online, d.Device.Presence())
	}
	for i := range n { // and each goes on as if nothing had been
		h.say(victim(i), logs[i].batch(3, 4))
	}
	for _, d := range h.all(n, victim) {
		require.EqualValues(t, 4, d.Log.Next)
	}
}

// A device may be stolen, and what it said yesterday may have been recorded. Nothing of that changes anything; somebody has to
// hear of it all the same.
func testTrafficThatNoDeviceSendsIsWorkForAPerson(t *testing.T, h *hub) {
	const n = 210
	say := map[string]func(l *devLog, i uint64) protocol.Batch{
		"replays": func(l *devLog, i uint64) protocol.Batch { return l.batch(i, i+1) },
		"forges": func(l *devLog, i uint64) protocol.Batch {
			b := l.batch(1, 2)
			b.First = 1<<40 + i
			return b
		},
	}
	for device, batch := range say {
		h.addDevice(device, "loc-1")
		l := newLog(protocol.Events).scans(n)
		h.say(device, helloOf(l), l.batch(1, n+1), helloOf(l))
		before := h.Stats().Astray.Load()
		for i := range uint64(100) { // some come by bad luck
			h.say(device, batch(l, i+1))
		}
		misbehaves := func(w store.WorkView) bool { return w.Kind == "misbehaving" && w.Subject == device }
		require.False(t, slices.ContainsFunc(h.work(), misbehaves))
		for i := range uint64(n - 100) {
			h.say(device, batch(l, i+101))
		}
		require.EqualValues(t, n, h.Stats().Astray.Load()-before)
		require.True(t, slices.ContainsFunc(h.work(), misbehaves))
	}
	require.Equal(t, 2*n, h.applied())
}

// Each new incarnation costs rows and a plan, so that one device could fill the database with them.
func testADeviceMayNotBeginAnewForEver(t *testing.T, h *hub) {
	for range 40 {
		h.hello(newLog(protocol.Events))
	}
	current := h.device().Incarnation
	_, err := h.Hello(t.Context(), station, helloOf(newLog(protocol.Events)))
	require.ErrorIs(t, err, link.ErrNotTaken)
	require.Equal(t, current, h.device().Incarnation)
	require.Len(t, h.work(), 1)
	require.Equal(t, "misbehaving", h.work()[0].Kind)
	h.addDevice("another", "loc-1")
	h.say("another", helloOf(newLog(protocol.Events)))
}

// say has a device send messages.
func (h *hub) say(device string, messages ...protocol.Message) {
	h.t.Helper()
	for _, m := range messages {
		payload, err := protocol.Encode(m)
		require.NoError(h.t, err)
		_, err = h.Payload(h.t.Context(), device, payload)
		require.NoError(h.t, err)
	}
}

// known is what the hub knows of a device and its events.
type known struct {
	Device fleet.Device
	Log    fleet.Log
}

func (h *hub) all(n int, id func(int) string) (all []known) {
	h.t.Helper()
	h.change(func(tx *store.Tx) error {
		all = nil
		for i := range n {
			d, err := tx.Device(h.t.Context(), id(i))
			if err != nil {
				return err
			}
			l, ok, err := tx.DeviceLog(h.t.Context(), d.ID, d.Incarnation, uint8(protocol.Events))
			if err != nil {
				return err
			}
			require.True(h.t, ok)
			all = append(all, known{d, l})
		}
		return nil
	})
	return all
}
