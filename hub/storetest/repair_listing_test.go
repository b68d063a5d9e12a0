package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/check"
	"meguri/hub/order"
	"meguri/hub/store"
)

// messyDay is the clean day with three orders more and all keys in force, in which repairs meet: o-3 and o-4 end and both have
// units in coldA; o-5's unit is missing in dryA, whose sum is wrong by it; o-6's is missing, too, which leaves its container
// C-…-0005 empty, and has to go into a new one.
func messyDay(t *testing.T, empty func() string) *store.Store {
	t.Helper()
	s, url := busyDay(t, empty)
	db := raw(t, url)
	for _, statement := range []string{
		"UPDATE orders SET state = 'cancelled' WHERE id = 'o-3'",
		fmt.Sprintf("UPDATE orders SET state = 'held', hold_until = %d WHERE id = 'o-4'", before.Add(-time.Hour).UnixMilli()),
		"DELETE FROM order_items WHERE order_id = 'o-5'", "DELETE FROM order_items WHERE order_id = 'o-6'",
	} {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	return s
}

// busyDay is the clean day with o-4 in coldA, o-5 in dryA and o-6 in a container of its own.
func busyDay(t *testing.T, empty func() string) (*store.Store, string) {
	t.Helper()
	s, url := cleanDay(t, empty, bulk.ShippersFile, "dry,2,", "dry,3,")
	service := order.NewService(s.Orders())
	for _, r := range []order.Request{request("o-4", "a-cold", 1), request("o-5", "a-dry", 1), request("o-6", "a-dry", 1)} {
		require.Equal(t, order.Accepted, place(t, service, r).State)
	}
	require.Equal(t, "1000 800 400", text(t, s, url, `SELECT (SELECT used_ml FROM dated_containers WHERE id = '`+coldA+`') || ' ' ||
		(SELECT used_ml FROM dated_containers WHERE id = '`+dryA+`') || ' ' || (SELECT used_ml FROM dated_containers WHERE id = 'C-20261201-0005')`))
	return s, url
}

// listing gives the findings of a look, each with its repair.
func listing(t *testing.T, s *store.Store) []check.Finding {
	t.Helper()
	r := lookAt(t, s)
	for _, f := range r.Findings {
		require.NotEmpty(t, f.Repair.ID, "%s: %s", f.Text(), f.Repair.None.Text())
	}
	return r.Findings
}

func applyShown(t *testing.T, s *store.Store, f check.Finding) error {
	t.Helper()
	_, err := check.NewService(s.Checks()).ApplyShown(t.Context(), f, "person-1", before.Add(time.Minute))
	return err
}

func TestRepairsOfOneListing(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		for _, c := range []struct {
			rule string
			test func(*testing.T, func() string)
		}{
			{"each can be applied alone", eachAlone},
			{"all can be applied, in whatever order", inWhateverOrder},
			{"the name stays while a neighbour is applied", nameStays},
			{"what another repair empties gets nothing", nothingIntoWhatGoes},
			{"what is overfull is not counted beyond its capacity", overfull},
			{"one that the rows contradict is refused", contradicted},
		} {
			t.Run(c.rule, func(t *testing.T) { c.test(t, empty) })
		}
	})
}

var messy = []string{"missing_part o-5", "missing_part o-6", "empty_container C-20261201-0005", "hold_overdue o-4", "still_holds o-3",
	"used_differs " + dryA}

func eachAlone(t *testing.T, empty func() string) {
	for i := range messy {
		s := messyDay(t, empty)
		all := listing(t, s)
		require.ElementsMatch(t, messy, found(check.Report{Findings: all}))
		f := all[i]
		require.NoError(t, applyTo(t, s, f), "%s: %v", f.Text(), f.Repair.Differences())
		left := found(lookAt(t, s))
		require.NotContains(t, left, string(f.Kind)+" "+f.Subject)
		require.Subset(t, messy, left)
	}
}

func inWhateverOrder(t *testing.T, empty func() string) {
	random := rand.New(rand.NewPCG(1, 2))
	for turn := range 6 {
		s := messyDay(t, empty)
		all := listing(t, s)
		switch turn {
		case 0:
		case 1:
			slices.Reverse(all)
		default:
			random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		}
		for _, f := range all {
			if err := applyShown(t, s, f); !errors.Is(err, check.ErrGone) { // a neighbour has repaired it, too
				require.NoError(t, err, "%v: %s: %v", found(check.Report{Findings: all}), f.Text(), f.Repair.Differences())
			}
		}
		require.Empty(t, found(lookAt(t, s)))
	}
}

func nameStays(t *testing.T, empty func() string) {
	s := messyDay(t, empty)
	name := func(kind check.Kind) check.Finding {
		all := listing(t, s)
		return all[slices.IndexFunc(all, func(f check.Finding) bool { return f.Kind == kind })]
	}
	was := name(check.StillHolds)
	require.NoError(t, applyTo(t, s, name(check.HoldOverdue)))
	require.Equal(t, was.Repair.ID, name(check.StillHolds).Repair.ID, "though less is in the container now")
	require.NoError(t, applyTo(t, s, was))
}

// o-1 is cancelled and has the last unit in dryA, so that goes: what o-5 lacks must not be put into it.
func nothingIntoWhatGoes(t *testing.T, empty func() string) {
	for _, turn := range [][]int{{0, 1}, {1, 0}} {
		s, url := cleanDay(t, empty)
		require.Equal(t, order.Accepted, place(t, order.NewService(s.Orders()), request("o-5", "a-dry", 1)).State)
		for _, statement := range []string{"UPDATE orders SET state = 'cancelled' WHERE id = 'o-1'",
			"DELETE FROM order_items WHERE order_id = 'o-5'", container("used_ml = 400", dryA)} {
			Break(t, url, statement)
		}
		all := listing(t, s)
		require.Equal(t, []string{"missing_part o-5", "still_holds o-1"}, found(check.Report{Findings: all}))
		for _, i := range turn {
			require.NoError(t, applyShown(t, s, all[i]), all[i].Text())
		}
		require.Empty(t, found(lookAt(t, s)))
	}
}

// A product has grown by an import: what is in a container exceeds its capacity, and its row cannot say so.
func overfull(t *testing.T, empty func() string) {
	s, url := busyDay(t, empty)
	for _, statement := range []string{"UPDATE products SET volume_ml = 600 WHERE id = 'a-cold'", "UPDATE orders SET state = 'cancelled' WHERE id = 'o-3'"} {
		Break(t, url, statement)
	}
	kinds := map[string]check.Finding{}
	for _, f := range lookAt(t, s).Findings {
		kinds[string(f.Kind)+" "+f.Subject] = f
	}
	require.Contains(t, kinds, "over_volume "+coldA)
	differs := kinds["used_differs "+coldA]
	require.Equal(t, check.Why{Obstacle: check.Follows}, differs.Repair.None, "its row cannot say what is in it")
	require.False(t, differs.Repair.Work, "the other repair does it")
	require.NoError(t, applyTo(t, s, kinds["still_holds o-3"]), "that leaves it overfull")
	require.NoError(t, applyShown(t, s, kinds["over_volume "+coldA]))
	repairAll(t, s)
	require.Empty(t, found(lookAt(t, s)))
}

func contradicted(t *testing.T, empty func() string) {
	s, url := busyDay(t, empty)
	Break(t, url, "DELETE FROM order_items WHERE order_id = 'o-6'")
	Break(t, url, "DELETE FROM dated_containers WHERE id = 'C-20261201-0005'")
	f := proposed(t, s)
	require.Len(t, f.Repair.Containers, 1)
	require.Equal(t, order.Accepted, place(t, order.NewService(s.Orders()), request("o-7", "a-cold", 1)).State)
	require.ErrorIs(t, applyShown(t, s, f), check.ErrChanged, "an order has opened the container with that number")
	again := proposed(t, s)
	require.NoError(t, applyShown(t, s, again))
	require.ErrorIs(t, applyShown(t, s, again), check.ErrGone)
	require.Empty(t, found(lookAt(t, s)))
}

// Two corruptions at a time, one of every eighty pairs: what is shown of both can be applied alone, and in whatever order.
func TestWhateverTwoThingsAreBrokenEachRepairCanBeApplied(t *testing.T) {
	s, url := busyDay(t, func() string { return SQLite(t) })
	exec, restore := lawless(t, url)
	all, random := corruptions(), rand.New(rand.NewPCG(3, 4))
	for pair := 7; pair < len(all)*len(all); pair += 80 {
		one, other := all[pair/len(all)], all[pair%len(all)]
		if one.rule == other.rule {
			continue
		}
		t.Run(one.rule+" and "+other.rule, func(t *testing.T) {
			corrupt := func() []check.Finding {
				restore()
				for _, statement := range append(slices.Clone(one.statements), other.statements...) {
					exec(statement)
				}
				return slices.DeleteFunc(lookAt(t, s).Findings, func(f check.Finding) bool { return f.Repair.ID == "" })
			}
			shown := corrupt()
			for i, f := range shown {
				if i > 0 {
					corrupt()
				}
				require.NoError(t, applyTo(t, s, f), "alone: %s: %v", f.Text(), f.Repair.Differences())
			}
			corrupt()
			random.Shuffle(len(shown), func(i, j int) { shown[i], shown[j] = shown[j], shown[i] })
			for _, f := range shown {
				if err := applyShown(t, s, f); !errors.Is(err, check.ErrGone) {
					require.NoError(t, err, "of %v: %s: %v", found(check.Report{Findings: shown}), f.Text(), f.Repair.Differences())
				}
			}
		})
	}
}
