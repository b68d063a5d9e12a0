package app

import (
	"context"
	"maps"
	"slices"
	"time"

	"meguri/edge/device/reader"
	"meguri/internal/clock"
	"meguri/protocol"
)

// Bounds of the pause before a device that has failed is tried again; it doubles. The machine's own time.
const (
	firstPause = 500 * time.Millisecond
	longPause  = 30 * time.Second
)

// watch starts what turns the hardware into inputs of the agent.
func (h *hardware) watch(c *crew, a *agent) {
	// Reads of a serial line do not end with the context: closing the line ends them.
	c.start("locks at rest", func(ctx context.Context) error {
		<-ctx.Done()
		return h.halt()
	})
	h.watchDoors(c, a)
	for _, position := range inOrder(h.mains) {
		m := h.mains[position]
		h.keep(c, "mains sense of "+position, func(ctx context.Context) error {
			return m.Watch(ctx, func(on bool) { a.do(func() { a.mainsAre(position, on) }) })
		})
	}
	for _, position := range inOrder(h.displays) {
		h.keep(c, "display of "+position, h.displays[position].run)
	}
	for _, r := range []struct {
		name  string
		dev   *reader.Dev
		input func(reader.Scan)
	}{{"hand-in", h.handIn, a.scannedAtStation}, {"scanner", h.scanner, a.scannedInShop}, {"driver", h.driver, a.scannedByDriver},
		{"warehouse", h.goods, a.scannedInWarehouse}} {
		if r.dev != nil {
			h.keep(c, "reader of "+r.name, func(ctx context.Context) error {
				return r.dev.Run(ctx, func(s reader.Scan) { a.do(func() { r.input(s) }) })
			})
		}
	}
	if b, tells := h.board.(BatteryClock); tells && a.cfg.Kit.BatteryClock {
		c.start("battery of the clock", func(ctx context.Context) error { return h.watchBattery(ctx, b, a) })
	}
	if len(h.probes) > 0 {
		c.start("probes", func(ctx context.Context) error { return h.sample(ctx, a) })
	}
}

// inOrder gives the positions of devices in order, so that a board starts them the same way each time.
func inOrder[T any](of map[string]T) []string { return slices.Sorted(maps.Keys(of)) }

// keep runs the driver of one device until ctx ends, again after each failure: one that is unplugged stops nothing else, and
// may come back.
func (h *hardware) keep(c *crew, name string, run func(context.Context) error) {
	c.start(name, func(ctx context.Context) error {
		for pause := firstPause; ; {
			ran := clock.Real().Stopwatch()
			err := run(ctx)
			if ctx.Err() != nil {
				return nil
			}
			if ran() > pause { // it worked for a while
				pause = firstPause
			}
			h.logger.Error("a device does not work, it is tried again", "what", name, "error", err, "again in", pause)
			if clock.Real().Sleep(ctx, pause) != nil {
				return nil
			}
			pause = min(2*pause, longPause)
		}
	})
}

// sample reads all probes, one round every so often as the plan says.
func (h *hardware) sample(ctx context.Context, a *agent) error {
	for {
		passed := h.clock.Stopwatch()
		samples := make([]protocol.Sample, 0, len(h.probes))
		for _, p := range h.probes {
			milliC, err := p.ask(ctx)
			if ctx.Err() != nil {
				return nil // cut short: it says nothing about the probe
			}
			s := protocol.Sample{Sensor: p.sensor, MilliC: milliC, Fault: faultOf(err)}
			if err != nil {
				s.MilliC = 0
			}
			samples = append(samples, p.trust.Judge(p.traits, s, a.mono()))
		}
		mono := a.mono()
		a.do(func() { a.sampled(mono, samples) })
		if !h.untilNextRound(ctx, a, passed) {
			return nil
		}
	}
}

// untilNextRound waits until the plan's time since the beginning of a round has passed. Reading the probes takes a part of it. It
// is false when the agent ends.
func (h *hardware) untilNextRound(ctx context.Context, a *agent, passed func() time.Duration) bool {
	for {
		left := time.Duration(a.sampleEvery.Load())*time.Millisecond - passed()
		if left <= 0 {
			return ctx.Err() == nil
		}
		select {
		case <-ctx.Done():
			return false
		case <-a.resample:
		case <-h.clock.After(left):
		}
	}
}
