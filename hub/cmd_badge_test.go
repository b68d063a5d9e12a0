package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/internal/clock"
	"meguri/protocol"
)

// operatorsOf are the badges in the newest plan of a scanner at koto.
func operatorsOf(t *testing.T, g *Globals) (all []protocol.Operator) {
	t.Helper()
	s, err := g.OpenStore()
	require.NoError(t, err)
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) error {
		parts, err := plan.Build(t.Context(), tx, plan.RoleScanner, "koto", protocol.Revision, g.Clock.Now())
		if err != nil {
			return err
		}
		var lists protocol.WarehousePlan
		require.NoError(t, protocol.DecodeBody(parts["warehouse/koto"], &lists))
		all = lists.Operators
		return nil
	}))
	require.NoError(t, s.Close())
	return all
}

func TestABadgeIsMadePrintedListedAndRevoked(t *testing.T) {
	g, out := globals(t)
	g.Clock = clock.New(time.Now(), time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), 1)
	require.NoError(t, (&ImportCmd{Dir: "../deploy/sample-rental"}).Run(g))
	out.Reset()
	file := filepath.Join(t.TempDir(), "badge.pdf")
	require.NoError(t, (&BadgeAddCmd{Badge: "op-20", Warehouse: "koto", Step: []int64{3, 4}, Label: file}).Run(g))
	pin, ok := strings.CutPrefix(strings.TrimSpace(out.String()), "badge op-20\nPIN ")
	require.True(t, ok)
	require.Regexp(t, `^\d{6}$`, pin)
	pdf, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(pdf, []byte("%PDF")))

	find := func() (o protocol.Operator, ok bool) {
		for _, o := range operatorsOf(t, g) {
			if o.Badge == "op-20" {
				return o, true
			}
		}
		return o, false
	}
	o, ok := find()
	require.True(t, ok)
	require.Equal(t, protocol.CheckPIN(pin, o.Salt), o.Check)
	require.Equal(t, []protocol.Step{3, 4}, o.Steps)
	for name, c := range map[string]struct {
		cmd  BadgeAddCmd
		want string
	}{
		"taken":     {BadgeAddCmd{Badge: "op-20", Warehouse: "koto"}, "is, or was, somebody's"},
		"form":      {BadgeAddCmd{Badge: "Aoki Hana", Warehouse: "koto"}, "want 1 to 30"},
		"warehouse": {BadgeAddCmd{Badge: "op-21", Warehouse: "none"}, "--warehouse"},
		"step":      {BadgeAddCmd{Badge: "op-21", Warehouse: "koto", Step: []int64{23}}, "--step"},
	} {
		require.ErrorContains(t, c.cmd.Run(g), c.want, name)
	}
	require.NoError(t, (&BadgeRevokeCmd{Badge: "op-20"}).Run(g))
	_, ok = find()
	require.False(t, ok, "the next plan has it no more")
	require.ErrorContains(t, (&BadgeRevokeCmd{Badge: "op-20"}).Run(g), "hub badge list")
	require.NoError(t, (&BadgeRevokeCmd{Badge: "op-17"}).Run(g))
	require.NoError(t, (&ImportCmd{Dir: "../deploy/sample-rental"}).Run(g))
	require.Len(t, operatorsOf(t, g), 1, "a file that is imported again gives no badge back")
	require.ErrorContains(t, (&BadgeAddCmd{Badge: "op-20", Warehouse: "koto"}).Run(g), "is, or was, somebody's")
	out.Reset()
	require.NoError(t, (&BadgeListCmd{}).Run(g))
	require.Regexp(t, `(?m)^op-20 +koto +yes +3 4 +2\S+Z$`, out.String())
	require.Regexp(t, `(?m)^op-18 +koto +- +3 4 5 6 11 19 +-$`, out.String())
	require.NotContains(t, out.String(), pin)
}
