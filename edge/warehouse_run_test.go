package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/app"
)

const someLists = `{"warehouse": {"Operators": [{"Badge": "b1"}], "Stations": [{"Code": "count", "Step": 19}]},
	"items": [{"Item": "(01)09520001000010(21)P1", "Custody": 3, "Place": "A-1", "Fit": true, "Clean": true}]}`

// A warehouse's scanner on a serial line, as somebody starts it from the command line, killed in the middle of a count.
func TestAWarehousesScannerWorksFromTheCommandLineWithListsFromAFile(t *testing.T) {
	d := newDevice(t, t.TempDir())
	kit := d.args[6]
	text, err := os.ReadFile(kit)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(kit, []byte(strings.Replace(string(text), "scanner:", "warehouse:", 1)), 0o600))
	lists := filepath.Join(t.TempDir(), "lists.json")
	require.NoError(t, os.WriteFile(lists, []byte(someLists), 0o600))

	display := bufio.NewReader(d.far)
	says := func(scan, want string) {
		t.Helper()
		require.NoError(t, d.far.SetDeadline(time.Now().Add(20*time.Second)))
		if scan != "" {
			_, err := d.far.WriteString(scan + "\r")
			require.NoError(t, err)
		}
		line, err := display.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, want+"\r\n", line)
	}
	cmd := d.start("--lists", lists)
	says("", "Scan your badge.")
	says("96b1", "b1 signed on. Scan a station card.")
	says("95count", "Count: ready. Scan a shelf.")
	says("92A-1", "A-1: 1 expected. A-1: each piece, then Close.")
	says("]d2010952000100001021P1", "P1: right. A-1: each piece, then Close.")
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	cmd = d.start("--lists", lists)
	says("", "A-1: each piece, then Close.")
	says("]d2010952000100001021P1", "\aP1: scanned already. A-1: each piece, then Close.")
	says("95close", "1 right, 0 from elsewhere, 0 missing, 0 unknown. Scan a shelf.")
	d.stop(cmd)
	out, status := ask(t, "log", "show", d.file())
	require.Zero(t, status, out)
}

func TestListsThatAreWrongAreNamed(t *testing.T) {
	d := newDevice(t, t.TempDir())
	lists := filepath.Join(t.TempDir(), "lists.json")
	require.NoError(t, os.WriteFile(lists, []byte(someLists), 0o600))
	out, status := ask(t, append(d.args, "--lists", lists)...)
	require.Equal(t, 2, status)
	require.Contains(t, out, "--lists: the kit has no warehouse's scanner")
	for text, want := range map[string]string{"{": "unexpected EOF", `{"pieces": 3}`: `unknown field "pieces"`, "{}": "want Operators and Stations"} {
		require.NoError(t, os.WriteFile(lists, []byte(text), 0o600))
		_, err := app.ReadLists(lists)
		require.ErrorContains(t, err, want)
	}
}
