package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"meguri/edge/link"
	edgelog "meguri/edge/log"
	"meguri/protocol"
)

// clone copies a card, and has another board serve with the copy for a while, under the same name.
func (s *sim) clone(ctx context.Context, r *rand.Rand) {
	d, file := s.any(r), fmt.Sprintf("%s/clone-%d.db", s.dir, r.Uint64())
	copied := make(chan bool, 1)
	if !d.cutPower(func() {
		s.model.branch(d.id, s.clock.Now())
		copied <- copyFile(d.file, file) == nil
	}) {
		return
	}
	select {
	case ok := <-copied:
		if !ok {
			return
		}
	case <-ctx.Done():
		return
	}
	_ = sleep(ctx, between(r, time.Minute, 3*time.Hour))
	if ctx.Err() != nil {
		return
	}
	s.count(Clone)
	stop := between(r, time.Minute, time.Hour)
	ctx, cancel := context.WithTimeout(ctx, stop)
	defer cancel()
	b := &bare{sim: s, id: d.id, line: d.line, file: file}
	if err := b.run(ctx, func(ctx context.Context, b *bare) {
		for sleep(ctx, between(r, 20*time.Second, 5*time.Minute)) == nil {
			b.record(protocol.ScanRefused{Step: "clone", Reason: fmt.Sprint(r.Uint64())})
		}
	}); err != nil && ctx.Err() == nil {
		s.model.fail("clone of %s: %v", d.id, err)
	}
	s.model.lose(d.id) // what it held goes with it
}

// bare is a device without roles: a log and a link. A clone is one, and so are the many of the tests of convergence.
type bare struct {
	sim   *sim
	id    string
	line  *line
	file  string
	log   *edgelog.Log
	power *power
	plan  atomic.Uint64
}

// run opens the log and keeps it joined to the hub until ctx ends. work has it record things meanwhile.
func (b *bare) run(ctx context.Context, work func(context.Context, *bare)) (err error) {
	if b.log, err = edgelog.Open(b.file, edgelog.Options{MaxBytes: b.sim.MaxBytes, MaxReadings: b.sim.Readings}); err != nil {
		return err
	}
	b.power = &power{since: time.Now()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		work(ctx, b)
	}()
	l := link.New(link.Config{Device: b.id, Software: "bare", Log: b.log, Agent: b, Clock: b.sim.clock, Logger: b.sim.quiet, Jitter: b.line.jitter,
		Connect: func(ctx context.Context, will protocol.Gone) (link.Wire, error) {
			return b.line.connect(ctx, b.power, will)
		},
		PlanVersion: b.plan.Load, CommandCounter: func() uint64 { return 0 }})
	err = l.Run(ctx)
	<-done
	return errors.Join(err, b.log.Close())
}

// record makes an event durable.
func (b *bare) record(body protocol.Body) {
	var number uint64
	err := b.log.Update(edgelog.Stamp{Wall: b.sim.clock.Now().UnixMilli(), Quality: protocol.WallBattery}, func(tx *edgelog.Tx) (err error) {
		number, err = tx.Append(body)
		return err
	})
	if err == nil {
		b.sim.model.recorded(b.id, body.Kind().Log(), number, body, time.Since(b.power.since))
	}
}

// Part implements link.Agent.
func (b *bare) Part(protocol.Hash) ([]byte, bool) { return nil, false }

// Activate implements link.Agent.
func (b *bare) Activate(m protocol.Manifest, _ map[string][]byte) error {
	b.plan.Store(m.Plan)
	b.record(protocol.PlanApplied{Plan: m.Plan})
	return nil
}

// Command implements link.Agent.
func (b *bare) Command(protocol.Command) {}

// HubTime implements link.Agent.
func (b *bare) HubTime(time.Time, func() time.Duration) {}

// Planned implements link.Agent.
func (b *bare) Planned(uint64, time.Time) {}
