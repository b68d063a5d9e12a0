package rental_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/alarm/notify"
	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

// The shop's systems are told of a return once they answer, with the same id in every try, signed.
func TestAReturnIsToldUntilItIsTaken(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := open(t, empty(), 1)
		require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error { return tx.AddReturnNotice(t.Context(), "o-0", day, day) }))
		var ids, bodies []string
		status := http.StatusInternalServerError
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			require.NotEmpty(t, r.Header.Get(notify.SignatureHeader))
			ids, bodies = append(ids, r.Header.Get("Idempotency-Key")), append(bodies, string(body))
			w.WriteHeader(status)
		}))
		defer server.Close()
		nobody := rental.NewTeller(s, rental.Webhook{}, slog.New(slog.DiscardHandler))
		require.NoError(t, nobody.Turn(t.Context()))
		tell := rental.NewTeller(s, rental.Webhook{URL: server.URL, Hook: notify.Hook{Secret: "0123456789abcdef"}}, slog.New(slog.DiscardHandler))
		require.NoError(t, tell.Turn(t.Context()))
		require.NoError(t, tell.Turn(t.Context()))
		require.Len(t, ids, 1, "not at once again")
		status = http.StatusNoContent
		require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
			return tx.PutOffReturnNotice(t.Context(), "return_received/o-0", "", time.Unix(0, 0))
		}))
		require.NoError(t, tell.Turn(t.Context()))
		require.NoError(t, tell.Turn(t.Context()))
		require.Equal(t, []string{"return_received/o-0", "return_received/o-0"}, ids)
		require.JSONEq(t, `{"id":"return_received/o-0","kind":"return_received","order_id":"o-0","customer_id":"c-0","happened_at":"2026-12-01T09:00:00Z"}`, bodies[1])
	})
}
