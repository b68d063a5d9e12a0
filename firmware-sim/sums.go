package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"meguri/firmware-sim/hubclient"
	"meguri/firmware-sim/scenario"
	"meguri/protocol"
)

// check is one sum that has to be right.
type check struct {
	name     string
	is, want int64 // as a rule what the hub says, and what the world knows
	atMost   bool  // fewer are right, too: who is killed between an act and its record cannot tell
	odd      odd
}

func (c check) ok() bool { return c.is == c.want || c.atMost && c.is < c.want }

func (c check) String() string {
	text := fmt.Sprintf("%s: %d, and should be %d", c.name, c.is, c.want)
	if len(c.odd) > 0 {
		text += " (" + c.odd.String() + ")"
	}
	return text
}

// odd is what did not fit, for a message.
type odd []string

const oddShown = 5

func (o odd) String() string {
	text := strings.Join(o[:min(len(o), oddShown)], "; ")
	if more := len(o) - oddShown; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

func (o *odd) add(format string, args ...any) { *o = append(*o, fmt.Sprintf(format, args...)) }

// sum adds a sum, with what did not fit, if that is known.
func (r *result) sum(name string, is, want int64, o ...odd) {
	r.checks = append(r.checks, check{name: name, is: is, want: want, odd: slices.Concat(o...)})
}

// heard is a sum of what agents saw, of which they cannot tell all when they are killed.
func (r *result) heard(name string, is, want int64) {
	r.checks = append(r.checks, check{name: name, is: is, want: want, atMost: r.killer != nil})
}

// compare makes the sums.
func (r *result) compare() {
	r.compareOrders()
	r.compareGoods()
	r.compareDoors()
	r.compareOutages()
	r.compareRecords()
	r.compareSamples()
	r.compareDevices()
	r.compareWork()
}

func (r *result) compareOrders() {
	n, h := &r.day.Counts, &r.hub
	states := int64(0)
	for state, count := range h.Orders.ByState {
		if state != "refused" {
			states += int64(count)
		}
	}
	r.sum("orders placed", int64(h.Orders.Placed), n.Placed.Load())
	r.sum("orders accepted", int64(h.Orders.Accepted), n.Accepted.Load())
	r.sum("orders refused", int64(h.Orders.Refused), n.Refused.Load())
	for _, limit := range []string{"sales_limit", "container", "shipper", "address"} {
		r.sum("orders refused for "+limit, int64(h.Orders.RefusedByLimit[limit]), r.day.RefusedBy(limit))
	}
	r.sum("accepted orders by state add up", states, int64(h.Orders.Accepted))
	r.sum("orders picked up", int64(h.Orders.ByState[string(scenario.PickedUp)]), n.Served.Load())
	r.sum("orders left over or undelivered", int64(len(h.LeftOver)+len(h.Undelivered)), n.Accepted.Load()-n.Served.Load())

	fates, same, other := r.day.Fates(), int64(0), odd{}
	for _, id := range r.day.AcceptedOrders() {
		if string(fates[id]) == h.orders[id] {
			same++
			continue
		}
		other.add("%s is %q, and people saw %q", id, h.orders[id], fates[id])
	}
	r.sum("orders, one by one, that became what people saw", same, n.Accepted.Load(), other)
	gaveUp := r.day.GaveUp()
	r.sum("customers who gave up", int64(len(gaveUp)), 0, gaveUp)
}

func (r *result) compareGoods() {
	n, h := &r.day.Counts, &r.hub
	r.sum("containers filled = containers used", n.Filled.Load(), int64(h.Used.Containers))
	r.sum("containers in their slots", int64(h.Used.ContainersByState["placed"]), n.HandedIn.Load())
	r.sum("scans taken", int64(h.World.Scans), n.Filled.Load()+n.Shelved.Load()+n.Short.Load()+n.Stops.Load()+n.Loaded.Load()+n.HandedIn.Load())
	r.sum("units short", int64(h.Items.Short), n.Short.Load())

	there, other := int64(0), odd{}
	for _, p := range r.day.Placements() {
		c := h.containers[p.Container]
		if c.State == "placed" && c.GRAI == p.Box && c.SlotID == p.Slot {
			there++
			continue
		}
		other.add("box %s stands in %s as %s, the hub has box %s %s in %s", p.Box, p.Slot, p.Container, c.GRAI, c.State, c.SlotID)
	}
	r.sum("boxes, one by one, that are where drivers put them", there, n.HandedIn.Load(), other)

	if run, stops := r.day.LateStops(); run != "" {
		late := int64(0)
		for _, s := range h.LateStops {
			if s.RunID == run {
				late++
			}
		}
		r.sum("late stops of "+run, late, stops)
	}
}

func (r *result) compareDoors() {
	h, doors := &r.hub, r.fleet.DoorCounts()
	r.heard("relays fired", int64(h.World.Unlocks), doors.Fired)
	r.heard("doors opened", int64(h.World.DoorsOpened), doors.Opened)
	r.heard("codes refused", int64(h.World.GrantsRefused), r.day.Counts.CodesRefused.Load())

	type fetched struct{ order, fridge string }
	visits := r.day.Visits()
	once := map[fetched]bool{}
	for _, v := range visits {
		once[fetched{v.Order, v.Fridge}] = true
	}
	r.sum("pickups, by order and fridge", int64(h.World.Pickups), int64(len(once)))
	said := int64(0)
	for _, events := range h.events {
		said += count(events, func(e hubclient.Event) bool { return e.Name == pickupInferred })
	}
	r.sum("pickups that stations inferred", said, int64(len(visits)))
}

// pickupInferred is the event of goods that were probably taken, as the hub's lists name it.
const pickupInferred = "pickup inferred"

func count[T any](all []T, fits func(T) bool) (n int64) {
	for _, one := range all {
		if fits(one) {
			n++
		}
	}
	return n
}

// during gives the pickups that the hub has from a station's time without network, and how many there were.
func (r *result) during(o scenario.Outage) (pickups, visits int64) {
	within := func(e hubclient.Event) bool { return !e.At.Before(o.From) && e.At.Before(o.Until) }
	pickups = count(r.hub.events[o.Device], func(e hubclient.Event) bool { return e.Name == pickupInferred && within(e) })
	visits = count(r.day.Visits(), func(v scenario.Visit) bool {
		return v.Location == o.Location && !v.At.Before(o.From) && v.At.Before(o.Until)
	})
	return pickups, visits
}

// compareOutages shows that a station without network really had none, served all the same, and told everything afterwards.
func (r *result) compareOutages() {
	for _, o := range r.day.Outages() {
		pickups, visits := r.during(o)
		r.sum("pickups at "+o.Location+" while it had no network", pickups, visits)
		r.sum("customers at "+o.Location+" all served without network", min(visits, 1), min(r.day.AcceptedAt(o.Location), 1))
		through := odd{}
		for _, e := range r.hub.events[o.Device] {
			if !e.At.Before(o.From) && e.ReceivedAt.Before(o.Until) {
				through.add("number %d, %s", e.Number, e.Name)
			}
		}
		r.sum("events of "+o.Device+" that came while it had no network", int64(len(through)), 0, through)
	}
}

// compareRecords goes through the events of each device, one by one.
func (r *result) compareRecords() {
	h := &r.hub
	var stored, said, asSaid int64
	var twice, different, untimely, unapplied odd
	for _, device := range slices.Sorted(maps.Keys(r.devices)) {
		a, name := r.devices[device], map[int64]string{}
		var last hubclient.Event
		for _, e := range h.events[device] {
			if _, again := name[e.Number]; again {
				twice.add("%s number %d twice", device, e.Number)
			}
			name[e.Number] = e.Name
			if e.At.Before(last.At) || e.ReceivedAt.Before(last.ReceivedAt) || e.ReceivedAt.Before(e.At) {
				untimely.add("%s number %d, %s", device, e.Number, e.Name)
			}
			if e.Outcome != "applied" {
				unapplied.add("%s number %d, %s: %s", device, e.Number, e.Name, e.Reason)
			}
			last = e
		}
		stored += int64(len(name))
		said += int64(len(a.Said))
		for _, number := range slices.Sorted(maps.Keys(a.Said)) {
			if name[number] == a.Said[number] {
				asSaid++
			} else {
				different.add("%s number %d is %q, the device said %q", device, number, name[number], a.Said[number])
			}
		}
	}
	r.sum("events applied", r.received.Events, r.taken.Events)
	r.sum("events stored", stored, r.taken.Events)
	r.sum("events stored twice", int64(len(twice)), 0, twice)
	r.sum("events stored as devices said them", asSaid, said, different)
	r.sum("events before their time or out of order", int64(len(untimely)), 0, untimely)
	r.sum("events that could not be applied", max(int64(len(unapplied)), h.Log.NotApplied+h.Log.Unknown), 0, unapplied)
	r.sum("records that could not be read", h.Log.Quarantined, 0)
	r.sum("reading records applied", r.received.Readings, r.taken.Readings)
	r.sum("named gaps", r.gaps, 0)
}

// sampleKey is one sensor's samples in a record.
type sampleKey struct {
	device, sensor string
	number         int64
}

// taken is one sample of a record, so many milliseconds before the record's last.
type taken struct {
	protocol.Sample
	ago int64
}

// compareSamples looks for each sample that a device said it had taken among those that the hub has stored.
func (r *result) compareSamples() {
	stored := map[sampleKey][]hubclient.Reading{}
	for sensor, readings := range r.hub.samples {
		for _, reading := range readings {
			key := sampleKey{reading.DeviceID, sensor, reading.Number}
			stored[key] = append(stored[key], reading)
		}
	}
	bySensor := map[string]int{}
	for device, a := range r.devices {
		for number, rounds := range a.Rounds {
			for sensor, samples := range bySensors(rounds) {
				same := sameSamples(stored[sampleKey{device, sensor, number}], samples)
				r.samplesTaken += int64(len(samples))
				r.samplesStored += int64(same)
				bySensor[sensor] += len(samples) - same
			}
		}
	}
	var different odd
	if missing := list(bySensor); missing != "" {
		different.add("missing or different: %s", missing)
	}
	r.sum("samples stored as sensors gave them", r.samplesStored, r.samplesTaken, different)
}

func bySensors(rounds []protocol.Round) map[string][]taken {
	all := map[string][]taken{}
	for _, round := range rounds {
		for _, s := range round.Samples {
			all[s.Sensor] = append(all[s.Sensor], taken{s, round.Ago})
		}
	}
	return all
}

// sameSamples is how many of a record's samples the hub has, each as long before the last one as it was taken. When it has one twice
// all of them are wrong.
func sameSamples(got []hubclient.Reading, want []taken) (same int) {
	stored := map[int64]hubclient.Reading{}
	for _, g := range got {
		stored[got[len(got)-1].At.Sub(g.At).Milliseconds()] = g
	}
	if len(stored) < len(got) {
		return 0
	}
	for _, w := range want {
		if g, ok := stored[w.ago]; ok && sameSample(g, w.Sample) {
			same++
		}
	}
	return same
}

func sameSample(got hubclient.Reading, s protocol.Sample) bool {
	if s.Fault != protocol.SensorOK {
		return got.Fault == s.Fault.String()
	}
	return got.MilliC != nil && *got.MilliC == s.MilliC
}

func (r *result) compareDevices() {
	var offline, behind odd
	for _, d := range r.hub.devices {
		if !d.Online {
			offline.add("%s", d.DeviceID)
		}
		if d.PlanActive != d.PlanSent {
			behind.add("%s has plan %d of %d", d.DeviceID, d.PlanActive, d.PlanSent)
		}
	}
	r.sum("devices that the hub knows", int64(len(r.hub.devices)), int64(len(r.devices)))
	r.sum("devices offline at the end", int64(len(offline)), 0, offline)
	r.sum("devices without their newest plan", int64(len(behind)), 0, behind)
}

// compareWork looks at what the hub wants persons to do: what went wrong by intention, and nothing else.
func (r *result) compareWork() {
	kinds := map[string]int64{}
	var other odd
	for _, w := range r.hub.work {
		kinds[w.Kind]++
		if w.Kind != string(scenario.LeftOver) && w.Kind != "shortage" {
			other.add("%s %s: %s", w.Kind, w.Subject, w.Detail)
		}
	}
	left := int64(0)
	for _, fate := range r.day.Fates() {
		if fate == scenario.LeftOver {
			left++
		}
	}
	r.sum("work: orders to collect", kinds[string(scenario.LeftOver)], left)
	r.sum("work: units to refund", kinds["shortage"], r.day.Counts.Short.Load())
	r.sum("work that nobody had reason for", int64(len(other)), 0, other)
}
