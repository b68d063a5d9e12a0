package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

var moment = time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)

func withDevices(t testing.TB, url string, ids ...string) *store.Store {
	s := storetest.Open(t, url)
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
		for _, id := range ids {
			if err := tx.AddDevice(t.Context(), fleet.Device{ID: id, Place: "loc-1", Role: fleet.Station, AddedAt: moment}); err != nil {
				return err
			}
		}
		return nil
	}))
	return s
}

func event(device string, number uint64) store.EventRow {
	return store.EventRow{Device: device, Incarnation: "i", Number: number, Boot: 1, Kind: 39, Name: "scan refused",
		Subject: fmt.Sprint("box ", number), Body: []byte{1}, EventAt: moment, ReceivedAt: moment, Outcome: store.Applied}
}

// numbers are the events of a device that stand in the database, in order.
func numbers(ctx context.Context, tx *store.Tx, device string) (all []uint64, err error) {
	found, err := tx.UndatedEvents(ctx, device, "i", 1, 0, 10_000)
	for _, u := range found {
		all = append(all, u.Number)
	}
	return all, err
}

func undated(e store.EventRow) store.EventRow {
	e.Within = time.Hour // so that UndatedEvents finds it
	return e
}

// Whatever steps fail around them, and whenever somebody asks, the events that stand in the end are those of the steps that held.
func TestEventsThatWaitForCompanyAreSeenAndUndoneAsIfTheyDidNot(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := withDevices(t, empty(), "d-1", "d-2")
		failed, run := errors.New("failed"), 0
		rapid.Check(t, func(t *rapid.T) {
			run++
			ctx, next := context.Background(), map[string]uint64{"d-1": uint64(run) * 100_000, "d-2": uint64(run) * 100_000}
			held := map[string][]uint64{}
			see := func(tx *store.Tx, device string) {
				found, err := tx.UndatedEvents(ctx, device, "i", 1, uint64(run)*100_000, 10_000)
				require.NoError(t, err)
				var all []uint64
				for _, u := range found {
					all = append(all, u.Number)
				}
				require.Equal(t, held[device], all)
			}
			var step func(tx *store.Tx, depth int) error
			step = func(tx *store.Tx, depth int) error {
				for range rapid.IntRange(0, 6).Draw(t, "acts") {
					device := rapid.SampledFrom([]string{"d-1", "d-2"}).Draw(t, "device")
					switch act := rapid.IntRange(0, 9).Draw(t, "act"); {
					case act < 5:
						for range rapid.IntRange(1, 40).Draw(t, "events") {
							next[device]++
							require.NoError(t, tx.AddEvent(ctx, undated(event(device, next[device]))))
							held[device] = append(held[device], next[device])
						}
					case act == 5:
						see(tx, device)
					case act == 6:
						_, err := tx.Pairs(ctx, device, "i", 1, 0) // which others' events do not concern
						require.NoError(t, err)
					case depth < 3:
						before := map[string][]uint64{"d-1": held["d-1"], "d-2": held["d-2"]}
						fails := rapid.Bool().Draw(t, "fails")
						err := tx.Savepoint(ctx, func() error {
							if err := step(tx, depth+1); err != nil {
								return err
							}
							if fails {
								return failed
							}
							return nil
						})
						if fails {
							require.ErrorIs(t, err, failed)
							held = before
							continue
						}
						require.NoError(t, err)
					}
				}
				return nil
			}
			require.NoError(t, s.Change(ctx, func(tx *store.Tx) error { return step(tx, 0) }))
			require.NoError(t, s.Read(ctx, func(tx *store.Tx) error {
				see(tx, "d-1")
				see(tx, "d-2")
				return nil
			}))
		})
	})
}

// An event that the database refuses ends the transaction, even when nobody asks before the commit.
func TestAnEventThatIsRefusedIsNotCommittedWithout(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := withDevices(t, empty(), "d-1")
		ctx := t.Context()
		add := func(tx *store.Tx, numbers ...uint64) error {
			for _, n := range numbers {
				if err := tx.AddEvent(ctx, undated(event("d-1", n))); err != nil {
					return err
				}
			}
			return nil
		}
		err := s.Change(ctx, func(tx *store.Tx) error { return add(tx, 1, 2, 2, 3) })
		require.ErrorContains(t, err, "insert into events")
		require.NoError(t, s.Change(ctx, func(tx *store.Tx) error {
			err := tx.Savepoint(ctx, func() error {
				if err := add(tx, 5, 5); err != nil {
					return err
				}
				return tx.Flush(ctx)
			})
			require.True(t, tx.Duplicate(err), "%v", err)
			return add(tx, 6)
		}))
		require.NoError(t, s.Read(ctx, func(tx *store.Tx) error {
			all, err := numbers(ctx, tx, "d-1")
			require.Equal(t, []uint64{6}, all)
			return err
		}))
	})
}
