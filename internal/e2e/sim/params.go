// Package sim runs the whole system in one process on fake time, with faults, and says which promise was broken: real agents
// with their real log files and simulated chips, a real hub on a real database, and between them a network that loses,
// doubles, delays and cuts. One seed decides all of it. See DESIGN.md.
//
// It must run inside a testing/synctest bubble.
package sim

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Fault is a kind of fault that a run may inject.
type Fault string

// Kinds of fault. Each seed draws which of them are on.
const (
	Loss       Fault = "loss"        // single messages get lost
	Double     Fault = "double"      // messages come twice
	Reorder    Fault = "reorder"     // messages overtake each other
	Late       Fault = "late"        // messages come minutes to days later, wills among them
	Partition  Fault = "partition"   // no network for minutes to hours, for one device or all
	OneWay     Fault = "one-way"     // one direction is cut
	Flapping   Fault = "flapping"    // the network comes and goes
	PowerCut   Fault = "power-cut"   // of a device, between commits
	CutCommit  Fault = "cut-commit"  // of a device within a commit, which is then lost, kept or torn
	Restart    Fault = "restart"     // of an agent, in order
	NoBattery  Fault = "no-battery"  // boards boot in 1970
	ClockStep  Fault = "clock-step"  // somebody sets a device's clock
	ClockDrift Fault = "clock-drift" // 500 ppm
	Sensor     Fault = "sensor"      // probes are pulled, stuck, disturbed
	DiskFull   Fault = "disk-full"   // of a device
	SyncFails  Fault = "sync-fails"  // a commit's sync fails: whether it is written nobody knows
	HubKill    Fault = "hub-kill"    // before a commit, between commit and acknowledgement, or idle
	HubErrors  Fault = "hub-errors"  // transactions of the hub fail for a while
	HubRestore Fault = "hub-restore" // from a backup; devices were told to keep what is in none
	HubRewind  Fault = "hub-rewind"  // from a backup, and devices have deleted what it lacks
	Broker     Fault = "broker"      // all connections end at once
	OldImage   Fault = "old-image"   // a card is put back from an image
	Clone      Fault = "clone"       // a copy of a card serves elsewhere, under the same name
	NewCard    Fault = "new-card"    // an empty card in place of the old one
	Corrupt    Fault = "corrupt"     // bits flip in a file while the power is off
	OldEdge    Fault = "old-edge"    // some agents speak revision 1, and most of them are upgraded as the day goes
	Newer      Fault = "newer"       // some agents are upgraded to a revision that the hub does not know, and hear what they do not know
	Thinning   Fault = "thinning"    // devices keep few readings
	Doors      Fault = "doors"       // doors are forced, left open, jammed
)

// AllFaults lists the kinds.
var allFaults = [...]Fault{Loss, Double, Reorder, Late, Partition, OneWay, Flapping, PowerCut, CutCommit, Restart, NoBattery, ClockStep,
	ClockDrift, Sensor, DiskFull, SyncFails, HubKill, HubErrors, HubRestore, HubRewind, Broker, OldImage, Clone, NewCard, Corrupt, OldEdge,
	Thinning, Doors, Newer}

// Params is what a seed decides about a run as a whole. Everything else is drawn as it goes, from sources of its own.
type Params struct {
	Seed     uint64
	Stations int
	Fridges  int // at each station
	Slots    int // in each fridge
	Shops    int
	Shipper  bool
	Orders   int // of each station and date
	Days     int
	Phase1   time.Duration // how long faults go on
	MQTT     bool          // the real client and broker over simulated connections; else messages go straight
	MaxBytes int64         // of a device's file
	Readings int           // records at most that a device keeps of them; 0 for no such limit
	Faults   map[Fault]bool

	Crowd bool // many customers at once, thieves among them, and codes that are taken back: see crowd.go
}

// Draw draws the parameters of a seed.
func Draw(seed uint64) Params {
	r := source(seed, "params")
	p := Params{Seed: seed, Stations: 1 + r.IntN(2), Fridges: 1 + r.IntN(2), Slots: 4, Shops: 1 + r.IntN(2), Shipper: r.IntN(2) == 0,
		Orders: 1 + r.IntN(3), Days: 1, MaxBytes: 4 << 20, Faults: map[Fault]bool{}}
	p.Phase1 = between(r, 8*time.Hour, 20*time.Hour)
	if r.IntN(8) == 0 {
		p.Days, p.Phase1 = 2, between(r, 30*time.Hour, 44*time.Hour)
	}
	if r.IntN(4) == 0 {
		p.MaxBytes = 1 << 20
	}
	share := r.Float64() * 0.6 // some runs have few kinds, so that none hides another
	for _, f := range allFaults {
		if f != Newer { // which came later, and has a source of its own so that the seeds stay what they were
			p.Faults[f] = r.Float64() < share
		}
	}
	p.Faults[Newer] = source(seed, "newer").Float64() < share
	if r.IntN(5) == 0 {
		// A copied card needs somebody who listens on the wire to be told apart.
		p.MQTT, p.Phase1 = true, min(p.Phase1, 10*time.Hour)
		p.Days = 1
		for _, f := range []Fault{Clone, NewCard, OldEdge, Newer, Loss, Double, Reorder, Late} {
			p.Faults[f] = false
		}
	}
	if p.Faults[Thinning] {
		p.Readings = 64 + r.IntN(150)
	}
	if p.Faults[HubRestore] {
		p.Faults[HubRewind] = false
	}
	return p
}

// Has says whether a kind of fault is on.
func (p Params) Has(f Fault) bool { return p.Faults[f] }

// FaultNames lists the kinds that are on.
func (p Params) FaultNames() string {
	var names []string
	for f, on := range p.Faults {
		if on {
			names = append(names, string(f))
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// source is the random source of one actor, so that what one does changes nothing for the others.
func source(seed uint64, actor string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(actor)) // never fails
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// between draws a duration.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)+1))
}
