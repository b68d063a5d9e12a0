package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/fleet"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

type completeness struct {
	Complete  int `json:"complete_permille"`
	Stretches []struct {
		From, To       time.Time
		State, Reason  string
		Sensor         string
		Rounds         int
		IntervalAssume bool `json:"interval_assumed"`
	}
	Next *time.Time
}

func askLedger(t *testing.T, h *apitest.Hub, token string, from time.Time, sensor string) (c completeness) {
	t.Helper()
	q := url.Values{"from": {from.Format(time.RFC3339)}, "to": {apitest.Now.Format(time.RFC3339)}}
	if sensor != "" {
		q.Set("sensor", sensor)
	}
	w := h.Do("GET", "/v1/devices/"+apitest.LedgerDevice+"/completeness?"+q.Encode(), token, "")
	require.Equal(t, 200, w.Code, w.Body)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &c))
	return c
}

func TestCompletenessTellsEachStretchOfADeviceOnBothDatabases(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		h := apitest.OpenAt(t, empty())
		h.Ledger(t)
		token := h.Token(t, people.Quality)
		c := askLedger(t, h, token, apitest.Now.Add(-24*time.Hour), "")
		require.Nil(t, c.Next)
		var got []string
		at := apitest.Now.Add(-24 * time.Hour)
		for _, s := range c.Stretches {
			require.Equal(t, at.UTC(), s.From)
			require.False(t, s.IntervalAssume)
			at = s.To
			got = append(got, fmt.Sprintf("%s %s %s %d", s.To.Sub(s.From), s.State, s.Reason, s.Rounds))
		}
		require.Equal(t, apitest.Now.UTC(), at)
		require.Equal(t, []string{
			"1h0m0s off stopped 0",
			"3h0m0s received  180", "2h0m0s sensor_fault missing 120", "1h0m0s received  60",
			"3h0m0s thinned share of the storage full 180", "2h0m0s received  120",
			"10m0s not_flushed power cut 10", "1h56m0s off power cut 0",
			"2h0m0s received  120", "10m0s damaged broken value 10", "1h0m0s received  60", "1h0m0s quarantined  60", "3h20m0s received  200",
			"30m0s off stopped 0", "1h0m0s received  60", "54m0s not_arrived offline 54",
		}, got)

		other := askLedger(t, h, token, apitest.Now.Add(-24*time.Hour), "loc-001-fridge-2/back")
		require.Len(t, other.Stretches, len(c.Stretches)-2, "the fault is the other sensor's")
		none := askLedger(t, h, token, apitest.Now.Add(-24*time.Hour), "no-such")
		require.Equal(t, "no sensor", none.Stretches[1].Reason)

		states := map[string]bool{}
		for _, s := range askLedger(t, h, token, apitest.Now.Add(-8*24*time.Hour), "").Stretches {
			states[s.State] = true
		}
		require.Len(t, states, 11, "%v", states)
	})
}

func TestPagesOfTheLedgerJoinToTheWhole(t *testing.T) {
	h := apitest.Open(t)
	h.Ledger(t)
	ask := fleet.Ask{From: apitest.Now.Add(-8 * 24 * time.Hour), To: apitest.Now, Now: apitest.Now}
	require.NoError(t, h.Store.Read(t.Context(), func(tx *store.Tx) error {
		whole, reached, err := tx.Ledger(t.Context(), apitest.LedgerDevice, ask)
		require.NoError(t, err)
		require.Equal(t, ask.To, reached)
		var joined []fleet.Stretch
		for part := ask; part.From.Before(ask.To); {
			part.Most = 3
			page, next, err := tx.Ledger(t.Context(), apitest.LedgerDevice, part)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), 3)
			joined, part.From = append(joined, page...), next
		}
		require.Equal(t, whole, joined)
		return nil
	}))
}

func TestALongSpanIsAnsweredInParts(t *testing.T) {
	h := apitest.Open(t)
	h.Ledger(t)
	token := h.Token(t, people.Admin)
	from := apitest.Now.Add(-200 * 24 * time.Hour)
	parts := 0
	for next := &from; next != nil; parts++ {
		next = askLedger(t, h, token, *next, "").Next
	}
	require.Equal(t, 3, parts)
}
