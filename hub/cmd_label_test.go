package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/label"
)

func TestLabelsComeFromArgumentsOrCSV(t *testing.T) {
	dir := t.TempDir()
	table, out := filepath.Join(dir, "labels.csv"), filepath.Join(dir, "labels.pdf")
	require.NoError(t, os.WriteFile(table, []byte("code,text\n(92)addr-1,棚 1\n(92)addr-2,棚 2\n"), 0o600))

	one := LabelCmd{Kind: "shelf", Code: "(92)addr-1", Text: []string{"棚 1"}, Format: "zpl", Sheet: "60x40", DPI: 203}
	var zpl bytes.Buffer
	require.NoError(t, one.Run(&Globals{Stdout: &zpl}))
	require.True(t, bytes.HasPrefix(zpl.Bytes(), []byte("^XA\n")))
	require.Equal(t, 1, bytes.Count(zpl.Bytes(), []byte("^XZ")))

	many := LabelCmd{Kind: "shelf", CSV: open(t, table), Format: "zpl", Sheet: "60x40", DPI: 203}
	zpl.Reset()
	require.NoError(t, many.Run(&Globals{Stdout: &zpl}))
	require.Equal(t, 2, bytes.Count(zpl.Bytes(), []byte("^XZ")))

	pdf := LabelCmd{Kind: "shelf", CSV: open(t, table), Format: "pdf", Sheet: "a4-24", Start: 24, Out: out}
	require.NoError(t, pdf.Run(&Globals{Stdout: &zpl}))
	written, err := os.ReadFile(out)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(written, []byte("%PDF-")))
}

func TestALabelThatCannotBeDrawnLeavesNoFile(t *testing.T) {
	out := filepath.Join(t.TempDir(), "labels.pdf")
	for _, c := range []struct {
		cmd  LabelCmd
		want string
	}{
		{LabelCmd{Kind: "shelf", Code: "(92)", Sheet: "60x40"}, "position 5: length"},
		{LabelCmd{Kind: "shelf", Sheet: "60x40"}, "want a code, or --csv"},
		{LabelCmd{Kind: "shelf", Code: "(92)A", Sheet: "a3"}, `sheet "a3"`},
		{LabelCmd{Kind: "bag", Code: "(00)395201234567891236", Sheet: "40x30", Format: "pdf", Start: 1}, "too small"},
	} {
		c.cmd.Out = out
		require.ErrorContains(t, c.cmd.Run(&Globals{Stdout: &bytes.Buffer{}}), c.want)
		require.NoFileExists(t, out)
	}
	var list bytes.Buffer
	require.NoError(t, (&LabelCmd{List: true}).Run(&Globals{Stdout: &list}))
	require.Equal(t, label.SheetsCSV(), list.String())
}
