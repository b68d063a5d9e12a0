package cold

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"meguri/edge/monitor"
	"meguri/hub/coldchain"
	"meguri/protocol"
)

// A device watches by the rules of a network that need no goods, and finds the alarms that the hub finds in its readings: the same ids,
// and the same ones over.
func TestADeviceAndTheHubFindTheSameAlarmsByTheRulesOfANetwork(t *testing.T) {
	begin := time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(rt *rapid.T) {
		var own []coldchain.Own
		for i, low := range []bool{false, true} {
			o := coldchain.Own{Category: fmt.Sprintf("c%d", i), Leg: coldchain.Station, Rule: coldchain.Rule{Kind: coldchain.Consecutive, Low: low,
				LimitMilliC: 5000, For: time.Duration(rapid.IntRange(0, 6).Draw(rt, "for")) * time.Minute,
				Deadband: rapid.Int64Range(0, 2).Draw(rt, "deadband") * 1000, OnDelay: time.Duration(rapid.IntRange(0, 4).Draw(rt, "on")) * time.Minute,
				OffDelay: time.Duration(rapid.IntRange(0, 3).Draw(rt, "off")) * time.Minute}}
			own = append(own, o)
		}
		rules := coldchain.Standing(2000, 8000, 10, own[:rapid.IntRange(1, 2).Draw(rt, "own")], []string{"cold", "dry"})
		plan := protocol.TemperaturePlan{Position: "f1"}
		for _, r := range rules {
			plan.Rules = append(plan.Rules, protocol.AirRule{Name: r.Name, Low: r.Low, LimitMilliC: r.LimitMilliC,
				AfterMS: max(r.For, r.OnDelay).Milliseconds(), DeadbandMilliC: r.Deadband, ClearAfterMS: r.OffDelay.Milliseconds()})
		}
		var device []string
		states, readings := map[string]monitor.State{}, []coldchain.Reading(nil)
		for i, c := range rapid.SliceOfN(rapid.Int64Range(0, 11), 2, 60).Draw(rt, "celsius") {
			at, sample := begin.Add(time.Duration(i)*time.Minute), protocol.Sample{Sensor: "f1/air", MilliC: c * 1000}
			if c == 11 {
				sample = protocol.Sample{Sensor: "f1/air", Fault: protocol.SensorMissing}
			}
			readings = append(readings, coldchain.Reading{ID: fmt.Sprint(i + 1), At: at, MilliC: sample.MilliC, Fault: sample.Fault != protocol.SensorOK})
			for _, w := range monitor.Watches(plan) {
				var bodies []protocol.Body
				states[w.Key("f1/air")], bodies = w.Read(states[w.Key("f1/air")], sample, uint64(i+1), at)
				for _, b := range bodies {
					a := b.(protocol.Alarm)
					device = append(device, fmt.Sprintf("%s/%d %t", a.Rule, a.First, a.Raised))
				}
			}
		}
		last := readings[len(readings)-1].At
		var hub []string
		for _, r := range rules {
			// The device judges at each reading by the time up to it.
			pieces := coldchain.Trace(readings, nil, monitor.Stands)
			for _, a := range coldchain.Evaluate(r, pieces, coldchain.Span{From: begin, Until: last.Add(time.Minute)}) {
				if a.Raised.After(last) {
					continue
				}
				hub = append(hub, a.ID+" true")
				if !a.Cleared.IsZero() && !a.Cleared.Add(r.OffDelay).After(last) {
					hub = append(hub, a.ID+" false")
				}
			}
		}
		slices.Sort(hub)
		slices.Sort(device)
		require.Equal(rt, hub, device)
	})
}
