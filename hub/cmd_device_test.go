package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"meguri/hub/fleet"
	"meguri/hub/link"
	"meguri/hub/storetest"
)

func runDevice(t *testing.T, g *Globals, args ...string) (string, error) {
	t.Helper()
	var cli struct {
		Device DeviceCmd `cmd:""`
	}
	var out bytes.Buffer
	g.Stdout = &out
	p, err := kong.New(&cli)
	require.NoError(t, err)
	ctx, err := p.Parse(append([]string{"device"}, args...))
	require.NoError(t, err)
	err = ctx.Run(g)
	return out.String(), err
}

func TestDevicesAreLookedAfterFromTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	g := &Globals{Ctx: t.Context(), DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hub.db")}
	s, err := g.OpenStore()
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	storetest.Import(t, s, storetest.Network(t))
	auth := link.Authenticator(s)

	out, err := runDevice(t, g, "add", "dev-1", "--role", "station", "--place", "loc-1")
	require.NoError(t, err)
	printed := strings.TrimSpace(out)
	require.Len(t, printed, 43, "256 bits")
	require.True(t, auth("dev-1", printed))

	file := filepath.Join(dir, "credential")
	out, err = runDevice(t, g, "add", "dev-2", "--role", "scanner", "--place", "shop-a", "--credential-file", file)
	require.NoError(t, err)
	require.Empty(t, out)
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, auth("dev-2", strings.TrimSpace(string(written))))
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	_, err = runDevice(t, g, "add", "dev-3", "--role", "scanner", "--place", "shop-a", "--credential-file", file)
	require.ErrorIs(t, err, os.ErrExist, "a file that is there is not changed")
	_, err = runDevice(t, g, "add", "dev-1", "--role", "station", "--place", "loc-1")
	require.ErrorIs(t, err, fleet.ErrDeviceExists)
	_, err = runDevice(t, g, "add", "Dev 4", "--role", "station", "--place", "loc-1")
	require.ErrorContains(t, err, "a-z, 0-9 and '-'")
	other := filepath.Join(dir, "other")
	_, err = runDevice(t, g, "add", "dev-4", "--role", "driver", "--place", "loc-1", "--credential-file", other)
	require.ErrorContains(t, err, "a driver serves a route")
	require.NoFileExists(t, other, "no credential of a device that was not added")

	_, err = runDevice(t, g, "revoke", "dev-1")
	require.NoError(t, err)
	require.False(t, auth("dev-1", printed))
	_, err = runDevice(t, g, "revoke", "dev-1")
	require.ErrorIs(t, err, fleet.ErrRevoked)
	_, err = runDevice(t, g, "revoke", "dev-9")
	require.ErrorIs(t, err, fleet.ErrUnknownDevice)

	out, err = runDevice(t, g, "list")
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 3)
	require.Regexp(t, `^dev-1 +station +loc-1 .*revoked`, lines[1])
	require.Regexp(t, `^dev-2 +scanner +shop-a .*unknown`, lines[2])
	require.NotContains(t, out, printed)
}
