package app

import (
	"bytes"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/check"
	"meguri/hub/live"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
)

func TestTheHubLooksWhenItStartsAndEveryTenMinutesAndAlertsWhenSomethingBreaks(t *testing.T) {
	url := storetest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), url)
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		storetest.Import(t, s, storetest.Network(t))
		var log bytes.Buffer
		c := &checks{service: check.NewService(s.Checks()), feed: live.New(), clock: clock.Real(), logger: slog.New(slog.NewTextHandler(&log, nil))}
		looks := func() (n, alarms int) {
			require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) error {
				look, found, err := tx.LastLook(t.Context())
				if found {
					n = int(look.At.Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) / checkEvery)
				} else {
					n = -1
				}
				if err != nil {
					return err
				}
				open, err := tx.AlarmsNow(t.Context(), time.Now(), 100)
				alarms = len(open)
				return err
			}))
			return n, alarms
		}
		n, _ := looks()
		require.Equal(t, -1, n)
		done := make(chan error, 1)
		go func() { done <- c.run(t.Context()) }()
		synctest.Wait()
		n, _ = looks()
		require.Equal(t, 0, n, "at once")

		storetest.Break(t, url, `INSERT INTO orders (id, sequence, delivery_date, location_id, customer_id, state, refused_limit,
			refused_what, placed_by, placed_at) VALUES ('o-1', 1, '2026-12-01', 'loc-1', 'member-1', 'accepted', '', '', 'person-1', 1)`)
		time.Sleep(checkEvery - time.Second) // of the bubble's clock
		synctest.Wait()
		n, alarms := looks()
		require.Equal(t, []int{0, 0}, []int{n, alarms})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		n, alarms = looks()
		require.Equal(t, []int{1, 1}, []int{n, alarms}, "after ten minutes")
		require.Contains(t, log.String(), "assignments are broken")
		require.Contains(t, log.String(), "Order o-1: units with a place: 0 of 0.")
	})
}
