package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/hub/token"
	"meguri/internal/clock"
	"meguri/protocol"
)

// lockOf is the plan of a door as the hub would make it now.
func lockOf(t *testing.T, s *store.Store, place, fridge string, now time.Time) (lock protocol.LockPlan) {
	t.Helper()
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) error {
		parts, err := plan.Build(t.Context(), tx, plan.RoleStation, place, protocol.Revision, now)
		require.NoError(t, err)
		return protocol.DecodeBody(parts["lock/"+fridge], &lock)
	}))
	return lock
}

func TestAPassIsAnActInThePlanAndATokenUntilItIsRevoked(t *testing.T) {
	g, out := globals(t)
	now := time.Date(2026, 11, 30, 12, 0, 0, 500_000_000, time.UTC)
	g.Clock = clock.New(time.Now(), now, 1)
	s := storetest.Open(t, g.Database)
	storetest.Import(t, s, storetest.Network(t))
	flags := PassFlags{Place: "loc-1", Name: "Sato", Reason: "the bolt sticks", For: 2 * time.Hour, Uses: 3}
	require.ErrorIs(t, (&TokenEngineerCmd{flags}).Run(g), token.ErrNoKey)
	require.Empty(t, lockOf(t, s, "loc-1", "loc-1-f1", now).Grants, "all of it or nothing")
	_, err := token.Open(t.Context(), s, g.pkiDir(), now)
	require.NoError(t, err)
	elsewhere := flags
	elsewhere.Fridge = "loc-2-f1"
	require.ErrorContains(t, (&TokenStaffCmd{elsewhere}).Run(g), "the network has no such door")
	long := flags
	long.For = 48 * time.Hour
	require.ErrorContains(t, (&TokenStaffCmd{long}).Run(g), "at most 24h0m0s for a staff")

	require.NoError(t, (&TokenEngineerCmd{flags}).Run(g))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 3, "the pass, and a token for each of two doors")
	id := strings.Fields(lines[0])[1]
	fridge, text, _ := strings.Cut(lines[1], " ")
	got, err := protocol.OpenToken(text, tokenKeys(t, s, now))
	require.NoError(t, err)
	require.Equal(t, fridge, got.Lock)
	require.Equal(t, protocol.HolderEngineer, got.Grant.Holder)
	require.EqualValues(t, 3, got.Grant.Uses)
	lock := lockOf(t, s, "loc-1", fridge, now)
	require.Len(t, lock.Grants, 1)
	planned := lock.Grants[0]
	require.Equal(t, []any{got.Grant.ID, got.Grant.From, got.Grant.Until}, []any{planned.ID, planned.From, planned.Until}, "the same grant either way")
	require.False(t, planned.HasPIN(""), "it has no code")
	require.Equal(t, got.Issued, lock.Issued, "a plan that leaves it out revokes it")

	require.NoError(t, (&TokenRevokeCmd{ID: id, Reason: "done"}).Run(g))
	require.ErrorContains(t, (&TokenRevokeCmd{ID: id, Reason: "done"}).Run(g), "revoked already")
	lock = lockOf(t, s, "loc-1", fridge, now)
	require.Empty(t, lock.Grants)
	require.GreaterOrEqual(t, lock.Issued, got.Issued)
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) error {
		acts, err := tx.Acts(t.Context(), id, 10)
		require.Len(t, acts, 2)
		require.Contains(t, acts[0].Detail+acts[1].Detail, "engineer: the bolt sticks")
		require.NotContains(t, acts[0].Detail+acts[1].Detail, "Sato", "what is chained cannot be erased: the name stands with the pass")
		return err
	}))
}

func TestAShopHasACodeForTheFridgesOfItsSpot(t *testing.T) {
	g, out := globals(t)
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	g.Clock = clock.New(time.Now(), now, 1)
	s := storetest.Open(t, g.Database)
	storetest.Import(t, s, storetest.Network(t))
	require.NoError(t, (&TokenShopCmd{ID: "shop-a", Reason: "season", For: 7 * 24 * time.Hour}).Run(g))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	code := strings.TrimPrefix(lines[1], "code ")
	var spot, fridge string
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) (err error) {
		spot, err = tx.SpotOfShop(t.Context(), "shop-a")
		require.NoError(t, err)
		all, err := tx.FridgesAt(t.Context(), spot)
		require.NotEmpty(t, all)
		fridge = all[0].ID
		return err
	}))
	lock := lockOf(t, s, spot, fridge, now)
	require.Len(t, lock.Grants, 1)
	require.Equal(t, protocol.HolderShop, lock.Grants[0].Holder)
	require.True(t, lock.Grants[0].HasPIN(code))
	require.ErrorContains(t, (&TokenShopCmd{ID: "nobody", Reason: "x", For: time.Hour}).Run(g), "nobody")
}

func TestWhatLocksDoInDoubtIsDataOfTheHub(t *testing.T) {
	g, _ := globals(t)
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	g.Clock = clock.New(time.Now(), now, 1)
	s := storetest.Open(t, g.Database)
	storetest.Import(t, s, storetest.Network(t))
	require.Equal(t, protocol.DefaultPeople(), lockOf(t, s, "loc-1", "loc-1-f1", now).People)
	require.NoError(t, (&TokenRuleCmd{Holder: "customer", Age: 72 * time.Hour, Unproven: "nothing"}).Run(g))
	require.NoError(t, (&TokenRuleCmd{Holder: "customer", Age: 48 * time.Hour, Unproven: "nothing"}).Run(g))
	lock := lockOf(t, s, "loc-1", "loc-1-f1", now)
	require.Equal(t, protocol.PersonRule{Holder: protocol.HolderCustomer, PlanAgeMS: (48 * time.Hour).Milliseconds()}, lock.RuleFor(protocol.HolderCustomer))
	require.Equal(t, protocol.DefaultPeople()[1:], lock.People[1:])
	require.ErrorContains(t, (&TokenRuleCmd{Holder: "customer", Age: time.Minute}).Run(g), "--age 1m0s: want 1h to 744h")
}
