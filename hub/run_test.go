package main

import (
	"bytes"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// runHub runs a command as somebody types it, without the flags that all have, and gives what it prints.
func runHub(t *testing.T, g *Globals, args ...string) (string, error) {
	t.Helper()
	var cli commandLine
	var out bytes.Buffer
	g.Stdout = &out
	p, err := kong.New(&cli, kong.Vars{"version": "test"})
	require.NoError(t, err)
	ctx, err := p.Parse(args)
	if err != nil {
		return "", err
	}
	err = ctx.Run(g)
	return out.String(), err
}
