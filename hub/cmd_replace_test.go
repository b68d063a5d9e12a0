package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/dispatch"
	"meguri/hub/fleet"
	"meguri/hub/live"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
	"meguri/protocol"
)

// replaced is a hub with a station whose codes were drawn.
func replaced(t *testing.T, now time.Time) (*Globals, *store.Store) {
	dir := t.TempDir()
	g := &Globals{Ctx: t.Context(), DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hub.db"), Clock: clock.New(time.Now(), now, 1),
		Logger: slog.New(slog.DiscardHandler)}
	s, err := g.MakeStore()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	storetest.Import(t, s, storetest.Network(t))
	_, err = runDevice(t, g, "add", "old", "--role", "station", "--place", "loc-1", "--out", dir)
	require.NoError(t, err)
	return g, s
}

// Whoever revokes a broken board and adds another one would get a lock that nobody has checked, with counted codes that begin anew.
func TestAnotherBoardAtAStationComesOnlyAsAReplacement(t *testing.T) {
	g, _ := replaced(t, time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC))
	add := func(id, place string) error {
		_, err := runDevice(t, g, "add", id, "--role", "station", "--place", place, "--out", filepath.Join(g.DataDir, id))
		return err
	}
	require.ErrorIs(t, add("beside", "loc-1"), ErrHasBoard)
	_, err := runDevice(t, g, "revoke", "old")
	require.NoError(t, err)
	require.ErrorContains(t, add("new", "loc-1"), "hub device replace old --with new")
	require.NoDirExists(t, filepath.Join(g.DataDir, "new", "new.key"))
	_, err = runDevice(t, g, "replace", "old", "--with", "new", "--out", g.DataDir)
	require.NoError(t, err)
	require.ErrorContains(t, add("third", "loc-1"), "hub device replace new --with third", "the one that is there now")
	require.NoError(t, add("other", "loc-2"), "the first at its place")
	_, err = runDevice(t, g, "add", "scan-1", "--role", "scanner", "--place", "shop-a", "--out", g.DataDir)
	require.NoError(t, err)
	_, err = runDevice(t, g, "add", "scan-2", "--role", "scanner", "--place", "shop-a", "--out", g.DataDir)
	require.NoError(t, err, "a shop may have several scanners")
}

func TestAReplacedBoardsCountedCodesAreIssuedAnew(t *testing.T) {
	now := time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)
	g, s := replaced(t, now)
	ctx := t.Context()
	read := func(fn func(context.Context, *store.Tx) error) {
		t.Helper()
		require.NoError(t, s.Change(ctx, func(tx *store.Tx) error { return fn(ctx, tx) }))
	}
	var date, run string
	courier := dispatch.Grant{LocationID: "loc-1", Holder: dispatch.Courier, PIN: "11111111", From: now.Add(-time.Hour), Until: now.Add(time.Hour)}
	over := courier
	read(func(ctx context.Context, tx *store.Tx) error {
		dates, err := tx.Dates(ctx, 1)
		require.NoError(t, err)
		date = dates[0]
		runs, err := tx.RunsOfDate(ctx, date)
		require.NoError(t, err)
		run = runs[0]
		courier.ID, courier.DeliveryDate, courier.RunID = run+"-loc-1", date, run
		over.ID, over.DeliveryDate, over.RunID, over.PIN, over.Until = "over", date, run, "22222222", now.Add(-time.Minute)
		require.NoError(t, tx.AddGrant(ctx, courier))
		require.NoError(t, tx.AddGrant(ctx, over))
		_, err = tx.MakeEditions(ctx, date, nil, "hub", "cutoff", now)
		return err
	})
	before := func() (r dispatch.Run) {
		read(func(ctx context.Context, tx *store.Tx) (err error) {
			r, err = tx.Run(ctx, run)
			return err
		})
		return r
	}
	version := before().Version

	out := filepath.Join(g.DataDir, "new-board")
	said, err := runDevice(t, g, "replace", "old", "--with", "new", "--out", out)
	require.NoError(t, err)
	require.Contains(t, said, "has another code at loc-1")
	require.FileExists(t, filepath.Join(out, "new.key"))
	read(func(ctx context.Context, tx *store.Tx) error {
		old, err := tx.Device(ctx, "old")
		require.NoError(t, err)
		require.True(t, old.Revoked())
		fresh, err := tx.Device(ctx, "new")
		require.NoError(t, err)
		require.Equal(t, "loc-1", fresh.Place)
		require.Equal(t, fleet.Station, fresh.Role)

		grants, err := tx.GrantsOfLocation(ctx, date, "loc-1")
		require.NoError(t, err)
		byID := map[string]dispatch.Grant{}
		for _, g := range grants {
			byID[g.ID] = g
		}
		require.NotContains(t, byID, courier.ID, "the former id is in no plan any more")
		anew := byID[courier.ID+"~1"]
		require.NotEqual(t, courier.PIN, anew.PIN)
		require.Len(t, anew.PIN, dispatch.PINDigits)
		require.Equal(t, courier.Until, anew.Until)
		require.Contains(t, byID, "over", "what is over stays as it was")

		sheet, err := tx.Sheet(ctx, run)
		require.NoError(t, err)
		require.NotContains(t, sheetCodes(sheet), courier.PIN)
		work, err := tx.Work(ctx, false, 10)
		require.NoError(t, err)
		require.Equal(t, "grant_reissued", work[0].Kind)
		return nil
	})
	require.Equal(t, version+1, before().Version, "the sheet is another one")
	read(func(ctx context.Context, tx *store.Tx) error {
		editions, err := tx.Editions(ctx, dispatch.OfRun, run, date, 10)
		require.NoError(t, err)
		require.Len(t, editions, 2)
		require.Equal(t, []dispatch.Difference{{Field: "code", Is: "loc-1"}}, editions[0].Content.Since(editions[1].Content))
		due, err := tx.Confirmations(ctx, date)
		require.NoError(t, err)
		require.True(t, slices.ContainsFunc(due, func(c dispatch.Confirmation) bool { return c.RunID == run && c.Due() }), "the driver has to see it")
		return nil
	})

	for name, args := range map[string][]string{
		"twice":                      {"replace", "old", "--with", "third", "--out", out},
		"by one that is there":       {"replace", "new", "--with", "old", "--out", filepath.Join(g.DataDir, "x")},
		"nobody":                     {"replace", "nobody", "--with", "third", "--out", out},
		"by something that is no id": {"replace", "new", "--with", "No Id", "--out", out},
	} {
		_, err := runDevice(t, g, args...)
		require.Error(t, err, name)
	}
	require.NoFileExists(t, filepath.Join(out, "third.key"), "no key of a device that was not added")

	// Its first hello gets it a plan with the new code and without the old.
	read(func(ctx context.Context, tx *store.Tx) error {
		d, err := tx.Device(ctx, "new")
		require.NoError(t, err)
		return tx.SaveDevice(ctx, d.Greet(fleet.Greeting{Incarnation: protocol.NewIncarnation().String(), Boot: 1}, false, now))
	})
	require.NoError(t, plan.NewMaker(s, live.New(), g.Clock, g.Logger).Make(ctx, "loc-1"))
	read(func(ctx context.Context, tx *store.Tx) error {
		_, ok, err := tx.NewestPlan(ctx, "new")
		require.True(t, ok)
		return err
	})
}

// sheetCodes gives the codes on a sheet.
func sheetCodes(s dispatch.Sheet) (codes []string) {
	for _, stop := range s.Stops {
		codes = append(codes, stop.Code)
	}
	return codes
}

func TestDrainFromTheCommandLineSaysWhatIsWrong(t *testing.T) {
	g, _ := replaced(t, time.Now())
	junk := filepath.Join(g.DataDir, "junk")
	require.NoError(t, os.WriteFile(junk, []byte("no export"), 0o600))
	_, err := runDevice(t, g, "drain", "old", junk)
	require.ErrorContains(t, err, "not what edge export writes")

	hello, err := protocol.Encode(protocol.Hello{Incarnation: protocol.NewIncarnation(), Boot: 1})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(junk, hello, 0o600))
	_, err = runDevice(t, g, "drain", "old", junk, "--never-heard")
	require.ErrorContains(t, err, "never heard of", "the board is in service: its storage is another one")
	_, err = runDevice(t, g, "revoke", "old")
	require.NoError(t, err)
	_, err = runDevice(t, g, "drain", "old", junk)
	require.ErrorContains(t, err, "never heard of")
	out, err := runDevice(t, g, "drain", "old", junk, "--never-heard")
	require.NoError(t, err)
	require.Contains(t, out, "0 events and 0 samples taken")
}

func TestAStolenBoardsCodesAreIssuedAnew(t *testing.T) {
	g, s := replaced(t, time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC))
	said, err := runDevice(t, g, "stolen", "old")
	require.NoError(t, err)
	require.Contains(t, said, "old is shut out; 0 customers and 0 drivers have other codes")
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) error {
		d, err := tx.Device(t.Context(), "old")
		require.True(t, d.Revoked())
		return err
	}))
	_, err = runDevice(t, g, "stolen", "old")
	require.ErrorIs(t, err, fleet.ErrStolen)
	_, err = runDevice(t, g, "stolen", "nobody")
	require.ErrorIs(t, err, fleet.ErrUnknownDevice)
	_, err = runDevice(t, g, "replace", "old", "--with", "new", "--out", filepath.Join(g.DataDir, "new-board"))
	require.NoError(t, err, "another board takes its place")
}
