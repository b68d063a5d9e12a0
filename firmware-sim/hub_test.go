package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeHub is a hub process that is a shell script; what answers at its address is a server of the test.
func fakeHub(t *testing.T, script string, status int) *hubProcess {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(server.Close)
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, log.Close()) })
	return newHub("/bin/sh", strings.TrimPrefix(server.URL, "http://"), log, []string{"-c", script})
}

const lives = "trap 'exit 0' TERM; while :; do sleep 0.01; done"

func alive(l *life) bool { return l.cmd.Process.Signal(syscall.Signal(0)) == nil }

func TestAHubThatDoesNotStartIsReportedAtOnceWithItsLastWords(t *testing.T) {
	h := fakeHub(t, "echo address in use; exit 3", http.StatusServiceUnavailable)
	began := time.Now()
	err := h.start(t.Context())
	require.ErrorContains(t, err, "address in use")
	require.ErrorContains(t, err, "exit status 3")
	require.Less(t, time.Since(began), hubStartsWithin/2)
	require.NoError(t, h.stop())
}

func TestAHubIsStoppedWhenTheDemoIsWhileItStarts(t *testing.T) {
	h := fakeHub(t, lives, http.StatusServiceUnavailable)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, h.start(ctx), context.DeadlineExceeded)
	require.False(t, alive(h.now))
}

func TestAHubThatIsStoppedOrKilledHasNotDied(t *testing.T) {
	h := fakeHub(t, lives, http.StatusOK)
	require.NoError(t, h.stop(), "before it has run")
	require.NoError(t, h.start(t.Context()))
	first := h.now
	require.NoError(t, h.kill(t.Context()))
	require.False(t, alive(first))
	second := h.now
	require.True(t, alive(second))
	_ = h.stop() // a shell may be between its trap and its loop
	require.False(t, alive(second))
	require.NoError(t, h.stop(), "twice")
	require.Empty(t, h.died)
}

func TestAHubThatEndsByItselfIsReported(t *testing.T) {
	h := fakeHub(t, "sleep 0.3; echo out of disk; exit 1", http.StatusOK)
	require.NoError(t, h.start(t.Context()))
	select {
	case err := <-h.died:
		require.ErrorContains(t, err, "ended by itself (exit status 1): out of disk")
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was said")
	}
	require.NoError(t, h.stop())
}
