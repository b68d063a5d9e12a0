package main

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/fleet"
	"meguri/internal/clock"
)

func runLedger(t *testing.T, g *Globals, args ...string) (string, error) {
	t.Helper()
	var cli struct {
		Ledger LedgerCmd `cmd:""`
	}
	var out bytes.Buffer
	g.Stdout = &out
	p, err := kong.New(&cli)
	require.NoError(t, err)
	ctx, err := p.Parse(append([]string{"ledger"}, args...))
	if err != nil {
		return "", err
	}
	err = ctx.Run(g)
	return out.String(), err
}

func TestTheLedgerIsPrinted(t *testing.T) {
	file := "sqlite:" + filepath.Join(t.TempDir(), "hub.db")
	apitest.OpenAt(t, file).Ledger(t)
	g := &Globals{Ctx: t.Context(), DataDir: t.TempDir(), Database: file, Clock: clock.New(time.Now(), apitest.Now, 1)}

	span := []string{"--from", "2026-11-30T09:00:00Z", "--to", "2026-12-01T18:00:00+09:00"}
	out, err := runLedger(t, g, append(span, apitest.LedgerDevice)...)
	require.NoError(t, err)
	require.Regexp(t, `2026-12-01 01:00:00 +2026-12-01 04:00:00 +3h0m0s +thinned +share of the storage full +180 +- +-`, out)
	require.Regexp(t, `(?m)^off +3h26m0s +0 +0$`, out)
	require.Regexp(t, `(?m)^complete +\d\d\.\d %`, out)

	out, err = runLedger(t, g, append(span, apitest.LedgerDevice, "--format", "csv", "--sensor", "loc-001-fridge-1/back")...)
	require.NoError(t, err)
	require.Contains(t, out, "2026-11-30T13:00:00Z,2026-11-30T15:00:00Z,sensor_fault,missing,loc-001-fridge-1/back,120,0,0,false\n")
	out, err = runLedger(t, g, append(span, apitest.LedgerDevice, "--format", "json")...)
	require.NoError(t, err)
	require.Contains(t, out, `"state": "quarantined"`)

	_, err = runLedger(t, g, append(span, apitest.LedgerDevice, "--strict")...)
	require.ErrorContains(t, err, "lost for ever")
	_, err = runLedger(t, g, "--from", "2026-11-30T10:30:00Z", "--to", "2026-11-30T12:00:00Z", apitest.LedgerDevice, "--strict")
	require.NoError(t, err)

	out, err = runLedger(t, g, append(span, "--all")...)
	require.NoError(t, err)
	require.Regexp(t, `(?m)^station-ledger +station +\d\d\.\d % +damaged +800$`, out)

	for want, args := range map[string][]string{
		"want a device or --all":          {},
		"--sensor goes with one device":   {"--all", "--sensor", "x"},
		`--from: "yesterday": want a`:     {"d", "--from", "yesterday"},
		"want from before to":             {"d", "--from", "2026-12-02", "--to", "2026-12-01"},
		"want at most 400":                {"d", "--from", "2020-12-02", "--to", "2026-12-01"},
		"--time-zone":                     {"d", "--time-zone", "Nowhere/Else"},
		"device d: unknown device":        {"d"},
		`must be one of "table","csv","j`: {"d", "--format", "xml"},
	} {
		_, err := runLedger(t, g, args...)
		require.ErrorContains(t, err, want)
	}
	_, err = runLedger(t, g, "d")
	require.ErrorIs(t, err, fleet.ErrUnknownDevice)
}
