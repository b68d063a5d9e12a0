package app

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

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

func (a *agent) boot() error {
	return a.commit([]protocol.Body{protocol.Booted{Software: version.Text()}}, nil)
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

// commit makes records and state durable together. When it fails nothing has happened and the caller must not act.
func (a *agent) commit(records []protocol.Body, state map[string]any) error {
	if len(records) == 0 && len(state) == 0 {
		return nil
	}
	numbers := make([]uint64, 0, len(records))
	err := a.log.Update(a.stamp(), func(tx *edgelog.Tx) error {
		for _, r := range records {
			n, err := tx.Append(r)
			if err != nil {
				return err
			}
			numbers = append(numbers, n)
		}
		for key, value := range state {
			if err := put(tx, key, value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		a.logger.Error("cannot record", "error", err, "full", errors.Is(err, edgelog.ErrFull))
		return err
	}
	if a.deps.Recorded != nil {
		for i, r := range records {
			a.deps.Recorded(r.Kind().Log(), numbers[i], r)
		}
	}
	return nil
}

func (a *agent) tick() {
	if len(a.cfg.Kit.Locks) > 0 {
		a.decide(station.Tick(a.station, a.plan.locks, a.now()))
	}
	a.expireCommand()
}

// decide makes a station's decision durable, then acts.
func (a *agent) decide(d station.Decision) bool {
	if len(d.Records) == 0 && len(d.Actions) == 0 {
		a.station = d.State
		return true
	}
	if err := a.commit(d.Records, map[string]any{keyStation: d.State}); err != nil {
		for _, act := range d.Actions {
			a.refuseAct(act)
		}
		return false
	}
	a.station = d.State
	for _, act := range d.Actions {
		switch act := act.(type) {
		case station.Show:
			a.hardware.show(act.Position, act.Line, act.Refused)
		case station.Fire:
			err := a.hardware.fire(act.Position)
			a.decide(station.Fired(a.station, a.plan.locks, act, err, a.now()))
			a.unlocked(act, err)
		}
	}
	return true
}

func (a *agent) refuseAct(act station.Action) {
	switch act := act.(type) {
	case station.Show:
		a.hardware.show(act.Position, phrase.New(phrase.OutOfService), true)
	case station.Fire:
		a.hardware.show(act.Position, phrase.New(phrase.OutOfService), true)
	}
}

// Inputs, each run by the loop.

func (a *agent) codeEntered(position, code string) {
	if a.wallQuality == protocol.WallUnset {
		a.hardware.show(position, phrase.New(phrase.ClockNotSet), true)
		return
	}
	a.decide(station.Code(a.station, a.plan.locks, position, code, a.now()))
}

func (a *agent) doorMoved(position string, closed bool) {
	a.decide(station.Contact(a.station, a.plan.locks, position, closed, a.now()))
}

func (a *agent) scannedAtStation(scan string) {
	a.decide(station.Scan(a.station, a.plan.locks, scan, a.now()))
}

func (a *agent) mainsChanged(position string, on bool) {
	_ = a.commit([]protocol.Body{protocol.Mains{Position: position, On: on}}, nil) // logged there
}

func (a *agent) scannedInShop(scan string) {
	v := scanner.Scan(a.scanner, a.plan.scanner, scan, a.now())
	if a.answer(a.cfg.Kit.Scanner.Position, keyScanner, v.State, v.Records, v.Line, v.Refused) {
		a.scanner = v.State
	}
}

func (a *agent) scannedByDriver(scan string) {
	v := driver.Scan(a.driver, a.plan.driver, scan, a.now())
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

// sampled takes one round of all probes.
func (a *agent) sampled(samples []protocol.Sample) {
	records := []protocol.Body{protocol.Samples{Samples: samples}}
	monitors := make(map[string]monitor.State, len(samples))
	changed := false
	for _, s := range samples {
		before := a.monitors[s.Sensor]
		limits, ok := a.plan.temperatures[positionOf(s.Sensor)]
		if !ok {
			monitors[s.Sensor] = before
			continue
		}
		after, alarms := monitor.Read(before, limits, s, a.now())
		monitors[s.Sensor] = after
		records = append(records, alarms...)
		changed = changed || after != before
	}
	var state map[string]any
	if changed {
		state = map[string]any{keyMonitors: monitors}
	}
	if a.commit(records, state) == nil {
		a.monitors = monitors
	}
}
