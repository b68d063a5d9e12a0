package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/api"
	"meguri/hub/api/apitest"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/storetest"
)

func TestADateWithABrokenRowSaysSoAndStillConfirmsAndCancels(t *testing.T) {
	url := storetest.SQLite(t)
	h := apitest.OpenBeforeCutoff(t, url)
	token := h.Token(t, people.System)
	place := func(id string) string {
		return strings.Replace(anOrder("member-0001", 1, 2, 600), "{", `{"order_id":"`+id+`",`, 1)
	}
	for _, id := range []string{"o-1", "o-2"} {
		require.Equal(t, http.StatusCreated, h.Do("POST", "/v1/orders", token, place(id)).Code)
	}
	o, err := h.Orders.Get(t.Context(), "o-1")
	require.NoError(t, err)
	broken := o.Items[0].ContainerID
	storetest.Break(t, url, "UPDATE dated_containers SET used_ml = used_ml + 1 WHERE id = '"+broken+"'",
		"UPDATE delivery_dates SET revision = revision + 1")

	for _, ask := range [][3]string{{"POST", "/v1/orders", place("o-3")}, {"GET", "/v1/capacity?date=" + apitest.Date, ""}} {
		p := problem(t, h.Do(ask[0], ask[1], token, ask[2]))
		require.Equal(t, http.StatusConflict, p.Status, ask)
		require.Contains(t, p.Detail, "the assignments of "+apitest.Date+" are broken, see /check: containers "+broken)
	}
	require.Equal(t, http.StatusOK, h.Do("POST", "/v1/orders", token, place("o-1")).Code, "it is decided already")
	require.Equal(t, http.StatusOK, h.Do("POST", "/v1/orders/o-1/confirm", token, "").Code)
	require.Equal(t, http.StatusOK, h.Do("POST", "/v1/orders/o-2/cancel", token, `{"reason":"changed my mind"}`).Code)
	o, err = h.Orders.Get(t.Context(), "o-2")
	require.NoError(t, err)
	require.Equal(t, order.Cancelled, o.State)
	require.Empty(t, o.Items)
}

func TestAWrongMethodIsNotARefusedRole(t *testing.T) {
	h := apitest.Open(t)
	token := h.Token(t, people.Admin)
	w := h.Do("GET", "/v1/orders", token, "")
	require.Equal(t, http.StatusMethodNotAllowed, problem(t, w).Status)
	require.Contains(t, w.Header().Get("Allow"), "POST")
	require.Equal(t, http.StatusNotFound, problem(t, h.Do("GET", "/v1/nothing", token, "")).Status)
	require.Equal(t, http.StatusUnauthorized, problem(t, h.Do("GET", "/v1/orders", "", "")).Status, "not even that without a session")
}

func TestAWrongValueIsToldInWordsOfTheDocument(t *testing.T) {
	h := apitest.Open(t)
	token := h.Token(t, people.Admin)
	p := problem(t, h.Do("POST", "/v1/devices/station-1/commands", token, `{"kind":"reboot"}`))
	require.Equal(t, "kind", p.Errors[0].Field)
	require.Equal(t, `value is not one of the allowed values ["identify"]`, p.Errors[0].Want)
}

func TestWhatStandsBehindTheJSONIsRefusedAndSavesNoSignature(t *testing.T) {
	h := apitest.Open(t)
	kitting, support := h.Token(t, people.Kitting), h.Token(t, people.Support)
	for _, behind := range []string{"x", "{}", "]", "null", `{"do":"see"}`} {
		w := h.Do("POST", "/v1/orders", support, apitest.OrderBody("o-1", "member-0001", "loc-001", 1)+" "+behind)
		require.Equal(t, 400, w.Code, behind)
		require.Equal(t, "body", problem(t, w).Errors[0].Field)
		require.Contains(t, problem(t, w).Errors[0].Want, "nothing behind it")
	}
	sign := "/v1/devices/fridge-nobody/commissioning"
	require.Equal(t, 400, h.Do("POST", sign, kitting, `{"do":"sign"} x`).Code)
	h.Later(people.ConfirmFor * 2)
	for _, body := range []string{`{"do":"sign"}`, `{"do":"sign"} x`, `{"do":"see","do":"sign"}`, `{"do":["sign"]}`, `[]`, ``} {
		w := h.Do("POST", sign, kitting, body)
		require.Equal(t, 403, w.Code, body)
		require.Equal(t, api.TypeConfirm, problem(t, w).Type, body)
	}
}

func TestWhatNobodyNamedIsNamedInItsRefusal(t *testing.T) {
	h := apitest.Open(t)
	token := h.Token(t, people.Admin)
	p := problem(t, h.Do("GET", "/v1/devices?=1", token, ""))
	require.Equal(t, "query", p.Errors[0].Field)
	p = problem(t, h.Do("POST", "/v1/alarms/alarm-1/unshelve", token, "NaN")) // wants no body, and cannot read one
	require.Equal(t, http.StatusBadRequest, p.Status)
	require.Equal(t, "body", p.Errors[0].Field)
}
