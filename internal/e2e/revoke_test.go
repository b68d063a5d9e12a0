package e2e

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/require"

	"meguri/edge/app"
	"meguri/hub/pki"
)

// The hub serves as one process, and others revoke: a live session is cut within two seconds, and stays out.
func TestRevokingFromTheCommandLineCutsALiveSession(t *testing.T) {
	dir, err := programs()
	require.NoError(t, err)
	data, keys, broker := t.TempDir(), t.TempDir(), address(t)
	hub := func(ctx context.Context, args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, filepath.Join(dir, "hub"), append(args, "--data", data)...)
		c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
		return c
	}
	run := func(args ...string) {
		out, err := hub(t.Context(), args...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	run("import", "../../deploy/sample")
	run("device", "add", "dev-1", "--role", "station", "--place", "yanaka", "--out", keys)
	ctx, stop := context.WithCancel(context.Background())
	serve := hub(ctx, "serve", "--http", address(t), "--broker", broker)
	require.NoError(t, serve.Start())
	t.Cleanup(func() {
		stop()
		_ = serve.Wait() // "signal: interrupt" is what it was told
	})
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", broker)
		return err == nil && c.Close() == nil
	}, soon, look)

	login := func() (lost chan struct{}, err error) {
		key, certificate := pki.Files(keys, "dev-1")
		secure, err := app.Identity{Certificate: certificate, Key: key, CA: filepath.Join(keys, pki.CAFile)}.TLS("dev-1")
		require.NoError(t, err)
		lost = make(chan struct{})
		c := paho.NewClient(paho.NewClientOptions().AddBroker("tls://" + broker).SetClientID("dev-1").SetTLSConfig(secure).
			SetProtocolVersion(4).SetAutoReconnect(false).SetConnectionLostHandler(func(paho.Client, error) { close(lost) }))
		token := c.Connect()
		require.True(t, token.WaitTimeout(soon))
		t.Cleanup(func() { c.Disconnect(0) })
		return lost, token.Error()
	}
	lost, err := login()
	require.NoError(t, err)
	run("device", "revoke", "dev-1")
	select {
	case <-lost:
	case <-time.After(2 * time.Second):
		require.FailNow(t, "the session goes on")
	}
	_, err = login()
	require.Error(t, err)
	require.Contains(t, strings.ToLower(err.Error()), "not authorized")
}
