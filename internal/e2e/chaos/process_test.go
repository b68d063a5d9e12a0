package chaos

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The last kill of a storm was taken for a process that runs: nobody started it again, and what it held seemed lost.
func TestAKilledProcessDoesNotCountAsRunning(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	for range 50 {
		p, err := startProcess(filepath.Join(t.TempDir(), "log"), []string{sleep, "60"})
		require.NoError(t, err)
		require.True(t, p.running())
		p.kill()
		require.False(t, p.running())
	}
}
