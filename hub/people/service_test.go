package people_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

var start = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

func open(t *testing.T) (*people.Service, *store.Store) {
	t.Helper()
	s := storetest.Open(t, storetest.SQLite(t))
	storetest.Import(t, s, storetest.Network(t))
	return people.New(s.People()), s
}

func TestALinkLetsItsPersonInOnce(t *testing.T) {
	svc, _ := open(t)
	added, code, err := svc.Add(t.Context(), people.Console, people.Person{Name: " Aoki ", Role: people.Driver, Place: "route-1"}, start)
	require.NoError(t, err)
	require.Equal(t, "Aoki", added.Name)

	in, err := svc.Login(t.Context(), code, people.From{}, start.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, added, in.Person)
	require.Equal(t, start.Add(time.Hour+people.AbsoluteEnd), in.Session.Expires)

	_, err = svc.Login(t.Context(), code, people.From{}, start.Add(time.Hour))
	require.ErrorIs(t, err, people.ErrLink)

	got, _, err := svc.Session(t.Context(), in.Token, start.Add(2*time.Hour))
	require.NoError(t, err)
	require.Equal(t, added, got)
}

func TestOfManyWhoUseALinkAtOnceOneGetsIn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		oneGetsIn(t, people.New(storetest.Open(t, empty()).People()))
	})
}

func oneGetsIn(t *testing.T, svc *people.Service) {
	_, code, err := svc.Add(t.Context(), people.Console, people.Person{Name: "Aoki", Role: people.Support}, start)
	require.NoError(t, err)
	var wg sync.WaitGroup
	results := make(chan error, 20)
	for range cap(results) {
		wg.Go(func() {
			_, err := svc.Login(t.Context(), code, people.From{}, start)
			results <- err
		})
	}
	wg.Wait()
	close(results)
	in := 0
	for err := range results {
		if err == nil {
			in++
		} else {
			require.ErrorIs(t, err, people.ErrLink)
		}
	}
	require.Equal(t, 1, in)
	got, err := svc.List(t.Context())
	require.NoError(t, err)
	require.Len(t, got, 1)
}

// reading refuses to change anything.
type reading struct{ people.Store }

func (reading) Change(context.Context, func(people.Tx) error) error { return errors.New("a write") }

func TestACodeThatWasMadeUpWritesNothing(t *testing.T) {
	_, s := open(t)
	_, err := people.New(reading{s.People()}).Login(t.Context(), "made-up", people.From{}, start)
	require.ErrorIs(t, err, people.ErrLink)
}

func TestALinkExpires(t *testing.T) {
	svc, _ := open(t)
	p, code, err := svc.Add(t.Context(), people.Console, people.Person{Name: "Aoki", Role: people.Support}, start)
	require.NoError(t, err)
	_, err = svc.Login(t.Context(), code, people.From{}, start.Add(people.LinkEnd))
	require.ErrorIs(t, err, people.ErrLink)

	code, err = svc.Link(t.Context(), people.Console, p.ID, start)
	require.NoError(t, err)
	_, err = svc.Login(t.Context(), code, people.From{}, start.Add(people.LinkEnd-time.Second))
	require.NoError(t, err)
}

func TestASessionEnds(t *testing.T) {
	svc, _ := open(t)
	login := func() string {
		_, code, err := svc.AdminLink(t.Context(), start)
		require.NoError(t, err)
		in, err := svc.Login(t.Context(), code, people.From{}, start)
		require.NoError(t, err)
		return in.Token
	}
	lives := func(token string, after time.Duration) error {
		_, _, err := svc.Session(t.Context(), token, start.Add(after))
		return err
	}
	t.Run("a day after nobody used it", func(t *testing.T) {
		token := login()
		require.NoError(t, lives(token, people.IdleEnd-time.Second))
		require.NoError(t, lives(token, 2*people.IdleEnd-2*time.Second), "the first use moved the idle end")
		require.ErrorIs(t, lives(token, 3*people.IdleEnd), people.ErrNoSession)
	})
	t.Run("a week after it began, however much it is used", func(t *testing.T) {
		token := login()
		for h := time.Duration(0); h < people.AbsoluteEnd; h += 12 * time.Hour {
			require.NoError(t, lives(token, h))
		}
		require.ErrorIs(t, lives(token, people.AbsoluteEnd), people.ErrNoSession)
	})
	t.Run("when its person signs out", func(t *testing.T) {
		token := login()
		require.NoError(t, svc.SignOut(t.Context(), "p", token, start))
		require.ErrorIs(t, lives(token, 0), people.ErrNoSession)
		require.NoError(t, svc.SignOut(t.Context(), "p", token, start), "again")
	})
	t.Run("nor does one that was never made live", func(t *testing.T) {
		require.ErrorIs(t, lives("", 0), people.ErrNoSession)
		require.ErrorIs(t, lives("made-up", 0), people.ErrNoSession)
	})
}

func TestARemovedPersonIsOutAtOnce(t *testing.T) {
	svc, _ := open(t)
	p, code, err := svc.Add(t.Context(), people.Console, people.Person{Name: "Aoki", Role: people.Kitting}, start)
	require.NoError(t, err)
	in, err := svc.Login(t.Context(), code, people.From{}, start)
	require.NoError(t, err)
	code, err = svc.Link(t.Context(), people.Console, p.ID, start)
	require.NoError(t, err)

	require.NoError(t, svc.Remove(t.Context(), people.Console, p.ID, start))
	_, _, err = svc.Session(t.Context(), in.Token, start)
	require.ErrorIs(t, err, people.ErrNoSession)
	_, err = svc.Login(t.Context(), code, people.From{}, start)
	require.ErrorIs(t, err, people.ErrLink)
	_, err = svc.Link(t.Context(), people.Console, p.ID, start)
	require.ErrorIs(t, err, people.ErrNoPerson)
	require.ErrorIs(t, svc.Remove(t.Context(), people.Console, p.ID, start), people.ErrNoPerson)
	require.ErrorIs(t, svc.Remove(t.Context(), people.Console, "p-unknown", start), people.ErrNoPerson)

	all, err := svc.List(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.False(t, all[0].Active())
}

func TestTheFirstAdministratorIsMadeOnceAndTheLastStays(t *testing.T) {
	svc, _ := open(t)
	first, code1, err := svc.AdminLink(t.Context(), start)
	require.NoError(t, err)
	again, code2, err := svc.AdminLink(t.Context(), start)
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID)
	require.NotEqual(t, code1, code2)
	_, err = svc.Login(t.Context(), code1, people.From{}, start.Add(people.AdminLinkEnd))
	require.ErrorIs(t, err, people.ErrLink)

	require.ErrorIs(t, svc.Remove(t.Context(), first.ID, first.ID, start), people.ErrLastAdmin)
	_, _, err = svc.Add(t.Context(), first.ID, people.Person{Name: "Baba", Role: people.Admin}, start)
	require.NoError(t, err)
	require.NoError(t, svc.Remove(t.Context(), first.ID, first.ID, start))
}

func TestAWrongFieldIsNamedWithWhatWasExpected(t *testing.T) {
	svc, _ := open(t)
	for name, c := range map[string]struct {
		p    people.Person
		want string
	}{
		"no name":             {people.Person{Role: people.Admin}, "name: want 1 to 80"},
		"long name":           {people.Person{Name: strings.Repeat("あ", 81), Role: people.Admin}, "name: want 1 to 80"},
		"control character":   {people.Person{Name: "a\nb", Role: people.Admin}, "name: want no control"},
		"unknown role":        {people.Person{Name: "A", Role: "king"}, "role: want one of admin, dispatcher"},
		"shop without place":  {people.Person{Name: "A", Role: people.Shop}, "place: want the id of the shop"},
		"driver without one":  {people.Person{Name: "A", Role: people.Driver, Place: " "}, "place: want the id of the driver's route"},
		"no such route":       {people.Person{Name: "A", Role: people.Driver, Place: "nope"}, `place: want the id of a route of the imported network, and "nope" is none`},
		"a route for a shop":  {people.Person{Name: "A", Role: people.Shop, Place: "route-1"}, `place: want the id of a shop of the imported network, and "route-1" is none`},
		"no such warehouse":   {people.Person{Name: "A", Role: people.Warehouse, Place: "route-1"}, `place: want the id of a warehouse of the imported network, and "route-1" is none`},
		"place that is silly": {people.Person{Name: "A", Role: people.Shop, Place: strings.Repeat("x", 91)}, "place: want at most"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := svc.Add(t.Context(), people.Console, c.p, start)
			require.ErrorContains(t, err, c.want)
			var field *people.FieldError
			require.ErrorAs(t, err, &field)
		})
	}
}

// Which place goes with which role, once more as people argue about it. A change here is a decision, not a repair.
func TestEachRoleHasThePlaceThatGoesWithIt(t *testing.T) {
	svc, s := open(t)
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
		return tx.SaveWarehouses(t.Context(), []bulk.Warehouse{{ID: "w-1", GLN: "9520001000058", Name: "Koto"}})
	}))
	must, may := map[people.Role]string{people.Driver: "route-1", people.Shop: "shop-a", people.Customer: "member-1"}, map[people.Role]string{people.Warehouse: "w-1"}
	for _, role := range people.Roles() {
		add := func(place string) error {
			_, _, err := svc.Add(t.Context(), people.Console, people.Person{Name: "A", Role: role, Place: place}, start)
			return err
		}
		place, needs := must[role]
		if !needs {
			place = may[role]
		}
		require.NoError(t, add(place), role)
		switch {
		case needs:
			require.ErrorContains(t, add(""), "place: want the", role)
		case place != "":
			require.NoError(t, add(""), role)
		default:
			require.ErrorContains(t, add("shop-a"), "place: want nothing", role)
		}
	}
}

func TestEachActIsRecordedWithThePerson(t *testing.T) {
	svc, s := open(t)
	admin, code, err := svc.AdminLink(t.Context(), start)
	require.NoError(t, err)
	in, err := svc.Login(t.Context(), code, people.From{}, start)
	require.NoError(t, err)
	p, _, err := svc.Add(t.Context(), admin.ID, people.Person{Name: "Aoki", Role: people.Shop, Place: "shop-a"}, start)
	require.NoError(t, err)
	require.NoError(t, svc.Remove(t.Context(), admin.ID, p.ID, start))
	require.NoError(t, svc.SignOut(t.Context(), admin.ID, in.Token, start))

	var got []string
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) error {
		for _, subject := range []string{admin.ID, p.ID} {
			acts, err := tx.Acts(t.Context(), subject, 100)
			require.NoError(t, err)
			for _, a := range acts {
				got = append(got, a.Person+" "+a.Act+" "+a.Subject)
				require.NotContains(t, a.Detail, code)
			}
		}
		return nil
	}))
	require.ElementsMatch(t, []string{
		"console person.add " + admin.ID, "console person.link " + admin.ID, admin.ID + " login " + admin.ID,
		admin.ID + " person.add " + p.ID, admin.ID + " person.link " + p.ID, admin.ID + " person.remove " + p.ID,
		admin.ID + " logout " + admin.ID,
	}, got)
}
