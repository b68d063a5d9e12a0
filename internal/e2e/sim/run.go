package sim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meguri/edge/link"
	"meguri/firmware-sim/fleet"
	"meguri/hub/store"
	"meguri/internal/clock"
	"meguri/protocol"

	"periph.io/x/conn/v3/gpio"
)

// sim is one run.
type sim struct {
	Params
	dir       string
	clock     clock.Clock // the true time
	begun     time.Time
	logger    *slog.Logger
	quiet     *slog.Logger
	model     *model
	hub       *hub
	fleet     *fleet.Fleet
	devices   map[string]*device
	order     []*device // by id
	lines     map[string]*line
	queues    map[*fleet.Terminal]chan struct{}
	stationOf map[string]string // device by location
	jobs      []job
	shoppers  []shopper
	crowd     *crowd

	work      sync.WaitGroup
	died      chan struct{} // the hub is to be stopped and started again
	keeping   chan struct{} // held by who uses the hub's files
	restoring atomic.Bool
	ticks     atomic.Int64

	mu     sync.Mutex
	counts map[Fault]int
	happen happenings
	story  io.Writer // nil for nobody
}

// Report is what came of a run.
type Report struct {
	Params   Params
	Failures []string
	Trace    string        // hash of all that happened, in order
	Hours    float64       // virtual device-hours
	Agreed   time.Duration // after the last fault until all agreed
	Faults   map[Fault]int // injected
	Events   int           // recorded
	Readings int
	Odd      int            // events that the hub could not apply
	Crowd    map[string]int // what came of a crowd
}

// Run runs a seed's parameters in dir, which must be empty. log hears everything, from several goroutines at once; nil for
// nobody. It must be called in a synctest bubble.
func Run(ctx context.Context, p Params, dir string, log io.Writer) (Report, error) {
	s := newSim(p, dir, log)
	s.build()
	if err := s.hub.prepare(ctx, p); err != nil {
		return Report{}, fmt.Errorf("prepare the hub: %w", err)
	}
	return s.run(ctx)
}

func newSim(p Params, dir string, log io.Writer) *sim {
	s := &sim{Params: p, dir: dir, begun: time.Now(), clock: clock.New(time.Now(), at(0, dawn), 1), quiet: discard(), logger: discard(),
		devices: map[string]*device{}, lines: map[string]*line{}, queues: map[*fleet.Terminal]chan struct{}{}, stationOf: map[string]string{},
		crowd: &crowd{held: map[string]held{}, tokens: map[string]string{}, tally: map[string]int{}}, died: make(chan struct{}, 1), keeping: make(chan struct{}, 1), counts: map[Fault]int{}, happen: happenings{hash: sha256.New()}, story: log}
	if log != nil {
		s.quiet = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{ReplaceAttr: s.when}))
		s.logger = s.quiet
	}
	s.model = newModel(s.clock.Now, s.trace)
	s.hub = &hub{sim: s, file: filepath.Join(dir, "hub.db"), clock: s.clock, logger: s.quiet.With("who", "hub"), disk: make(chan struct{}, 1)}
	if p.Has(HubRestore) {
		s.hub.safe = &safety{next: map[string]uint64{}}
	}
	return s
}

// when gives log lines the true time.
func (s *sim) when(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.String("t", s.clock.Now().Format("02T15:04:05.000"))
	}
	return a
}

// build wires the boards.
func (s *sim) build() {
	s.fleet = fleet.New(s.hardware(), s.clock, s.Seed)
	r := source(s.Seed, "build")
	for _, f := range s.fleet.Devices() {
		d := s.newDevice(f.ID, string(f.Role), f.Place, f.Kit, f.Hardware)
		if s.Has(NoBattery) && r.IntN(2) == 0 {
			d.kit.BatteryClock = false
		}
		if s.Has(ClockDrift) && r.IntN(2) == 0 {
			d.quirk.PPM = []int64{-500, 500}[r.IntN(2)]
		}
		d.line.upgrades(s.Has(OldEdge) && r.IntN(2) == 0)
		s.devices[d.id], s.lines[d.id] = d, d.line
		s.order = append(s.order, d)
		s.model.add(d.id)
		s.model.with(d.id, func(t *truth) { t.noBattery, t.badClock = !d.kit.BatteryClock, !d.kit.BatteryClock })
	}
	for place, set := range s.fleet.Stations {
		id := set.Device.ID
		s.stationOf[place] = id
		s.queues[set.HandIn] = make(chan struct{}, 1)
		for name, door := range set.Doors {
			s.queues[door.Terminal] = make(chan struct{}, 1)
			for _, l := range set.Device.Kit.Locks {
				if l.Position == name {
					set.Device.Hardware.Pin(l.Relay).OnChange(func(level gpio.Level) {
						if level == gpio.High {
							s.model.fired(id, name)
						}
					})
				}
			}
		}
	}
	for _, h := range s.fleet.Scanners {
		s.queues[h.Terminal] = make(chan struct{}, 1)
	}
	for _, h := range s.fleet.Drivers {
		s.queues[h.Terminal] = make(chan struct{}, 1)
	}
}

// run is both phases.
func (s *sim) run(ctx context.Context) (Report, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if err := s.hub.start(ctx); err != nil {
		return Report{}, err
	}
	if err := s.learnWork(ctx); err != nil {
		return Report{}, err
	}
	var keeper sync.WaitGroup
	keeper.Go(func() { s.keepHub(ctx) })
	var boards sync.WaitGroup
	for _, d := range s.order {
		boards.Go(func() { d.run(ctx) })
	}
	if s.Has(HubRestore) || s.Has(HubRewind) {
		if err := s.hub.backup(); err != nil {
			return Report{}, err
		}
	}
	phase, over := context.WithTimeout(ctx, s.Phase1)
	s.people(phase)
	s.inject(phase)
	if s.Has(HubRestore) || s.Has(HubRewind) {
		s.start(func() { s.backups(phase) })
	}
	s.start(func() {
		for sleep(phase, everyLook) == nil {
			s.minute()
		}
	})
	<-phase.Done()
	over()
	s.work.Wait()
	agreed := s.converge(ctx)
	trace := s.traced() // all end at the same moment, in any order
	stop()
	boards.Wait()
	keeper.Wait()
	err := s.hub.stop()
	return s.report(agreed, trace), err
}

// start runs an actor that ends with phase 1.
func (s *sim) start(actor func()) { s.work.Go(actor) }

// healsWithin is how long it may take until all agree. A device on a quiet connection says hello every half hour, and learns
// only then that the hub was set back.
const healsWithin = 45 * time.Minute

// converge ends all faults and waits until hub and devices agree.
func (s *sim) converge(ctx context.Context) time.Duration {
	s.hub.failing.Store(false)
	s.hub.trip.Store(tripNone)
	for _, d := range s.order {
		d.line.heal()
		d.setTrap(noTrap)
		d.setFull(false)
		d.quirk.Step(0)
	}
	for _, d := range s.order {
		d.awaitEnd()
		d.restore()
	}
	healed, until := time.Now(), s.clock.Now()
	if s.MQTT {
		s.identify()
	}
	s.trace("healed")
	want := map[string]map[protocol.LogID]uint64{}
	for _, d := range s.order {
		want[d.id] = map[protocol.LogID]uint64{}
		s.model.with(d.id, func(t *truth) {
			if !t.branched {
				for log, n := range t.life().last {
					want[d.id][log] = n
				}
			}
		})
	}
	why, asked := "", false
	for time.Since(healed) < healsWithin {
		_ = sleep(ctx, 5*time.Second)
		if asked = asked || s.commandAll(); !asked {
			continue
		}
		if why = s.agreed(want, until); why == "" {
			break
		}
	}
	took := time.Since(healed)
	if why != "" {
		s.model.fail("after %s without faults they do not agree: %s", took, why)
	}
	if s.hub.alive() != nil {
		s.minute()
		s.final(until)
		s.effects()
	}
	return took
}

// identify asks the hub for the incarnations of devices whose connections nobody listened to. Each had one storage all along.
func (s *sim) identify() {
	s.hub.read(func(ctx context.Context, tx *store.Tx) error {
		for _, d := range s.order {
			row, err := tx.Device(ctx, d.id)
			if err != nil {
				return err
			}
			if i, err := protocol.ParseIncarnation(row.Incarnation); err == nil {
				s.model.with(d.id, func(t *truth) { t.life().incarnation = i })
			}
		}
		return nil
	})
}

// awaitEnd waits until a board whose power is cut has seen so.
func (d *device) awaitEnd() {
	for range 100 {
		d.mu.Lock()
		ended := d.live == nil || !d.live.isDead()
		d.mu.Unlock()
		if ended {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// keepHub starts the hub again whenever it has died.
func (s *sim) keepHub(ctx context.Context) {
	r := source(s.Seed, "hub")
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.died:
		}
		s.keeping <- struct{}{}
		s.trace("hub stops")
		if err := s.hub.stop(); err != nil {
			s.model.fail("the hub's end: %v", err)
		}
		if s.restoring.Swap(false) {
			s.trace("hub is restored")
			if err := s.hub.restore(ctx); err != nil {
				s.model.fail("restore: %v", err)
			}
		}
		if r.IntN(2) == 0 {
			_ = sleep(ctx, between(r, 100*time.Millisecond, 5*time.Minute))
		}
		if ctx.Err() == nil {
			if err := s.hub.start(ctx); err != nil {
				s.model.fail("the hub's start: %v", err)
			}
		}
		<-s.keeping
		s.trace("hub runs")
	}
}

func (s *sim) hubDied() {
	select {
	case s.died <- struct{}{}:
	default:
	}
}

// after runs fn later, and never at the same moment as anything else that was put off so.
func (s *sim) after(d time.Duration, fn func()) {
	time.AfterFunc(d+time.Duration(s.ticks.Add(1)%997), fn)
}

func (s *sim) count(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[f]++
}

// happenings are what happens, hashed instant by instant. Within one instant nothing comes first: which goroutine of those that
// are ready goes on is up to how long the disk and other processes take.
type happenings struct {
	hash hash.Hash
	at   time.Duration // the last instant
	now  []string      // what happened in it
}

func (h *happenings) add(at time.Duration, what string) {
	if at != h.at {
		h.close()
		h.at = at
	}
	h.now = append(h.now, what)
}

// close ends an instant.
func (h *happenings) close() {
	slices.Sort(h.now)
	for _, what := range h.now {
		fmt.Fprintf(h.hash, "%d %s\n", h.at, what)
	}
	h.now = h.now[:0]
}

// trace notes that something has happened.
func (s *sim) trace(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what := fmt.Sprintf(format, args...)
	s.happen.add(time.Since(s.begun), what)
	if s.story != nil {
		fmt.Fprintf(s.story, "%s %s\n", s.clock.Now().Format("02T15:04:05.000"), what)
	}
}

// traced is the hash of all that has happened so far.
func (s *sim) traced() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.happen.close()
	return hex.EncodeToString(s.happen.hash.Sum(nil))
}

// sent is what leaves a device: looked at, and made older where the device is of the version before.
func (s *sim) sent(l *line, w *wire, payload []byte) []byte {
	m, err := protocol.Decode(payload)
	if err != nil {
		s.model.fail("%s sends what cannot be read: %v", l.device, err)
		return payload
	}
	s.model.deviceSays(l.device, m)
	s.trace("%s says %T", l.device, m)
	if h, ok := m.(protocol.Hello); ok {
		h.Revision = l.speaks()
		m = h
	}
	return l.skewed(m, payload)
}

// arrived is what reaches a device.
func (s *sim) arrived(l *line, payload []byte) []byte {
	m, err := protocol.Decode(payload)
	if err != nil {
		return payload
	}
	s.trace("%s hears %T", l.device, m)
	if w, ok := m.(protocol.Welcome); ok {
		w.Revision = l.speaks()
		m = w
	}
	return l.skewed(m, payload)
}

func (s *sim) report(agreed time.Duration, trace string) Report {
	r := Report{Params: s.Params, Failures: s.model.failures, Trace: trace, Agreed: agreed, Faults: s.counts,
		Hours: time.Since(s.begun).Hours() * float64(len(s.order)), Odd: s.model.odd, Crowd: s.crowd.counted()}
	for _, t := range s.model.devices {
		for _, l := range t.lives {
			r.Events += len(l.facts[protocol.Events])
			r.Readings += len(l.facts[protocol.Readings])
		}
	}
	return r
}

var _ link.Agent = (*bare)(nil)
