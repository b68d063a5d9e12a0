package board

import (
	"bufio"
	"io"
	"os"
	"testing"

	"meguri/edge/device/reader"
	"meguri/edge/device/textline"
	"meguri/internal/ptytest"

	"github.com/stretchr/testify/require"
)

// pty returns the far end of a serial line and the path of the near one.
func pty(t *testing.T) (far *os.File, path string) {
	t.Helper()
	far, path, err := ptytest.Open()
	require.NoError(t, err)
	t.Cleanup(func() { _ = far.Close() })
	return far, path
}

func TestASerialReaderAndDisplay(t *testing.T) {
	b, err := Open()
	require.NoError(t, err)
	far, path := pty(t)
	s, err := b.Stream("serial:" + path + "?baud=115200")
	require.NoError(t, err)
	_, err = b.Stream("serial:" + path)
	require.ErrorContains(t, err, "is open already")

	scans, done := make(chan reader.Scan, 1), make(chan error, 1)
	go func() { done <- reader.New(s).Run(t.Context(), func(s reader.Scan) { scans <- s }) }()
	_, err = io.WriteString(far, "]C18003...\r\n")
	require.NoError(t, err)
	require.Equal(t, reader.Scan{Symbology: "C1", Text: "8003..."}, <-scans)

	require.NoError(t, textline.New(s).Show("Thank you."))
	line, err := bufio.NewReader(far).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "Thank you.\r\n", line)

	require.NoError(t, s.Close())
	require.Error(t, <-done, "a closed line ends a read")
	s, err = b.Stream("serial:" + path)
	require.NoError(t, err)
	go func() { done <- reader.New(s).Run(t.Context(), func(reader.Scan) {}) }()
	require.NoError(t, b.Close())
	require.Error(t, <-done, "and so does a closed board")
}
