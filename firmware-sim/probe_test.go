package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The user of the simulator breaks parts by name, and is told by name what is broken.
func TestProbeOfABoardThatIsBrokenOnPurpose(t *testing.T) {
	g := &globals{ctx: t.Context()}
	kit := filepath.Join("..", "deploy", "kits", "collection.yaml")
	out := os.Stdout
	defer func() { os.Stdout = out }()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, null.Close()) }()
	os.Stdout = null
	require.NoError(t, (&probeCommand{Kit: kit}).Run(g))
	require.ErrorContains(t, (&probeCommand{Kit: kit, Fault: []string{"collection-1-fridge-1/air=open", "GPIO23=chatter"}}).Run(g), "2 of 5 things are wrong")
	require.ErrorContains(t, (&probeCommand{Kit: kit, Fault: []string{"GPIO23=melted"}}).Run(g), "chatter, open")
	require.ErrorContains(t, (&probeCommand{Kit: kit, Socket: "s", Fault: []string{"a=b"}}).Run(g), "whoever lends them")
	require.Error(t, (&probeCommand{Kit: kit, Socket: filepath.Join(t.TempDir(), "none")}).Run(g))
}
