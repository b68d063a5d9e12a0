package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	edgelog "meguri/edge/log"
	"meguri/protocol"
)

func TestExportReadsACopyAndLeavesTheFileAsItIs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "d-1.db")
	l, err := edgelog.Open(file, edgelog.Options{})
	require.NoError(t, err)
	require.NoError(t, l.Update(edgelog.Stamp{}, func(tx *edgelog.Tx) error {
		_, err := tx.Append(protocol.Stopped{})
		return err
	}))
	require.ErrorIs(t, export(file, &bytes.Buffer{}, io.Discard), edgelog.ErrInUse, "an agent runs on it")
	incarnation := l.Incarnation()
	require.NoError(t, l.Close())
	before, err := os.ReadFile(file)
	require.NoError(t, err)

	var first, second, said bytes.Buffer
	require.NoError(t, export(file, &first, &said))
	require.Equal(t, "1 record of events\n0 records of readings\n", said.String())
	require.NoError(t, export(file, &second, io.Discard))
	require.Equal(t, first.Bytes(), second.Bytes())
	after, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, bytes.Equal(before, after), "the file is evidence")
	r := protocol.NewReader(&first)
	hello, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, incarnation, hello.(protocol.Hello).Incarnation)
	batch, err := r.Next()
	require.NoError(t, err)
	require.Len(t, batch.(protocol.Batch).Records, 1)

	require.ErrorIs(t, export(filepath.Join(t.TempDir(), "missing.db"), &first, io.Discard), os.ErrNotExist)
}

func TestWhatIsExportedOfAFileThatIsNoLogIsSaid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "d-1.db")
	require.NoError(t, os.WriteFile(file, []byte("order_id,delivery_date\n"), 0o600))
	var said bytes.Buffer
	require.NoError(t, export(file, io.Discard, &said))
	require.Contains(t, said.String(), "the file is broken, this is what could be read: ")
}
