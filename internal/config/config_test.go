package config

import (
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

func TestAConfigurationFileWithAnUnknownKeyIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(file, []byte("adress: file\n"), 0o600))
	_, err := parse(t, "--config", file, "run")
	require.ErrorContains(t, err, `"adress"`)
}
