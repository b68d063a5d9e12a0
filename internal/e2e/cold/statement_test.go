package cold

import (
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/shipper"
	"meguri/edge/station"
	"meguri/firmware-sim/world"
	"meguri/hub/coldchain"
	"meguri/protocol"
)

var (
	boxKey = ed25519.NewKeyFromSeed([]byte("a seed of thirty-two bytes, here"))
	aboard = protocol.GoodsLimit{MaxMilliC: 8_000, OutsideMS: 20 * 60_000, GapMS: 20 * 60_000, DoubtHolds: true}
)

const boxOne = "095200010000101"

// takenIn is what a station alone decides about a box that rode through readings, was loaded then and is put in now, by the statement.
func takenIn(t *testing.T, readings []coldchain.Reading, loaded, placed time.Time) (outcome protocol.RideOutcome, held bool) {
	t.Helper()
	plan := protocol.TemperaturePlan{Position: "box", MaxMilliC: 8_000}
	var s shipper.State
	for _, r := range readings {
		sample := protocol.Sample{Sensor: "box/air", MilliC: r.MilliC}
		if r.Fault {
			sample = protocol.Sample{Sensor: "box/air", Fault: protocol.SensorSilent}
		}
		s = shipper.Read(s, plan, []protocol.Sample{sample}, r.At, true)
	}
	said, ok := shipper.Say(s, "box", 1, true)
	require.True(t, ok)
	text, err := protocol.SignStatement(said, boxKey)
	require.NoError(t, err)
	p := station.Plan{"f1": {Position: "f1", Shippers: []protocol.ShipperKey{{Shipper: "box", Public: boxKey.Public().(ed25519.PublicKey)}},
		Containers: []protocol.SlotAssignment{{DatedContainer: "c1", Slot: "f1-1", GRAI: boxOne,
			Ride: protocol.Ride{Shipper: "box", Limit: aboard, From: loaded.UnixMilli()}}}}}
	var d station.Decision
	for _, scan := range []string{"8003" + boxOne, "93f1-1", text} {
		d = station.Scan(d.State, p, scan, placed)
		for _, b := range d.Records {
			switch b := b.(type) {
			case protocol.RideJudged:
				outcome = b.Outcome
			case protocol.GoodsHeld:
				held = true
			}
		}
	}
	return outcome, held
}

// The station alone and the hub, which has every reading, come to the same, whatever the box went through.
func TestAStationAndTheHubJudgeARideAlike(t *testing.T) {
	want := map[coldchain.State]protocol.RideOutcome{coldchain.Sound: protocol.RideSound, coldchain.Doubtful: protocol.RideUncertain,
		coldchain.Broken: protocol.RideTooWarm}
	seen := map[coldchain.State]int{}
	limit := coldchain.NewLimit(0, 8_000, 20, 20, true)
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 3))
		var readings []coldchain.Reading
		at, milliC, fault := morning, int64(4_000), false
		for i := range 240 {
			if r.IntN(40) == 0 {
				milliC, fault = int64(r.IntN(14_000)-1_000), r.IntN(4) == 0
			}
			if r.IntN(80) == 0 { // off for a while
				at = at.Add(time.Duration(r.IntN(18)) * time.Minute)
			}
			readings = append(readings, coldchain.Reading{ID: fmt.Sprint(i), At: at, MilliC: milliC, Fault: fault})
			at = at.Add(time.Minute)
		}
		first, last := readings[0].At, readings[len(readings)-1].At
		loaded := first.Add(time.Duration(30+r.IntN(60)) * time.Minute)
		v := coldchain.Judge(coldchain.Stay{Leg: coldchain.Shipper, From: loaded, Until: last, Limit: limit},
			coldchain.Known{Pieces: coldchain.Trace(readings, nil, 3*time.Minute), Heard: last}, last)
		outcome, held := takenIn(t, readings, loaded, last)
		// Of many stretches the statement joins some: it may say worse then.
		if outcome != want[v.State] {
			require.Greater(t, outcome, want[v.State], "seed %d: %+v", seed, v)
			seen["worse"]++
		}
		require.Equal(t, outcome != protocol.RideSound, held)
		seen[v.State]++
	}
	t.Logf("%v", seen)
	require.LessOrEqual(t, seen["worse"], 4)
	for state := range want {
		require.Positive(t, seen[state], state)
	}
}

// The trap of the field-warm vegetables, at a station that has no network.
func TestAStationAloneHoldsTheMeatThatRodeBesideVegetables(t *testing.T) {
	meat := goods{"meat", 6_000, 2_000}
	for beside, want := range map[string]protocol.RideOutcome{"nothing": protocol.RideSound, "vegetables": protocol.RideTooWarm} {
		all := []goods{meat}
		if beside == "vegetables" {
			all = append(all, goods{"vegetables", 10_000, 27_000})
		}
		seen := ride(t, world.Precooled("box"), 150, []int{20, 45, 90}, all...)
		outcome, _ := takenIn(t, seen.readings, seen.readings[0].At, seen.readings[len(seen.readings)-1].At)
		require.Equal(t, want, outcome, beside)
	}
}
