package main

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"meguri/hub/order"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
)

func TestOutagesAreLookedAtAndThenApplied(t *testing.T) {
	dir := t.TempDir()
	noon := time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)
	g := &Globals{Ctx: t.Context(), DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hub.db"), Clock: clock.New(time.Now(), noon, 1),
		Logger: slog.New(slog.DiscardHandler)}
	s, err := g.MakeStore()
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	storetest.Import(t, s, storetest.Network(t))
	service := order.NewService(s.Orders())
	for _, o := range []struct{ id, product string }{{"o-1", "a-cold"}, {"o-2", "b-cold"}} {
		_, err := service.Place(t.Context(), order.Request{ID: o.id, DeliveryDate: "2026-12-01", LocationID: "loc-1", CustomerID: "m",
			Lines: []order.Line{{ProductID: o.product, Quantity: 1}}}, noon, "test")
		require.NoError(t, err)
	}
	run := func(args ...string) (string, error) {
		var cli struct {
			Outage    OutageCmd    `cmd:""`
			Limit     LimitCmd     `cmd:""`
			Calloff   CallOffCmd   `cmd:""`
			Exception ExceptionCmd `cmd:""`
		}
		var out bytes.Buffer
		g.Stdout = &out
		p, err := kong.New(&cli)
		require.NoError(t, err)
		ctx, err := p.Parse(args)
		if err != nil {
			return "", err
		}
		err = ctx.Run(g)
		return out.String(), err
	}
	add := []string{"outage", "add", "--date", "2026-12-01", "--slot", "loc-1-f1-s1", "--reason", "door broken"}
	out, err := run(add...)
	require.NoError(t, err)
	shown, mark, found := strings.Cut(out, "Nothing was changed. To do just this, add --apply --expect ")
	require.True(t, found, out)
	require.Equal(t, "1 container would be moved: C-20261201-0001\n1 order would be called off, 1 unit\n  o-2 for loc-1, 1 unit\n", shown)
	_, err = run(append(add, "--apply", "--expect", "0123456789abcdef")...)
	require.ErrorContains(t, err, "orders have changed since this was looked at", "something else comes of it")
	out, err = run(append(add, "--apply", "--expect", strings.TrimSpace(mark))...)
	require.NoError(t, err)
	require.Equal(t, "1 container moved: C-20261201-0001\n1 order called off, 1 unit\n  o-2 for loc-1, 1 unit\n", out)
	out, err = run("limit", "--date", "2026-12-01", "--product", "a-cold", "--limit", "0", "--withdraw", "--reason", "no chicken")
	require.NoError(t, err)
	require.Contains(t, out, "o-1 for loc-1, 1 unit")
	_, err = run("limit", "--date", "2026-12-01", "--product", "a-cold", "--limit", "3", "--reason", "less chicken", "--apply")
	require.NoError(t, err)
	out, err = run("outage", "list", "--date", "2026-12-01")
	require.NoError(t, err)
	require.Regexp(t, `slot +loc-1-f1-s1 +door broken +by console`, out)
	require.Regexp(t, `limit +a-cold +3 +by console`, out)
	_, err = run("outage", "end", "--date", "2026-12-01", "--slot", "loc-1-f1-s1", "--reason", "repaired", "--apply")
	require.NoError(t, err)
	out, err = run("calloff", "--date", "2026-12-01", "--run", "route-1@2026-12-01", "--reason", "typhoon")
	require.NoError(t, err)
	require.Contains(t, out, "1 order would be called off")

	o, err := service.Get(t.Context(), "o-1")
	require.NoError(t, err)
	box := o.Items[0].ContainerID
	_, err = run("exception", "keep-back", box, "--reason", "leaks", "--apply")
	require.ErrorContains(t, err, "not frozen yet")
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error { return tx.Freeze(t.Context(), "2026-12-01", noon) }))
	for _, args := range [][]string{{"exception", "move", box, "--slot", "loc-1-f1-s1"}, {"exception", "keep-back", box},
		{"exception", "let-go", box}} {
		out, err = run(append(args, "--reason", "leaks", "--apply")...)
		require.NoError(t, err, args)
		require.Contains(t, out, "run route-1@2026-12-01 has version")
	}
	out, err = run("exception", "take-off", "o-1", "--reason", "leaks")
	require.NoError(t, err)
	require.Contains(t, out, "2026-12-01 is frozen: this is an exception")

	for want, args := range map[string][]string{
		`"2026-12-1": want YYYY`:    {"outage", "add", "--date", "2026-12-1", "--slot", "a", "--reason", "broken"},
		"want the id of a slot":     {"outage", "add", "--date", "2026-12-01", "--fridge=", "--reason", "broken"},
		"want ROUTE@DATE":           {"outage", "add", "--date", "2026-12-01", "--run", "route-1", "--reason", "broken"},
		"--expect goes with":        {"outage", "add", "--date", "2026-12-01", "--slot", "a", "--reason", "broken", "--expect", "x"},
		"can't be used together":    {"outage", "add", "--date", "2026-12-01", "--slot", "a", "--fridge", "b", "--reason", "broken"},
		"missing flags":             {"outage", "add", "--date", "2026-12-01", "--slot", "a"},
		"slot a on 2026-12-01":      {"outage", "add", "--date", "2026-12-01", "--slot", "a", "--reason", "broken"},
		"want 2 to 500 characters":  {"outage", "add", "--date", "2026-12-01", "--slot", "a", "--reason", "x"},
		"want 0 or more":            {"limit", "--date", "2026-12-01", "--product", "a-cold", "--limit=-1", "--reason", "broken"},
		"no delivery on this date":  {"calloff", "--date", "2026-12-25", "--location", "loc-1", "--reason", "typhoon"},
		"container none: not found": {"exception", "keep-back", "none", "--reason", "leaks"},
	} {
		_, err := run(args...)
		require.ErrorContains(t, err, want, args)
	}
}
