package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/firmware-sim/fleet"
)

func TestListenAtTakesAnotherPortOnlyWhereNoneWasAskedFor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	taken := l.Addr().String()

	free, err := listenAt("", taken)
	require.NoError(t, err)
	require.NotEqual(t, taken, free)
	_, err = listenAt(taken, "127.0.0.1:0")
	require.ErrorContains(t, err, "in use")
	got, err := listenAt("127.0.0.1:0", taken)
	require.NoError(t, err)
	require.NotContains(t, got, ":0")
}

func TestADemoEmptiesOnlyWhatADemoHasMade(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious")
	require.NoError(t, os.WriteFile(precious, nil, 0o600))
	require.ErrorContains(t, (&demoCommand{Data: dir}).prepare(), "no demo made it")
	require.FileExists(t, precious)
	require.ErrorContains(t, (&demoCommand{Data: precious}).prepare(), "not a directory")

	ours := filepath.Join(dir, "demo")
	first := &demoCommand{Data: ours}
	require.NoError(t, first.prepare())
	left := filepath.Join(ours, "hub.db")
	require.NoError(t, os.WriteFile(left, nil, 0o600))

	require.ErrorContains(t, (&demoCommand{Data: ours}).prepare(), "another demo runs there")
	require.FileExists(t, left)

	require.NoError(t, first.lock.Close())
	next := &demoCommand{Data: ours}
	require.NoError(t, next.prepare())
	require.NoFileExists(t, left)
	require.NoError(t, next.lock.Close())
}

func TestTheCodeIsTakenOutOfTheLastLine(t *testing.T) {
	code, err := codeOf("person p-1 added\nhttp://127.0.0.1:8080/login?code=a-b_c\n")
	require.NoError(t, err)
	require.Equal(t, "a-b_c", code)
	for _, text := range []string{"", "no link", "http://127.0.0.1/login?code=", "http://%zz?code=a"} {
		_, err := codeOf(text)
		require.ErrorContains(t, err, "no login link", text)
	}
}

func TestSpeedAndKillsHaveBounds(t *testing.T) {
	require.NoError(t, (&demoCommand{Speed: 1000, Kills: 60}).Validate())
	require.ErrorContains(t, (&demoCommand{Speed: 0}).Validate(), "--speed")
	require.ErrorContains(t, (&demoCommand{Speed: maxSpeed + 1}).Validate(), "--speed")
	require.ErrorContains(t, (&demoCommand{Speed: 1, Kills: -1}).Validate(), "--kills")
}

func TestEveryPersonOfANetworkGetsACodeOfTheirOwn(t *testing.T) {
	n := fleet.Network{Shops: []fleet.Shop{{ID: "a"}}, Routes: []fleet.Route{{ID: "a"}}}
	require.Equal(t, []person{{"app", "system", ""}, {"dispatcher", "dispatcher", ""}, {"shop/a", "shop", "a"}, {"driver/a", "driver", "a"}}, persons(n))
}
