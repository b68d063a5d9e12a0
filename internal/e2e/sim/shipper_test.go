package sim

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/dispatch"
	"meguri/hub/quality"
	"meguri/hub/store"
	"meguri/protocol"
)

// alone is one station and one shipper, real agents and a real hub, cut off from each other from before the loading until pickup is
// under way.
func alone(t *testing.T, act func(ctx context.Context, s *sim)) {
	t.Helper()
	small(t, func(ctx context.Context, s *sim) {
		for _, d := range s.order {
			d.line.setCut(true, true)
		}
		act(ctx, s)
		for _, d := range s.order {
			d.line.heal()
		}
		require.NoError(t, sleep(ctx, 20*time.Minute))
		s.hears(t)
	})
}

// small is one station and one shipper whose boxes have been packed, just before the driver comes for them.
func small(t *testing.T, act func(ctx context.Context, s *sim)) {
	t.Helper()
	cryptotest.SetGlobalRandom(t, 1)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSim(Params{Seed: 1, Stations: 1, Fridges: 1, Slots: 4, Shops: 1, Shipper: true, Orders: 2, Days: 1, MaxBytes: 4 << 20, Faults: map[Fault]bool{}}, dir, nil)
		s.hub.judges = true
		s.build()
		require.NoError(t, s.hub.prepare(t.Context(), s.Params))
		ctx, stop := context.WithCancel(t.Context())
		require.NoError(t, s.hub.start(ctx))
		require.NoError(t, s.learnWork(ctx))
		require.NotEmpty(t, s.shoppers)
		var boards sync.WaitGroup
		for _, d := range s.order {
			boards.Go(func() { d.run(ctx) })
		}
		s.pack(ctx, 0, shop(0))
		require.NoError(t, s.until(ctx, at(0, 8*time.Hour+55*time.Minute)))
		act(ctx, s)
		require.Empty(t, s.model.failures)
		stop()
		boards.Wait()
		require.NoError(t, s.hub.stop())
	})
}

// hears wants the hub to know what the station decided on while it was alone.
func (s *sim) hears(t *testing.T) {
	t.Helper()
	judged := facts[protocol.RideJudged](t, s, s.stationOf[location(0)])
	require.True(t, s.hub.read(func(ctx context.Context, tx *store.Tx) error {
		for _, b := range judged {
			rides, err := tx.RidesJudged(ctx, b.DatedContainer)
			if err != nil {
				return err
			}
			require.NotEmpty(t, rides)
			require.Equal(t, store.RideOutcomes[b.Outcome], rides[len(rides)-1].Outcome)
			require.Equal(t, theShipper, rides[0].Shipper)
		}
		return nil
	}))
}

// comes is a customer who enters the code and pulls: whether the door opened, and what the display said.
func (s *sim) comes(ctx context.Context, p shopper) (opened bool, line string) {
	door := s.fleet.Stations[p.station].Doors[p.fridges[0]]
	opened, _ = door.Enter(ctx, func() (bool, error) {
		var refused, answered bool
		line, refused, answered = s.ask(ctx, door.Terminal, s.pin(p.order, dispatch.PINDigits)+"#")
		return answered && !refused, nil
	})
	if opened {
		_ = sleep(ctx, 5*time.Second)
		door.Shut()
		_ = sleep(ctx, 5*time.Second)
	}
	return opened, line
}

// facts are the bodies of a kind that a device has recorded.
func facts[T protocol.Body](t *testing.T, s *sim, device string) (all []T) {
	t.Helper()
	var kind T
	s.model.with(device, func(tr *truth) {
		for _, f := range tr.life().all {
			if f.kind == kind.Kind() {
				b, err := protocol.DecodeEvent(f.kind, []byte(f.body))
				require.NoError(t, err)
				all = append(all, b.(T))
			}
		}
	})
	return all
}

// recordedAt is when a device recorded the first of the same, by the true time.
func (s *sim) recordedAt(device string, b protocol.Body) (at time.Time) {
	body, _ := protocol.EncodeBody(b) // it was decoded from that
	s.model.with(device, func(tr *truth) {
		for _, f := range tr.life().all {
			if at.IsZero() && f.kind == b.Kind() && f.body == string(body) {
				at = f.at
			}
		}
	})
	return at
}

// breaks has the compressor of the station's fridge fail, and waits until the station holds what stands in it.
func (s *sim) breaks(t *testing.T, ctx context.Context, station string) {
	t.Helper()
	s.fleet.Stations[location(0)].Doors[fridge(0, 0)].Fridge.SetBroken(true)
	for range 600 {
		for _, b := range facts[protocol.GoodsHeld](t, s, station) {
			if b.Cause == protocol.GoodsBroken {
				t.Logf("fridge, by the station itself: breach to hold %s", s.recordedAt(station, b).Sub(time.UnixMilli(b.Since)).Round(time.Millisecond))
				return
			}
		}
		require.NoError(t, sleep(ctx, time.Minute))
	}
	require.Fail(t, "what stands in a fridge that has failed is not held")
}

// How long it takes from the breach to the hold, where there is a network: it is told, and fails nothing.
func TestHowLongItTakesFromABreachToTheHold(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	small(t, func(ctx context.Context, s *sim) {
		s.start(func() {
			_ = s.until(ctx, at(0, 9*time.Hour+50*time.Minute))
			s.fleet.Shippers[theShipper].Lid.SetOpen(true)
			_ = sleep(ctx, time.Hour)
			s.fleet.Shippers[theShipper].Lid.SetOpen(false)
		})
		s.drive(ctx, 0)
		require.NoError(t, sleep(ctx, time.Minute))
		service := &quality.Service{Store: s.hub.alive().store, Touch: s.hub.alive().plans.Touch}
		_, err := service.Decide(ctx, quality.Act{Scope: store.ScopeLocation, ID: location(0), By: "p", Reason: "probed by hand", At: s.clock.Now()},
			store.Released, nil)
		require.NoError(t, err)
		require.NoError(t, sleep(ctx, time.Minute))
		s.breaks(t, ctx, s.stationOf[location(0)])
		require.NoError(t, sleep(ctx, 5*time.Minute))
		require.True(t, s.hub.read(func(ctx context.Context, tx *store.Tx) error {
			holds, err := tx.HoldsOf(ctx, s.jobs[0].ID)
			for _, h := range holds {
				t.Logf("%s, held by %s: breach to hold at the hub %s", h.Leg, h.HeldBy, h.HeldAt.Sub(h.Since).Round(time.Millisecond))
			}
			require.Len(t, holds, 4, "on both legs, by the hub and by the station")
			return err
		}))
	})
}

// From the loading until pickup is under way nobody has a network. Meat that warmed in its shipper is not handed out, and the customer is told
// why; what kept its temperature is served.
func TestAStationAloneKnowsHowItsGoodsRode(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	for _, lid := range []time.Duration{0, 50 * time.Minute} {
		t.Run(fmt.Sprintf("with the lid open for %s", lid), func(t *testing.T) {
			alone(t, func(ctx context.Context, s *sim) {
				s.start(func() {
					_ = s.until(ctx, at(0, 9*time.Hour+50*time.Minute))
					s.fleet.Shippers[theShipper].Lid.SetOpen(lid > 0)
					_ = sleep(ctx, lid)
					s.fleet.Shippers[theShipper].Lid.SetOpen(false)
				})
				s.drive(ctx, 0)
				require.NoError(t, s.until(ctx, at(0, opens+10*time.Minute)))
				station := s.stationOf[location(0)]
				judged, held := facts[protocol.RideJudged](t, s, station), facts[protocol.GoodsHeld](t, s, station)
				require.Len(t, judged, len(s.jobs))
				for _, p := range s.shoppers {
					opened, line := s.comes(ctx, p)
					require.Equal(t, lid == 0, opened, line)
					if lid > 0 {
						require.Equal(t, "We are checking the temperature of your order, and will tell you.", line)
					}
				}
				if lid == 0 {
					require.Empty(t, held)
					s.breaks(t, ctx, station)
					return
				}
				t.Logf("shipper by its statement, station alone: breach to hold %s, all of it the way to the station; scan to hold 0s",
					s.recordedAt(station, held[0]).Sub(time.UnixMilli(held[0].Since)).Round(time.Second))
				require.Len(t, held, len(s.jobs))
				require.Equal(t, protocol.RideBroken, held[0].Cause)
				require.Equal(t, theShipper, held[0].Shipper)
				device := s.devices[station]
				require.True(t, device.cutPower(nil))
				device.awaitEnd()
				_ = sleep(ctx, time.Minute)
				device.restore()
				_ = sleep(ctx, time.Minute)
				opened, line := s.comes(ctx, s.shoppers[0])
				require.False(t, opened, "a power cut does not make it forget: %s", line)
			})
		})
	}
}
