package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/fleet"
	"meguri/hub/pki"
	"meguri/hub/report"
	"meguri/hub/store"
	"meguri/internal/clock"
	"meguri/protocol"
)

// reportHub is the data directory of a hub on the day of apitest.
func reportHub(t *testing.T) (*Globals, *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	url := "sqlite:" + filepath.Join(dir, "hub.db")
	apitest.OpenAt(t, url).Day(t)
	_, err := pki.Open(filepath.Join(dir, "pki"))
	require.NoError(t, err)
	var out bytes.Buffer
	return &Globals{Ctx: context.Background(), DataDir: dir, Database: url, Clock: clock.New(time.Now(), apitest.Now, 1),
		Logger: slog.New(slog.DiscardHandler), Stdout: io.Writer(&out)}, &out
}

func TestAReportIsWrittenAndCheckedOffline(t *testing.T) {
	g, out := reportHub(t)
	file := filepath.Join(t.TempDir(), "report.pdf")
	c := ReportCmd{Container: "C-20261201-0001", Out: file, TimeZone: "Asia/Tokyo"}
	require.NoError(t, c.Run(g))
	require.ErrorIs(t, c.Run(g), os.ErrExist, "no file is overwritten")
	japanese := filepath.Join(t.TempDir(), "report-ja.pdf")
	require.NoError(t, (&ReportCmd{Container: "C-20261201-0001", Out: japanese, TimeZone: "Asia/Tokyo", Lang: "ja"}).Run(g))
	g.Database = "sqlite:/nowhere" // not needed to check
	require.NoError(t, (&VerifyCmd{File: japanese}).Run(g))
	require.NoError(t, (&VerifyCmd{File: file}).Run(g))
	require.Contains(t, out.String(), "valid: not a byte was changed")
	require.Contains(t, out.String(), "_hub reports")
	require.NoError(t, (&VerifyCmd{File: file, CA: filepath.Join(g.DataDir, "pki", "ca.pem")}).Run(g))

	other, err := pki.Open(t.TempDir())
	require.NoError(t, err)
	ca := filepath.Join(t.TempDir(), "other.pem")
	require.NoError(t, os.WriteFile(ca, other.CA(), 0o600))
	require.ErrorIs(t, (&VerifyCmd{File: file, CA: ca}).Run(g), pki.ErrStranger)
	pdf, err := os.ReadFile(file)
	require.NoError(t, err)
	pdf[len(pdf)/3] ^= 4
	require.NoError(t, os.WriteFile(file, pdf, 0o600))
	require.ErrorIs(t, (&VerifyCmd{File: file}).Run(g), report.ErrAltered)
}

func TestAReportOfNothingIsRefused(t *testing.T) {
	g, _ := reportHub(t)
	require.ErrorContains(t, (&ReportCmd{Container: "none", Out: filepath.Join(t.TempDir(), "r.pdf"), TimeZone: "UTC"}).Run(g), "container none")
	g.DataDir = t.TempDir()
	err := (&ReportCmd{Container: "C-20261201-0001", Out: filepath.Join(t.TempDir(), "r.pdf"), TimeZone: "UTC"}).Run(g)
	require.ErrorContains(t, err, "no certificate authority")
}

func TestReadingsAreExportedAlsoWhenTheyArePacked(t *testing.T) {
	g, out := reportHub(t)
	export := ReadingsExportCmd{Sensor: "loc-001-fridge-1/air", From: "2026-11-30", TimeZone: "Asia/Tokyo",
		To: apitest.Now.Add(time.Second).Format(time.RFC3339)}
	require.NoError(t, export.Run(g))
	before := out.String()
	require.Greater(t, strings.Count(before, "\n"), 500)
	require.NoError(t, withStore(g, func(s *store.Store) error { // the day of apitest came over no log
		return s.Change(g.Ctx, func(tx *store.Tx) error {
			d, err := tx.Device(g.Ctx, "station-loc-001")
			if err != nil {
				return err
			}
			return tx.SaveDeviceLog(g.Ctx, d.ID, fleet.Log{Incarnation: d.Incarnation, Log: uint8(protocol.Readings), Next: 1, State: fleet.Current})
		})
	}))
	g.Clock = clock.New(time.Now(), apitest.Now.Add(100*time.Hour), 1)
	require.NoError(t, (&ReadingsPackCmd{}).Run(g))
	require.Contains(t, out.String(), "packed ")
	require.NotContains(t, out.String(), "packed 0 rows")
	out.Reset()
	require.NoError(t, export.Run(g))
	require.Equal(t, before, out.String())
}
