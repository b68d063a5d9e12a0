package world_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"meguri/edge/device/contact"
	"meguri/edge/device/ds18b20"
	"meguri/edge/device/strike"
	"meguri/firmware-sim/chip"
	"meguri/firmware-sim/world"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

// door is a door with all its wires, and the levels that an agent reads.
type door struct {
	*world.Door
	relay          *strike.Dev
	closed, bolted *contact.Dev
	hardware       *chip.Hardware
	board          *chip.Board
}

func wired(t *testing.T, onMove func(bool)) door {
	t.Helper()
	h := chip.New(nil)
	pins := world.DoorPins{Relay: h.Pin("RELAY"), Bolt: h.Pin("BOLT"), Contact: h.Pin("DOOR")}
	d := door{Door: world.NewDoor(pins, 1, onMove), hardware: h}
	b, err := h.Open(t.Context())
	require.NoError(t, err)
	d.board = b
	pin := func(name string) gpio.PinIO {
		p, err := b.Pin(name)
		require.NoError(t, err)
		return p
	}
	d.relay, err = strike.New(pin("RELAY"), 5*time.Second, nil)
	require.NoError(t, err)
	d.closed, err = contact.New(pin("DOOR"), 20*time.Millisecond)
	require.NoError(t, err)
	d.bolted, err = contact.New(pin("BOLT"), 20*time.Millisecond)
	require.NoError(t, err)
	return d
}

func (d door) shows(t *testing.T, closed, bolted bool) {
	t.Helper()
	require.Equal(t, closed, d.closed.Closed(), "contact")
	require.Equal(t, bolted, d.bolted.Closed(), "bolt")
	require.Equal(t, !closed, d.IsOpen())
}

func TestADoorOpensToWhoPullsWhileTheStrikeFires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var moves []bool
		d := wired(t, func(open bool) { moves = append(moves, open) })
		d.shows(t, true, true)
		require.ErrorIs(t, d.Open(), world.ErrBolted)
		pulled := make(chan error)
		go func() { pulled <- d.Pull(t.Context()) }()
		synctest.Wait()
		d.shows(t, true, true)
		require.NoError(t, d.relay.Fire())
		require.NoError(t, <-pulled)
		d.shows(t, false, false)
		d.Shut()
		d.shows(t, true, true)
		require.ErrorIs(t, d.Open(), world.ErrBolted)
		require.Equal(t, []bool{true, false}, moves)
		require.NoError(t, d.board.Close())
	})
}

func TestADoorThatNobodyPullsBoltsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := wired(t, nil)
		fired := make(chan error)
		go func() { fired <- d.relay.Fire() }()
		synctest.Wait()
		d.shows(t, true, false)
		require.NoError(t, <-fired)
		d.shows(t, true, true)
		require.NoError(t, d.board.Close())
	})
}

func TestAJammedBoltDoesNotMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := wired(t, nil)
		d.SetJammed(true)
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		pulled := make(chan error)
		go func() { pulled <- d.Pull(ctx) }()
		require.NoError(t, d.relay.Fire())
		require.ErrorIs(t, <-pulled, world.ErrBolted)
		d.shows(t, true, true)
		d.SetJammed(false)
		go func() { pulled <- d.Pull(t.Context()) }()
		require.NoError(t, d.relay.Fire())
		require.NoError(t, <-pulled)
		require.NoError(t, d.board.Close())
	})
}

func TestADoorShutWithinThePulseCanBeOpenedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := wired(t, nil)
		go func() { _ = d.relay.Fire() }()
		synctest.Wait()
		require.NoError(t, d.Open())
		d.Shut()
		d.shows(t, true, false)
		require.NoError(t, d.Open())
		d.Shut()
		time.Sleep(6 * time.Second)
		d.shows(t, true, true)
		require.NoError(t, d.board.Close())
	})
}

func TestForceKeyAndInsideOpenWithoutTheStrike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := wired(t, nil)
		d.OpenAnyway()
		d.shows(t, false, false)
		d.Shut()
		d.shows(t, true, true)
		require.NoError(t, d.board.Close())
	})
}

func TestAnAgentThatLosesItsPowerLeavesTheDoorShut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := wired(t, nil)
		fired := make(chan error)
		go func() { fired <- d.relay.Fire() }()
		synctest.Wait()
		require.False(t, d.IsBolted())
		d.hardware.CutPower()
		require.True(t, d.IsBolted())
		require.ErrorIs(t, d.Open(), world.ErrBolted)
		require.ErrorIs(t, <-fired, chip.ErrClosed)
	})
}

// TestAStation wires a fridge, its lock and the mains to the chips of an agent, as a simulation does.
func TestAStation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := chip.New(time.Now)
		fridge := world.NewFridge(world.Cabinet("F1", 4_000), time.Now, world.TokyoAugust(1).MilliC)
		probe := h.OneWire("W1").Add(1, fridge.ProbeMilliC)
		door := world.NewDoor(world.DoorPins{Relay: h.Pin("RELAY"), Bolt: h.Pin("BOLT"), Contact: h.Pin("DOOR")}, 1, fridge.SetOpen)
		mains := world.NewMains(h.Pin("MAINS"), fridge.SetMains)

		b, err := h.Open(t.Context())
		require.NoError(t, err)
		bus, err := b.OneWire("W1")
		require.NoError(t, err)
		thermometer := ds18b20.New(bus, probe.Address(), nil)
		read := func() int64 {
			v, err := thermometer.MilliC()
			require.NoError(t, err)
			return v
		}
		pin, err := b.Pin("MAINS")
		require.NoError(t, err)
		power, err := contact.New(pin, 20*time.Millisecond)
		require.NoError(t, err)

		require.InDelta(t, 4_000, read(), 2_200)
		require.True(t, power.Closed())
		door.OpenAnyway()
		time.Sleep(10 * time.Minute)
		require.Greater(t, read(), int64(8_000), "an open door shows at the probe")
		door.Shut()
		time.Sleep(time.Hour)
		require.InDelta(t, 4_000, read(), 2_200)
		mains.Set(false)
		require.False(t, power.Closed())
		require.False(t, mains.On())
		time.Sleep(5 * time.Hour)
		require.Greater(t, read(), int64(10_000), "and so does a power cut")
		mains.Set(true)
		require.True(t, power.Closed())
		require.NoError(t, b.Close())
	})
}

func TestALidTellsItsShipper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := chip.New(nil)
		s := world.NewShipper(world.Plain("S1", 10_000), time.Now, steady(30_000))
		lid := world.NewLid(h.Pin("LID"), 1, s.SetOpen)
		require.Equal(t, gpio.Low, h.Pin("LID").Level())
		lid.SetOpen(true)
		require.True(t, lid.IsOpen())
		time.Sleep(10 * time.Minute)
		require.Greater(t, s.ProbeMilliC(), int64(25_000))
		lid.SetOpen(false)
		require.Equal(t, gpio.Low, h.Pin("LID").Level())
	})
}
