package web_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/people"
	"meguri/hub/store"
)

// Uses of forms that no other test makes with success; apitest holds each to its act.
func TestWhatIsDoneOnPagesIsInTheTrail(t *testing.T) {
	h := open(t)
	h.Day(t)
	ctx, dispatcher := t.Context(), h.Token(t, people.Dispatcher)
	require.NoError(t, h.Store.Change(ctx, func(tx *store.Tx) error {
		if err := tx.RaiseAlarm(ctx, "door-1", "door_uncommanded", "loc-001-fridge-1", "", apitest.Now); err != nil {
			return err
		}
		return tx.ClearAlarmOf(ctx, "door-1", apitest.Now.Add(time.Minute))
	}))
	require.Equal(t, 303, post(h, "/alarms/door-1/acknowledge", dispatcher, url.Values{"revision": {"1"}}).Code)
	require.Equal(t, 303, post(h, "/alarms/door-1/reset", dispatcher, url.Values{}).Code)

	order := h.Risky(t)
	require.Equal(t, 303, post(h, "/orders/"+order+"/risk", dispatcher, url.Values{"reason": {"the fridge is empty"}}).Code)
	require.NotContains(t, get(h, "/orders/"+order, dispatcher).Body.String(), "/risk", "nothing waits any more")

	e, err := h.People.BeginTOTP(ctx, dispatcher, h.RealNow())
	require.NoError(t, err)
	require.Equal(t, 200, post(h, "/account/totp", dispatcher, url.Values{"do": {"confirm"}, "code": {totp(t, e.Secret, h.RealNow())}}).Code)
	require.Equal(t, 200, post(h, "/account/recovery", dispatcher, url.Values{}).Code)
}
