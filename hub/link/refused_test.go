package link_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/link"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
	"meguri/protocol"
)

// A log that the database refuses does not go on, wherever the refusal comes to light, and a person is told.
func TestALogWhoseRecordTheDatabaseRefusesIsTold(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		h := newHub(t, empty())
		l := newLog(protocol.Readings)
		l.add(protocol.Thinned{Samples: 1, FromWall: 77, ToWall: 88, Reason: protocol.ThinDamaged, Rounds: 1})
		h.hello(l)
		b := l.batch(1, 2)
		h.change(func(tx *store.Tx) error {
			return tx.AddThinning(t.Context(), store.ThinningRow{Device: station, Incarnation: b.Incarnation.String(), Number: 1, From: noon,
				To: noon, Received: noon, Body: []byte{}})
		})
		for range 5 {
			_, err := h.Batch(t.Context(), station, b)
			require.ErrorContains(t, err, "batch of dev-1, readings from 1: number 1: ")
		}
		require.Equal(t, "log_held", h.work()[0].Kind)
	})
}

// refusing writes what the database refuses, and then goes wrong by itself.
type refusing struct{ wrong func() error }

func (r refusing) Apply(ctx context.Context, tx *store.Tx, _ link.Event) error {
	if err := addPerson(ctx, tx); err != nil {
		return err
	}
	return r.wrong()
}

func addPerson(ctx context.Context, tx *store.Tx) error {
	return tx.AddPerson(ctx, people.Person{ID: "p", Name: "p", Role: people.Admin, Added: time.UnixMilli(0)})
}

func TestAnEventThatGoesWrongBehindARefusedWriteIsKeptAndTheLogGoesOn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		for name, wrong := range map[string]func() error{
			"not applied": func() error { return &link.NotApplied{Reason: "never"} },
			"panic":       func() error { panic("fault") },
		} {
			t.Run(name, func(t *testing.T) {
				h := newHub(t, empty())
				h.change(func(tx *store.Tx) error { return addPerson(t.Context(), tx) })
				h.Receiver = link.NewReceiver(link.Config{Store: h.store, Effects: refusing{wrong}, Clock: clock.New(time.Now(), noon, 1),
					Logger: slog.New(slog.DiscardHandler)})
				l := newLog(protocol.Events).scans(2)
				h.hello(l)
				require.EqualValues(t, 2, h.batch(l.batch(1, 3)).Applied)
				require.Len(t, h.work(), 2)
			})
		}
	})
}
