package retention_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/dispatch"
	"meguri/hub/fleet"
	"meguri/hub/people"
	"meguri/hub/register"
	"meguri/hub/retention"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

var now = time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)

func status(t *testing.T, s *store.Store, class string) retention.Status {
	t.Helper()
	all, err := s.Retention().Retained(t.Context())
	require.NoError(t, err)
	for _, r := range all {
		if r.Name == class {
			return r
		}
	}
	t.Fatalf("no class %s", class)
	return retention.Status{}
}

func look(n int, at time.Time) register.Look {
	return register.Look{ID: fmt.Sprintf("l-%d", n), At: at, By: "p", Subject: "m", What: "show", Reason: "r"}
}

func TestWhatIsOlderGoesInBatchesOnceADateAndWhatIsNotStays(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := storetest.Open(t, empty())
		ctx := t.Context()
		var all []register.Look
		for n := range 2*retention.AtOnce + 3 {
			all = append(all, look(n, now.AddDate(0, 0, -1096)))
		}
		young := now.AddDate(0, 0, -1094)
		require.NoError(t, s.Change(ctx, func(tx *store.Tx) error { return tx.AddLooks(ctx, append(all, look(-1, young))...) }))
		deleted, err := retention.Run(ctx, s.Retention(), "2026-11-28", now)
		require.NoError(t, err)
		require.Equal(t, 2*retention.AtOnce+3, deleted["looks"])
		r := status(t, s, "looks")
		require.Equal(t, []any{young, now, 2*retention.AtOnce + 3, 1095}, []any{r.Oldest, r.Ran, r.Deleted, r.Kept})

		deleted, err = retention.Run(ctx, s.Retention(), "2026-11-28", now.Add(time.Hour))
		require.NoError(t, err)
		require.Empty(t, deleted, "once a date")
		require.NoError(t, s.Change(ctx, func(tx *store.Tx) error {
			return tx.SetRetention(ctx, retention.Setting{Class: "looks", Days: 400}, "x", now)
		}))
		deleted, err = retention.Run(ctx, s.Retention(), "2026-11-29", now.AddDate(0, 0, 1))
		require.NoError(t, err)
		require.Equal(t, 1, deleted["looks"])
	})
}

// Of hubs that come at once one does it; of one that was cut off the next takes over when its time is up.
func TestOneHubDoesItAndAnotherAfterItWasCutOff(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := storetest.Open(t, empty()).Retention()
		var all sync.WaitGroup
		var lock sync.Mutex
		mine := 0
		for range 5 {
			all.Go(func() {
				ok, err := s.ClaimRetention(t.Context(), "looks", "2026-11-28", now, now.Add(time.Minute))
				lock.Lock()
				defer lock.Unlock()
				if err == nil && ok {
					mine++
				}
			})
		}
		all.Wait()
		require.Equal(t, 1, mine)
		ok, err := s.ClaimRetention(t.Context(), "looks", "2026-11-28", now.Add(2*time.Minute), now.Add(3*time.Minute))
		require.NoError(t, err)
		require.True(t, ok)
		require.NoError(t, s.EndRetention(t.Context(), "looks", "2026-11-28", 1, now))
		ok, err = s.ClaimRetention(t.Context(), "looks", "2026-11-28", now.Add(time.Hour), now.Add(2*time.Hour))
		require.NoError(t, err)
		require.False(t, ok)
	})
}

// Codes go and the grant stays: what happened still adds up. Names of who has left go, of who is here they stay.
func TestCodesAndNamesGoAndTheirRowsStay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := storetest.Open(t, empty())
		ctx := t.Context()
		storetest.Import(t, s, storetest.Network(t))
		svc := people.New(s.People())
		old := now.AddDate(-4, 0, 0)
		gone, _, err := svc.Add(ctx, people.Console, people.Person{Name: "Gone", Role: people.Support}, old)
		require.NoError(t, err)
		_, _, err = svc.Add(ctx, people.Console, people.Person{Name: "Here", Role: people.Support}, old)
		require.NoError(t, err)
		require.NoError(t, svc.Remove(ctx, people.Console, gone.ID, old))
		pass := dispatch.Pass{ID: "pass-1", PlaceID: "loc-1", Holder: dispatch.Staff, Name: "Tanaka", Reason: "cleaning", PIN: "1234567890",
			From: now.AddDate(0, 0, -40), Until: now.AddDate(0, 0, -31), IssuedAt: now.AddDate(0, 0, -40)}
		require.NoError(t, s.Change(ctx, func(tx *store.Tx) error { return tx.AddPass(ctx, pass) }))
		deleted, err := retention.Run(ctx, s.Retention(), "2026-11-28", now)
		require.NoError(t, err)
		require.Equal(t, 1, deleted["codes"])
		require.Zero(t, deleted["visitors"], "a name is kept for longer than a code")
		require.Equal(t, 1, deleted["accounts"])
		all, err := svc.List(ctx)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{people.Erased, "Here"}, []string{all[0].Name, all[1].Name})
		name := func() (name string) {
			require.NoError(t, s.Change(ctx, func(tx *store.Tx) error {
				p, err := tx.PassesAt(ctx, "loc-1", pass.From)
				require.Len(t, p, 1)
				name = p[0].Name
				return err
			}))
			return name
		}
		require.Equal(t, "Tanaka", name())
		deleted, err = retention.Run(ctx, s.Retention(), "2027-11-28", now.AddDate(1, 0, 0))
		require.NoError(t, err)
		require.Equal(t, 2, deleted["visitors"], "the name and the reason")
		require.Empty(t, name())
	})
}

func TestNothingGoesThatIsInNoBackup(t *testing.T) {
	require.Equal(t, now.AddDate(0, 0, -30), retention.Before(now, 30, time.Time{}), "no backups are made")
	require.Equal(t, now.AddDate(0, 0, -30), retention.Before(now, 30, now.Add(-time.Hour)))
	require.Equal(t, now.AddDate(0, 0, -90), retention.Before(now, 30, now.AddDate(0, 0, -90)), "they have been failing for long")
}

func TestASettingIsRefusedThatTheLawOrABreachWouldMiss(t *testing.T) {
	for want, s := range map[string]retention.Setting{
		`class "photo": want one of codes, visitors`: {"photo", 1},
		"days of looks: 30: want 365 to 36525":       {"looks", 30},
		"days of codes: 0: want 1 to 36525":          {"codes", 0},
		"the hub deletes nothing of it":              {"temperatures", 400},
	} {
		require.ErrorContains(t, s.Check(), want)
	}
	for _, c := range retention.Classes() {
		require.True(t, c.Endless || retention.Setting{Class: c.Name, Days: c.Days}.Check() == nil, c.Name)
	}
}

// What a plan said holds what codes are checked against: it goes when it was replaced long ago. What is in force stays, however old, and so
// does what a younger plan shares with an older one, and when each was made and answered.
func TestPlansThatWereReplacedGoWithTheCodes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := storetest.Open(t, empty())
		ctx := t.Context()
		plan := func(device string, at time.Time, parts map[string]string) (version uint64) {
			require.NoError(t, s.Change(ctx, func(tx *store.Tx) (err error) {
				bodies := map[string][]byte{}
				for name, body := range parts {
					bodies[name] = []byte(body)
				}
				version, _, err = tx.SavePlan(ctx, device, "i-1", bodies, at)
				return err
			}))
			return version
		}
		require.NoError(t, s.Change(ctx, func(tx *store.Tx) error {
			for _, id := range []string{"lock", "still", "out"} {
				d := fleet.Device{ID: id, Role: fleet.Scanner, Place: "shop", Incarnation: "i-1", AddedAt: now, AddedBy: "x"}
				if err := errors.Join(tx.AddDevice(ctx, d), tx.SaveDevice(ctx, d)); err != nil {
					return err
				}
			}
			return nil
		}))
		old := now.AddDate(0, 0, -31)
		first := plan("lock", old, map[string]string{"grants": "hashes of codes", "rules": "the same for long"})
		plan("still", old, map[string]string{"grants": "in force"})
		plan("out", old, map[string]string{"grants": "of a device that is out"})
		second := plan("lock", now.AddDate(0, 0, -30), map[string]string{"grants": "other hashes", "rules": "the same for long"})
		third := plan("lock", now, map[string]string{"grants": "newest"})
		require.NoError(t, s.Change(ctx, func(tx *store.Tx) error { return tx.RevokeDevice(ctx, "out", now) }))
		require.Equal(t, old, status(t, s, "codes").Oldest)
		deleted, err := retention.Run(ctx, s.Retention(), "2026-11-28", now)
		require.NoError(t, err)
		require.Equal(t, 2, deleted["codes"])
		require.Equal(t, now.AddDate(0, 0, -30), status(t, s, "codes").Oldest, "what is in force has no age")
		holds := func(device string, version uint64, body string) (there bool) {
			require.NoError(t, s.Read(ctx, func(tx *store.Tx) error {
				_, err := tx.PlanPart(ctx, device, version, sha256.Sum256([]byte(body)))
				if there = err == nil; errors.Is(err, store.ErrNotFound) {
					return nil
				}
				return err
			}))
			return there
		}
		require.False(t, holds("lock", first, "hashes of codes"))
		require.False(t, holds("lock", first, "the same for long"))
		require.False(t, holds("out", 1, "of a device that is out"))
		require.True(t, holds("lock", second, "the same for long"))
		require.True(t, holds("lock", second, "other hashes"))
		require.True(t, holds("lock", third, "newest"))
		require.True(t, holds("still", 1, "in force"))
		deleted, err = retention.Run(ctx, s.Retention(), "2026-11-29", now.AddDate(0, 0, 1))
		require.NoError(t, err)
		require.Equal(t, 1, deleted["codes"], "and no plan twice")
	})
}

// What opens or lets in is kept from its end on; how old the oldest is, is told from when it came to be, which is never to come.
func TestTheOldestIsToldByWhenItCameToBe(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := storetest.Open(t, empty())
		ctx := t.Context()
		storetest.Import(t, s, storetest.Network(t))
		_, _, err := people.New(s.People()).Add(ctx, people.Console, people.Person{Name: "New", Role: people.Support}, now) // and a link that holds for days
		require.NoError(t, err)
		pass := dispatch.Pass{ID: "pass-1", PlaceID: "loc-1", Holder: dispatch.Staff, Name: "Tanaka", Reason: "cleaning", PIN: "1234567890",
			From: now.Add(time.Hour), Until: now.AddDate(0, 0, 2), IssuedAt: now}
		require.NoError(t, s.Change(ctx, func(tx *store.Tx) error { return tx.AddPass(ctx, pass) }))
		for _, class := range []string{"sessions", "codes", "visitors"} {
			require.Equal(t, now, status(t, s, class).Oldest, class)
		}
	})
}
