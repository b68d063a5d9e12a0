package api_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/people"
	"meguri/hub/store"
)

// Uses of routes that no other test makes with success; apitest holds each to its act.
func TestWhatIsDoneByHandIsInTheTrail(t *testing.T) {
	h := apitest.Open(t)
	h.Day(t)
	ctx := t.Context()
	dispatcher, kitting := h.Token(t, people.Dispatcher), h.Token(t, people.Kitting)
	do := func(token, path, body string, status int) map[string]any {
		t.Helper()
		w := h.Do("POST", path, token, body)
		require.Equal(t, status, w.Code, "%s: %s", path, w.Body)
		if w.Body.Len() == 0 {
			return nil
		}
		return decode[map[string]any](t, w)
	}
	do(kitting, "/v1/probings", `{"position":"loc-001-fridge-1","milli_c":4500}`, 204)

	require.NoError(t, h.Store.Change(ctx, func(tx *store.Tx) error {
		if err := tx.RaiseAlarm(ctx, "door-1", "door_uncommanded", "loc-001-fridge-1", "", apitest.Now); err != nil {
			return err
		}
		return tx.ClearAlarmOf(ctx, "door-1", apitest.Now.Add(time.Minute))
	}))
	do(dispatcher, "/v1/alarms/door-1/acknowledge", `{"revision":1}`, 204)
	do(dispatcher, "/v1/alarms/door-1/reset", "", 204)

	do(dispatcher, "/v1/fridges/loc-001-fridge-1/openings", `{"reason":"the keypad is broken"}`, 201)
	var id, number string
	require.NoError(t, h.Store.Read(ctx, func(tx *store.Tx) error {
		all, err := tx.OpeningsOf(ctx, "loc-001-fridge-1", 1)
		if err != nil {
			return err
		}
		o, err := tx.Opening(ctx, all[0].ID)
		id, number = o.ID, o.Number
		return err
	}))
	do(dispatcher, "/v1/openings/"+id+"/confirm", fmt.Sprintf(`{"number":%q,"at_door":"Sato Hanako"}`, number), 202)

	order := h.Risky(t)
	do(dispatcher, "/v1/orders/"+order+"/risk", `{"reason":"the fridge is empty"}`, 204)
}

func TestWhatADriverAndAnybodyDoesIsInTheTrail(t *testing.T) {
	h := apitest.Open(t)
	h.Day(t)
	require.NoError(t, h.Store.Change(t.Context(), func(tx *store.Tx) error {
		_, err := tx.MakeEditions(t.Context(), apitest.Date, nil, "hub", "cutoff", apitest.Now)
		return err
	}))
	driver := h.Token(t, people.Driver)
	sheet := decode[struct{ Version int }](t, h.Do("GET", "/v1/sheets?date="+apitest.Date+"&route=route-01", driver, ""))
	w := h.Do("POST", "/v1/sheets/route-01@"+apitest.Date+"/confirm", driver, fmt.Sprintf(`{"version":%d}`, sheet.Version))
	require.Equal(t, 204, w.Code, w.Body)

	in, err := h.People.Login(t.Context(), h.Code(t, people.Shop), people.From{}, h.RealNow())
	require.NoError(t, err)
	w = h.Do("DELETE", "/v1/me/sessions/"+in.Session.ID(), in.Token, "")
	require.Equal(t, 204, w.Code, w.Body)
}
