package register_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/people"
	"meguri/hub/register"
	"meguri/hub/store"
)

func TestWhoLooksAfterCustomersReachesNobodyWhoWorksHere(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, svc *register.Service) {
		ctx := t.Context()
		p, _, err := people.New(s.People()).Add(ctx, people.Console, people.Person{Name: "Boss", Role: people.Admin}, now)
		require.NoError(t, err)
		program := register.Act{By: "client:shop-app", Reason: "order", At: now}
		change := func(c *register.Contact) { c.Name, c.Phone = "Boss", "0312345678" }
		require.ErrorIs(t, svc.Change(ctx, p.ID, change, program), register.ErrUnknown, "the first contact")
		require.NoError(t, svc.Change(ctx, p.ID, change, act("new here")))
		ids, err := svc.Find(ctx, "0312345678", "", program)
		require.NoError(t, err)
		require.Empty(t, ids)
		_, err = svc.Show(ctx, p.ID, program)
		require.ErrorIs(t, err, register.ErrUnknown)
		require.ErrorIs(t, svc.Change(ctx, p.ID, change, program), register.ErrUnknown)
		_, err = svc.Export(ctx, p.ID, program)
		require.ErrorIs(t, err, register.ErrUnknown)
		require.ErrorIs(t, svc.Erase(ctx, p.ID, "person", program), register.ErrUnknown)
		ids, err = svc.Find(ctx, "0312345678", "", act("called"))
		require.NoError(t, err)
		require.Equal(t, []string{p.ID}, ids, "an administrator does")
	})
}

func TestOnlyPersonsAreErasedOnceAndWhoComesLaterIsNot(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, svc *register.Service) {
		ctx := t.Context()
		var list []register.Erasure
		svc.Note = func(e register.Erasure) error { list = append(list, e); return nil }
		require.NoError(t, s.Change(ctx, func(tx *store.Tx) error { return tx.RecordAct(ctx, people.NewAct(now, "x", "y", "fridge-1", "")) }))
		require.ErrorIs(t, svc.Erase(ctx, "fridge-1", "person", act("oops")), register.ErrUnknown)
		require.Empty(t, list)
		// A list of before holds it all the same.
		list = append(list, register.Erasure{ID: "m-1", Kind: register.Customer, At: now, OrderedBy: "person", Reason: "letter", By: "x"})
		_, err := svc.Add(ctx, "m-1", hana, "x", now.Add(1e9))
		require.NoError(t, err)
		n, err := svc.Reapply(ctx, list)
		require.NoError(t, err)
		require.Zero(t, n)
		c, err := svc.Show(ctx, "m-1", act("called"))
		require.NoError(t, err)
		require.Equal(t, hana.Name, c.Name)
	})
}
