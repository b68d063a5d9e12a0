package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"meguri/edge/device/reader"
	"meguri/edge/driver"
	edgelog "meguri/edge/log"
	"meguri/edge/monitor"
	"meguri/edge/phrase"
	"meguri/edge/scanner"
	"meguri/edge/shipper"
	"meguri/edge/station"
	"meguri/edge/warehouse"
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

	sinceBoot func() time.Duration
	wall      wall
	floor     int64                // Unix milliseconds that it is at least at mono 0, while the wall clock is not set
	kept      int64                // the moment that the station's time is not before, as stored last
	life      protocol.Incarnation // in which SamplingSet and ClockSet of this boot were recorded

	planVersion    atomic.Uint64
	commandCounter atomic.Uint64
	sampleEvery    atomic.Int64  // milliseconds
	resample       chan struct{} // told when that has changed
	parts          atomic.Pointer[map[protocol.Hash][]byte]

	vouched   uint64    // the plan that the hub said is the newest, before it was here
	vouchedAt time.Time // when it said so, by its clock

	plan     plan
	station  station.State
	scanner  scanner.State
	driver   driver.State
	handheld warehouse.State
	unstored uint32          // scans that could not be stored, of which nobody has said OK yet
	book     *warehouse.Book // the lists of the plan, with what was scanned here since
	hearing  hearing
	shipper  shipper.State            // what the box has felt
	signing  signing                  // of a shipper
	monitors map[string]monitor.State // by monitor.Watch.Key: a sensor and a rule
	clock    clockState               // what was said of the battery of the clock
	mains    map[string]bool          // what was said of the supply, by position
	command  commandState
	rounds   rounds // sampled and not recorded yet

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
	keyGoods    = "state/warehouse"
	keyBags     = "state/warehouse/bags/"  // + number of the part
	keyNotes    = "state/warehouse/notes/" // + number of the part
	keyMonitors = "state/monitors"
	keyClock    = "state/clock"
	keyMains    = "state/mains"
	keyShipper  = "state/shipper"
	keySigning  = "state/signing"
	keyCommand  = "state/command"
	keyManifest = "plan/manifest"
	keyPart     = "plan/part/" // + hash
)

const defaultSampleEvery = time.Minute

func newAgent(cfg Config, deps Deps, log *edgelog.Log) *agent {
	a := &agent{cfg: cfg, deps: deps, log: log, logger: deps.Logger.With("device", cfg.Device),
		inputs: make(chan func(), maxInputs), resample: make(chan struct{}, 1), sinceBoot: deps.Clock.Stopwatch(),
		life: log.Incarnation(), monitors: map[string]monitor.State{}, book: warehouse.NewBook(protocol.WarehousePlan{}, nil)}
	mono, board, _ := a.bothClocks() // when they are far apart, the first look puts that right
	a.wall = newWall(mono, board, cfg.Kit.BatteryClock)
	a.sampleEvery.Store(defaultSampleEvery.Milliseconds())
	a.parts.Store(&map[protocol.Hash][]byte{})
	return a
}

// load brings back what was stored before the last power cut. State that cannot be read is dropped, so that the device works
// again by itself. Where it said what was done already, the uses of grants and the newest command, the storage draws a new
// incarnation: no grant and no command of the old one is honoured any more.
func (a *agent) load() error {
	var unread []string
	err := a.log.View(func(tx *edgelog.Tx) (err error) {
		unread, err = a.read(tx)
		return err
	})
	a.boundTime()
	if err != nil || len(unread) == 0 {
		return err
	}
	a.logger.Error("stored state cannot be read and is dropped", "keys", unread)
	err = a.log.Update(a.stamp(), func(tx *edgelog.Tx) error {
		for _, key := range unread {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && (slices.Contains(unread, keyStation) || slices.Contains(unread, keyCommand)) {
		err = a.log.Renew()
		a.plan, a.command = plan{}, commandState{}
	}
	return err
}

// read reads the stored state, and names the keys of what cannot be read.
func (a *agent) read(tx *edgelog.Tx) (unread []string, err error) {
	for key, read := range map[string]func() error{
		keyStation:  func() error { return into(tx, keyStation, &a.station) },
		keyScanner:  func() error { return into(tx, keyScanner, &a.scanner) },
		keyDriver:   func() error { return into(tx, keyDriver, &a.driver) },
		keyGoods:    func() error { return into(tx, keyGoods, &a.handheld) },
		keyMonitors: func() error { return into(tx, keyMonitors, &a.monitors) },
		keyClock:    func() error { return into(tx, keyClock, &a.clock) },
		keyMains:    func() error { return into(tx, keyMains, &a.mains) },
		keyShipper:  func() error { return into(tx, keyShipper, &a.shipper) },
		keySigning:  func() error { return into(tx, keySigning, &a.signing) },
		keyCommand:  func() error { return into(tx, keyCommand, &a.command) },
		keyManifest: func() error { return a.loadPlan(tx) },
	} {
		err := read()
		switch {
		case errors.Is(err, edgelog.ErrDamaged), errors.Is(err, protocol.ErrMalformed):
			unread = append(unread, key)
		case err != nil:
			return nil, err
		}
	}
	a.commandCounter.Store(a.command.Counter)
	if a.cfg.Lists != nil && a.book.Plan.Position == "" {
		a.book = a.cfg.Lists.book(a.cfg.Kit)
	}
	more, err := a.readNotes(tx) // with the lists read
	return append(unread, more...), err
}

// into reads a value whole, or leaves what stands there.
func into[T any](tx *edgelog.Tx, key string, to *T) error {
	read := *to
	if err := get(tx, key, &read); err != nil {
		return err
	}
	*to = read
	return nil
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

// boot records the start, and how the device samples from now on. A storage that is full does not stop it: the hub frees it only
// once the agent runs.
func (a *agent) boot() {
	if s := a.log.Salvaged(); s != nil {
		a.logger.Error("the storage was broken and has been salvaged: no grant is honoured before a new plan has come",
			"reason", s.Reason, "spans lost", len(s.Lost), "incarnation", a.log.Incarnation())
	}
	a.life = a.log.Incarnation()
	said, state := a.clockWord()
	key, signing := a.signingWord()
	said, state = append(said, key...), joined(state, signing)
	now := a.atDoor()
	a.station = station.Started(a.station, now) // stored with what comes of it
	a.happened(append([]protocol.Body{protocol.Booted{Software: version.Text()}, a.sampling(a.sampleEvery.Load())}, said...), state)
	a.resumeCommand()
	a.tellUnsure()
	a.tellNext()
}

// joined is two sets of state that are stored together.
func joined(a, b map[string]any) map[string]any {
	if a == nil {
		return b
	}
	maps.Copy(a, b)
	return a
}

// stop puts everything in order at the end of a boot, unless there is no power to do so: what was sampled is recorded, then that
// nothing follows.
func (a *agent) stop(ctx context.Context) {
	if a.broken != nil || errors.Is(context.Cause(ctx), ErrPowerCut) {
		return
	}
	a.flush()
	_ = a.commit([]protocol.Body{protocol.Stopped{}}, nil) // without room the boot ends as if the power had gone
}

// do hands an input to the loop; when the agent is stopping it is dropped.
func (a *agent) do(input func()) {
	select {
	case a.inputs <- input:
	case <-a.done:
	}
}

// mono is how long this boot has lasted, in milliseconds.
func (a *agent) mono() int64 { return a.sinceBoot().Milliseconds() }

// now is the wall time as this device believes it.
func (a *agent) now() time.Time { return time.UnixMilli(a.wall.at(a.mono())).UTC() }

func (a *agent) stamp() edgelog.Stamp { return a.stampAt(a.mono()) }

func (a *agent) stampAt(mono int64) edgelog.Stamp {
	return edgelog.Stamp{Mono: mono, Wall: a.wall.at(mono), Quality: a.wall.quality}
}

func (a *agent) tick() {
	_ = a.settle() // said there; what happens meanwhile is owed, too
	a.lookAtClock()
	a.newLife()
	if len(a.cfg.Kit.Locks) > 0 {
		now := a.atDoor()
		a.took(station.Tick(a.station, a.locks(), now))
		a.keepTime()
	}
	if a.rounds.age(a.mono()) > a.cfg.Kit.Flush-time.Second { // the next tick may be too late
		a.flush()
	}
	a.settleCommand()
	a.tickWarehouse()
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
			now := a.atDoor()
			a.took(station.Fired(a.station, a.locks(), act, err, now))
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
	if !a.opensNothing(position) {
		now := a.atDoor()
		a.act(station.Code(a.station, a.locks(), position, code, now))
	}
}

// opensNothing refuses whoever wants in while there is no plan to judge by.
func (a *agent) opensNothing(position string) bool {
	if !a.unplanned() {
		return false
	}
	a.act(station.Decision{State: a.station,
		Records: []protocol.Body{protocol.GrantRefused{Position: position, Reason: "no plan has come for this storage yet"}},
		Actions: []station.Action{station.Show{Position: position, Line: phrase.New(phrase.NoPlanYet), Refused: true}}})
	return true
}

// mainsAre says how the supply of a position is: at a start too, and recorded when it is another than was said last. A storage that is
// new, or whose state was lost, has said nothing yet.
func (a *agent) mainsAre(position string, on bool) {
	if was, told := a.mains[position]; told && was == on {
		return
	}
	said := []protocol.Body{protocol.Mains{Position: position, On: on}}
	if len(a.owed) >= maxOwed { // it is lost, and has to be said again at the next start
		a.happened(said, nil)
		return
	}
	mains := maps.Clone(a.mains)
	if mains == nil {
		mains = map[string]bool{}
	}
	mains[position] = on
	a.mains = mains
	a.happened(said, map[string]any{keyMains: mains})
}

// scanText is a scan with the identifier that says which kind of barcode it was, as gs1.Parse reads it. Codes that are not GS1's
// become what the table says they stand for.
func (a *agent) scanText(s reader.Scan) string {
	text := s.Text
	if s.Symbology != "" {
		text = "]" + s.Symbology + s.Text
	}
	return a.cfg.Codes.Translate(text)
}

func (a *agent) scannedAtStation(s reader.Scan) {
	scan := a.scanText(s)
	if station.IsToken(scan) && a.opensNothing("") {
		return
	}
	now := a.atDoor()
	a.act(station.Scan(a.station, a.locks(), scan, now))
}

func (a *agent) scannedInShop(s reader.Scan) {
	v := scanner.Scan(a.scanner, a.plan.scanner, a.scanText(s), a.now())
	if a.answer(a.cfg.Kit.Scanner.Position, keyScanner, v.State, v.Records, v.Line, v.Refused) {
		a.scanner = v.State
	}
}

func (a *agent) scannedByDriver(s reader.Scan) {
	if a.carried(s.Text) {
		return
	}
	v := driver.Scan(a.driver, a.plan.driver, a.scanText(s), a.now())
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
