// Package e2e plays whole delivery dates with the real programs: hub, broker, database, agents on simulated chips, and people.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/internal/race"
)

// built is where programs has put the programs.
var built string

// programs builds the programs once for all tests.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "meguri-e2e-")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", dir+"/", "meguri/hub", "meguri/edge", "meguri/firmware-sim").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	built = dir
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built) // of the system's temporary directory
	}
	os.Exit(code)
}

// address finds a free address on loopback.
func address(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}

// demo prepares a demo on the sample network that would end after its summary.
func demo(t *testing.T, ctx context.Context, args ...string) (cmd *exec.Cmd, data, http string) {
	t.Helper()
	if race.Enabled {
		t.Skip("played by the run without the race detector")
	}
	dir, err := programs()
	require.NoError(t, err)
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	data, http = filepath.Join(t.TempDir(), "demo"), address(t)
	cmd = exec.CommandContext(ctx, filepath.Join(dir, "firmware-sim"), append([]string{"demo", "--hub-binary", filepath.Join(dir, "hub"),
		"--network", filepath.Join(root, "deploy", "sample"), "--data", data, "--http", http, "--broker", address(t), "--exit"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd, data, http
}

// play runs the demo until its summary and gives what it printed.
func play(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd, data, _ := demo(t, ctx, args...)
	out, err := cmd.CombinedOutput()
	text := string(out)
	if err != nil {
		fleet, _ := os.ReadFile(filepath.Join(data, "demo.log")) // for the message
		hub, _ := os.ReadFile(filepath.Join(data, "hub.log"))
		t.Fatalf("%v\n%s\n… %s\n… %s", err, text, tail(string(fleet), 4000), tail(string(hub), 4000))
	}
	t.Log("\n" + text)
	return text
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// Nothing recorded is lost and nothing counts twice, while the hub and agents are killed with kill -9 all through the day, one
// station has no network during pickup and another loses its supply.
func TestADayWithKilledProcessesAddsUp(t *testing.T) {
	out := play(t, "--kills", "60", "--speed", "1000", "--seed", "3")
	require.Contains(t, out, "sums of hub and world agree")
	require.Contains(t, out, "0 missing")
}

// However far the demo has come, a Ctrl-C ends it and its hub, and its status says that the day was not played.
func TestACtrlCEndsTheDemoWithItsHub(t *testing.T) {
	for name, sign := range map[string]string{"while it sets up": "Setting up", "while agents start": "Log in:"} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd, _, http := demo(t, ctx, "--processes")
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			var said bytes.Buffer
			cmd.Stderr = &said
			require.NoError(t, cmd.Start())
			for lines := bufio.NewScanner(out); lines.Scan(); {
				if strings.HasPrefix(lines.Text(), sign) {
					require.NoError(t, cmd.Process.Signal(os.Interrupt))
				}
			}
			var ended *exec.ExitError
			require.ErrorAs(t, cmd.Wait(), &ended)
			require.Equal(t, 1, ended.ExitCode(), said.String())
			require.Contains(t, said.String(), "stopped before the day was over")
			l, err := net.Listen("tcp", http)
			require.NoError(t, err, "somebody still listens there")
			require.NoError(t, l.Close())
		})
	}
}
