package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/firmware-sim/fleet"
	"meguri/firmware-sim/hubclient"
	"meguri/firmware-sim/scenario"
	"meguri/internal/clock"
	"meguri/protocol"
)

// quiet is a day on which one device booted and took two rounds of two sensors, and nobody came.
func quiet() *result {
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	first, second := int64(4000), int64(4100)
	tally := fleet.Tally{Events: 2, Readings: 1}
	return &result{
		day:   scenario.New(scenario.Config{}),
		fleet: fleet.New(fleet.Network{}, clock.Real(), 1),
		devices: map[string]fleet.Account{"d": {Tally: tally, Said: map[int64]string{1: "booted", 2: "door opened"},
			Rounds: map[int64][]protocol.Round{1: {
				{Ago: 60_000, Samples: []protocol.Sample{{Sensor: "f/air", MilliC: first}, {Sensor: "g/air", Fault: protocol.SensorMissing}}},
				{Samples: []protocol.Sample{{Sensor: "f/air", MilliC: second}, {Sensor: "g/air", MilliC: first}}}}}}},
		taken: tally, received: tally,
		hub: hubAccount{
			devices: []hubclient.Device{{DeviceID: "d", Online: true, PlanSent: 3, PlanActive: 3}},
			events: map[string][]hubclient.Event{"d": {{Number: 1, Name: "booted", At: at, ReceivedAt: at, Outcome: "applied"},
				{Number: 2, Name: "door opened", At: at.Add(1), ReceivedAt: at.Add(2), Outcome: "applied"}}},
			samples: map[string][]hubclient.Reading{
				"f/air": {{DeviceID: "d", Number: 1, At: at, MilliC: &first}, {DeviceID: "d", Number: 1, At: at.Add(time.Minute), MilliC: &second}},
				"g/air": {{DeviceID: "d", Number: 1, At: at, Fault: "missing"}, {DeviceID: "d", Number: 1, At: at.Add(time.Minute), MilliC: &first}}},
		},
	}
}

func TestADayOnWhichBothSidesSayTheSameAddsUp(t *testing.T) {
	r, out := quiet(), &strings.Builder{}
	r.compare()
	require.NoError(t, r.print(out), out)
	require.Contains(t, out.String(), "sums of hub and world agree")
	require.NotContains(t, out.String(), "WRONG")
}

func TestEveryLossHasASumThatNamesIt(t *testing.T) {
	for name, c := range map[string]struct {
		hurt func(*result)
		want string
	}{
		"an order more":           {func(r *result) { r.hub.Orders.Placed++ }, "orders placed: 1, and should be 0"},
		"a pickup that was none":  {func(r *result) { r.hub.World.Pickups++ }, "pickups, by order and fridge: 1"},
		"a pickup inferred":       {func(r *result) { r.hub.events["d"][1].Name = pickupInferred }, "pickups that stations inferred: 1"},
		"an event is lost":        {func(r *result) { r.hub.events["d"] = r.hub.events["d"][:1] }, `d number 2 is "", the device said "door opened"`},
		"an event twice":          {func(r *result) { r.hub.events["d"] = append(r.hub.events["d"], r.hub.events["d"][1]) }, "d number 2 twice"},
		"another event":           {func(r *result) { r.hub.events["d"][1].Name = "door closed" }, `is "door closed"`},
		"an event too early":      {func(r *result) { r.hub.events["d"][1].At = time.Unix(0, 0) }, "out of order: 1"},
		"an event not applied":    {func(r *result) { r.hub.events["d"][0].Outcome, r.hub.events["d"][0].Reason = "not_applied", "why" }, "booted: why"},
		"records not received":    {func(r *result) { r.received.Readings = 0 }, "reading records applied: 0, and should be 1"},
		"a gap":                   {func(r *result) { r.gaps = 1 }, "named gaps: 1"},
		"a record is lost":        {func(r *result) { delete(r.hub.samples, "f/air") }, "f/air 2"},
		"a sample is lost":        {func(r *result) { r.hub.samples["f/air"] = r.hub.samples["f/air"][1:] }, "f/air 1"},
		"a sample is another":     {func(r *result) { *r.hub.samples["f/air"][1].MilliC++ }, "f/air 1"},
		"a sample is dated wrong": {func(r *result) { r.hub.samples["f/air"][0].At = time.Unix(0, 0) }, "f/air 1"},
		"a sample twice":          {func(r *result) { r.hub.samples["f/air"] = append(r.hub.samples["f/air"], r.hub.samples["f/air"][1]) }, "f/air 2"},
		"a fault is a value":      {func(r *result) { r.hub.samples["g/air"][0].Fault = "" }, "g/air 1"},
		"a device is offline":     {func(r *result) { r.hub.devices[0].Online = false }, "devices offline at the end: 1, and should be 0 (d)"},
		"a plan is not active":    {func(r *result) { r.hub.devices[0].PlanSent++ }, "d has plan 3 of 4"},
		"work nobody expected":    {func(r *result) { r.hub.work = []hubclient.Work{{Kind: "plan_refused", Subject: "d", Detail: "why"}} }, "plan_refused d: why"},
		"an order is left over":   {func(r *result) { r.hub.LeftOver = []string{"o-1"} }, "orders left over or undelivered: 1"},
		"a record is quarantined": {func(r *result) { r.hub.Log.Quarantined = 1 }, "could not be read: 1"},
	} {
		t.Run(name, func(t *testing.T) {
			r, out := quiet(), &strings.Builder{}
			c.hurt(r)
			r.compare()
			require.ErrorIs(t, r.print(out), errDoesNotAddUp)
			require.Contains(t, out.String(), "WRONG  ")
			require.Contains(t, out.String(), c.want)
			require.NotContains(t, out.String(), "agree")
		})
	}
}

func TestOnlyWhoMayBeKilledMayHaveSeenMoreThanTheyTold(t *testing.T) {
	r := quiet()
	r.day.Counts.CodesRefused.Add(1)
	r.compare()
	require.ErrorIs(t, r.print(&strings.Builder{}), errDoesNotAddUp)
	r = quiet()
	r.killer = newKiller(1, nil, 1)
	r.day.Counts.CodesRefused.Add(1)
	r.compare()
	require.NoError(t, r.print(&strings.Builder{}))
}

func TestAMessageNamesTheFirstOddThingsAndCountsTheRest(t *testing.T) {
	var o odd
	for range oddShown + 2 {
		o.add("x")
	}
	require.Equal(t, "x; x; x; x; x; and 2 more", o.String())
}
