package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/people"
	"meguri/hub/web"
)

func open(t *testing.T) *apitest.Hub {
	t.Helper()
	h := apitest.Open(t)
	zone, err := time.LoadLocation("Asia/Tokyo")
	require.NoError(t, err)
	_, err = web.Register(h.Echo, web.Config{API: h.API, Zone: zone})
	require.NoError(t, err)
	return h
}

// get asks for a page as a browser does, with a session cookie unless token is empty.
func get(h *apitest.Hub, target, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", target, nil)
	return ask(h, r, token)
}

func ask(h *apitest.Hub, r *http.Request, token string) *httptest.ResponseRecorder {
	r.Header.Set("Accept", "text/html")
	if token != "" {
		r.AddCookie(&http.Cookie{Name: "meguri_session", Value: token})
	}
	return h.Serve(r)
}

func post(h *apitest.Hub, target, token string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return ask(h, r, token)
}

var _ = slices.Contains[[]people.Role]
