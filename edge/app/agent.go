package app

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"meguri/edge/device/reader"
	"meguri/edge/driver"
	edgelog "meguri/edge/log"
	"meguri/edge/monitor"
	"meguri/edge/phrase"
	"meguri/edge/scanner"
	"meguri/edge/station"
	"meguri/internal/version"
	"meguri/protocol"
)

// maxInputs is how many inputs may wait for the loop. A device that reads faster waits itself.
const maxInputs = 256

// agent is the state of one agent. All but the atomics, inputs and done belong to the loop.
type agent struct {
	cfg      Config
	deps     Deps
	log      *edgelog.Log
	logger   *slog.Logger
	hardware *hardware
	inputs   chan func()
	done     <-chan struct{}

	sinceBoot   func() time.Duration
	wallOffset  time.Duration // what the hub's clock is ahead of this board's
	wallQuality protocol.WallQuality

	planVersion    atomic.Uint64
	commandCounter atomic.Uint64
	sampleEvery    atomic.Int64 // milliseconds
	parts          atomic.Pointer[map[protocol.Hash][]byte]

	plan     plan
	station  station.State
	scanner  scanner.State
	driver   driver.State
	monitors map[string]monitor.State // by sensor
	command  commandState

	owed   []fact // what has happened and is not recorded yet
	lost   int    // facts for which there was no room in owed either
	full   bool   // the storage is, since the last write
	broken error  // of a write after which nobody knows what is stored
}

// Keys of the local state in the log's file.
const (
	keyStation  = "state/station"
	keyScanner  = "state/scanner"
	keyDriver   = "state/driver"
	keyMonitors = "state/monitors"
	keyCommand  = "state/command"
	keyManifest = "plan/manifest"
	keyPart     = "plan/part/" // + hash
)

const defaultSampleEvery = time.Minute

func newAgent(cfg Config, deps Deps, log *edgelog.Log) *agent {
	a := &agent{cfg: cfg, deps: deps, log: log, logger: deps.Logger.With("device", cfg.Device),
		inputs: make(chan func(), maxInputs), sinceBoot: deps.Clock.Stopwatch(),
		monitors: map[string]monitor.State{}}
	if cfg.Kit.BatteryClock {
		a.wallQuality = protocol.WallBattery
	}
	a.sampleEvery.Store(defaultSampleEvery.Milliseconds())
	a.parts.Store(&map[protocol.Hash][]byte{})
	return a
}

// load brings back what was stored before the last power cut.
func (a *agent) load() error {
	return a.log.View(func(tx *edgelog.Tx) error {
		for key, into := range map[string]any{keyStation: &a.station, keyScanner: &a.scanner, keyDriver: &a.driver,
			keyMonitors: &a.monitors, keyCommand: &a.command} {
			if err := get(tx, key, into); err != nil {
				return err
			}
		}
		a.commandCounter.Store(a.command.Counter)
		return a.loadPlan(tx)
	})
}

func get(tx *edgelog.Tx, key string, into any) error {
	b, err := tx.Get(key)
	if err != nil || b == nil {
		return err
	}
	if err := protocol.DecodeBody(b, into); err != nil {
		return fmt.Errorf("stored %s: %w", key, err)
	}
	return nil
}

func put(tx *edgelog.Tx, key string, value any) error {
	b, err := protocol.EncodeBody(value)
	if err != nil {
		return err
	}
	return tx.Put(key, b)
}

// boot records the start. A storage that is full does not stop it: the hub frees it only once the agent runs.
func (a *agent) boot() {
	a.happened([]protocol.Body{protocol.Booted{Software: version.Text()}}, nil)
}

// do hands an input to the loop; when the agent is stopping it is dropped.
func (a *agent) do(input func()) {
	select {
	case a.inputs <- input:
	case <-a.done:
	}
}

// now is the wall time as this device believes it.
func (a *agent) now() time.Time { return a.deps.Clock.Now().Add(a.wallOffset) }

func (a *agent) stamp() edgelog.Stamp {
	return edgelog.Stamp{Mono: a.sinceBoot().Milliseconds(), Wall: a.now().UnixMilli(), Quality: a.wallQuality}
}

func (a *agent) tick() {
	_ = a.settle() // said there; what happens meanwhile is owed, too
	if len(a.cfg.Kit.Locks) > 0 {
		a.took(station.Tick(a.station, a.locks(), a.now()))
	}
	a.expireCommand()
}

// act makes a station's decision durable, then carries it out. When it cannot be recorded nothing is done, and the person is
// told.
func (a *agent) act(d station.Decision) {
	if len(d.Records) > 0 || len(d.Actions) > 0 {
		if err := a.commit(d.Records, map[string]any{keyStation: d.State}); err != nil {
			for _, act := range d.Actions {
				a.outOfService(act)
			}
			return
		}
	}
	a.station = d.State
	a.perform(d.Actions)
}

// took takes over what a door has done or time has brought about, whether it can be recorded or not.
func (a *agent) took(d station.Decision) {
	if len(d.Records) > 0 || len(d.Actions) > 0 {
		a.happened(d.Records, map[string]any{keyStation: d.State})
	}
	a.station = d.State
	a.perform(d.Actions)
}

func (a *agent) perform(actions []station.Action) {
	for _, act := range actions {
		switch act := act.(type) {
		case station.Show:
			a.hardware.show(act.Position, act.Line, act.Refused)
		case station.Fire:
			err := a.hardware.fire(act.Position)
			if err != nil {
				a.logger.Error("the lock did not fire", "position", act.Position, "error", err)
			}
			a.took(station.Fired(a.station, a.locks(), act, err, a.now()))
			a.unlocked(act, err)
		}
	}
}

func (a *agent) outOfService(act station.Action) {
	if s, ok := act.(station.Show); ok {
		a.hardware.show(s.Position, phrase.New(phrase.OutOfService), true)
	}
}

// Inputs, each run by the loop.

func (a *agent) codeEntered(position, code string) {
	if a.wallQuality == protocol.WallUnset {
		refused := protocol.GrantRefused{Position: position, Reason: "the clock is not set"}
		a.act(station.Decision{State: a.station, Records: []protocol.Body{refused},
			Actions: []station.Action{station.Show{Position: position, Line: phrase.New(phrase.ClockNotSet), Refused: true}}})
		return
	}
	a.act(station.Code(a.station, a.locks(), position, code, a.now()))
}

func (a *agent) doorMoved(position string, closed bool) {
	a.took(station.Contact(a.station, a.locks(), position, closed, a.now()))
}

func (a *agent) mainsChanged(position string, on bool) {
	a.happened([]protocol.Body{protocol.Mains{Position: position, On: on}}, nil)
}

// scanText is a scan with the identifier that says which kind of barcode it was, as gs1.Parse reads it.
func scanText(s reader.Scan) string {
	if s.Symbology == "" {
		return s.Text
	}
	return "]" + s.Symbology + s.Text
}

func (a *agent) scannedAtStation(s reader.Scan) {
	a.act(station.Scan(a.station, a.locks(), scanText(s), a.now()))
}

func (a *agent) scannedInShop(s reader.Scan) {
	v := scanner.Scan(a.scanner, a.plan.scanner, scanText(s), a.now())
	if a.answer(a.cfg.Kit.Scanner.Position, keyScanner, v.State, v.Records, v.Line, v.Refused) {
		a.scanner = v.State
	}
}

func (a *agent) scannedByDriver(s reader.Scan) {
	v := driver.Scan(a.driver, a.plan.driver, scanText(s), a.now())
	if a.answer(a.cfg.Kit.Driver.Position, keyDriver, v.State, v.Records, v.Line, v.Refused) {
		a.driver = v.State
	}
}

// answer makes a verdict durable, then shows it.
func (a *agent) answer(position, key string, state any, records []protocol.Body, line phrase.Phrase, refused bool) bool {
	if err := a.commit(records, map[string]any{key: state}); err != nil {
		a.hardware.show(position, phrase.New(phrase.OutOfService), true)
		return false
	}
	a.hardware.show(position, line, refused)
	return true
}

// sampled takes one round of all probes. When an alarm that follows from it finds no room, the readings are recorded all the
// same, and the next round decides about the alarm again.
func (a *agent) sampled(samples []protocol.Sample) {
	readings := []protocol.Body{protocol.Samples{Samples: samples}}
	var alarms []protocol.Body
	monitors := make(map[string]monitor.State, len(samples))
	changed := false
	for _, s := range samples {
		before := a.monitors[s.Sensor]
		limits, ok := a.plan.temperatures[positionOf(s.Sensor)]
		if !ok {
			monitors[s.Sensor] = before
			continue
		}
		after, raised := monitor.Read(before, limits, s, a.now())
		monitors[s.Sensor] = after
		alarms = append(alarms, raised...)
		changed = changed || after != before
	}
	if changed && a.commit(append(readings, alarms...), map[string]any{keyMonitors: monitors}) == nil {
		a.monitors = monitors
		return
	}
	_ = a.write(a.stamp(), readings, nil) // logged there
}
