package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
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
	require.Regexp(t, `^1 dates, .* 60 orders, .* nothing is wrong`, out)

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
	file := strings.TrimPrefix(g.Database, "sqlite:")
	db, err := sql.Open("sqlite", "file:"+file)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	exec := func(text string) {
		_, err := db.ExecContext(t.Context(), text)
		require.NoError(t, err)
	}
	exec("PRAGMA foreign_keys = OFF")
	exec("UPDATE orders SET state = 'cancelled' WHERE id = (SELECT order_id FROM order_items WHERE dated_container_id = 'C-20261201-0002' LIMIT 1)")
	exec(`UPDATE dated_containers SET used_ml = used_ml - 1 WHERE id = (SELECT MAX(id) FROM dated_containers WHERE id NOT IN (
		SELECT dated_container_id FROM order_items i JOIN orders o ON o.id = i.order_id WHERE o.state = 'cancelled'))`)
	before, err := runCheck(t, g)
	require.EqualError(t, err, "2 findings")
	require.Contains(t, before, "is said to hold")
	require.Regexp(t, `wrong +2026-12-01 +\d+ min +[0-9a-f]{12} +Order \S+ is cancelled and still holds \d+ units`, before)

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
		var place string
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT location_id FROM dated_containers WHERE id = 'C-20261201-0002'").Scan(&place))
		return tx.AddDevice(g.Ctx, fleet.Device{ID: "station", Role: fleet.Station, Place: place, AddedAt: g.Clock.Now(), AddedBy: people.Console})
	}))
	exec("UPDATE devices SET incarnation = '000102030405060708090a0b0c0d0e0f'")
	one, err := runCheck(t, g, "--repair", "--apply", report.Findings[0].Repair)
	require.EqualError(t, err, "1 findings")
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
