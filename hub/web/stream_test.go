package web_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api"
	"meguri/hub/api/apitest"
	"meguri/hub/people"
	"meguri/hub/store"

	"log/slog"
)

// serve runs the hub behind a server with all its deadlines, which a stream has to outlive.
func serve(t *testing.T, h *apitest.Hub) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(h.Echo)
	srv.Config = api.Server(t.Context(), h.Echo, slog.New(slog.DiscardHandler))
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.URL
}

// follow opens a stream and gives its events, "name\ndata".
func follow(t *testing.T, address, token string) (events <-chan string, status int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", address, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	w, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.Body.Close() })
	out := make(chan string, 100)
	go func() {
		defer close(out)
		var event strings.Builder
		for lines := bufio.NewScanner(w.Body); lines.Scan(); {
			if lines.Text() != "" {
				event.WriteString(lines.Text() + "\n")
				continue
			}
			select {
			case out <- event.String():
			case <-ctx.Done():
				return
			}
			event.Reset()
		}
	}()
	return out, w.StatusCode
}

func wait(t *testing.T, events <-chan string) string {
	t.Helper()
	select {
	case e, ok := <-events:
		require.True(t, ok, "the stream ended")
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("no event")
		return ""
	}
}

func TestAStreamSendsThePageAtOnceAndWhenSomethingChanged(t *testing.T) {
	h := open(t)
	h.Day(t)
	for _, path := range []string{"/live?lang=en", "/locations/loc-001/live?lang=en"} {
		events, status := follow(t, serve(t, h)+path, h.Token(t, people.Dispatcher))
		require.Equal(t, 200, status)
		require.Contains(t, wait(t, events), "event: page\n")

		require.NoError(t, h.Store.Change(t.Context(), func(tx *store.Tx) error {
			return tx.RaiseAlarm(t.Context(), "alarm"+path, "mains", "loc-001-fridge-1", "no supply", apitest.Now)
		}))
		begin := time.Now()
		for range 50 {
			h.Feed.Changed()
		}
		require.Contains(t, wait(t, events), "No power")
		require.Less(t, time.Since(begin), 3*time.Second)
		select {
		case e := <-events:
			require.True(t, strings.HasPrefix(e, ":"), "changes that come together are one update: %s", e)
		default:
		}
		require.NoError(t, h.Store.Change(t.Context(), func(tx *store.Tx) error {
			return tx.ClearAlarm(t.Context(), "mains", "loc-001-fridge-1", apitest.Now)
		}))
	}
}

func TestStreamsAreBoundedAndGiveTheirPlaceBack(t *testing.T) {
	h := open(t)
	token := h.Token(t, people.Dispatcher)
	address := serve(t, h) + "/live"
	ctx, cancel := context.WithCancel(t.Context())
	for range 64 {
		r, err := http.NewRequestWithContext(ctx, "GET", address, nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		w, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer func() { _ = w.Body.Close() }()
		require.Equal(t, 200, w.StatusCode)
	}
	_, status := follow(t, address, token)
	require.Equal(t, http.StatusServiceUnavailable, status)
	cancel()
	require.Eventually(t, func() bool {
		_, status := follow(t, address, token)
		return status == 200
	}, 5*time.Second, 20*time.Millisecond)
}

func TestAStreamIsForThoseWhoMaySeeThePage(t *testing.T) {
	h := open(t)
	address := serve(t, h)
	for role, want := range map[people.Role]int{people.Quality: 200, people.Driver: 403, people.Customer: 403} {
		_, status := follow(t, address+"/live", h.Token(t, role))
		require.Equal(t, want, status, role)
		_, status = follow(t, address+"/locations/loc-001/live", h.Token(t, role))
		require.Equal(t, want, status, role)
	}
	_, status := follow(t, address+"/live", "")
	require.Equal(t, 401, status)
	_, status = follow(t, address+"/locations/none/live", h.Token(t, people.Quality))
	require.Equal(t, 404, status)
}
