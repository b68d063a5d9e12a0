// Package chaos holds the promise that nothing recorded is lost against real processes on one machine: hub and agents that are
// killed, stopped, cut off and starved while people scan. The judge stands outside: a scan whose verdict somebody has seen on
// the display has to be in the hub's database once, and no scan twice.
package chaos

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	kills = flag.Int("kills", 0, "how many processes to kill, in all; 0: do not run")
	hold  = flag.Duration("hold", 2*time.Second, "how long SIGSTOP holds a process at most")
	seed  = flag.Uint64("seed", 1, "of the order of faults")
)

// scanEvery is how fast each person scans: a burst of a practised hand.
const scanEvery = 20 * time.Millisecond

// storm scans with all agents while faults come, one after another, then lets all come to rest and judges.
func (s *site) storm(faults func(ctx context.Context, r *rand.Rand)) {
	s.t.Helper()
	s.awaitHub()
	ctx, stop := context.WithCancel(s.t.Context())
	var people, supervisor sync.WaitGroup
	supervisor.Go(func() { s.supervise(ctx) })
	for _, a := range s.agents {
		people.Go(func() { a.scans(ctx, scanEvery) })
	}
	faults(ctx, rand.New(rand.NewPCG(*seed, 0)))
	stop()
	people.Wait()
	supervisor.Wait()
	s.startHub()
	for _, a := range s.agents {
		a.start()
	}
	s.awaitHub()
	s.judge()
}

// atRest is how long the healed system may take until all has arrived.
const atRest = 90 * time.Second

// judge waits until the hub has every scan that a display has confirmed, and says how it went.
func (s *site) judge() {
	s.t.Helper()
	healed := time.Now()
	got, missing := s.account()
	for ; len(missing) > 0 && time.Since(healed) < atRest; got, missing = s.account() {
		time.Sleep(200 * time.Millisecond) // real processes: there is nothing else to wait for
	}
	if len(missing) > 0 {
		s.dump()
	}
	require.Empty(s.t, missing, "displays have confirmed them, and the hub does not have them")
	took := time.Since(healed)
	confirmed, refused, unsure := 0, 0, 0
	for _, a := range s.agents {
		confirmed, refused, unsure = confirmed+len(a.confirmed), refused+len(a.refused), unsure+a.unsure
		for _, code := range a.refused {
			require.Zero(s.t, got[code], "%s was refused, and is at the hub", code)
		}
		require.NotEmpty(s.t, a.confirmed, "%s never worked", a.device)
	}
	for code, times := range got {
		require.Equal(s.t, 1, times, "%s", code)
	}
	s.t.Logf("%d scans confirmed by displays, all at the hub, none twice; %d refused, %d unsure; at rest in %s",
		confirmed, refused, unsure, took.Round(time.Millisecond))
}

// account gives how often the hub has each scan, and which ones it lacks that displays have confirmed.
func (s *site) account() (got map[string]int, missing []string) {
	s.t.Helper()
	got = s.received()
	for _, a := range s.agents {
		for _, code := range a.confirmed {
			if got[code] == 0 {
				missing = append(missing, code)
			}
		}
	}
	return got, missing
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// kill kills one of the processes, the hub once in four times.
func (s *site) kill(r *rand.Rand) {
	p := s.hubProcess()
	if r.IntN(4) > 0 {
		p = s.agents[r.IntN(len(s.agents))].process()
	}
	if p != nil {
		p.kill()
	}
}

// stop holds one of the processes for a while, as a hypervisor or a debugger does.
func (s *site) stop(ctx context.Context, r *rand.Rand, p *process, most time.Duration) {
	if p == nil {
		return
	}
	p.held.Store(true)
	p.signal(syscall.SIGSTOP)
	pause(ctx, time.Duration(r.Int64N(int64(most))))
	p.signal(syscall.SIGCONT)
	p.held.Store(false)
}

// killsAndStops kills so many processes, at odd moments and up to three at once, and holds one every now and then.
func (s *site) killsAndStops(ctx context.Context, r *rand.Rand, n int) {
	for i := 0; n > 0; i++ {
		pause(ctx, time.Duration(100+r.IntN(500))*time.Millisecond)
		for once := min(n, 1+r.IntN(3)); once > 0; once-- {
			s.kill(r)
			n--
		}
		if i%10 == 9 {
			p := s.hubProcess()
			if r.IntN(2) == 0 {
				p = s.agents[r.IntN(len(s.agents))].process()
			}
			s.stop(ctx, r, p, *hold)
		}
	}
}

func TestNothingIsLostWhenProcessesAreKilledAndHeld(t *testing.T) {
	s := newSite(t, options{agents: 4})
	s.storm(func(ctx context.Context, r *rand.Rand) { s.killsAndStops(ctx, r, *kills) })
}

func TestNothingIsLostWhenPostgreSQLCrashesAndConnectionsAreCutInCommit(t *testing.T) {
	s := newSite(t, options{agents: 3, postgres: true})
	crashes := max(2, *kills/20)
	s.storm(func(ctx context.Context, r *rand.Rand) {
		for range crashes {
			for range 5 {
				s.proxy.cut.Store(int32(cutBefore + r.IntN(2)))
				pause(ctx, time.Duration(100+r.IntN(300))*time.Millisecond)
			}
			s.cluster.Crash(s.t)
			pause(ctx, time.Duration(500+r.IntN(1000))*time.Millisecond)
			s.kill(r)
		}
	})
	require.GreaterOrEqual(t, s.proxy.cuts.Load(), int64(crashes), "connections were cut in COMMIT")
	t.Logf("PostgreSQL crashed %d times, %d connections were cut in COMMIT", crashes, s.proxy.cuts.Load())
}

func TestNothingIsLostWhenMosquittoCrashes(t *testing.T) {
	s := newSite(t, options{agents: 3, mosquitto: true})
	s.storm(func(ctx context.Context, r *rand.Rand) {
		for range max(3, *kills/20) {
			pause(ctx, time.Duration(500+r.IntN(1500))*time.Millisecond)
			s.broker.Crash(s.t)
			pause(ctx, time.Duration(r.IntN(1000))*time.Millisecond)
			s.kill(r)
		}
	})
}

func TestNothingIsLostInABadNetwork(t *testing.T) {
	s := newSite(t, options{agents: 3, namespace: true})
	s.storm(func(ctx context.Context, r *rand.Rand) {
		for range max(4, *kills/10) {
			bad := []struct{ in, out int }{{100, 100}, {100, 0}, {0, 100}, {30, 30}, {60, 10}}[r.IntN(5)]
			s.net.drop(bad.in, bad.out)
			pause(ctx, time.Duration(500+r.IntN(1500))*time.Millisecond)
			if r.IntN(2) == 0 {
				s.kill(r)
			}
			s.net.heal()
			pause(ctx, time.Duration(r.IntN(1000))*time.Millisecond)
		}
	})
}

// smallDisk mounts a disk of so many bytes for the test.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting a small disk needs root")
	}
	disk := t.TempDir()
	require.NoError(t, syscall.Mount("tmpfs", disk, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(disk, syscall.MNT_DETACH)) })
	return disk
}

// A device whose disk is full refuses what it cannot record, says so, and works again when there is room.
func TestAFullDiskIsARefusalNotALoss(t *testing.T) {
	disk := smallDisk(t, 3<<20)
	s := newSite(t, options{agents: 1, edgeData: disk, edgeFlags: []string{"--max-bytes", fmt.Sprint(2 << 20)}})
	filler := disk + "/filler"
	s.storm(func(ctx context.Context, r *rand.Rand) {
		for range 3 {
			pause(ctx, 2*time.Second)
			s.hubProcess().signal(syscall.SIGSTOP) // so that nothing is deleted, and the file has to grow
			fill(t, filler)
			pause(ctx, 3*time.Second)
			s.hubProcess().signal(syscall.SIGCONT)
			s.kill(r)
			pause(ctx, time.Second)
			require.NoError(t, os.Remove(filler))
		}
		pause(ctx, 2*time.Second)
	})
	require.NotEmpty(t, s.agents[0].refused, "the disk was never full for the agent")
}

// A hub whose disk is full acknowledges nothing that it has not stored, and goes on when there is room.
func TestAHubWithAFullDiskAcknowledgesNothing(t *testing.T) {
	disk := smallDisk(t, 24<<20)
	s := newSite(t, options{agents: 2, hubData: disk})
	filler := disk + "/filler"
	s.storm(func(ctx context.Context, r *rand.Rand) {
		for range 2 {
			pause(ctx, 2*time.Second)
			fill(t, filler)
			pause(ctx, 3*time.Second)
			s.hubProcess().kill()
			pause(ctx, 2*time.Second)
			require.NoError(t, os.Remove(filler))
		}
		pause(ctx, time.Second)
	})
}

// fill writes until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	for _, size := range []int{64 << 10, 512} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, f.Close())
}

// A device with little memory drains a long queue within it: the kernel would kill it otherwise.
func TestAnAgentLivesWithLittleMemory(t *testing.T) {
	s := newSite(t, options{agents: 1})
	limit := newMemoryLimit(t, 48<<20)
	s.storm(func(ctx context.Context, r *rand.Rand) {
		s.agents[0].start()
		limit.hold(s.agents[0].process())
		s.hubProcess().signal(syscall.SIGSTOP) // the queue grows
		pause(ctx, 5*time.Second)
		s.hubProcess().signal(syscall.SIGCONT)
		pause(ctx, 2*time.Second)
	})
	require.Zero(t, limit.killed(), "the kernel killed the agent for its memory")
}
