package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/people"
)

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
	require.Equal(t, "value must be one of 'unlock', 'identify'", p.Errors[0].Want)
}
