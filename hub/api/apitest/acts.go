package apitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"

	"meguri/hub/audit"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/internal/pgtest"
)

// unrecorded are changing routes whose uses are no acts of the trail, and where they are kept instead.
var unrecorded = map[string]string{
	"POST /v1/me/confirm":       "kept with the session, and with each act that it signs",
	"POST /account/confirm":     "kept with the session, and with each act that it signs",
	"POST /v1/customers/search": "a look, which the register keeps with who and why",
	"POST /customers":           "a look, which the register keeps with who and why",
}

// trail is what was seen of changing routes, in all tests of a package: which acts their uses have left.
var trail = struct {
	sync.Mutex
	left     map[string][]string // by route: the acts that a use has left
	running  int
	overlaps int // counts the requests that were under way beside another
}{left: map[string][]string{}}

// watchActs holds each request that changes something to what the trail promises: an act once, with others for what follows from it (an outage
// calls off orders), and none when it failed.
func (h *Hub) watchActs(tb testing.TB) echo.MiddlewareFunc {
	table := people.NewTable(people.Rights())
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			route := c.Request().Method + " " + c.Path()
			if !table[route].Act {
				return next(c)
			}
			trail.Lock()
			trail.running++
			if trail.running > 1 {
				trail.overlaps++
			}
			overlaps := trail.overlaps
			trail.Unlock()
			secrets := secretsOf(c.Request())
			before := h.acts(tb)
			err := next(c)
			var left []string
			for id, e := range h.acts(tb) {
				if _, known := before[id]; known {
					continue
				}
				left = append(left, e.Act+" "+e.Subject)
				for _, s := range secrets {
					if strings.Contains(fmt.Sprintf("%+v", e), s) {
						tb.Errorf("%s left %q in the trail, which forgets nothing: %+v", route, s, e)
					}
				}
			}
			trail.Lock()
			defer trail.Unlock()
			trail.running--
			if trail.overlaps != overlaps {
				return err // whose they are cannot be told
			}
			failed := err != nil || c.Response().Status >= http.StatusBadRequest
			switch {
			case failed && len(left) > 0:
				tb.Errorf("%s failed and left %v in the trail", route, left)
			case len(slices.Compact(slices.Sorted(slices.Values(left)))) < len(left):
				tb.Errorf("%s left %v in the trail, want each act once", route, left)
			case len(left) > 0:
				trail.left[route] = left
			}
			return err
		}
	}
}

// acts are those of the trail, by id.
func (h *Hub) acts(tb testing.TB) map[string]audit.Entry {
	acts := map[string]audit.Entry{}
	err := h.Store.Read(tb.Context(), func(tx *store.Tx) error {
		return tx.EachEntry(tb.Context(), func(e audit.Entry) error {
			acts[e.ID] = e
			return nil
		})
	})
	if err != nil {
		tb.Errorf("read the trail: %v", err)
	}
	return acts
}

// secret are the fields of requests whose values stand in no act: what lets somebody in, and who a person is.
var secret = strings.Fields(`password present login code confirm_code confirm_password token secret number at_door name phone email address
	postal_code note contact recovery refresh_token client_secret`)

// secretsOf are the values of a request that the trail must not hold: its token, and what its body says in fields of secrets. Shorter ones than
// four letters may stand in an act by chance.
func secretsOf(r *http.Request) (all []string) {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
	add := func(text string) {
		if len(text) >= 4 {
			all = append(all, text)
		}
	}
	add(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	for _, c := range r.Cookies() {
		if c.Name != "meguri_lang" {
			add(c.Value)
		}
	}
	var value any
	if form, err := url.ParseQuery(string(body)); json.Unmarshal(body, &value) != nil && err == nil {
		for _, name := range secret {
			add(form.Get(name))
		}
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for name, e := range v {
				if text, ok := e.(string); ok && slices.Contains(secret, name) {
					add(text)
				}
				walk(e)
			}
		}
	}
	walk(value)
	return all
}

// failing is how a body ends that could not be read.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}

// Main runs the tests of a package that has routes, and fails when one that changes something has left no act in any of them: whoever adds
// a route tests that its use is recorded. It looks when all tests have run.
func Main(m *testing.M, of func(path string) bool) int {
	code := pgtest.Main(m)
	if code != 0 || slices.ContainsFunc(os.Args, func(a string) bool {
		return strings.HasPrefix(a, "-test.run=") || strings.HasPrefix(a, "-test.fuzz=") || strings.HasPrefix(a, "-test.skip=") || strings.HasPrefix(a, "-test.list=")
	}) {
		return code
	}
	for _, r := range people.Rights() {
		_, path, _ := strings.Cut(r.Route, " ")
		if !r.Act || !of(path) {
			continue
		}
		why, none := unrecorded[r.Route]
		switch {
		case none && len(trail.left[r.Route]) > 0:
			fmt.Printf("%s leaves %v in the trail, and is said to leave none: %s\n", r.Route, trail.left[r.Route][0], why)
			code = 1
		case !none && len(trail.left[r.Route]) == 0:
			fmt.Printf("%s has left no act in the trail in any test\n", r.Route)
			code = 1
		}
	}
	return code
}
