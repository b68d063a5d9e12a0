package main

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"time"

	"meguri/firmware-sim/fleet"
	"meguri/internal/clock"
)

// killer ends processes as kill -9 does, again and again: the hub one time in four, else an agent. What ends is started again
// by whoever looks after it.
type killer struct {
	every time.Duration // on the machine's clock
	most  int
	hub   *hubProcess
	rand  *rand.Rand

	mu           sync.Mutex
	hubs, agents int
}

func newKiller(most int, hub *hubProcess, seed uint64) *killer {
	return &killer{every: 500 * time.Millisecond, most: most, hub: hub, rand: rand.New(rand.NewPCG(seed, 9))}
}

func (k *killer) run(ctx context.Context, f *fleet.Fleet) error {
	byRole := map[fleet.Role][]*fleet.Device{}
	for _, d := range f.Devices() {
		byRole[d.Role] = append(byRole[d.Role], d)
	}
	roles := slices.Sorted(maps.Keys(byRole)) // the few stations are to get their share
	for range k.most {
		pause := k.every/2 + time.Duration(k.rand.Int64N(int64(k.every)))
		if err := clock.Real().Sleep(ctx, pause); err != nil {
			return nil // the day is over
		}
		if k.rand.IntN(4) == 0 {
			if err := k.hub.kill(ctx); err != nil {
				return err
			}
			k.count(1, 0)
			continue
		}
		of := byRole[roles[k.rand.IntN(len(roles))]]
		if of[k.rand.IntN(len(of))].Kill() {
			k.count(0, 1)
		}
	}
	return nil
}

func (k *killer) count(hubs, agents int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.hubs, k.agents = k.hubs+hubs, k.agents+agents
}

// killed says how often the hub and agents were killed.
func (k *killer) killed() (hubs, agents int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.hubs, k.agents
}

// kill ends the hub without a warning and starts it again.
func (h *hubProcess) kill(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.cmd.Process.Signal(syscall.SIGKILL) // it runs, or has just failed by itself, which the start will show
	_ = h.cmd.Wait()                          // "signal: killed"
	return h.start(ctx)
}
