package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/check"
	"meguri/hub/dispatch"
	"meguri/hub/order"
	"meguri/hub/store"
)

// brokenDay is the clean day without keys, in which container coldA rides with a run that does not call at loc-1.
func brokenDay(t *testing.T, empty func() string) (s *store.Store, exec func(string)) {
	s, url := cleanDay(t, empty)
	exec, _ = lawless(t, url)
	exec(container("run_id = '"+run2+"', shipper_id = 'box-2-cold', shipper_capacity = 2, shipper_place = 2", coldA))
	return s, exec
}

func text(t *testing.T, s *store.Store, url, query string) string {
	t.Helper()
	var got string
	require.NoError(t, raw(t, url).QueryRowContext(t.Context(), query).Scan(&got))
	return got
}

func TestFindingsAndRepairs(t *testing.T) {
	Each(t, func(t *testing.T, empty func() string) {
		for _, c := range []struct {
			rule string
			test func(*testing.T, func() string)
		}{
			{"a finding is kept, alerts when it arises, again when it comes back, and is gone when it is gone", findingsAreKept},
			{"a finding without a repair is work that names the orders affected", noRepairIsWork},
			{"a repair raises the date, keeps history and is recorded with the person", repairIsRecorded},
			{"a running service of orders goes on from the repaired rows", serviceGoesOn},
			{"after the end of numbering a repair makes a new version of the sheets", frozenRepair},
			{"what a person leaves behind is printed so and is no finding", keptBack},
			{"a repair that was not shown, or was applied, is not applied", staleRepair},
			{"of two who apply one repair one does", racingRepairs},
			{"places that two repairs need are given once", repairsDoNotCollide},
		} {
			t.Run(c.rule, func(t *testing.T) { c.test(t, empty) })
		}
	})
}

func alarmsOf(t *testing.T, s *store.Store) (open, all int) {
	t.Helper()
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) error {
		now, err := tx.AlarmsNow(t.Context(), time.Now(), 100)
		if err != nil {
			return err
		}
		ever, err := tx.Alarms(t.Context(), 100)
		open, all = len(now), len(ever)
		return err
	}))
	return open, all
}

func watch(t *testing.T, s *store.Store, now time.Time) []store.FindingView {
	t.Helper()
	_, err := check.NewService(s.Checks()).Watch(t.Context(), now, func() time.Time { return now })
	require.NoError(t, err)
	var open []store.FindingView
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) error {
		look, found, err := tx.LastLook(t.Context())
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, 3, look.Orders)
		open, err = tx.Findings(t.Context(), false, 100)
		return err
	}))
	return open
}

func findingsAreKept(t *testing.T, empty func() string) {
	s, url := cleanDay(t, empty)
	require.Empty(t, watch(t, s, before))
	exec, restore := lawless(t, url)
	exec(container("address_id = 'spot-1-5'", coldB))
	for minute := range 3 {
		open := watch(t, s, before.Add(time.Duration(minute)*time.Minute))
		require.Len(t, open, 1)
		require.Equal(t, before, open[0].First)
		require.Equal(t, before.Add(time.Duration(minute)*time.Minute), open[0].Last)
		require.Equal(t, check.AddressSpot, open[0].Kind)
		require.Equal(t, []string{"o-1"}, open[0].Orders)
		require.NotEmpty(t, open[0].Repair)
		require.Equal(t, []check.Difference{{Row: check.Row{Table: "dated_containers", Key: coldB}, Field: "address_id", Before: "spot-1-5",
			After: "spot-2-1"}}, open[0].Differences)
		now, ever := alarmsOf(t, s)
		require.Equal(t, []int{1, 1}, []int{now, ever})
	}
	exec(container("address_id = 'spot-2-1'", coldB))
	require.Empty(t, watch(t, s, before.Add(time.Hour)))
	now, ever := alarmsOf(t, s)
	require.Equal(t, []int{0, 1}, []int{now, ever})

	exec(container("address_id = 'spot-1-5'", coldB))
	open := watch(t, s, before.Add(2*time.Hour))
	require.Equal(t, before.Add(2*time.Hour), open[0].First)
	now, ever = alarmsOf(t, s)
	require.Equal(t, []int{1, 2}, []int{now, ever}, "it alerts again")
	restore()
}

func noRepairIsWork(t *testing.T, empty func() string) {
	s, url := cleanDay(t, empty)
	exec, _ := lawless(t, url)
	exec(outOf("location", "loc-2"))
	open := watch(t, s, before)
	require.Len(t, open, 1)
	require.Empty(t, open[0].Repair)
	require.Equal(t, "C-20261201-0004: location loc-2 is out of service", open[0].None.Text())
	work := func() []store.WorkView {
		all, err := read(t, s, func(tx *store.Tx) ([]store.WorkView, error) { return tx.Work(t.Context(), false, 100) })
		require.NoError(t, err)
		return all
	}
	require.Len(t, work(), 1)
	require.Contains(t, work()[0].Detail, "Orders affected: o-2.")
	exec("DELETE FROM out_of_service")
	require.Empty(t, watch(t, s, before.Add(time.Minute)))
	require.Empty(t, work())

	exec(fmtLimit())
	open = watch(t, s, before.Add(time.Minute))
	require.Equal(t, check.LimitLowered, open[0].Kind)
	require.Empty(t, work(), "nothing has to be done")
	now, _ := alarmsOf(t, s)
	require.Zero(t, now, "and nobody is alerted")
}

func fmtLimit() string {
	return "INSERT INTO product_limits VALUES ('a-cold', '2026-12-01', 1, 'person-1', 9999999999999)"
}

// proposed is the repair of the only finding.
func proposed(t *testing.T, s *store.Store) check.Finding {
	t.Helper()
	r := lookAt(t, s)
	require.Len(t, r.Findings, 1)
	require.NotEmpty(t, r.Findings[0].Repair.ID)
	return r.Findings[0]
}

func applyTo(t *testing.T, s *store.Store, f check.Finding) error {
	t.Helper()
	_, err := check.NewService(s.Checks()).Apply(t.Context(), f.Dates(), f.Repair.ID, "person-1", before.Add(time.Minute))
	return err
}

func repairIsRecorded(t *testing.T, empty func() string) {
	s, url := cleanDay(t, empty)
	exec, _ := lawless(t, url)
	exec(container("run_id = '"+run2+"', shipper_id = 'box-2-cold', shipper_capacity = 2, shipper_place = 2", coldA))
	was := text(t, s, url, "SELECT revision FROM delivery_dates WHERE delivery_date = '2026-12-01'")
	watch(t, s, before)
	f := proposed(t, s)
	require.NoError(t, applyTo(t, s, f))

	require.NotEqual(t, was, text(t, s, url, "SELECT revision FROM delivery_dates WHERE delivery_date = '2026-12-01'"))
	require.Equal(t, run1+" box-1-cold", text(t, s, url, "SELECT run_id || ' ' || shipper_id FROM dated_containers WHERE id = '"+coldA+"'"))
	require.Equal(t, run2+" box-2-cold repair", text(t, s, url, "SELECT run_id || ' ' || shipper_id || ' ' || cause FROM dated_container_history WHERE id = '"+
		coldA+"' AND known_until < 9223372036854775807"))
	require.Equal(t, "check.repair person-1 "+coldA, text(t, s, url, "SELECT act || ' ' || person_id || ' ' || subject FROM acts WHERE act = 'check.repair'"))
	open, _ := alarmsOf(t, s)
	require.Zero(t, open, "the finding is gone at once, not at the next look")
	require.Equal(t, "1", text(t, s, url, "SELECT version FROM runs WHERE id = '"+run1+"'"), "there is no sheet before the end of numbering")
}

// The service had the date in memory, with the broken rows or without. It must neither give a place twice nor lose one.
func serviceGoesOn(t *testing.T, empty func() string) {
	s, url := cleanDay(t, empty)
	service := order.NewService(s.Orders())
	require.Equal(t, order.Accepted, place(t, service, request("o-4", "b-cold", 1)).State)
	Break(t, url, container("used_ml = 100", coldB)) // a sum no key guards
	require.NoError(t, applyTo(t, s, proposed(t, s)))
	require.Equal(t, order.Accepted, place(t, service, request("o-5", "b-cold", 1)).State)
	require.Empty(t, found(lookAt(t, s)))
	require.Equal(t, "800", text(t, s, url, "SELECT used_ml FROM dated_containers WHERE id = '"+coldB+"'"))
}

func frozenRepair(t *testing.T, empty func() string) {
	s, _ := brokenDay(t, empty)
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
		if err := tx.Freeze(t.Context(), date, before); err != nil {
			return err
		}
		_, err := tx.MakeEditions(t.Context(), date, nil, "hub", "cutoff", before)
		return err
	}))
	version := func(run string) int {
		r, err := read(t, s, func(tx *store.Tx) (int, error) {
			r, err := tx.Run(t.Context(), run)
			return r.Version, err
		})
		require.NoError(t, err)
		return r
	}
	first := []int{version(run1), version(run2)}
	require.NoError(t, applyTo(t, s, proposed(t, s)))
	require.Empty(t, found(lookAt(t, s)))
	require.Equal(t, []int{first[0] + 1, first[1] + 1}, []int{version(run1), version(run2)}, "one gains the container, one loses it")
	unconfirmed, err := read(t, s, func(tx *store.Tx) ([]dispatch.Confirmation, error) { return tx.Confirmations(t.Context(), date) })
	require.NoError(t, err)
	require.Len(t, unconfirmed, 2)
	for _, c := range unconfirmed {
		require.Equal(t, 2, c.Version, "which its driver has to confirm")
		require.True(t, c.ConfirmedAt.IsZero())
	}
	grants, err := read(t, s, func(tx *store.Tx) (bool, error) { return tx.HasCourierGrant(t.Context(), run1, "loc-1") })
	require.NoError(t, err)
	require.True(t, grants, "and the driver has a code for the location")
}

// What a person has decided to leave behind is printed so, with their reason, and is no finding any more.
func keptBack(t *testing.T, empty func() string) {
	s, exec := brokenDay(t, empty)
	require.Len(t, lookAt(t, s).Findings, 1)
	exec("INSERT INTO do_not_load VALUES ('" + coldA + "', '2026-12-01', 'goods are spoilt', 'person-1', 1)")
	require.Empty(t, found(lookAt(t, s)))
	sheet, err := read(t, s, func(tx *store.Tx) (dispatch.Sheet, error) { return tx.Sheet(t.Context(), run2) })
	require.NoError(t, err)
	var told []dispatch.Broken
	for _, stop := range sheet.Stops {
		for _, c := range stop.Containers {
			if c.ID == coldA {
				told = append(told, c.Broken)
			}
		}
	}
	require.Equal(t, []dispatch.Broken{{Kind: dispatch.KeptBack, Text: "goods are spoilt"}}, told)
}

func staleRepair(t *testing.T, empty func() string) {
	s, exec := brokenDay(t, empty)
	f := proposed(t, s)
	require.ErrorIs(t, applyTo(t, s, check.Finding{Date: date, Repair: check.Repair{ID: "000000000000"}}), check.ErrChanged)
	require.ErrorIs(t, applyTo(t, s, check.Finding{Date: date}), check.ErrChanged, "no repair is none to apply")
	taken := f.Repair.Containers[0].After.ShipperPlace
	exec(fmt.Sprintf("UPDATE dated_containers SET shipper_place = %d WHERE id = '%s'", taken, coldB))
	require.ErrorIs(t, applyTo(t, s, f), check.ErrChanged, "the place that it takes has gone meanwhile")
	again := proposed(t, s)
	require.NotEqual(t, f.Repair.ID, again.Repair.ID)
	require.NoError(t, applyTo(t, s, again))
	require.ErrorIs(t, applyTo(t, s, again), check.ErrChanged, "it is applied already")
	require.Empty(t, found(lookAt(t, s)))
}

func racingRepairs(t *testing.T, empty func() string) {
	s, _ := brokenDay(t, empty)
	f := proposed(t, s)
	results := make([]error, 2)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() {
			_, results[i] = check.NewService(s.Checks()).Apply(t.Context(), f.Dates(), f.Repair.ID, "person-1", before)
		})
	}
	wg.Wait()
	if results[0] != nil {
		results[0], results[1] = results[1], results[0]
	}
	require.NoError(t, results[0])
	require.ErrorIs(t, results[1], check.ErrChanged)
	require.Empty(t, found(lookAt(t, s)))
}

// Two containers need a new slot, and there are two. Each repair that was shown can be applied, in whatever order.
func repairsDoNotCollide(t *testing.T, empty func() string) {
	s, url := cleanDay(t, empty)
	exec, _ := lawless(t, url)
	exec(outOf("slot", "loc-1-f1-s1"))
	exec(outOf("slot", "loc-1-f1-s2"))
	r := lookAt(t, s)
	require.Len(t, r.Findings, 2)
	slots := map[string]bool{}
	for _, f := range r.Findings {
		require.NotEmpty(t, f.Repair.ID)
		slots[f.Repair.Containers[0].After.Slot] = true
	}
	require.Len(t, slots, 2)
	require.NoError(t, applyTo(t, s, r.Findings[1]))
	require.NoError(t, applyTo(t, s, proposed(t, s)))
	require.Empty(t, found(lookAt(t, s)))
}
