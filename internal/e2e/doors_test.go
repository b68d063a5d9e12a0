package e2e

import (
	"context"
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
func TestAnOnlineLockForgetsACodeThatIsTakenBackWithinTwoSeconds(t *testing.T) {
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
	const bound = 2 * time.Second
	require.Eventually(t, func() bool { return s.codes()[0].State() == dispatch.GrantRevoked }, soon, time.Millisecond)
	took := time.Since(began)
	t.Logf("revoked and confirmed %s after the commit", took.Round(time.Millisecond))
	require.Less(t, took, bound)
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
