package e2e

import (
	"context"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"

	"meguri/edge/app"
	edgelog "meguri/edge/log"
	"meguri/firmware-sim/chip"
	"meguri/hub/dispatch"
	"meguri/hub/store"
	"meguri/protocol"
)

// The agents here are real: edge/app on simulated chips, with a real log, a real hub and its broker and database.

func TestGoodsGoFromTheShopToTheCustomerAndTheHubHearsOfEachStepOnce(t *testing.T) {
	s := newSite(t, false)
	var all []*unit
	for _, d := range []string{"shop-1", "shop-2"} {
		all = append(all, s.unit(s.fleet.Scanners[d].Device))
	}
	driver, station := s.unit(s.fleet.Drivers["route-01"].Device), s.station()
	for _, u := range append(all, driver, station) {
		u.start()
		u.awaitPlan()
	}
	for i, c := range s.containers {
		scan(t, s.fleet.Scanners[c.ShopID].Terminal, "91"+c.ID, "8003"+boxOf(i), "8003"+boxOf(i), "92"+c.AddressID)
	}
	for _, u := range all {
		u.requireHeardOnce()
	}
	device := s.fleet.Drivers["route-01"].Terminal
	inOrder := []int{0, 1} // of the stops: the run collects at spot-1 first
	slices.SortFunc(inOrder, func(a, b int) int { return strings.Compare(s.containers[a].SpotID, s.containers[b].SpotID) })
	for _, i := range inOrder {
		c := s.containers[i]
		scan(t, device, "94"+c.SpotID, "92"+c.AddressID, "8003"+boxOf(i), "8003"+c.ShipperGRAI)
	}
	driver.requireHeardOnce()
	station.awaitPlan()
	station.handIn(s.code(dispatch.Courier))
	s.awaitState("ready")
	station.pickUp(s.code(dispatch.Customer))
	s.awaitState("picked_up")
	station.requireHeardOnce()
	require.Equal(t, len(s.containers), s.count("station-loc-001", "container placed"))
	require.Equal(t, len(s.fridges()), s.count("station-loc-001", "pickup inferred"))
}

func TestAStationWithoutNetworkServesEverybodyAndTellsTheHubLater(t *testing.T) {
	s := newSite(t, true)
	u := s.station()
	u.start()
	u.awaitPlan()
	u.requireHeardOnce()
	u.cutNetwork()
	heard := len(s.events(u.cfg.Device))
	u.handIn(s.code(dispatch.Courier))
	u.cutPower() // and a power cut does not make it forget
	u.start()
	u.pickUp(s.code(dispatch.Customer))
	require.Len(t, s.events(u.cfg.Device), heard, "nothing can have reached the hub")
	require.Equal(t, "accepted", s.state())
	u.restoreNetwork()
	u.requireHeardOnce()
	s.awaitState("picked_up")
}

// dies ends the goroutine that decides and acts, as a power cut does: nothing more is recorded, nothing more is moved.
func dies(armed *atomic.Bool, died chan<- struct{}) {
	if armed.CompareAndSwap(true, false) {
		close(died)
		runtime.Goexit()
	}
}

func TestAPowerCutBetweenTheRecordAndThePulse(t *testing.T) {
	s := newSite(t, true)
	u := s.station()
	u.start()
	u.awaitPlan()
	u.handIn(s.code(dispatch.Courier))
	fridge, died := s.fridges()[0], make(chan struct{})
	var armed atomic.Bool
	hook := func(b protocol.Body) {
		if b.Kind() == protocol.KindGrantUsed {
			dies(&armed, died)
		}
	}
	u.hook.Store(&hook)
	fired := s.door(fridge).Counts().Fired
	armed.Store(true)
	require.NoError(t, s.door(fridge).Terminal.Keys.Type(s.code(dispatch.Customer)+"#"))
	<-died
	u.cutPower()
	require.Equal(t, fired, s.door(fridge).Counts().Fired, "the relay never moved")

	u.start()
	u.pickUp(s.code(dispatch.Customer)) // the customer tries again
	s.awaitState("picked_up")
	u.requireHeardOnce()
	require.Equal(t, u.kinds(protocol.KindGrantUsed), u.kinds(protocol.KindRelayFired)+1)
}

func TestAPowerCutInTheMiddleOfThePulse(t *testing.T) {
	s := newSite(t, true)
	u := s.station()
	u.start()
	u.awaitPlan()
	u.handIn(s.code(dispatch.Courier))
	fridge, died := s.fridges()[0], make(chan struct{})
	relay := u.chip.Pin("relay-0")
	if fridge == "loc-001-fridge-2" {
		relay = u.chip.Pin("relay-1")
	}
	var armed atomic.Bool
	relay.OnChange(func(l gpio.Level) {
		if l == gpio.High {
			dies(&armed, died)
		}
	})
	opened := u.kinds(protocol.KindDoorOpened)
	pulled := make(chan error, 1)
	go func() { pulled <- s.door(fridge).Pull(t.Context()) }()
	armed.Store(true)
	require.NoError(t, s.door(fridge).Terminal.Keys.Type(s.code(dispatch.Customer)+"#"))
	<-died
	require.NoError(t, <-pulled, "the bolt was back")
	u.cutPower()
	require.Equal(t, gpio.Low, relay.Level(), "without power the bolt comes out")

	u.start() // the door stands open; whose code it was is remembered
	u.await(protocol.KindDoorOpened, opened+1)
	u.shut(fridge)
	u.await(protocol.KindPickupInferred, 1)
	for _, f := range s.fridges() {
		if f != fridge {
			u.through(f, s.code(dispatch.Customer), nil)
		}
	}
	s.awaitState("picked_up")
	u.requireHeardOnce()
	require.Zero(t, u.kinds(protocol.KindDoorFault), "nobody forced the door")
}

// A courier's code opens a lock so many times and not once more, wherever the power goes.
func TestACountedGrantIsNeverExceeded(t *testing.T) {
	s := newSite(t, true)
	u := s.station()
	u.start()
	u.awaitPlan()
	u.cutNetwork()
	const fridge = "loc-001-fridge-1"
	courier, relay := s.code(dispatch.Courier), u.chip.Pin("relay-0")
	var rises, again, cuts atomic.Int64
	var before, within atomic.Bool
	died := make(chan struct{})
	relay.OnChange(func(l gpio.Level) {
		if l == gpio.High {
			rises.Add(1)
			dies(&within, died)
		}
	})
	hook := func(b protocol.Body) {
		if used, ok := b.(protocol.GrantUsed); ok {
			if used.Again { // for a use of which a power cut took the answer: it is not counted
				again.Add(1)
			}
			dies(&before, died)
		}
	}
	for use := range dispatch.CourierUses {
		u.hook.Store(&hook)
		died = make(chan struct{})
		before.Store(use%3 == 1)
		within.Store(use%3 == 2)
		if use%3 == 0 {
			u.through(fridge, courier, nil)
			continue
		}
		require.Eventually(t, func() bool { return s.door(fridge).Terminal.Keys.Type(courier+"#") == nil }, soon, look)
		<-died
		cuts.Add(1)
		u.cutPower()
		u.start()
	}
	uses := func() int { return u.kinds(protocol.KindGrantUsed) - int(again.Load()) }
	for refused := 0; refused < 2; {
		require.LessOrEqual(t, uses(), dispatch.CourierUses)
		require.LessOrEqual(t, again.Load(), cuts.Load())
		was := u.kinds(protocol.KindDoorOpened)
		opened, line := s.enter(fridge, courier)
		if opened { // a use is left, or one is in doubt
			u.await(protocol.KindDoorOpened, was+1)
			u.shut(fridge)
			continue
		}
		require.Contains(t, line, "used up")
		refused++
		u.cutPower()
		u.start()
	}
	require.Equal(t, dispatch.CourierUses, uses())
	require.LessOrEqual(t, rises.Load(), int64(dispatch.CourierUses)+again.Load())
	u.restoreNetwork()
	u.requireHeardOnce()
}

func TestARevokedDeviceLosesItsSession(t *testing.T) {
	s := newSite(t, true)
	u := s.station()
	u.start()
	u.awaitPlan()
	u.requireHeardOnce()
	heard, dials := len(s.events(u.cfg.Device)), u.dialled()
	s.change(func(ctx context.Context, tx *store.Tx) error {
		return tx.RevokeDevice(ctx, u.cfg.Device, s.clock.Now())
	})
	require.Eventually(t, func() bool { return !s.device(u.cfg.Device).Online }, 5*time.Second, look, "its session goes on")
	require.Eventually(t, func() bool { return u.dialled() > dials }, soon, look)
	_, line := s.enter("loc-001-fridge-1", "000000")
	require.Equal(t, "No such code here.", line, "it goes on working alone")
	tried := u.dialled()
	require.Eventually(t, func() bool { return u.dialled() > tried+1 }, soon, look)
	require.Len(t, s.events(u.cfg.Device), heard, "and is not heard any more")
	require.False(t, s.device(u.cfg.Device).Online)
}

func TestABoardThatReplacesAnotherServesWhatStandsInItsFridges(t *testing.T) {
	s := newSite(t, true)
	u := s.station()
	u.start()
	u.awaitPlan()
	u.handIn(s.code(dispatch.Courier))
	u.requireHeardOnce()
	s.awaitState("ready")
	u.halt()
	u.renewStorage()
	u.start()
	require.Eventually(t, func() bool { return u.kinds(protocol.KindPlanApplied) > 1 }, soon, look)
	u.awaitPlan()
	u.pickUp(s.code(dispatch.Customer))
	s.awaitState("picked_up")
	u.requireHeardOnce()
}

func TestACodeThatIsTriedBeforeTheClockIsSetIsRecorded(t *testing.T) {
	s := newSite(t, true)
	u := s.station()
	u.cfg.Kit.BatteryClock = false
	u.cutNetwork()
	u.start()
	opened, line := s.enter("loc-001-fridge-1", s.code(dispatch.Courier))
	require.False(t, opened)
	require.Contains(t, line, "clock")
	tried := s.clock.Now()
	u.restoreNetwork()
	u.awaitPlan()
	u.handIn(s.code(dispatch.Courier))
	u.requireHeardOnce()
	for _, e := range s.events(u.cfg.Device) {
		if e.Name == "grant refused" {
			require.WithinDuration(t, tried, e.At, 2*time.Second, "dated once the clock was set")
			return
		}
	}
	require.Fail(t, "the hub has not heard of it")
}

// fill puts events into the log of an agent that does not run, until there is no room for another one.
func (u *unit) fill() {
	u.t.Helper()
	l, err := edgelog.Open(u.cfg.File, u.cfg.Log)
	require.NoError(u.t, err)
	defer func() { require.NoError(u.t, l.Close()) }()
	stamp := edgelog.Stamp{Wall: u.site.clock.Now().UnixMilli(), Quality: protocol.WallBattery}
	long := make([]byte, 150)
	for i := range long {
		long[i] = 'x'
	}
	for _, size := range []int{100, 1} {
		for err == nil {
			var numbers []uint64
			err = l.Update(stamp, func(tx *edgelog.Tx) error {
				numbers = nil
				for range size {
					record := protocol.NewScanRefused("hand-in", string(long), string(long))
					if size == 1 {
						record = protocol.ScanRefused{}
					}
					n, err := tx.Append(record)
					if err != nil {
						return err
					}
					numbers = append(numbers, n)
				}
				return nil
			})
			if err == nil {
				for _, n := range numbers {
					u.lives[0][n] = protocol.KindScanRefused
				}
			}
		}
		require.ErrorIs(u.t, err, edgelog.ErrFull)
		err = nil
	}
}

// With a full log nothing is done that has to be remembered. What happens all the same is believed, and recorded when there is
// room.
func TestAFullLogRefusesActsAndRecovers(t *testing.T) {
	s := newSite(t, true)
	u := s.station()
	u.cfg.Log.MaxBytes = 1 << 20
	u.start()
	u.awaitPlan()
	u.requireHeardOnce()
	u.halt()
	u.fill()
	u.cutNetwork()
	full := u.events()
	u.start()
	const fridge, other = "loc-001-fridge-1", "loc-001-fridge-2"
	opened, line := s.enter(fridge, s.code(dispatch.Courier))
	require.False(t, opened)
	require.Contains(t, line, "cannot record")
	set := s.fleet.Stations[location]
	line, refused := ask(t, set.HandIn, "8003"+boxOf(0)+"\r")
	require.True(t, refused)
	require.Contains(t, line, "cannot record")

	while := func() { // long enough for the agent to see what a door has done
		for begun := time.Now(); time.Since(begun) < 400*time.Millisecond; {
			_, line := s.enter("loc-001-fridge-1", "000000")
			require.Contains(t, line, "cannot record")
		}
	}
	s.door(fridge).OpenAnyway() // by the staff's key
	s.door(other).OpenAnyway()
	while()
	s.door(other).Shut()
	while()
	require.Equal(t, full, u.events(), "nothing was recorded")
	require.Zero(t, s.door(fridge).Counts().Fired)

	restored := s.clock.Now()
	u.restoreNetwork()
	u.await(protocol.KindBooted, 2)
	u.await(protocol.KindDoorOpened, 2)
	u.await(protocol.KindDoorClosed, 1)
	opened, line = s.enter(fridge, s.code(dispatch.Courier))
	require.True(t, opened, "it stands open")
	require.Equal(t, "The door is open.", line)
	require.Zero(t, s.door(fridge).Counts().Fired, "an open door needs no pulse")
	u.shut(fridge)
	u.handIn(s.code(dispatch.Courier))
	u.pickUp(s.code(dispatch.Customer))
	s.awaitState("picked_up")
	u.requireHeardOnce()
	forced := 0
	for _, e := range s.events(u.cfg.Device) {
		if e.Name == "door opened" && e.At.Before(restored) {
			forced++
		}
	}
	require.Equal(t, 2, forced, "they are dated when they happened")
}

func TestAnAgentStopsWithinTwoSecondsWhateverHangs(t *testing.T) {
	s := newSite(t, true)
	u := s.station()
	u.start()
	u.awaitPlan()
	u.stall()
	for range 5 { // each is recorded, and sent into a connection that takes nothing
		s.enter("loc-001-fridge-1", "000000")
	}
	u.halt()

	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	require.NoError(t, err)
	defer func() { require.NoError(t, silent.Close()) }()
	s.broker = silent.Addr().String()
	dials := u.dialled()
	u.start()
	require.Eventually(t, func() bool { return u.dialled() > dials }, soon, look)
	u.halt()
}

func TestASecondAgentOnTheSameFileSaysSoAndEnds(t *testing.T) {
	s := newSite(t, true)
	u := s.station()
	u.start()
	u.awaitPlan()
	twin := chip.New(s.clock.Now)
	board, err := twin.Open(t.Context())
	require.NoError(t, err)
	begun := time.Now()
	err = app.Run(t.Context(), u.cfg, app.Deps{Board: board, Clock: s.clock, Logger: s.logger})
	require.ErrorIs(t, err, edgelog.ErrInUse)
	require.ErrorContains(t, err, filepath.Base(u.cfg.File))
	require.Less(t, time.Since(begun), 2*time.Second)
}
