package garments

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/edge/warehouse"
	labels "meguri/hub/label"
	"meguri/internal/gs1"
)

// What `hub label card --all` prints is all that a scanner's menu needs, and scanners know each of them.
func TestTheCardsAreTheMenu(t *testing.T) {
	w := newWorld(Params{Pieces: 3, Days: 1, Scanners: 1, Seed: 1})
	h, err := newHub(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "hub.db"), w)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.store.Close()) })
	plan, _, err := h.lists(w.begin)
	require.NoError(t, err)
	known := map[string]bool{warehouse.MenuOK: true, warehouse.MenuClose: true, warehouse.MenuOff: true, warehouse.MenuPass: true, warehouse.MenuFail: true,
		warehouse.MenuDirty: true, warehouse.MenuBelongings: true, warehouse.MenuForeign: true, warehouse.MenuNoLabel: true, warehouse.MenuBagNoLabel: true}
	for _, grade := range "abcd" {
		known[warehouse.MenuGrade+string(grade)] = true
	}
	for _, digit := range "0123456789" {
		known[string(digit)] = true
	}
	nobodyScans := map[string]bool{"step-deliver": true, "step-send-back": true, "step-miss": true, "step-sell": true}
	for _, s := range plan.Stations {
		if !nobodyScans[s.Code] {
			known[s.Code] = true
		}
	}
	for _, k := range plan.Kinds {
		known[k.Code] = true
	}
	cards, err := labels.Cards()
	require.NoError(t, err)
	printed := map[string]bool{}
	for _, c := range cards {
		require.Equal(t, gs1.Menu, c.Message.Elements[0].AI)
		code := c.Message.Elements[0].Value
		printed[code] = true
		free := strings.HasPrefix(code, warehouse.MenuAt) || strings.HasPrefix(code, warehouse.MenuWhy)
		require.True(t, free || known[code], "%s: no scanner knows it", code)
	}
	for code := range known {
		require.True(t, printed[code], "%s is not printed", code)
	}
}
