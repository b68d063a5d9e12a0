package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"meguri/hub/fleet"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
)

// runCheck runs hub check with a command line, after the cutoffs of the sample and before its runs depart.
func runCheck(t *testing.T, g *Globals, args ...string) (string, error) {
	t.Helper()
	var cli struct {
		Check CheckCmd `cmd:""`
	}
	var out bytes.Buffer
	g.Stdout = &out
	g.Clock = clock.New(time.Now(), time.Date(2026, 11, 30, 18, 0, 0, 0, time.UTC), 1)
	p, err := kong.New(&cli)
	require.NoError(t, err)
	ctx, err := p.Parse(append([]string{"check"}, args...))
	if err != nil {
		return "", err
	}
	err = ctx.Run(g)
	return out.String(), err
}

// imported is a hub with the network and the orders of a directory.
func imported(t *testing.T, dir string) *Globals {
	t.Helper()
	g, _ := globals(t)
	require.NoError(t, (&ImportCmd{Dir: dir}).Run(g))
	require.NoError(t, (&OrderImportCmd{Outcome: filepath.Join(t.TempDir(), "out.csv"), File: filepath.Join(dir, "orders.csv")}).Run(g))
	return g
}

func TestRealDaysAreClean(t *testing.T) {
	out, err := runCheck(t, imported(t, "../deploy/sample"))
	require.NoError(t, err)
	require.Regexp(t, `^1 date, .* 60 orders, .* nothing is wrong`, out)

	const tokyo = "../../shared/data/tokyo24"
	if _, err := os.Stat(tokyo); errors.Is(err, os.ErrNotExist) {
		t.Skipf("%s is not there: only this check against it is left out", tokyo)
	}
	deliveries, err := os.ReadFile(filepath.Join(tokyo, "deliveries.csv"))
	require.NoError(t, err)
	args := []string{}
	seen := map[string]bool{}
	for _, date := range regexp.MustCompile(`(?m)^[^,]+,(\d{4}-\d\d-\d\d),`).FindAllStringSubmatch(string(deliveries), -1) {
		if !seen[date[1]] {
			args = append(args, "--date", date[1])
		}
		seen[date[1]] = true
	}
	require.Len(t, seen, 12)
	out, err = runCheck(t, imported(t, tokyo), args...)
	require.NoError(t, err)
	require.Regexp(t, `^12 dates, .* 7975 orders, .* nothing is wrong`, out)
}

func TestCheckTellsWhatIsBrokenShowsTheRepairAndAppliesIt(t *testing.T) {
	g := imported(t, "../deploy/sample")
	exec := func(text string) { storetest.Break(t, g.Database, text) }
	db, err := sql.Open("sqlite", strings.TrimPrefix(g.Database, "sqlite:"))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	exec("UPDATE orders SET state = 'cancelled' WHERE id = (SELECT order_id FROM order_items WHERE dated_container_id = 'C-20261201-0002' LIMIT 1)")
	exec(`UPDATE dated_containers SET used_ml = used_ml - 1 WHERE id = (SELECT MAX(id) FROM dated_containers WHERE id NOT IN (
		SELECT dated_container_id FROM order_items i JOIN orders o ON o.id = i.order_id WHERE o.state = 'cancelled'))`)
	before, err := runCheck(t, g)
	require.EqualError(t, err, "2 findings")
	require.Contains(t, before, "is said to hold")
	require.Regexp(t, `wrong +2026-12-01 +\d+ min +[0-9a-f]{12} +Order \S+ is cancelled and still holds units: \d+`, before)

	shown, err := runCheck(t, g, "--repair", "--format", "json")
	require.EqualError(t, err, "2 findings")
	var report struct {
		Findings []struct {
			Kind    string
			Repair  string   `json:"repair_id"`
			Changes []string `json:"changes"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(shown), &report))
	require.Len(t, report.Findings, 2)
	for _, f := range report.Findings {
		require.NotEmpty(t, f.Changes, f.Kind)
	}
	_, err = runCheck(t, g)
	require.EqualError(t, err, "2 findings", "showing changes nothing")

	require.NoError(t, g.change(func(tx *store.Tx) error {
		c, err := tx.Container(g.Ctx, "C-20261201-0002")
		require.NoError(t, err)
		return tx.AddDevice(g.Ctx, fleet.Device{ID: "station", Role: fleet.Station, Place: c.LocationID, AddedAt: g.Clock.Now(), AddedBy: people.Console})
	}))
	exec("UPDATE devices SET incarnation = '000102030405060708090a0b0c0d0e0f'")
	one, err := runCheck(t, g, "--repair", "--apply", report.Findings[0].Repair)
	require.EqualError(t, err, "1 finding")
	require.Contains(t, one, "applied "+report.Findings[0].Repair)
	_, err = runCheck(t, g, "--repair", "--apply", report.Findings[0].Repair)
	require.ErrorContains(t, err, "there is no such repair")
	all, err := runCheck(t, g, "--repair", "--apply", "all")
	require.NoError(t, err)
	require.Contains(t, all, "nothing is wrong")

	var plans int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT plan_sent FROM devices").Scan(&plans))
	require.Positive(t, plans, "the station is to be told")
	var acts, histories int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM acts WHERE act = 'check.repair' AND person_id = 'console'").Scan(&acts))
	require.Equal(t, 2, acts)
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM order_item_history WHERE cause = 'repair'").Scan(&histories))
	require.Positive(t, histories)

	for want, args := range map[string][]string{
		`--date "tomorrow": want YYYY-MM-DD`:        {"--date", "tomorrow"},
		"--date 2026-12-25: no delivery on this":    {"--date", "2026-12-25"},
		"--apply goes with --repair":                {"--apply", "all"},
		`--format must be one of "table","json"`:    {"--format", "xml"},
		"--apply 123456789abc: there is no such re": {"--repair", "--apply", "123456789abc"},
	} {
		_, err := runCheck(t, g, args...)
		require.ErrorContains(t, err, want, "%v", args)
	}
}

// brokenSample is the sample in which one container has units of an order that is cancelled and of one whose hold is overdue, and
// another one's sum is wrong.
func brokenSample(t *testing.T) (g *Globals, exec func(string)) {
	t.Helper()
	g = imported(t, "../deploy/sample")
	exec = func(text string) { storetest.Break(t, g.Database, text) }
	const of = "(SELECT %s(order_id) FROM order_items WHERE dated_container_id = 'C-20261201-0001')"
	exec("UPDATE orders SET state = 'cancelled' WHERE id = " + fmt.Sprintf(of, "MIN"))
	exec("UPDATE orders SET state = 'held', hold_until = 1 WHERE id = " + fmt.Sprintf(of, "MAX"))
	exec(`UPDATE dated_containers SET used_ml = used_ml - 1 WHERE id = (SELECT MAX(id) FROM dated_containers WHERE id NOT IN (
		SELECT dated_container_id FROM order_items i JOIN orders o ON o.id = i.order_id WHERE o.state IN ('cancelled', 'held')))`)
	return g, exec
}

// repairsOf gives the ids of the repairs that are shown, by kind of finding.
func repairsOf(t *testing.T, g *Globals) map[string]string {
	t.Helper()
	shown, _ := runCheck(t, g, "--repair", "--format", "json")
	var report struct {
		Findings []struct {
			Kind   string
			Repair string `json:"repair_id"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(shown), &report))
	ids := map[string]string{}
	for _, f := range report.Findings {
		require.NotEmpty(t, f.Repair, f.Kind)
		ids[f.Kind] = f.Repair
	}
	return ids
}

func TestRepairsOfOneListingAreAppliedTogetherInTheOrderGiven(t *testing.T) {
	g, _ := brokenSample(t)
	ids := repairsOf(t, g)
	require.Len(t, ids, 3)
	_, err := runCheck(t, g, "--repair", "--apply", ids["still_holds"]+",0123456789ab,cdefcdefcdef")
	require.EqualError(t, err, "--apply 0123456789ab, cdefcdefcdef: there is no such repair: hub check --repair shows them")
	require.Equal(t, ids, repairsOf(t, g), "and nothing was done")

	out, err := runCheck(t, g, "--repair", "--apply", ids["used_differs"]+","+ids["still_holds"]+","+ids["hold_overdue"]+","+ids["still_holds"])
	require.NoError(t, err, out)
	require.Equal(t, 3, strings.Count(out, "applied "), out)
	require.Contains(t, out, "nothing is wrong")
}

// The database refuses one repair. The others are made, and what failed is told at the end.
func TestARepairThatFailsDoesNotStopTheOthers(t *testing.T) {
	for _, all := range []bool{false, true} {
		g, exec := brokenSample(t)
		ids := repairsOf(t, g)
		exec("CREATE TRIGGER refuses BEFORE UPDATE ON orders WHEN OLD.state = 'held' BEGIN SELECT RAISE(ABORT, 'the page is worn'); END")
		apply := ids["hold_overdue"] + "," + ids["still_holds"] + "," + ids["used_differs"]
		if all {
			apply = "all"
		}
		out, err := runCheck(t, g, "--repair", "--apply", apply)
		require.ErrorContains(t, err, "1 repair not applied:\n  repair "+ids["hold_overdue"]+": ")
		require.ErrorContains(t, err, "the page is worn")
		require.ErrorContains(t, err, "\n1 finding")
		require.Equal(t, 2, strings.Count(out, "applied "), out)
		require.Equal(t, map[string]string{"hold_overdue": ids["hold_overdue"]}, repairsOf(t, g))
	}
}

func TestTheTableNamesTheRowsAndCountsADateOnce(t *testing.T) {
	g, _ := brokenSample(t)
	out, err := runCheck(t, g, "--date", "2026-12-01,2026-12-01", "--date", "2026-12-01")
	require.EqualError(t, err, "3 findings")
	require.Regexp(t, `(?m)^ +orders [^ ]+ *$`, out)
	require.Regexp(t, `(?m)^ +dated_containers C-20261201-\d{4} *$`, out)
	require.Regexp(t, `(?m)^1 date, \d+ containers, 60 orders, `, out)
}
