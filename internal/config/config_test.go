package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

type testCLI struct {
	Common
	Run struct {
		Address string `env:"MEGURI_TEST_ADDRESS" default:"default"`
	} `cmd:""`
}

func parse(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var cli testCLI
	p, err := kong.New(&cli, kong.Configuration(loadYAML), kong.Vars{"version": "1"})
	require.NoError(t, err)
	_, err = p.Parse(args)
	return cli.Run.Address, err
}

func TestTheLaterSourceIsTheStronger(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(file, []byte("address: file\n"), 0o600))

	got, err := parse(t, "run")
	require.NoError(t, err)
	require.Equal(t, "default", got)

	got, err = parse(t, "--config", file, "run")
	require.NoError(t, err)
	require.Equal(t, "file", got)

	t.Setenv("MEGURI_TEST_ADDRESS", "environment")
	got, err = parse(t, "--config", file, "run")
	require.NoError(t, err)
	require.Equal(t, "environment", got)

	got, err = parse(t, "--config", file, "run", "--address", "flag")
	require.NoError(t, err)
	require.Equal(t, "flag", got)
}

func TestAFileValueIsTakenAsItIsWritten(t *testing.T) {
	for text, want := range map[string]string{
		"2026-12-01": "2026-12-01", "1e6": "1e6", "010": "010", "yes": "yes", `"quoted: text"`: "quoted: text", "[a, 2]": "a,2", `""`: "",
	} {
		file := filepath.Join(t.TempDir(), "c.yaml")
		require.NoError(t, os.WriteFile(file, []byte("address: "+text+"\n"), 0o600))
		got, err := parse(t, "--config", file, "run")
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
}

func TestAFileValueThatIsNoneIsRefused(t *testing.T) {
	for _, text := range []string{"", "~", "{a: b}", "[[a]]", "[a", "&a [*a]"} {
		file := filepath.Join(t.TempDir(), "c.yaml")
		require.NoError(t, os.WriteFile(file, []byte("address: "+text+"\n"), 0o600))
		_, err := parse(t, "--config", file, "run")
		require.ErrorContains(t, err, "configuration file", text)
	}
}

func TestTheExitStatusTellsAWrongCommandLineFromAFailure(t *testing.T) {
	fails := errors.New("it failed")
	for status, args := range map[int][]string{ExitOK: {"good"}, ExitFailed: {"bad"}, ExitUsage: {"good", "--no-such-flag"}} {
		var cli struct {
			Common
			Good command `cmd:""`
			Bad  command `cmd:""`
		}
		cli.Bad.err = fails
		args = append([]string{"program"}, args...)
		before := os.Args
		os.Args = args
		require.Equal(t, status, Main("program", "", "1", &cli, func(*kong.Context) ([]any, error) { return nil, nil }), args)
		os.Args = before
	}
}

type command struct{ err error }

func (c *command) Run() error { return c.err }

func TestAConfigurationFileWithAnUnknownKeyIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(file, []byte("adress: file\n"), 0o600))
	_, err := parse(t, "--config", file, "run")
	require.ErrorContains(t, err, `"adress"`)
}
