package app

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
)

// A hub starts with another key than the one that names are sealed with only where somebody says that it is lost for good, and seals
// nothing then that stands in plain.
func TestAHubStartsWithAnotherKeyByChoiceOnly(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		url := empty()
		s := storetest.Open(t, url)
		_, _, err := people.New(s.People()).Add(t.Context(), people.Console, people.Person{Name: "Aoki", Role: people.Support}, time.Now())
		require.NoError(t, err)
		storetest.Break(t, url, "INSERT INTO persons (id, name, role, place, added_at, added_by) VALUES ('p-2', 'Mori', 'support', '', 0, '')")
		c := config(t, url)
		c.PeopleKey = store.StageKey("another")
		_, err = openVault(t.Context(), c, s)
		require.ErrorIs(t, err, people.ErrOtherKey)
		c.LostKey = true
		_, err = openVault(t.Context(), c, s)
		require.NoError(t, err)
		require.Equal(t, [][]any{{"Mori"}}, storetest.Rows(t, url, "SELECT name FROM persons WHERE id = 'p-2'"))
	})
}

// What a hub of before writes in plain while this one runs is sealed within the day.
func TestNamesThatAHubOfBeforeWritesAreSealedWithTheRetention(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		url := empty()
		s := storetest.Open(t, url)
		k := &keeping{store: s.Retention(), seal: s.SealPlain, clock: clock.Real(), zone: time.UTC, logger: slog.New(slog.DiscardHandler)}
		k.turn(t.Context(), time.Now())
		storetest.Break(t, url, "INSERT INTO persons (id, name, role, place, added_at, added_by) VALUES ('p-2', 'Mori', 'support', '', 0, '')")
		k.turn(t.Context(), time.Now())
		require.Equal(t, [][]any{{""}}, storetest.Rows(t, url, "SELECT name FROM persons"))
		require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) error {
			p, err := tx.Person(t.Context(), "p-2")
			require.Equal(t, "Mori", p.Name)
			return err
		}))
	})
}
