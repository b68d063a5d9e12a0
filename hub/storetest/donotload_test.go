package storetest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/check"
	"meguri/hub/dispatch"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/protocol"
)

// paper is what the sheets and packing lists of the day say together.
type paper struct {
	shown  map[string]bool // containers that stand somewhere
	barred map[string]bool // of them, those that are not to be loaded, wherever they stand
	units  int             // that are not to be packed, of containers that are whole
	lost   int             // units of containers that there are not
}

func (p *paper) show(t *testing.T, c dispatch.Container) {
	t.Helper()
	if p.shown[c.ID] {
		require.Equal(t, p.barred[c.ID], c.Broken.Yes(), "%s: every list says the same of it", c.ID)
	}
	p.shown[c.ID] = true
	if c.Broken.Yes() {
		p.barred[c.ID] = true
		require.NotEmpty(t, c.Broken.Text)
	}
}

// printAll reads every sheet and packing list; a run that is gone has none.
func printAll(t *testing.T, s *store.Store) paper {
	t.Helper()
	p := paper{shown: map[string]bool{}, barred: map[string]bool{}}
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) error {
		for _, run := range []string{run1, run2} {
			sheet, err := tx.Sheet(t.Context(), run)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			require.NoError(t, err)
			for _, stop := range sheet.Stops {
				for _, c := range stop.Containers {
					p.show(t, c)
				}
			}
			for _, c := range sheet.Astray {
				require.True(t, c.Broken.Yes(), "what no stop is for is not to be loaded")
				p.show(t, c)
			}
		}
		for _, shop := range []string{"shop-a", "shop-b"} {
			list, err := tx.PackingList(t.Context(), date, shop)
			require.NoError(t, err)
			for _, line := range list.Lines {
				p.show(t, line.Container)
				for _, product := range line.Products {
					p.units += product.Barred
				}
			}
			for _, line := range list.Lost {
				for _, product := range line.Products {
					p.lost += product.Units
				}
			}
		}
		return nil
	}))
	return p
}

// wholeOtherwise are kinds that keep no container from being loaded: single units in it are wrong, or only the books.
var wholeOtherwise = []check.Kind{check.TwoShops, check.ItemCategory, check.WrongLocation, check.UsedDiffers, check.StaleCopy}

// mustBeBarred are the containers that findings say are broken. Of several with one place it is not the first.
func mustBeBarred(r check.Report) []string {
	barred := map[string]bool{}
	for _, f := range r.Findings {
		var of []string
		for _, row := range f.Rows {
			if row.Table == "dated_containers" {
				of = append(of, row.Key)
			}
		}
		if strings.HasSuffix(string(f.Kind), "_twice") && len(of) > 0 {
			of = of[1:]
		}
		for _, id := range of {
			if !slices.Contains(wholeOtherwise, f.Kind) {
				barred[id] = true
			}
		}
	}
	return names(barred)
}

func names(set map[string]bool) []string {
	all := []string{}
	for name := range set {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// everyPlanIsMade says that no place is left without a plan for its devices.
func everyPlanIsMade(t *testing.T, s *store.Store) {
	t.Helper()
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) error {
		for place, role := range map[string]string{"loc-1": plan.RoleStation, "loc-2": plan.RoleStation, "shop-a": plan.RoleScanner,
			"shop-b": plan.RoleScanner, "route-1": plan.RoleDriver, "route-2": plan.RoleDriver} {
			_, err := plan.Build(t.Context(), tx, role, place, protocol.Revision, before)
			require.NoError(t, err, place)
		}
		return nil
	}))
}

func TestABrokenRowIsPrintedAsNotToBeLoadedAndTheRestIsWhole(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		s, url := cleanDay(t, empty)
		p := printAll(t, s)
		require.Len(t, p.shown, 4)
		require.Empty(t, p.barred)
		require.Zero(t, p.units+p.lost)
		exec, restore := lawless(t, url)
		for _, c := range corruptions() {
			t.Run(c.rule, func(t *testing.T) {
				restore()
				for _, statement := range c.statements {
					exec(statement)
				}
				r := lookAt(t, s)
				p := printAll(t, s)
				require.Equal(t, mustBeBarred(r), names(p.barred))
				for _, id := range []string{coldB, coldA, dryA, there} {
					gone := slices.ContainsFunc(c.statements, func(s string) bool { return strings.Contains(s, "DELETE FROM dated_containers WHERE id = '"+id) })
					require.Equal(t, !gone, p.shown[id], "%s stands on some list", id)
				}
				units := map[string]int{"two_shops": 1, "item_category": 1, "wrong_location": 1, "product_gone": 1, "no_order o-3": 2, "still_holds o-2": 1,
					"still_holds o-3": 2}
				kind, _, _ := strings.Cut(c.want[0], " ")
				require.Equal(t, max(units[kind], units[c.want[0]]), p.units, "units that are not to be packed")
				require.Equal(t, map[bool]int{true: 1}[kind == "container_gone"], p.lost)
				exec("UPDATE delivery_dates SET frozen_at = 1 WHERE delivery_date = '2026-12-01'")
				everyPlanIsMade(t, s)
			})
		}
	})
}
