package main

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"meguri/hub/admission"
	"meguri/hub/bulk"
	"meguri/hub/fleet"
	"meguri/hub/pki"
	"meguri/hub/store"
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
	s, err := g.MakeStore()
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	storetest.Import(t, s, storetest.Network(t))
	gate := admission.New(admission.Config{Store: s, Logger: slog.New(slog.DiscardHandler)})
	// fingerprint is of the certificate that was written for a device.
	fingerprint := func(out, id string) string {
		key, cert := pki.Files(out, id)
		pair, err := tls.LoadX509KeyPair(cert, key)
		require.NoError(t, err)
		info, err := os.Stat(key)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		require.FileExists(t, filepath.Join(out, pki.CAFile))
		return pki.Fingerprint(pair.Leaf)
	}

	keys := filepath.Join(dir, "keys")
	out, err := runDevice(t, g, "add", "dev-1", "--role", "station", "--place", "loc-1", "--out", keys)
	require.NoError(t, err)
	require.Regexp(t, "^wrote "+filepath.Join(keys, "dev-1.pem")+".* good until 20..-..-..\n$", out)
	require.NotContains(t, out, "PRIVATE", "nothing that is secret")
	first := fingerprint(keys, "dev-1")
	require.True(t, gate.Auth("dev-1", first))
	require.False(t, gate.Auth("dev-2", first))
	_, err = runDevice(t, g, "add", "dev-2", "--role", "scanner", "--place", "shop-a", "--out", keys, "--days", "30")
	require.NoError(t, err)

	for want, args := range map[string][]string{
		"already":                 {"dev-1", "--role", "station", "--place", "loc-1", "--out", filepath.Join(dir, "again")},
		"a-z, 0-9 and '-'":        {"Dev 4", "--role", "station", "--place", "loc-1", "--out", keys},
		"a driver serves a route": {"dev-4", "--role", "driver", "--place", "loc-1", "--out", keys},
		"file already exists":     {"dev-2", "--role", "scanner", "--place", "shop-a", "--out", keys},
	} {
		_, err = runDevice(t, g, append([]string{"add"}, args...)...)
		require.ErrorContains(t, err, want)
	}
	for _, days := range []int{0, 7301} {
		require.ErrorContains(t, Issue{Days: days}.Validate(), "want 1 to 7300")
	}
	require.NoFileExists(t, filepath.Join(dir, "again", "dev-1.key"), "no certificate of a device that was not added")
	require.NoFileExists(t, filepath.Join(keys, "dev-4.key"))
	require.True(t, gate.Auth("dev-2", fingerprint(keys, "dev-2")), "what is there is not changed")

	renewed := filepath.Join(dir, "renewed")
	_, err = runDevice(t, g, "renew", "dev-1", "--out", renewed)
	require.NoError(t, err)
	require.True(t, gate.Auth("dev-1", first), "until the new one is used")
	require.True(t, gate.Auth("dev-1", fingerprint(renewed, "dev-1")))
	require.False(t, gate.Auth("dev-1", first))
	_, err = runDevice(t, g, "revoke", "dev-1", "--old")
	require.ErrorIs(t, err, fleet.ErrNoRenewal)
	_, err = runDevice(t, g, "renew", "dev-2", "--out", renewed)
	require.NoError(t, err)
	_, err = runDevice(t, g, "revoke", "dev-2", "--old")
	require.NoError(t, err)
	require.False(t, gate.Auth("dev-2", fingerprint(keys, "dev-2")))

	_, err = runDevice(t, g, "revoke", "dev-1")
	require.NoError(t, err)
	require.False(t, gate.Auth("dev-1", fingerprint(renewed, "dev-1")))
	require.FileExists(t, filepath.Join(dir, "pki", pki.CRLFile))
	_, err = runDevice(t, g, "revoke", "dev-1")
	require.ErrorIs(t, err, fleet.ErrRevoked)
	_, err = runDevice(t, g, "revoke", "dev-9")
	require.ErrorIs(t, err, fleet.ErrUnknownDevice)
	_, err = runDevice(t, g, "renew", "dev-1", "--out", filepath.Join(dir, "late"))
	require.ErrorIs(t, err, fleet.ErrRevoked)

	out, err = runDevice(t, g, "list")
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 3)
	require.Regexp(t, `^dev-1 +station +loc-1 .*revoked`, lines[1])
	require.Regexp(t, `^dev-2 +scanner +shop-a .*unknown .* 20\d\d-`, lines[2])
}

func runCA(t *testing.T, g *Globals, args ...string) (string, error) {
	t.Helper()
	var cli struct {
		CA CACmd `cmd:"" name:"ca"`
	}
	var out bytes.Buffer
	g.Stdout = &out
	p, err := kong.New(&cli)
	require.NoError(t, err)
	ctx, err := p.Parse(append([]string{"ca"}, args...))
	if err != nil {
		return "", err
	}
	err = ctx.Run(g)
	return out.String(), err
}

// A restore on a new machine, or a wrong --data beside the right --database: another authority shuts every device out.
func TestNoOtherAuthorityIsMadeByAccident(t *testing.T) {
	g, _ := replaced(t, time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC))
	authority := filepath.Join(g.DataDir, "pki")
	away := filepath.Join(t.TempDir(), "pki")
	require.NoError(t, os.Rename(authority, away))
	for _, args := range [][]string{{"renew", "old", "--out", filepath.Join(g.DataDir, "renewed")}, {"add", "new", "--role", "station",
		"--place", "loc-1", "--out", filepath.Join(g.DataDir, "renewed")}} {
		_, err := runDevice(t, g, args...)
		require.ErrorIs(t, err, admission.ErrNoAuthority)
	}
	_, err := runCA(t, g, "crl")
	require.ErrorIs(t, err, admission.ErrNoAuthority)
	require.NoDirExists(t, authority)

	out, err := runCA(t, g, "new")
	require.NoError(t, err)
	require.Contains(t, out, authority)
	_, err = runCA(t, g, "new")
	require.ErrorContains(t, err, "already")
	_, err = runDevice(t, g, "renew", "old", "--out", filepath.Join(g.DataDir, "renewed"))
	require.NoError(t, err)
}

func TestACommandThatNeedsDataMakesNoDatabase(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mistyped")
	g := &Globals{Ctx: t.Context(), DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hub.db")}
	_, err := runDevice(t, g, "list")
	require.ErrorContains(t, err, "there is no database "+filepath.Join(dir, "hub.db"))
	require.NoDirExists(t, dir)
}

func TestBackupFlagsGoTogether(t *testing.T) {
	for want, args := range map[string][]string{
		"--backup-every wants --backup-dir":   {"--backup-every", "1h"},
		"--backup-dir without":                {"--backup-dir", t.TempDir()},
		"want a minute or more":               {"--backup-every", "1s", "--backup-dir", t.TempDir()},
		"--broker-name is for the embedded":   {"--broker-name", "hub.example", "--broker-url", "tls://hub.example:8883"},
		`--broker-name "two words": want a h`: {"--broker-name", "two words"},
	} {
		var cli struct {
			Serve ServeCmd `cmd:""`
		}
		p, err := kong.New(&cli)
		require.NoError(t, err)
		_, err = p.Parse(append([]string{"serve"}, args...))
		require.ErrorContains(t, err, want)
	}
}

func TestABrokerOfYourOwnGetsItsFilesFromTheHub(t *testing.T) {
	dir := t.TempDir()
	g := &Globals{Ctx: t.Context(), DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hub.db")}
	_, err := runCA(t, g, "crl")
	require.ErrorContains(t, err, "there is no database")
	s, err := g.MakeStore()
	require.NoError(t, err)
	require.NoError(t, s.Close())
	out, err := runCA(t, g, "broker", "--name", "mqtt.example", "--out", dir)
	require.NoError(t, err)
	require.Contains(t, out, "broker.key")
	for _, name := range []string{"two words", "tls://mqtt.example", "mqtt.example:8883", "0.0.0.0", ""} {
		_, err = runCA(t, g, "broker", "--name", name, "--out", filepath.Join(dir, "bad"))
		require.Error(t, err, name)
	}
	require.NoDirExists(t, filepath.Join(dir, "bad"))
	out, err = runCA(t, g, "crl")
	require.NoError(t, err)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "broker.pem"), filepath.Join(dir, "broker.key"))
	require.NoError(t, err)
	require.NoError(t, pair.Leaf.VerifyHostname("mqtt.example"))
	require.FileExists(t, strings.TrimSpace(out))
}

// The certificate stands in the database by then: without its key the device could never log in by it.
func TestAListThatCannotBeWrittenTakesNoKeyAway(t *testing.T) {
	g, _ := replaced(t, time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC))
	list := filepath.Join(g.DataDir, "pki", pki.CRLFile)
	require.NoError(t, os.MkdirAll(filepath.Join(list, "in the way"), 0o700))
	_, err := runDevice(t, g, "renew", "old", "--out", filepath.Join(g.DataDir, "renewed"))
	require.Error(t, err)
	require.FileExists(t, filepath.Join(g.DataDir, "renewed", "old.key"))
	_, err = runDevice(t, g, "replace", "old", "--with", "new", "--out", g.DataDir)
	require.Error(t, err)
	require.FileExists(t, filepath.Join(g.DataDir, "new.key"))
	require.NoError(t, os.RemoveAll(list))
	_, err = runDevice(t, g, "replace", "new", "--with", "third", "--out", g.DataDir)
	require.NoError(t, err)
	require.FileExists(t, list, "the board that was replaced is on it")
}

func TestAScannerServesAShopOrARentalWarehouse(t *testing.T) {
	dir := t.TempDir()
	g := &Globals{Ctx: t.Context(), DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hub.db")}
	s, err := g.MakeStore()
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	add := []string{"add", "dev-1", "--role", "scanner", "--place", "warehouse-1", "--out", filepath.Join(dir, "keys")}
	_, err = runDevice(t, g, add...)
	require.ErrorContains(t, err, "a scanner serves a shop or a rental warehouse")
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
		return tx.SaveWarehouses(t.Context(), []bulk.Warehouse{{ID: "warehouse-1", GLN: "9520000000004", Name: "Warehouse"}})
	}))
	_, err = runDevice(t, g, add...)
	require.NoError(t, err)
}
