package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/people"
	"meguri/hub/register"
	"meguri/hub/store"
)

// looked keeps looks: two persons by an administrator, one by the console, and one long ago.
func looked(t *testing.T, h *apitest.Hub, by string) {
	t.Helper()
	now := time.Now()
	require.NoError(t, h.Store.Change(t.Context(), func(tx *store.Tx) error {
		look := func(n string, at time.Time, by, subject, what string) register.Look {
			return register.Look{ID: n, At: at, By: by, Subject: subject, What: what, Reason: "called"}
		}
		return tx.AddLooks(t.Context(), look("l-1", now.Add(-2*time.Hour), by, "member-0003", "show"), look("l-2", now.Add(-time.Hour), by, "member-0003", "show"),
			look("l-3", now.Add(-time.Hour), by, "member-0004", "export"), look("l-4", now.Add(-time.Hour), people.Console, "member-0003", "find"),
			look("l-5", now.AddDate(0, 0, -30), by, "member-0005", "show"))
	}))
}

func TestThePageOfExposuresSaysWhomABreachExposed(t *testing.T) {
	h := open(t)
	h.Day(t)
	admin := h.Token(t, people.Admin)
	looked(t, h, "p-thief")
	shown := func(q url.Values) string {
		w := get(h, "/customers/exposures?"+q.Encode(), admin)
		require.Equal(t, http.StatusOK, w.Code)
		return w.Body.String()
	}
	body := shown(url.Values{"lang": {"en"}})
	require.Contains(t, body, "Persons: 2. Looks: 4.", "of the last week")
	require.Regexp(t, regexp.MustCompile(`(?s)member-0003.*found.*console.*shown.*2 times.*p-thief.*member-0004.*exported`), body)
	require.NotContains(t, body, "member-0005")
	require.Contains(t, shown(url.Values{"lang": {"ja"}}), "対象者 2 人、閲覧 4 回")
	require.Contains(t, shown(url.Values{"lang": {"en"}, "by": {"p-thief"}}), "Persons: 2. Looks: 3.")
	require.Contains(t, shown(url.Values{"lang": {"en"}, "of": {"member-0004"}}), "Persons: 1. Looks: 1.")
	require.Contains(t, shown(url.Values{"lang": {"en"}, "from": {time.Now().AddDate(0, 0, -31).Format("2006-01-02T15:04")}}), "Persons: 3. Looks: 5.")
	require.Contains(t, shown(url.Values{"lang": {"en"}, "until": {time.Now().AddDate(0, 0, -2).Format("2006-01-02T15:04")}}), "Nobody&#39;s, in this span.")
	for _, q := range []string{"from=tomorrow", "from=2026-12-01T00:00&until=2026-11-01T00:00"} {
		require.Equal(t, http.StatusUnprocessableEntity, get(h, "/customers/exposures?"+q, admin).Code, q)
	}
	require.Contains(t, get(h, "/customers", admin).Body.String(), `href="/customers/exposures"`)
	support := h.Token(t, people.Support)
	require.NotContains(t, get(h, "/customers", support).Body.String(), `href="/customers/exposures"`)
	require.Equal(t, http.StatusForbidden, get(h, "/customers/exposures", support).Code)
	before := strings.Count(get(h, "/customers?id=member-0003", admin).Body.String(), "called")
	require.Equal(t, 3, before, "asking who was looked at is no look")

	w := h.Do("POST", "/v1/customers/search", support, `{"phone":"090-9999-8888","reason":"called"}`)
	require.Equal(t, http.StatusOK, w.Code)
	body = shown(url.Values{"lang": {"en"}})
	require.Contains(t, body, "Persons: 2. Looks: 5.", "nobody is no person, and has been looked for")
	require.Contains(t, body, "Searched for, and nobody found")
	require.NotContains(t, body, "99998888")
}

// More than the page can hold is said to be more.
func TestThePageOfExposuresIsBounded(t *testing.T) {
	h := open(t)
	h.Day(t)
	at := time.Now().Add(-time.Hour)
	require.NoError(t, h.Store.Change(t.Context(), func(tx *store.Tx) error {
		var all []register.Look
		for n := range 1001 {
			id := "m-" + strings.Repeat("0", n/1000) + time.Duration(n).String()
			all = append(all, register.Look{ID: id, At: at, By: "p", Subject: id, What: "show", Reason: "called"})
		}
		return tx.AddLooks(t.Context(), all...)
	}))
	body := get(h, "/customers/exposures?lang=en", h.Token(t, people.Admin)).Body.String()
	require.Contains(t, body, "Persons: 1000. Looks: 1000.")
	require.Contains(t, body, "There are more than these")
}

func TestInABrowserExposuresFitOnAPhone(t *testing.T) {
	h := open(t)
	h.Day(t)
	looked(t, h, "p-thief")
	see := phone(t, h, serve(t, h), people.Admin, "ja")
	see("/customers/exposures", `document.querySelectorAll(".worklist li").length === 2`, "exposures")
	require.Equal(t, http.StatusOK, h.Do("POST", "/v1/customers/search", h.Token(t, people.Support), `{"phone":"090-9999-8888","reason":"called"}`).Code)
	see("/customers/exposures", `document.querySelectorAll(".worklist li").length === 3`, "exposures-nobody")
	see("/customers/exposures?lang=en", `document.body.textContent.includes("Persons: 2")`, "exposures-english")
	see("/customers?id=member-0003", `!!document.querySelector('a[href="/customers/exposures"]')`, "customers-link")
}
