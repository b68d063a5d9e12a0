package board

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/edge/device/reader"
)

// A reader that types like a keyboard, at several hundred scans a second into a listener that is slower: none is dropped, joined or
// reordered. What the listener does not take waits in the kernel.
func TestABurstOfKeysIsOneScanEach(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	var want []string
	for n := range 200 {
		want = append(want, fmt.Sprintf("95%03d", n))
	}
	go func() {
		for _, code := range want {
			keys := []int{}
			for _, d := range code {
				keys = append(keys, map[bool]int{true: 11, false: int(d-'0') + 1}[d == '0'])
			}
			_, _ = w.Write(typing(eventSize, append(keys, 28)...)) // the pipe is open until here
		}
		_ = w.Close()
	}()
	scans := make(chan string) // unbuffered: the reader waits for whoever takes it
	go func() {
		_ = reader.New(newKeyReader(r, eventSize)).Run(t.Context(), func(s reader.Scan) { scans <- s.Text })
		close(scans)
	}()
	var got []string
	for s := range scans {
		got = append(got, s)
	}
	require.Equal(t, want, got)
}
