package main

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"meguri/hub/dispatch"
	"meguri/hub/order"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
)

func runDay(t *testing.T, g *Globals, args ...string) (string, error) {
	t.Helper()
	var cli struct {
		Packing PackingCmd `cmd:""`
		Sheet   SheetCmd   `cmd:""`
		History HistoryCmd `cmd:""`
		Serve   ServeCmd   `cmd:""`
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

func TestPackingListAndSheetArePrinted(t *testing.T) {
	dir := t.TempDir()
	g := &Globals{Ctx: t.Context(), DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hub.db"),
		Clock: clock.New(time.Now(), time.Date(2026, 11, 30, 1, 0, 0, 0, time.UTC), 1)}
	s, err := g.MakeStore()
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	storetest.Import(t, s, storetest.Network(t))
	_, err = order.NewService(s.Orders()).Place(t.Context(), order.Request{ID: "o-1", DeliveryDate: "2026-12-01", LocationID: "loc-1",
		CustomerID: "member-1", Lines: []order.Line{{ProductID: "a-cold", Quantity: 2}}}, time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC), "test")
	require.NoError(t, err)
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
		return tx.AddGrant(t.Context(), dispatch.Grant{ID: "g", DeliveryDate: "2026-12-01", LocationID: "loc-1", Holder: dispatch.Courier,
			RunID: "route-1@2026-12-01", PIN: "87654321"})
	}))

	out, err := runDay(t, g, "packing", "--date", "2026-12-01", "--shop", "shop-a")
	require.NoError(t, err)
	require.Regexp(t, `^NOT FINAL, read at 2026-11-30 10:00:\d\d JST: until the cutoff at 2026-12-01 02:00:00 JST`, out)
	require.Contains(t, out, "Packing list 2026-12-01, 青木精肉店 (shop-a), hand in at 東の集荷場: 1 container, 2 units")
	require.Regexp(t, `C-20261201-0001 +cold +address spot-1-1 +for 一番ステーション +planned`, out)
	require.Regexp(t, `2 × +鶏もも +9520001000010`, out)

	out, err = runDay(t, g, "sheet", "--date", "2026-12-01", "--route", "route-1")
	require.NoError(t, err)
	require.Contains(t, out, "1  COLLECT  東の集荷場 (spot-1), planned 2026-12-01 06:30 JST")
	require.Regexp(t, `spot-1-1 +→ C-20261201-0001 +→ box-1-cold +planned`, out)
	require.Regexp(t, `box-1-cold +→ C-20261201-0001 +→ loc-1-f1-s1 +planned`, out)
	require.NotContains(t, out, "87654321", "paper gets lost")
	require.NotContains(t, out, "member-1")

	g.Clock = clock.Real()
	out, err = runDay(t, g, "history", "--location", "loc-1", "--date", "2026-12-01", "--as-known-at", "2026-12-01T00:00:00Z")
	require.NoError(t, err)
	require.Contains(t, out, "loc-1 on 2026-12-01, at 2026-12-01 09:00:00 JST, as known at 2026-12-01 09:00:00 JST: 1 container\n")
	require.Regexp(t, `loc-1-f1-s1 +C-20261201-0001 +shop-a +cold +box-1-cold +spot-1-1 +2 units +planned`, out)

	out, err = runDay(t, g, "sheet", "--dry-run", "--date", "2026-12-01", "--route", "route-1")
	require.NoError(t, err)
	require.Regexp(t, `^PREVIEW of 2026-12-01 at .*: 1 order accepted, 0 held.\nUntil the cutoff at 2026-12-01 02:00:00 JST`, out)
	require.Contains(t, out, "Sheet route-1@2026-12-01")
	out, err = runDay(t, g, "packing", "--dry-run", "--date", "2026-12-01", "--shop", "shop-a")
	require.NoError(t, err)
	require.Contains(t, out, "PREVIEW")
	require.Contains(t, out, "Packing list")
	out, err = runDay(t, g, "sheet", "--all", "--date", "2026-12-01")
	require.NoError(t, err)
	require.NotContains(t, out, "PREVIEW")
	require.Regexp(t, `route-1@2026-12-01 +version 1 +4 stops +1 container +2 units +shippers 1 of 4`, out)
	for _, part := range []string{"Sheet route-1@", "Sheet route-2@", "Packing list 2026-12-01, 青木精肉店"} {
		require.Contains(t, out, part)
	}

	for want, args := range map[string][]string{
		"missing flags":                  {"sheet", "--date", "2026-12-01"},
		"can't be used together":         {"sheet", "--date", "2026-12-01", "--all", "--route", "route-1"},
		"location":                       {"history", "--date", "2026-12-01"},
		"loc-9 on 2026-12-01: not found": {"history", "--location", "loc-9", "--date", "2026-12-01"},
		"--as-known-at: \"noon\"":        {"history", "--location", "loc-1", "--date", "2026-12-01", "--as-known-at", "noon"},
		`"2026-13-01": want YYYY-MM-DD`:  {"packing", "--date", "2026-13-01", "--shop", "shop-a"},
		"no delivery on this date":       {"packing", "--date", "2026-12-25", "--shop", "shop-a"},
		"shop shop-9: not found":         {"packing", "--date", "2026-12-01", "--shop", "shop-9"},
		"route route-9 on 2026-12-01":    {"sheet", "--date", "2026-12-01", "--route", "route-9"},
		"--time-zone":                    {"sheet", "--date", "2026-12-01", "--route", "route-1", "--time-zone", "Nowhere/Else"},
		"unexpected argument":            {"sheet", "now"},
	} {
		_, err := runDay(t, g, args...)
		require.ErrorContains(t, err, want)
	}
}

func TestServeRefusesWhatCannotWork(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("secret\n"), 0o600))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	g := &Globals{Ctx: t.Context(), DataDir: filepath.Join(dir, "data"), Database: "sqlite:" + filepath.Join(dir, "data", "hub.db"),
		Clock: clock.Real(), Logger: slog.New(slog.DiscardHandler)}
	for want, args := range map[string][]string{
		"--tls-cert and --tls-key go together": {"serve", "--tls-cert", file},
		"want tls://HOST:PORT":                 {"serve", "--broker-url", "tcp://127.0.0.1:1"},
		`--http "": want HOST:PORT`:            {"serve", "--http", ""},
		`--broker "1883": want HOST:PORT`:      {"serve", "--broker", "1883"},
		"--time-zone":                          {"serve", "--time-zone", "Nowhere/Else"},
		"TLS: certificate":                     {"serve", "--tls-cert", file, "--tls-key", file},
		"address already in use":               {"serve", "--http", taken.Addr().String(), "--broker", "127.0.0.1:0"},
	} {
		_, err := runDay(t, g, args...)
		require.ErrorContains(t, err, want)
	}
}
