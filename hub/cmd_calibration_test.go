package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"meguri/hub/storetest"
	"meguri/internal/clock"
)

func TestCalibrationsComeFromAFileOrByHand(t *testing.T) {
	dir := t.TempDir()
	g := &Globals{Ctx: t.Context(), DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hub.db"), Clock: clock.Real(), Logger: slog.New(slog.DiscardHandler)}
	storetest.Import(t, storetest.Open(t, g.Database), storetest.Network(t))
	run := func(args ...string) (string, error) {
		var cli struct {
			Calibration CalibrationCmd `cmd:""`
		}
		var out bytes.Buffer
		g.Stdout = &out
		p, err := kong.New(&cli)
		require.NoError(t, err)
		ctx, err := p.Parse(append([]string{"calibration"}, args...))
		require.NoError(t, err)
		err = ctx.Run(g)
		return out.String(), err
	}
	file := filepath.Join(dir, "c.csv")
	write := func(rows string) {
		require.NoError(t, os.WriteFile(file, []byte("sensor,calibrated_on,due_on,certificate\n"+rows), 0o600))
	}
	for rows, want := range map[string]string{
		"loc-1-f1/air,2026-06-30,2026-06-30,K\n":                                      "row 2: due_on",
		"loc-1-f1/air,2026-06-30,2027-06-30,K\nloc-1-f1/air,30.6.2026,2027-06-30,K\n": "row 3: calibrated_on",
		"nowhere/air,2026-06-30,2027-06-30,K\n":                                       "sensor nowhere/air",
		"loc-1-f1/air,2026-06-30\n":                                                   "row 2",
	} {
		write(rows)
		_, err := run("import", file)
		require.ErrorContains(t, err, want)
	}
	write("loc-1-f1/air,2026-06-30,2027-06-30,K-17\nloc-2-f1/air,2026-01-30,2027-01-30,K-18\n")
	for range 2 {
		_, err := run("import", file)
		require.NoError(t, err)
	}
	_, err := run("add", "loc-1-f1/air", "--on", "2026-11-01", "--due", "2027-11-01")
	require.NoError(t, err)
	out, err := run("list")
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(out, "\n"), out)
	require.Regexp(t, `(?s)loc-2-f1/air +2026-01-30 +2027-01-30 +K-18.*loc-1-f1/air +2026-11-01 +2027-11-01`, out)
}

func FuzzCalibrationsAreReadOrRefusedByRow(f *testing.F) {
	f.Add("sensor,calibrated_on,due_on,certificate\na/b,2026-06-30,2027-06-30,K\n")
	f.Add("sensor\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := readCalibrations(strings.NewReader(text))
		if err == nil {
			for _, c := range all {
				require.Contains(t, c.Sensor, "/")
			}
			return
		}
		require.ErrorContains(t, err, "row ")
	})
}
