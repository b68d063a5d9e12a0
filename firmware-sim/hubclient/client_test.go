package hubclient

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return &Client{base: server.URL, token: "secret", http: &http.Client{Timeout: timeout}, patience: patience}
}

// The id is the caller's, so a hub that has the order already gives it again.
func TestAnOrderWhoseAnswerWasLostIsPlacedAgainWithTheSameID(t *testing.T) {
	var ids []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var in OrderRequest
		_ = json.NewDecoder(r.Body).Decode(&in) // an empty id is seen below
		if ids = append(ids, in.OrderID); len(ids) == 1 {
			panic(http.ErrAbortHandler) // cut before the answer
		}
		_, _ = w.Write([]byte(`{"order_id":"` + in.OrderID + `","state":"accepted"}`))
	})
	o, err := c.Place(t.Context(), OrderRequest{OrderID: "o-1"})
	require.NoError(t, err)
	require.Equal(t, "accepted", o.State)
	require.Equal(t, []string{"o-1", "o-1"}, ids)
}

func TestAFailureOfTheHubPassesAndARefusalStays(t *testing.T) {
	for status, tries := range map[int]int32{500: 2, 503: 2, 429: 2, 400: 1, 401: 1, 404: 1, 409: 1} {
		var asked atomic.Int32
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			require.Equal(t, "Bearer secret", r.Header.Get("Authorization"))
			if asked.Add(1) == 1 {
				w.WriteHeader(status)
				return
			}
			_, _ = w.Write([]byte(`{}`))
		})
		_, err := c.Order(t.Context(), "o-1")
		require.Equal(t, tries, asked.Load(), status)
		if tries == 1 {
			var refused *StatusError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, status, refused.Status)
		} else {
			require.NoError(t, err)
		}
	}
}

func TestAHubThatStaysAwayIsGivenUp(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	c.patience = 2 * pause
	_, err := c.Devices(t.Context())
	require.ErrorContains(t, err, "gave up")
	require.ErrorContains(t, err, "502")
}

func TestWhoIsToldToStopAsksNoMore(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	ctx, cancel := context.WithTimeout(t.Context(), pause/2)
	defer cancel()
	began := time.Now()
	_, err := c.Devices(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), timeout)
}

func TestAnAnswerThatIsNoneIsNotAskedForAgain(t *testing.T) {
	for name, answer := range map[string]string{"no JSON": "<html>", "too long": `"` + strings.Repeat("x", maxAnswer) + `"`} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				_, _ = w.Write([]byte(answer))
			})
			_, err := c.Devices(t.Context())
			require.Error(t, err)
			require.EqualValues(t, 1, asked.Load())
		})
	}
}

func TestEventsAndReadingsAreReadPageByPageAndNeverForEver(t *testing.T) {
	pages := map[string]string{
		"0": `{"events":[{"number":1},{"number":2}]}`, "2": `{"events":[{"number":3},{"number":9}]}`, "9": `{"events":[]}`,
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch q := r.URL.Query(); {
		case q.Get("device") == "stuck":
			_, _ = w.Write([]byte(pages["0"]))
		case q.Has("device"):
			_, _ = w.Write([]byte(pages[q.Get("after")]))
		case q.Get("from") == "2026-12-01T00:00:00Z":
			_, _ = w.Write([]byte(`{"readings":[{"number":1}],"next":"2026-12-01T01:00:00Z"}`))
		default:
			_, _ = w.Write([]byte(`{"readings":[{"number":2}],"next":"2026-12-01T01:00:00Z"}`))
		}
	})
	events, err := c.Events(t.Context(), "d", 3)
	require.NoError(t, err)
	require.Equal(t, []Event{{Number: 1}, {Number: 2}, {Number: 3}}, events)
	events, err = c.Events(t.Context(), "d", 50)
	require.NoError(t, err)
	require.Len(t, events, 4)
	_, err = c.Events(t.Context(), "stuck", 50)
	require.NoError(t, err)
	from := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	readings, err := c.Readings(t.Context(), "f/air", from, from.Add(24*time.Hour))
	require.NoError(t, err)
	require.Equal(t, []Reading{{Number: 1}, {Number: 2}}, readings)
}
