package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	hubfleet "meguri/hub/fleet"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/protocol"
)

// injector is one kind of fault: how often it strikes, and what it does.
type injector struct {
	kind        Fault
	least, most time.Duration // between two strikes
	strike      func(ctx context.Context, r *rand.Rand)
}

func (s *sim) injectors() []injector {
	return []injector{
		{Loss, time.Hour, 5 * time.Hour, s.spell(Loss, func(w *way, on bool) { w.lossy = on })},
		{Double, time.Hour, 5 * time.Hour, s.spell("", func(w *way, on bool) { w.doubles = on })},
		{Reorder, time.Hour, 5 * time.Hour, s.spell("", func(w *way, on bool) { w.mixes = on })},
		{Late, time.Hour, 5 * time.Hour, s.spell("", func(w *way, on bool) { w.late = on })},
		{Partition, time.Hour, 8 * time.Hour, s.partition},
		{OneWay, time.Hour, 6 * time.Hour, s.oneWay},
		{Flapping, 2 * time.Hour, 6 * time.Hour, s.flap},
		{PowerCut, time.Hour, 6 * time.Hour, func(_ context.Context, r *rand.Rand) { s.counted(PowerCut, s.any(r).cutPower(nil)) }},
		{CutCommit, 30 * time.Minute, 3 * time.Hour, s.trapCommit},
		{Restart, time.Hour, 8 * time.Hour, func(_ context.Context, r *rand.Rand) { s.any(r).restart(); s.count(Restart) }},
		{ClockStep, 2 * time.Hour, 10 * time.Hour, s.stepClock},
		{Sensor, time.Hour, 5 * time.Hour, s.disturbSensor},
		{DiskFull, 2 * time.Hour, 8 * time.Hour, s.fillDisk},
		{SyncFails, time.Hour, 5 * time.Hour, s.failSync},
		{HubKill, time.Hour, 4 * time.Hour, s.killHub},
		{HubErrors, time.Hour, 6 * time.Hour, s.failHub},
		{HubRestore, 4 * time.Hour, 12 * time.Hour, s.restoreHub},
		{HubRewind, 4 * time.Hour, 12 * time.Hour, s.restoreHub},
		{Broker, 2 * time.Hour, 8 * time.Hour, s.restartBroker},
		{OldImage, 5 * time.Hour, 12 * time.Hour, s.oldImage},
		{Clone, 5 * time.Hour, 12 * time.Hour, s.clone},
		{NewCard, 6 * time.Hour, 14 * time.Hour, s.newCard},
		{Corrupt, 4 * time.Hour, 12 * time.Hour, s.corrupt},
	}
}

// inject starts the faults that the seed has drawn.
func (s *sim) inject(ctx context.Context) {
	for _, i := range s.injectors() {
		if !s.Has(i.kind) {
			continue
		}
		s.start(func() {
			r := source(s.Seed, "fault "+string(i.kind))
			for sleep(ctx, between(r, i.least, i.most)) == nil {
				i.strike(ctx, r)
			}
		})
	}
}

func (s *sim) any(r *rand.Rand) *device { return s.order[r.IntN(len(s.order))] }

func (s *sim) counted(f Fault, happened bool) {
	if happened {
		s.count(f)
	}
}

// spell makes both ways of a device, or of all, bad for a while.
func (s *sim) spell(f Fault, set func(*way, bool)) func(context.Context, *rand.Rand) {
	return func(ctx context.Context, r *rand.Rand) {
		some := s.some(r)
		each := func(on bool) {
			for _, d := range some {
				d.line.mu.Lock()
				set(&d.line.up, on)
				set(&d.line.down, on)
				d.line.calm = time.Now()
				d.line.mu.Unlock()
			}
		}
		each(true)
		_ = sleep(ctx, between(r, 5*time.Minute, 3*time.Hour))
		each(false)
	}
}

// some draws one device, or all.
func (s *sim) some(r *rand.Rand) []*device {
	if r.IntN(3) == 0 {
		return s.order
	}
	return []*device{s.any(r)}
}

func (s *sim) partition(ctx context.Context, r *rand.Rand) {
	s.count(Partition)
	some := s.some(r)
	for _, d := range some {
		d.line.setCut(true, true)
	}
	most := 2 * time.Hour
	if r.IntN(4) == 0 {
		most = 20 * time.Hour
	}
	_ = sleep(ctx, between(r, time.Minute, most))
	for _, d := range some {
		d.line.setCut(false, false)
	}
}

func (s *sim) oneWay(ctx context.Context, r *rand.Rand) {
	s.count(OneWay)
	d, up := s.any(r), r.IntN(2) == 0
	d.line.setCut(up, !up)
	_ = sleep(ctx, between(r, 5*time.Second, 30*time.Minute))
	d.line.setCut(false, false)
}

func (s *sim) flap(ctx context.Context, r *rand.Rand) {
	d := s.any(r)
	for range 5 + r.IntN(20) {
		s.count(Flapping)
		d.line.setCut(true, true)
		_ = sleep(ctx, between(r, time.Second, 40*time.Second))
		d.line.setCut(false, false)
		_ = sleep(ctx, between(r, time.Second, 40*time.Second))
	}
}

func (s *sim) trapCommit(_ context.Context, r *rand.Rand) {
	s.any(r).setTrap([]trap{trapLost, trapKept, trapTorn}[r.IntN(3)])
}

func (s *sim) failSync(_ context.Context, r *rand.Rand) {
	s.any(r).setTrap([]trap{trapSyncFails, trapSyncFailsLost}[r.IntN(2)])
}

func (s *sim) stepClock(_ context.Context, r *rand.Rand) {
	d := s.any(r)
	s.model.with(d.id, func(t *truth) { t.badClock = true })
	step := between(r, time.Second, 2*time.Hour)
	if r.IntN(8) == 0 {
		step = 366 * 24 * time.Hour
	}
	if r.IntN(2) == 0 {
		step = -step
	}
	d.quirk.Step(step)
	s.count(ClockStep)
}

func (s *sim) disturbSensor(ctx context.Context, r *rand.Rand) {
	d := s.any(r)
	if len(d.kit.Fridges) == 0 && d.kit.Shipper == nil {
		return
	}
	s.count(Sensor)
	for _, bus := range []interface{ SetFault(error) }{d.chips.OneWire("w1"), d.chips.I2C("i2c-1")} {
		if r.IntN(2) == 0 {
			bus.SetFault(errBus)
			_ = sleep(ctx, between(r, time.Minute, time.Hour))
			bus.SetFault(nil)
		}
	}
}

var errBus = errors.New("the bus is stuck (simulated)")

func (s *sim) fillDisk(ctx context.Context, r *rand.Rand) {
	s.count(DiskFull)
	d := s.any(r)
	s.model.with(d.id, func(t *truth) { t.owes = true })
	d.setFull(true)
	_ = sleep(ctx, between(r, 5*time.Minute, 90*time.Minute))
	d.setFull(false)
	d.line.disturbed()
}

func (s *sim) killHub(ctx context.Context, r *rand.Rand) {
	switch r.IntN(3) {
	case 0:
		s.hub.trip.Store(tripInEffect)
	case 1:
		s.hub.trip.Store(tripAfterCommit)
	default:
		s.hubDied()
		s.count(HubKill)
		return
	}
	_ = sleep(ctx, between(r, time.Minute, 10*time.Minute))
	if s.hub.trip.Swap(tripNone) == tripNone {
		s.count(HubKill)
	}
}

func (s *sim) failHub(ctx context.Context, r *rand.Rand) {
	s.count(HubErrors)
	s.hub.failing.Store(true)
	_ = sleep(ctx, between(r, time.Second, 10*time.Minute))
	s.hub.failing.Store(false)
	for _, d := range s.order {
		d.line.disturbed()
	}
}

// backups copies the hub's database now and then.
func (s *sim) backups(ctx context.Context) {
	r := source(s.Seed, "backups")
	for sleep(ctx, between(r, 20*time.Minute, 2*time.Hour)) == nil {
		s.keeping <- struct{}{}
		if err := s.hub.backup(); err != nil && s.hub.alive() != nil {
			s.model.fail("backup: %v", err)
		}
		<-s.keeping
	}
}

func (s *sim) restoreHub(context.Context, *rand.Rand) {
	s.model.mu.Lock()
	s.model.restored = true
	s.model.rewound = s.model.rewound || s.Has(HubRewind)
	s.model.mu.Unlock()
	s.restoring.Store(true)
	s.hubDied()
	if s.Has(HubRewind) {
		s.count(HubRewind)
		return
	}
	s.count(HubRestore)
}

func (s *sim) restartBroker(_ context.Context, _ *rand.Rand) {
	s.count(Broker)
	for _, d := range s.order {
		d.line.drop()
	}
}

// newCard replaces a card by an empty one. What the old one held and nobody had heard of is lost with it.
func (s *sim) newCard(_ context.Context, r *rand.Rand) {
	d := s.any(r)
	s.counted(NewCard, d.cutPower(func() {
		if err := os.Remove(d.file); err != nil {
			s.model.fail("new card: %v", err)
		}
		s.model.with(d.id, func(t *truth) {
			t.life().destroyed = true
			t.lives = append(t.lives, newLife())
			t.cards++
			t.card = t.cards
		})
	}))
}

// oldImage copies a card, and puts the copy in the place of the card some time later.
func (s *sim) oldImage(ctx context.Context, r *rand.Rand) {
	d, image := s.any(r), s.dir+fmt.Sprintf("/image-%d.db", r.Uint64())
	var copied time.Time
	var card int
	if !d.cutPower(func() {
		if err := copyFile(d.file, image); err == nil {
			copied = s.clock.Now()
			s.model.with(d.id, func(t *truth) { card = t.card })
		}
	}) {
		return
	}
	_ = sleep(ctx, between(r, 30*time.Minute, 5*time.Hour))
	if copied.IsZero() {
		return
	}
	s.counted(OldImage, d.cutPower(func() {
		s.model.branch(d.id, copied)
		s.model.with(d.id, func(t *truth) { t.card = card })
		if err := copyFile(image, d.file); err != nil {
			s.model.fail("old image: %v", err)
		}
	}))
}

// corrupt flips bits of a file, or zeroes or cuts off pages, while the power is off.
func (s *sim) corrupt(_ context.Context, r *rand.Rand) {
	d := s.any(r)
	s.counted(Corrupt, d.cutPower(func() {
		b, err := os.ReadFile(d.file)
		if err != nil {
			s.model.fail("corrupt: %v", err)
			return
		}
		s.model.with(d.id, func(t *truth) { t.branched = true })
		switch r.IntN(3) {
		case 0, 1:
			for range 1 + r.IntN([]int{4, 400}[r.IntN(2)]) {
				b[r.IntN(len(b))] ^= 1 << r.IntN(8)
			}
		case 2:
			page := r.IntN(len(b)/4096) * 4096
			clear(b[page : page+4096])
		}
		if err := os.WriteFile(d.file, b, 0o600); err != nil {
			s.model.fail("corrupt: %v", err)
		}
	}))
}

// commandAll gives each device a command when all is well again: it has to be done, whatever became of those before.
func (s *sim) commandAll() bool {
	l := s.hub.alive()
	if l == nil {
		return false
	}
	err := l.store.Change(l.ctx, func(tx *store.Tx) error {
		for _, d := range s.order {
			_, err := tx.AddCommand(l.ctx, hubfleet.Command{ID: lastCommand + d.id, Device: d.id, Kind: uint8(protocol.CommandIdentify),
				AskedBy: people.Console, AskedAt: s.clock.Now(), Deadline: s.clock.Now().Add(2 * healsWithin)})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return err == nil
}

const lastCommand = "last-"

// dispatcher gives commands.
func (s *sim) dispatcher(ctx context.Context) {
	r := source(s.Seed, "dispatcher")
	for sleep(ctx, between(r, 5*time.Minute, 2*time.Hour)) == nil {
		d := s.any(r)
		c := hubfleet.Command{ID: fmt.Sprintf("command-%016x", r.Uint64()), Device: d.id, Kind: uint8(protocol.CommandIdentify), AskedBy: people.Console,
			AskedAt: s.clock.Now(), Deadline: s.clock.Now().Add(between(r, 30*time.Second, 30*time.Minute))}
		if len(d.kit.Locks) > 0 {
			c.Kind, c.Target = uint8(protocol.CommandUnlock), d.kit.Locks[r.IntN(len(d.kit.Locks))].Position
		}
		s.model.mu.Lock()
		s.model.commands[c.ID] = &asked{target: c.Target, deadline: c.Deadline}
		s.model.mu.Unlock()
		if l := s.hub.alive(); l != nil {
			err := l.store.Change(l.ctx, func(tx *store.Tx) error {
				_, err := tx.AddCommand(l.ctx, c)
				return err
			})
			if err == nil {
				l.feed.Changed()
			}
		}
	}
}
