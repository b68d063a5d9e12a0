package sim

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	edgelog "meguri/edge/log"
	"meguri/internal/race"
	"meguri/protocol"
)

// many is a hub and devices without roles, each with events that it has recorded while there was no network.
func many(t *testing.T, devices, events int, test func(s *sim)) {
	t.Helper()
	dir, err := os.MkdirTemp(os.Getenv("SIM_DIR"), "meguri-sim-")
	require.NoError(t, err)
	defer func() { _ = os.RemoveAll(dir) }() // of the system's temporary directory
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		s := newSim(Params{Seed: 1, Stations: 1, Fridges: 1, Shops: 1, Days: 1, MaxBytes: 8 << 20, Faults: map[Fault]bool{}}, dir, nil)
		for n := range devices {
			id := fmt.Sprintf("device-%d", n)
			s.devices[id] = &device{id: id, role: "shipper", place: id} // a place of its own: its plan is empty
			s.lines[id] = s.newLine(id)
			s.model.add(id)
		}
		require.NoError(t, s.hub.prepare(ctx, s.Params))
		require.NoError(t, s.hub.start(ctx))
		var all sync.WaitGroup
		for id, line := range s.lines {
			b := &bare{sim: s, id: id, line: line, file: filepath.Join(dir, id+".db")}
			b.fill(t, events)
			all.Go(func() {
				if err := b.run(ctx, func(context.Context, *bare) {}); err != nil {
					t.Error(err)
				}
			})
		}
		test(s)
		stop()
		all.Wait()
		require.NoError(t, s.hub.stop())
		require.Empty(t, s.model.failures)
	})
}

// fill records events before the device is joined to anything.
func (b *bare) fill(t *testing.T, events int) {
	t.Helper()
	l, err := edgelog.Open(b.file, edgelog.Options{MaxBytes: b.sim.MaxBytes})
	require.NoError(t, err)
	const atOnce = 500
	for done := 0; done < events; done += atOnce {
		require.NoError(t, l.Update(edgelog.Stamp{Wall: b.sim.clock.Now().UnixMilli(), Quality: protocol.WallBattery}, func(tx *edgelog.Tx) error {
			for n := range min(atOnce, events-done) {
				if _, err := tx.Append(protocol.ScanRefused{Step: "packing", Scan: fmt.Sprint(done + n), Reason: "not one of ours"}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	require.NoError(t, l.Close())
}

// taken is how many events the hub has of all devices.
func (s *sim) taken(t *testing.T) (n int) {
	require.NoError(t, s.hub.alive().raw.QueryRow("SELECT count(*) FROM events WHERE kind = ?", protocol.KindScanRefused).Scan(&n))
	return n
}

// after10000 is p99 of the latency of that many events: when all but a hundredth of them are taken.
func TestTenThousandQueuedEventsOfADeviceAreTakenWithinTenSeconds(t *testing.T) {
	many(t, 1, 10_000, func(s *sim) {
		begun := time.Now()
		for s.taken(t) < 9_900 {
			require.Less(t, time.Since(begun), 10*time.Second)
			time.Sleep(50 * time.Millisecond)
		}
		t.Logf("p99 %s of virtual time", time.Since(begun))
		for s.taken(t) < 10_000 {
			require.Less(t, time.Since(begun), 11*time.Second)
			time.Sleep(50 * time.Millisecond)
		}
	})
}

func TestAThousandDevicesThatComeBackAtOnceAgreeWithinAMinute(t *testing.T) {
	devices := 1000
	if testing.Short() || race.Enabled {
		devices = 100
	}
	const events = 20
	many(t, devices, events, func(s *sim) {
		begun := time.Now()
		for s.taken(t) < devices*events {
			require.Less(t, time.Since(begun), time.Minute, "%d of %d events are taken", s.taken(t), devices*events)
			time.Sleep(250 * time.Millisecond)
		}
		t.Logf("all taken after %s of virtual time", time.Since(begun))
	})
}
