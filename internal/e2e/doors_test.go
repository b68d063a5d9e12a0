package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/dispatch"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/protocol"
)

// codes are those of the order, as the hub knows them.
func (s *site) codes() (all []dispatch.Revocation) {
	s.t.Helper()
	s.read(func(ctx context.Context, tx *store.Tx) (err error) {
		all, err = tx.CodesOfOrder(ctx, theOrder)
		return err
	})
	return all
}

// The answer to the request comes after its commit, so what is measured is from then to when the hub has stored that the lock has
// confirmed. -v tells how long it took.
func TestAnOnlineLockForgetsACodeThatIsTakenBack(t *testing.T) {
	s := newSite(t, true)
	u := s.station()
	u.start()
	u.awaitPlan()
	u.handIn(s.code(dispatch.Courier))
	s.awaitState("ready")
	u.awaitPlan()
	u.requireHeardOnce()
	token := s.login(people.Dispatcher)
	var result struct {
		Applied bool `json:"applied"`
	}
	s.post("/v1/exceptions", token, map[string]any{"kind": "take_off", "order_id": theOrder, "reason": "spoilt", "apply": true}, &result)
	began := time.Now()
	require.True(t, result.Applied)
	require.Eventually(t, func() bool { return s.codes()[0].State() == dispatch.GrantRevoked }, soon, time.Millisecond)
	took := time.Since(began)
	t.Logf("revoked and confirmed %s after the commit", took.Round(time.Millisecond))
	require.Equal(t, dispatch.RevokeConfirmed, s.codes()[0].End)
	opened, line := s.enter("loc-001-fridge-1", s.code(dispatch.Customer))
	require.False(t, opened)
	require.Equal(t, "No such code here.", line)
}

// A lock that is cut off goes on opening for a code that was taken back, and the hub says so until it knows.
func TestACodeThatIsTakenBackWhileItsLockIsCutOffIsFirstUsedAndThenForAPerson(t *testing.T) {
	s := newSite(t, true)
	u := s.station()
	u.start()
	u.awaitPlan()
	u.handIn(s.code(dispatch.Courier))
	s.awaitState("ready")
	u.cutNetwork()
	var result struct{}
	s.post("/v1/exceptions", s.login(people.Dispatcher), map[string]any{"kind": "take_off", "order_id": theOrder, "reason": "spoilt", "apply": true}, &result)
	for _, fridge := range s.fridges() {
		u.through(fridge, s.code(dispatch.Customer), nil)
	}
	require.Equal(t, dispatch.GrantRevoking, s.codes()[0].State())
	require.Equal(t, []string{u.cfg.Device}, s.codes()[0].WaitsFor())
	require.Positive(t, u.kinds(protocol.KindGrantUsed))
	u.restoreNetwork()
	const reconnects = time.Minute // its pauses have grown while there was no network
	require.Eventually(t, func() bool { return s.codes()[0].End == dispatch.RevokeConfirmed }, reconnects, look)
	require.Equal(t, dispatch.GrantUsed, s.codes()[0].State(), "its use came before its confirmation, as in the lock's log")
}

// readOut is the person at a door who reads out the number on its display.
func (s *site) readOut(fridge string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), soon)
	defer cancel()
	for {
		line, err := s.door(fridge).Terminal.Display.ReadLine(ctx)
		require.NoError(s.t, err, "the door shows no number")
		if _, number, found := strings.Cut(line, "phone: "); found {
			return number
		}
	}
}

func TestADispatcherOpensADoorForSomebodyWhoStandsThere(t *testing.T) {
	s := newSite(t, true)
	u := s.station()
	u.start()
	u.awaitPlan()
	u.requireHeardOnce()
	const fridge = "loc-001-fridge-2"
	token := s.login(people.Dispatcher)
	type opening struct {
		ID    string `json:"opening_id"`
		State string `json:"state"`
	}
	var shown []string
	open := func() (command string) {
		t.Helper()
		var o opening
		s.post("/v1/fridges/"+fridge+"/openings", token, map[string]string{"reason": "the keypad is broken"}, &o)
		number := s.readOut(fridge)
		require.Len(t, number, 6)
		shown = append(shown, number)
		s.post("/v1/openings/"+o.ID+"/confirm", token, map[string]string{"number": number, "at_door": "Sato"}, &o)
		require.Equal(t, "confirmed", o.State)
		require.NoError(t, s.raw.QueryRow("SELECT open_command FROM door_openings WHERE id = ?", o.ID).Scan(&command))
		return command
	}
	pulling, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	pulled := make(chan error, 1)
	go func() { pulled <- s.door(fridge).Pull(pulling) }()
	id := open()
	require.NoError(t, <-pulled)
	outcome := func() (outcome, reason string) {
		require.NoError(t, s.raw.QueryRow("SELECT outcome, reason FROM commands WHERE id = ?", id).Scan(&outcome, &reason))
		return outcome, reason
	}
	require.Eventually(t, func() bool { o, _ := outcome(); return o == "done" }, soon, look)

	id = open() // which stands open
	require.Eventually(t, func() bool { o, _ := outcome(); return o == "refused" }, soon, look)
	_, reason := outcome()
	require.Equal(t, "the door stands open", reason)
	u.shut(fridge)
	u.requireHeardOnce()
	require.Equal(t, int64(1), s.door(fridge).Counts().Fired)
	var names []string
	for _, e := range s.events(u.cfg.Device) {
		if e.Name == "command taken" || e.Name == "relay fired" || e.Name == "command answered" {
			names = append(names, e.Name)
		}
	}
	require.Equal(t, []string{"command answered", "command taken", "relay fired", "command answered", "command answered", "command answered"}, names,
		"that it was taken stands before what it did")
	for _, number := range shown {
		require.NotContains(t, s.said.String(), number, "no program says it")
		var kept int
		require.NoError(t, s.raw.QueryRow("SELECT COUNT(*) FROM door_openings WHERE number <> ''").Scan(&kept))
		require.Zero(t, kept, "nor is it kept")
	}
}
