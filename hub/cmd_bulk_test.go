package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

func globals(t *testing.T) (*Globals, *bytes.Buffer) {
	dir, out := t.TempDir(), &bytes.Buffer{}
	return &Globals{Ctx: t.Context(), DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hub.db"),
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Stdout: out}, out
}

// write puts files into a directory.
func write(t *testing.T, files map[string]string) string {
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

// placeAll imports a network and the orders beside it, and gives the summary and the outcomes by limit.
func placeAll(t *testing.T, dir string) (string, map[string]int) {
	g, out := globals(t)
	require.NoError(t, (&ImportCmd{Dir: dir}).Run(g))
	t.Log(out.String())
	out.Reset()
	outcome := filepath.Join(t.TempDir(), "out.csv")
	c := &OrderImportCmd{Outcome: outcome, File: filepath.Join(dir, "orders.csv")}
	require.NoError(t, c.Run(g))
	summary := out.String()
	t.Log(summary)
	first, err := os.ReadFile(outcome)
	require.NoError(t, err)
	limits := map[string]int{}
	for line := range strings.Lines(string(first)) {
		limits[strings.TrimSpace(line[strings.LastIndex(line, ",")+1:])]++
	}
	require.NoError(t, os.Remove(outcome))
	require.NoError(t, c.Run(g))
	again, err := os.ReadFile(outcome)
	require.NoError(t, err)
	require.Equal(t, string(first), string(again), "running again writes the same file")
	require.Contains(t, out.String(), "all had been decided before")
	return summary, limits
}

func TestSampleReachesEachLimit(t *testing.T) {
	summary, limits := placeAll(t, "../deploy/sample")
	require.Equal(t, map[string]int{"limit": 1, "": 56, "sales_limit": 1, "container": 1, "shipper": 1, "address": 1}, limits)
	require.Contains(t, summary, "60 orders: 56 accepted, 4 refused, sales_limit 1, container 1, shipper 1, address 1, search_bound 0; for 3 of them items and containers were moved, 4 moves; 60 decided now")
}

func TestTokyo24(t *testing.T) {
	const dir = "../../shared/data/tokyo24"
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		t.Skipf("%s is not there: only this check against it is left out", dir)
	}
	summary, limits := placeAll(t, dir)
	require.Equal(t, map[string]int{"limit": 1, "": 6902, "sales_limit": 292, "container": 614, "shipper": 167}, limits)
	require.Contains(t, summary, "7975 orders: 6902 accepted, 1073 refused")
}

func TestBadFilesLeaveTheDatabaseAsItWas(t *testing.T) {
	g, out := globals(t)
	require.NoError(t, (&ImportCmd{Dir: write(t, storetest.Files())}).Run(g))
	before := dump(t, g)
	files := storetest.Files()
	files[bulk.SpotsFile] = strings.Replace(files[bulk.SpotsFile], "東の", "北の", 1)
	files[bulk.ProductsFile] = strings.Replace(files[bulk.ProductsFile], "cold,100", "cold,-100", 1)
	err := (&ImportCmd{Dir: write(t, files)}).Run(g)
	require.ErrorContains(t, err, `products.csv, row 4, column volume_ml: "-100": want a whole number from 1`)
	require.Equal(t, before, dump(t, g))

	const head = "order_id,delivery_date,customer_id,location_id,product_id,quantity\n"
	bad := write(t, map[string]string{"orders.csv": head + "o-1,2026-12-01,m-1,loc-1,a-cold,1\no-2,2026-12-01,m-1,loc-1,melon,1\n"})
	outcome := filepath.Join(bad, "out.csv")
	err = (&OrderImportCmd{Outcome: outcome, File: filepath.Join(bad, "orders.csv")}).Run(g)
	require.ErrorContains(t, err, `orders.csv, row 3, column product_id: "melon": want an imported product`)
	require.Equal(t, before, dump(t, g))
	require.NoFileExists(t, outcome)

	good := filepath.Join(write(t, map[string]string{"orders.csv": head + "o-1,2026-12-01,m-1,loc-1,a-cold,1\n"}), "orders.csv")
	missing := filepath.Join(bad, "nowhere", "out.csv")
	require.Error(t, (&OrderImportCmd{Outcome: missing, File: good}).Run(g))
	out.Reset()
	require.NoError(t, (&OrderImportCmd{Outcome: outcome, File: good}).Run(g), "what was placed before is not lost")
	require.Contains(t, out.String(), "1 order: 1 accepted")
	entries, err := os.ReadDir(bad)
	require.NoError(t, err)
	require.Len(t, entries, 2, "no temporary file stays")
}

// dump is what the database holds, as far as imports and orders change it.
func dump(t *testing.T, g *Globals) string {
	s, err := g.OpenStore()
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	var b strings.Builder
	for _, date := range []string{"2026-12-01", "2026-12-02"} {
		require.NoError(t, s.Read(g.Ctx, func(tx *store.Tx) error {
			d, err := tx.Date(g.Ctx, date)
			fmt.Fprintf(&b, "%+v", d)
			return err
		}))
	}
	return b.String()
}
