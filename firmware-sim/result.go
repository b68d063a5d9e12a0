package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"meguri/firmware-sim/fleet"
	"meguri/firmware-sim/hubclient"
	"meguri/firmware-sim/scenario"
	"meguri/internal/clock"
	"meguri/protocol"
)

// result is a day that was played: the hub's account of it, the world's own, and whether the two agree.
type result struct {
	hub      hubclient.Summary
	day      *scenario.Day
	fleet    *fleet.Fleet
	taken    fleet.Tally // recorded by the agents up to the last look
	received fleet.Tally // of these, what the hub has applied
	gaps     int         // named gaps in any device's log
	killer   *killer     // nil when nobody was killed
	checks   []check
}

// check is one sum that has to be right.
type check struct {
	name      string
	hub, real int64
	atMost    bool // the hub may know less: who is killed between an act and its record cannot tell
}

func (c check) ok() bool { return c.hub == c.real || c.atMost && c.hub < c.real }

const (
	settleFor  = 60 * time.Second // on the machine's clock
	settleLook = 200 * time.Millisecond
)

// settle waits until the hub has heard of all that the agents have recorded and has decided about leftovers, then compares.
// When that does not come about in time, what is missing shows in the sums.
func settle(ctx context.Context, cfg scenario.Config, day *scenario.Day, k *killer) (*result, error) {
	res := &result{day: day, fleet: cfg.Fleet, killer: k}
	positions := cfg.Fleet.Positions()
	deadline := time.Now().Add(settleFor)
	for {
		done, err := res.look(ctx, cfg, positions)
		if err != nil {
			return nil, err
		}
		if done || time.Now().After(deadline) {
			break
		}
		if err := clock.Real().Sleep(ctx, settleLook); err != nil {
			return nil, err
		}
	}
	var err error
	if res.hub, err = cfg.Dispatcher.Summary(ctx, cfg.Date); err != nil {
		return nil, err
	}
	res.compare()
	return res, nil
}

// look compares the numbers that the hub has applied with those that the agents had recorded when the day ended.
func (r *result) look(ctx context.Context, cfg scenario.Config, positions map[string]fleet.Tally) (done bool, err error) {
	r.taken, r.received, r.gaps = fleet.Tally{}, fleet.Tally{}, 0
	done = true
	for device, p := range positions {
		r.taken.Events += p.Events
		r.taken.Readings += p.Readings
		got, err := cfg.Dispatcher.Logs(ctx, device)
		if err != nil {
			return false, err
		}
		r.gaps += got.Gaps
		r.received.Events += min(got.Applied[protocol.Events.String()], p.Events)
		r.received.Readings += min(got.Applied[protocol.Readings.String()], p.Readings)
	}
	done = r.taken == r.received
	deliveries, err := cfg.Dispatcher.Deliveries(ctx, cfg.Date)
	if err != nil {
		return false, err
	}
	for _, d := range deliveries {
		done = done && d.ClosedAt != nil
	}
	return done, nil
}

func (r *result) compare() {
	n, h := &r.day.Counts, &r.hub
	states := int64(0)
	for state, count := range h.Orders.ByState {
		if state != "refused" {
			states += int64(count)
		}
	}
	doors := r.fleet.DoorCounts()
	add := func(name string, hub, real int64) {
		r.checks = append(r.checks, check{name: name, hub: hub, real: real})
	}
	add("orders placed", int64(h.Orders.Placed), n.Placed.Load())
	add("orders accepted", int64(h.Orders.Accepted), n.Accepted.Load())
	add("orders refused", int64(h.Orders.Refused), n.Refused.Load())
	add("accepted + refused = placed", int64(h.Orders.Accepted+h.Orders.Refused), int64(h.Orders.Placed))
	for _, limit := range []string{"sales_limit", "container", "shipper", "address"} {
		add("orders refused for "+limit, int64(h.Orders.RefusedByLimit[limit]), r.day.RefusedBy(limit))
	}
	add("accepted orders by state add up", states, int64(h.Orders.Accepted))
	add("containers filled = containers used", n.Filled.Load(), int64(h.Used.Containers))
	add("containers in their slots", int64(h.Used.ContainersByState["placed"]), n.HandedIn.Load())
	add("scans taken", int64(h.World.Scans), n.Filled.Load()+n.Shelved.Load()+n.Short.Load()+n.Stops.Load()+n.Loaded.Load()+n.HandedIn.Load())
	add("units short", int64(h.Items.Short), n.Short.Load())
	add("relays fired", int64(h.World.Unlocks), doors.Fired)
	r.checks[len(r.checks)-1].atMost = r.killer != nil
	add("doors opened", int64(h.World.DoorsOpened), doors.Opened)
	r.checks[len(r.checks)-1].atMost = r.killer != nil
	add("orders picked up", int64(h.Orders.ByState["picked_up"]), n.Served.Load())
	add("orders left over or undelivered", int64(len(h.LeftOver)+len(h.Undelivered)), n.Accepted.Load()-n.Served.Load())
	add("events received = recorded", r.received.Events, r.taken.Events)
	add("reading records received = taken", r.received.Readings, r.taken.Readings)
	add("named gaps", int64(r.gaps), 0)
	add("events that could not be applied", h.Log.NotApplied+h.Log.Unknown+h.Log.Quarantined, 0)
}

// ok says whether everything adds up.
func (r *result) ok() bool {
	return !slices.ContainsFunc(r.checks, func(c check) bool { return !c.ok() })
}

var errDoesNotAddUp = errors.New("the day does not add up")

// print writes the summary; it returns an error when a sum is wrong.
func (r *result) print(w io.Writer) error {
	h := &r.hub
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("orders", "%d placed: %d accepted, %d refused (%s)", h.Orders.Placed, h.Orders.Accepted, h.Orders.Refused, list(h.Orders.RefusedByLimit))
	line("became", "%s", list(h.Orders.ByState))
	line("used", "%d containers, %d shippers, %d addresses, %d slots", h.Used.Containers, h.Used.Shippers, h.Used.Addresses, h.Used.Slots)
	line("people", "%d scans, %d refused scans, %d codes used, %d codes refused, %d unlocks, %d doors opened, %d pickups (inferred)",
		h.World.Scans, h.World.ScansRefused, h.World.GrantsUsed, h.World.GrantsRefused, h.World.Unlocks, h.World.DoorsOpened, h.World.Pickups)
	line("readings", "%d records taken, %d received, %d missing; %d samples of the date, %d of them sensor faults",
		r.taken.Readings, r.received.Readings, r.taken.Readings-r.received.Readings, h.Readings.Received, h.Readings.Faulty)
	line("events", "%d recorded, %d received, %d missing; %d agents started again", r.taken.Events, r.received.Events,
		r.taken.Events-r.received.Events, r.fleet.Restarts())
	if r.killer != nil {
		hubs, agents := r.killer.killed()
		line("killed", "the hub %d times, agents %d times (kill -9)", hubs, agents)
	}
	for _, s := range h.Shortages {
		line("short", "%d × %s of %s: order %s goes without; refund is a work item", s.Units, s.Name, s.ShopID, strings.Join(s.Orders, ", "))
	}
	for _, s := range h.LateStops {
		reached := "never reached"
		if s.ReachedAt != nil {
			reached = fmt.Sprintf("reached %d min late", int(s.ReachedAt.Sub(s.PlannedAt).Minutes()))
		}
		line("late", "%s stop %d, %s: %s", s.RunID, s.Sequence, s.PlaceName, reached)
	}
	for _, o := range h.LeftOver {
		line("left over", "order %s: nobody came; collecting it is a work item", o)
	}
	for _, o := range h.Undelivered {
		line("undelivered", "order %s: its goods never came; refund is a work item", o)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, c := range r.checks {
		if !c.ok() {
			fmt.Fprintf(w, "WRONG  %s: the hub says %d, the world %d\n", c.name, c.hub, c.real)
		}
	}
	if !r.ok() {
		return errDoesNotAddUp
	}
	fmt.Fprintf(w, "All %d sums of hub and world agree.\n", len(r.checks))
	return nil
}

func list(counts map[string]int) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if counts[name] > 0 {
			words = append(words, fmt.Sprintf("%s %d", name, counts[name]))
		}
	}
	return strings.Join(words, ", ")
}
