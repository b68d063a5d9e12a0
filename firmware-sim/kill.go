package main

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"meguri/firmware-sim/fleet"
	"meguri/internal/clock"
)

// killEvery is the mean time from one kill to the next, on the machine's clock: enough for an agent to be back and at work.
const killEvery = 500 * time.Millisecond

// killer ends processes as kill -9 does, again and again: the hub one time in four, else an agent. What ends is started again
// by whoever looks after it.
type killer struct {
	most int
	hub  *hubProcess
	rand *rand.Rand

	mu           sync.Mutex
	hubs, agents int
}

func newKiller(most int, hub *hubProcess, seed uint64) *killer {
	return &killer{most: most, hub: hub, rand: rand.New(rand.NewPCG(seed, 9))}
}

// run kills until it has done so often enough, or ctx ends. It fails when a hub that was killed does not start again.
func (k *killer) run(ctx context.Context, f *fleet.Fleet) error {
	byRole := map[fleet.Role][]*fleet.Device{}
	for _, d := range f.Devices() {
		byRole[d.Role] = append(byRole[d.Role], d)
	}
	roles := slices.Sorted(maps.Keys(byRole)) // the few stations are to get their share
	for range k.most {
		pause := killEvery/2 + time.Duration(k.rand.Int64N(int64(killEvery)))
		if err := clock.Real().Sleep(ctx, pause); err != nil {
			return nil // the day is over
		}
		if k.rand.IntN(4) == 0 {
			if err := k.hub.kill(ctx); err != nil {
				if ctx.Err() != nil {
					return nil
				}
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
