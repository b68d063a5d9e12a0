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
	"meguri/internal/plural"
	"meguri/protocol"
)

// result is a day that was played: the hub's account of it, the world's own, and whether the two agree.
type result struct {
	hub                         hubAccount
	day                         *scenario.Day
	fleet                       *fleet.Fleet
	devices                     map[string]fleet.Account // up to the end of the day
	taken                       fleet.Tally              // the sum of these
	received                    fleet.Tally              // of these, what the hub has applied
	gaps                        int64                    // named gaps in any device's log
	samplesTaken, samplesStored int64                    // set by compare
	killer                      *killer                  // nil when nobody was killed
	checks                      []check
}

// hubAccount is what the hub says of the day.
type hubAccount struct {
	hubclient.Summary
	devices    []hubclient.Device
	events     map[string][]hubclient.Event   // by device
	samples    map[string][]hubclient.Reading // by sensor
	orders     map[string]string              // states of the accepted ones
	containers map[string]hubclient.Container
	work       []hubclient.Work
}

const (
	// settleFor is on the machine's clock: a hub that was killed is back, and all agents have reached it. It is waited for by looking, so that
	// only a machine that is busy takes that long.
	settleFor = 3 * time.Minute
	// settleQuiet is for how long all has to stay so: what closes the last delivery changes plans, and they are made a moment after it.
	settleQuiet = 2 * time.Second
	settleLook  = 200 * time.Millisecond
)

// settle waits until the hub has heard of all that the agents have recorded, every device is there with its newest plan, and
// leftovers are decided; then it compares. When that does not come about in time, what is missing shows in the sums.
func settle(ctx context.Context, cfg scenario.Config, day *scenario.Day, began time.Time, k *killer) (*result, error) {
	res := &result{day: day, fleet: cfg.Fleet, killer: k, devices: cfg.Fleet.CloseAccounts()}
	for _, a := range res.devices {
		res.taken.Events += a.Events
		res.taken.Readings += a.Readings
	}
	deadline, since := time.Now().Add(settleFor), time.Time{}
	for {
		done, err := res.look(ctx, cfg)
		if err != nil {
			return nil, err
		}
		switch now := time.Now(); {
		case !done:
			since = time.Time{}
		case since.IsZero():
			since = now
		}
		if !since.IsZero() && time.Since(since) >= settleQuiet || time.Now().After(deadline) {
			break
		}
		if err := clock.Real().Sleep(ctx, settleLook); err != nil {
			return nil, err
		}
	}
	if err := res.ask(ctx, cfg, began); err != nil {
		return nil, fmt.Errorf("the hub's account: %w", err)
	}
	res.compare()
	return res, nil
}

// look says whether there is anything left to wait for.
func (r *result) look(ctx context.Context, cfg scenario.Config) (done bool, err error) {
	r.received, r.gaps = fleet.Tally{}, 0
	for device, a := range r.devices {
		got, err := cfg.Dispatcher.Logs(ctx, device)
		if err != nil {
			return false, err
		}
		r.gaps += int64(got.Gaps)
		// What the agents record from now on is not part of the day.
		r.received.Events += min(got.Applied[protocol.Events.String()], a.Events)
		r.received.Readings += min(got.Applied[protocol.Readings.String()], a.Readings)
	}
	done = r.taken == r.received
	deliveries, err := cfg.Dispatcher.Deliveries(ctx, cfg.Date)
	if err != nil {
		return false, err
	}
	for _, d := range deliveries {
		done = done && d.ClosedAt != nil
	}
	r.hub.devices, err = cfg.Dispatcher.Devices(ctx) // these are compared: what is made while the hub is asked for the rest is not of the day
	for _, d := range r.hub.devices {
		done = done && d.Online && d.PlanActive == d.PlanSent
	}
	return done, err
}

// ask gets the hub's account of the day that has begun at a time.
func (r *result) ask(ctx context.Context, cfg scenario.Config, began time.Time) (err error) {
	h := &r.hub
	h.events, h.samples = map[string][]hubclient.Event{}, map[string][]hubclient.Reading{}
	h.orders, h.containers = map[string]string{}, map[string]hubclient.Container{}
	if h.Summary, err = cfg.Dispatcher.Summary(ctx, cfg.Date); err != nil {
		return err
	}
	if h.work, err = cfg.Dispatcher.Work(ctx); err != nil {
		return err
	}
	for device, a := range r.devices {
		if h.events[device], err = cfg.Dispatcher.Events(ctx, device, a.Events); err != nil {
			return err
		}
		for _, sensor := range sensorsOf(a) {
			if h.samples[sensor], err = cfg.Dispatcher.Readings(ctx, sensor, began, cfg.Clock.Now().Add(time.Hour)); err != nil {
				return err
			}
		}
	}
	for _, id := range r.day.AcceptedOrders() {
		o, err := cfg.App.Order(ctx, id)
		if err != nil {
			return err
		}
		h.orders[id] = o.State
	}
	for _, route := range cfg.Network.Routes {
		sheet, err := cfg.Dispatcher.Sheet(ctx, cfg.Date, route.ID)
		if err != nil {
			return err
		}
		for _, stop := range sheet.Stops {
			for _, c := range stop.Containers {
				h.containers[c.ContainerID] = c
			}
		}
	}
	return nil
}

func sensorsOf(a fleet.Account) []string {
	seen := map[string]bool{}
	for _, rounds := range a.Rounds {
		for _, round := range rounds {
			for _, s := range round.Samples {
				seen[s.Sensor] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

var errDoesNotAddUp = errors.New("the day does not add up")

// print writes the summary; it returns an error when a sum is wrong.
func (r *result) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	r.describeNumbers(line)
	r.describeIncidents(line)
	if err := t.Flush(); err != nil {
		return err
	}
	wrong := 0
	for _, c := range r.checks {
		if !c.ok() {
			wrong++
			fmt.Fprintln(w, "WRONG  "+c.String())
		}
	}
	if wrong > 0 {
		return errDoesNotAddUp
	}
	_, err := fmt.Fprintf(w, "All %d sums of hub and world agree.\n", len(r.checks))
	return err
}

func (r *result) describeNumbers(line func(name, format string, args ...any)) {
	h := &r.hub
	line("orders", "%d placed: %d accepted, %d refused (%s)", h.Orders.Placed, h.Orders.Accepted, h.Orders.Refused, list(h.Orders.RefusedByLimit))
	line("became", "%s", list(h.Orders.ByState))
	line("used", "%s, %s, %s, %s", plural.Of(h.Used.Containers, "container"), plural.Of(h.Used.Shippers, "shipper"),
		plural.Of(h.Used.Addresses, "address"), plural.Of(h.Used.Slots, "slot"))
	line("people", "%s, %s, %s, %s, %s, %s, %s (inferred)", plural.Of(h.World.Scans, "scan"),
		plural.Of(h.World.ScansRefused, "refused scan"), plural.Of(h.World.GrantsUsed, "used code"),
		plural.Of(h.World.GrantsRefused, "refused code"), plural.Of(h.World.Unlocks, "unlock"),
		plural.Of(h.World.DoorsOpened, "opened door"), plural.Of(h.World.Pickups, "pickup"))
	line("readings", "%d records taken, %d received, %d missing; %d samples taken, %d stored, %d sensor faults",
		r.taken.Readings, r.received.Readings, r.taken.Readings-r.received.Readings, r.samplesTaken, r.samplesStored, h.Readings.Faulty)
	line("events", "%d recorded, %d received, %d missing; %d agents started again", r.taken.Events, r.received.Events,
		r.taken.Events-r.received.Events, r.fleet.Restarts())
	if r.killer != nil {
		hubs, agents := r.killer.killed()
		line("killed", "the hub %s, agents %s (kill -9)", plural.Of(hubs, "time"), plural.Of(agents, "time"))
	}
}

func (r *result) describeIncidents(line func(name, format string, args ...any)) {
	h := &r.hub
	for _, o := range r.day.Outages() {
		_, served := r.during(o)
		line("offline", "%s from %s to %s: %d fridges opened by customers meanwhile", o.Location, o.From.In(tokyo).Format("15:04"),
			o.Until.In(tokyo).Format("15:04"), served)
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
