package storetest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/audit"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

var businessNow = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

// A network that is imported into one business is seen there and nowhere else, and no file of another business can change it.
func TestANetworkBelongsToTheBusinessThatItWasImportedInto(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := storetest.Open(t, empty())
		svc := people.New(s.People())
		ctx := t.Context()
		require.NoError(t, svc.AddBusiness(ctx, people.Console, people.Business{ID: "second", Name: "Second"}, businessNow))
		require.ErrorIs(t, svc.AddBusiness(ctx, people.Console, people.Business{ID: "second", Name: "Again"}, businessNow), people.ErrBusinessTaken)
		first, second := people.InBusiness(ctx, people.MainBusiness), people.InBusiness(ctx, "second")
		n := storetest.Network(t)
		load := func(ctx context.Context) error {
			return s.Change(ctx, func(tx *store.Tx) error {
				_, err := tx.ImportNetwork(ctx, n)
				return err
			})
		}
		require.NoError(t, load(second))
		require.NoError(t, load(second), "and again")
		require.ErrorContains(t, load(first), "nothing that belongs to another business")
		place := n.Locations[0].V.ID
		for _, c := range []struct {
			ctx  context.Context
			sees bool
		}{{ctx, true}, {second, true}, {first, false}, {people.InBusiness(ctx, "none"), false}} {
			require.NoError(t, s.Read(c.ctx, func(tx *store.Tx) error {
				all, err := tx.Locations(c.ctx)
				require.NoError(t, err)
				require.Equal(t, c.sees, len(all) > 0, people.BusinessOf(c.ctx))
				elsewhere, err := tx.Elsewhere(c.ctx, []string{"text", place + "/air"})
				require.NoError(t, err)
				require.Equal(t, !c.sees, elsewhere, people.BusinessOf(c.ctx))
				elsewhere, err = tx.Elsewhere(c.ctx, []string{"nothing is called so", ""})
				require.False(t, elsewhere)
				return err
			}))
		}
	})
}

// Somebody who works for two businesses has done in each what they have done there: neither hears of the other's by them, and each sees all of
// its own. What nobody in a business has done is seen where its subject is.
func TestWhatIsDoneInABusinessIsSeenThere(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := storetest.Open(t, empty())
		svc := people.New(s.People())
		ctx := t.Context()
		require.NoError(t, svc.AddBusiness(ctx, people.Console, people.Business{ID: "second", Name: "Second"}, businessNow))
		first, second := people.InBusiness(ctx, people.MainBusiness), people.InBusiness(ctx, "second")
		n := storetest.Network(t)
		require.NoError(t, s.Change(second, func(tx *store.Tx) error {
			_, err := tx.ImportNetwork(second, n)
			return err
		}))
		place := n.Locations[0].V.ID // of the second
		both, _, err := svc.Add(ctx, people.Console, people.Person{Name: "Both", Role: people.Admin}, businessNow)
		require.NoError(t, err)
		require.NoError(t, svc.GivePost(ctx, people.Console, both.ID, "second", people.Admin, "", businessNow))
		for _, a := range []struct {
			ctx           context.Context
			who, act, sub string
		}{{first, both.ID, "in.first", "hub"}, {second, both.ID, "in.second", "hub"}, {second, both.ID, "in.second.of", place}, {ctx, people.Console, "console.of", place},
			{ctx, people.Console, "console", "hub"}} {
			require.NoError(t, s.Change(a.ctx, func(tx *store.Tx) error {
				return tx.RecordAct(a.ctx, people.NewAct(businessNow, a.who, a.act, a.sub, ""))
			}))
		}
		seen := func(ctx context.Context) (acts []string) {
			require.NoError(t, s.Read(ctx, func(tx *store.Tx) error {
				return tx.EachEntry(ctx, func(e audit.Entry) error {
					if strings.HasPrefix(e.Act, "in.") || strings.HasPrefix(e.Act, "console") {
						acts = append(acts, e.Act)
					}
					return nil
				})
			}))
			return acts
		}
		require.ElementsMatch(t, []string{"in.first", "console"}, seen(first))
		require.ElementsMatch(t, []string{"in.second", "in.second.of", "console.of"}, seen(second))
		require.Len(t, seen(ctx), 5)
	})
}

func TestAPersonHasARoleOfTheirOwnInEachBusiness(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := storetest.Open(t, empty())
		svc := people.New(s.People())
		ctx := t.Context()
		require.NoError(t, svc.AddBusiness(ctx, people.Console, people.Business{ID: "second", Name: "Second"}, businessNow))
		first, second := people.InBusiness(ctx, people.MainBusiness), people.InBusiness(ctx, "second")
		boss, _, err := svc.Add(second, people.Console, people.Person{Name: "Boss", Role: people.Admin}, businessNow)
		require.NoError(t, err)
		both, _, err := svc.Add(ctx, people.Console, people.Person{Name: "Both", Role: people.Support}, businessNow)
		require.NoError(t, err)
		require.ErrorIs(t, svc.GivePost(ctx, people.Console, both.ID, "third", people.Kitting, "", businessNow), people.ErrNoBusiness)
		require.ErrorIs(t, svc.GivePost(ctx, people.Console, "p-none", "second", people.Kitting, "", businessNow), people.ErrNoPerson)
		require.ErrorAs(t, svc.GivePost(ctx, people.Console, both.ID, "second", people.Shop, "no-shop", businessNow), new(*people.FieldError))
		require.NoError(t, svc.GivePost(ctx, people.Console, both.ID, "second", people.Kitting, "", businessNow))

		roles := func(ctx context.Context) (all []string) {
			people, err := svc.List(ctx)
			require.NoError(t, err)
			for _, p := range people {
				all = append(all, p.Name+" "+string(p.Role))
			}
			return all
		}
		require.ElementsMatch(t, []string{"Both support"}, roles(first))
		require.ElementsMatch(t, []string{"Boss admin", "Both kitting"}, roles(second))

		// An administrator of one business ends what somebody is there, and gets no hold of their account.
		_, err = svc.Link(second, boss.ID, both.ID, businessNow)
		require.ErrorIs(t, err, people.ErrOtherBusinesses)
		require.ErrorIs(t, svc.Reset(second, boss.ID, both.ID, businessNow), people.ErrOtherBusinesses)
		require.ErrorIs(t, svc.Remove(first, "p", boss.ID, businessNow), people.ErrNoPerson, "of another business")
		require.NoError(t, svc.SetRole(second, boss.ID, both.ID, people.Quality, "", businessNow))
		require.Equal(t, []string{"Both support"}, roles(first), "as it was")
		require.NoError(t, svc.Remove(second, boss.ID, both.ID, businessNow))
		require.Equal(t, []string{"Boss admin"}, roles(second))
		require.Equal(t, []string{"Both support"}, roles(first))

		// Who leaves the business of their own row has it in another; who leaves the last is removed.
		require.ErrorIs(t, svc.DropPost(ctx, people.Console, boss.ID, "second", businessNow), people.ErrLastAdmin)
		require.NoError(t, svc.GivePost(ctx, people.Console, both.ID, "second", people.Warehouse, "", businessNow))
		require.NoError(t, svc.DropPost(ctx, people.Console, both.ID, people.MainBusiness, businessNow))
		require.Empty(t, roles(first))
		require.ElementsMatch(t, []string{"Boss admin", "Both warehouse"}, roles(second))
		require.NoError(t, svc.DropPost(ctx, people.Console, both.ID, "second", businessNow))
		require.ErrorIs(t, svc.DropPost(ctx, people.Console, both.ID, "second", businessNow), people.ErrNoPerson)
	})
}

func TestASessionGoesFromOneBusinessToAnother(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := storetest.Open(t, empty())
		svc := people.New(s.People())
		ctx, now := t.Context(), businessNow
		require.NoError(t, svc.AddBusiness(ctx, people.Console, people.Business{ID: "second", Name: "Second"}, now))
		p, _, err := svc.Add(ctx, people.Console, people.Person{Name: "Both", Role: people.Support}, now)
		require.NoError(t, err)
		require.NoError(t, svc.GivePost(ctx, people.Console, p.ID, "second", people.Dispatcher, "", now))
		code, err := svc.Link(ctx, people.Console, p.ID, now)
		require.NoError(t, err)
		in, err := svc.Login(ctx, code, people.From{}, now)
		require.NoError(t, err)
		require.False(t, in.Session.Whole, "the dispatcher of the other business owes a second factor")
		who := func() people.Person {
			p, session, err := svc.Session(ctx, in.Token, now)
			require.NoError(t, err)
			require.Equal(t, p.Business, session.Business)
			return p
		}
		require.Equal(t, people.Support, who().Role)
		require.ErrorIs(t, svc.Enter(ctx, in.Token, "third", now), people.ErrNoBusiness)
		require.NoError(t, svc.Enter(ctx, in.Token, "second", now))
		require.Equal(t, people.Dispatcher, who().Role)
		require.Equal(t, "second", who().Business)
		require.NoError(t, svc.Enter(ctx, in.Token, people.MainBusiness, now))
		require.Equal(t, people.Support, who().Role)
	})
}
