package chip_test

import (
	"context"
	"encoding/binary"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meguri/firmware-sim/chip"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/onewire"
)

// wire is a 1-Wire bus with helpers that send commands.
type wire struct {
	onewire.Bus
	t *testing.T
}

func (w wire) tx(read int, command ...byte) []byte {
	w.t.Helper()
	r := make([]byte, read)
	require.NoError(w.t, w.Tx(command, r, onewire.WeakPullup))
	return r
}

// to addresses one probe.
func (w wire) to(d *chip.DS18B20, read int, command ...byte) []byte {
	w.t.Helper()
	m := binary.LittleEndian.AppendUint64([]byte{0x55}, uint64(d.Address()))
	return w.tx(read, append(m, command...)...)
}

func oneWire(t *testing.T, fn func(w wire, o *chip.OneWire)) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		o := h.OneWire("W1")
		bus, err := b.OneWire("W1")
		require.NoError(t, err)
		fn(wire{bus, t}, o)
	})
}

func TestScratchpadAtPowerOn(t *testing.T) {
	oneWire(t, func(w wire, o *chip.OneWire) {
		d := o.Add(1, at(20_000))
		pad := w.to(d, 10, 0xBE)
		require.Equal(t, []byte{0x50, 0x05, 0x4B, 0x46, 0x7F, 0xFF, 0x0C, 0x10, 0x1C, 0xFF}, pad, "85 °C, and ones behind the CRC")
	})
}

func TestAConversionTakesItsTime(t *testing.T) {
	oneWire(t, func(w wire, o *chip.OneWire) {
		d := o.Add(1, at(20_000))
		for config, most := range map[byte]time.Duration{0x7F: 750, 0x5F: 375, 0x3F: 188, 0x1F: 94} {
			w.to(d, 0, 0x4E, 0, 0, config)
			d.Reset()
			w.to(d, 0, 0x4E, 0, 0, config)
			require.Equal(t, []byte{0, 0}, w.to(d, 2, 0x44), "read slots give 0 while it converts")
			time.Sleep(most * time.Millisecond / 2)
			require.Equal(t, []byte{0x50, 0x05}, w.to(d, 2, 0xBE))
			time.Sleep(most * time.Millisecond / 2)
			require.Equal(t, []byte{0x40, 0x01}, w.to(d, 2, 0xBE))
		}
	})
}

func TestRegistersSurviveAPowerCutOnceCopied(t *testing.T) {
	oneWire(t, func(w wire, o *chip.OneWire) {
		d := o.Add(1, at(20_000))
		w.to(d, 0, 0x4E, 0x10, 0xF0, 0x1F)
		require.Equal(t, []byte{0x10, 0xF0, 0x1F}, w.to(d, 5, 0xBE)[2:])
		d.Reset()
		require.Equal(t, []byte{0x4B, 0x46, 0x7F}, w.to(d, 5, 0xBE)[2:])
		w.to(d, 0, 0x4E, 0x10, 0xF0, 0xFF)
		w.to(d, 0, 0x48)
		w.to(d, 0, 0x4E, 0x20, 0x20, 0x1F)
		w.to(d, 0, 0xB8)
		require.Equal(t, []byte{0x10, 0xF0, 0x7F}, w.to(d, 5, 0xBE)[2:], "the other bits of the configuration are fixed")
		d.Reset()
		require.Equal(t, []byte{0x10, 0xF0, 0x7F}, w.to(d, 5, 0xBE)[2:])
	})
}

func TestSeveralThatAnswerAtOnceAreMixed(t *testing.T) {
	oneWire(t, func(w wire, o *chip.OneWire) {
		a, b := o.Add(0x0F, at(20_000)), o.Add(0xF0, at(30_000))
		rom := w.tx(8, 0x33)
		require.Equal(t, uint64(a.Address()&b.Address()), binary.LittleEndian.Uint64(rom))
		require.False(t, onewire.CheckCRC(rom))
		b.SetMissing(true)
		rom = w.tx(8, 0x33)
		require.Equal(t, uint64(a.Address()), binary.LittleEndian.Uint64(rom))
		w.tx(0, 0xCC, 0x44) // skip ROM
		time.Sleep(time.Second)
		require.Equal(t, []byte{0x40, 0x01}, w.tx(2, 0xCC, 0xBE))
	})
}

func TestPowerSupplyIsTold(t *testing.T) {
	oneWire(t, func(w wire, o *chip.OneWire) {
		o.Add(1, at(0))
		d := o.Add(2, at(0))
		require.Equal(t, []byte{0xFF}, w.tx(1, 0xCC, 0xB4))
		d.SetParasite(true)
		require.Equal(t, []byte{0x00}, w.tx(1, 0xCC, 0xB4), "one on parasite power is enough")
	})
}

func TestASearchFindsAll(t *testing.T) {
	oneWire(t, func(w wire, o *chip.OneWire) {
		_, err := w.Search(false)
		var none onewire.NoDevicesError
		require.ErrorAs(t, err, &none)
		want := map[onewire.Address]bool{}
		for _, serial := range []uint64{1, 2, 3, 0xFFFFFFFFFFFF, 0x800000000000, 0x7F, 0x80} {
			want[o.Add(serial, at(20_000)).Address()] = true
		}
		found, err := w.Search(false)
		require.NoError(t, err)
		require.Len(t, found, len(want))
		for _, a := range found {
			require.True(t, want[a])
		}
		o.SetShort(true)
		_, err = w.Search(false)
		var short onewire.ShortedBusError
		require.ErrorAs(t, err, &short)
	})
}

func TestAnAlarmSearchFindsThoseOutsideTheirLimits(t *testing.T) {
	oneWire(t, func(w wire, o *chip.OneWire) {
		cold, _, hot := o.Add(1, at(1_000)), o.Add(2, at(5_000)), o.Add(3, at(9_000))
		w.tx(0, 0xCC, 0x4E, 8, 2, 0x7F)
		w.tx(0, 0xCC, 0x44)
		time.Sleep(time.Second)
		found, err := w.Search(true)
		require.NoError(t, err)
		require.ElementsMatch(t, []onewire.Address{cold.Address(), hot.Address()}, found)
		w.tx(0, 0xCC, 0x4E, 100, 0x80, 0x7F)
		found, err = w.Search(true)
		require.NoError(t, err)
		require.Empty(t, found)
	})
}

func FuzzOneWire(f *testing.F) {
	f.Add([]byte{0xCC, 0x44}, 9)
	f.Add([]byte{0x55, 0x28, 1, 0, 0, 0, 0, 0, 0x4F, 0xBE}, 9)
	f.Fuzz(func(t *testing.T, w []byte, read int) {
		if read < 0 || read > 64 {
			return
		}
		h := chip.New(nil)
		h.OneWire("W1").Add(1, at(20_000))
		b, err := h.Open(t.Context())
		require.NoError(t, err)
		bus, err := b.OneWire("W1")
		require.NoError(t, err)
		require.NoError(t, bus.Tx(w, make([]byte, read), onewire.WeakPullup))
		_, err = bus.Search(false)
		require.NoError(t, err)
	})
}

func TestHumiditySensorsRegisters(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		h.I2C("I2C1").AddSHT4x(0x44, 0xBEEF1234, at(25_000), at(50_000))
		bus, err := b.I2C("I2C1")
		require.NoError(t, err)
		require.NoError(t, bus.SetSpeed(0))
		d := i2c.Dev{Bus: bus, Addr: 0x44}
		r := make([]byte, 6)
		require.Error(t, d.Tx(nil, r), "nothing to read")
		require.NoError(t, d.Tx([]byte{0x89}, r))
		require.Equal(t, []byte{0xBE, 0xEF, 0x92, 0x12, 0x34, 0x37}, r, "CRC of BEEF as in the data sheet")
		for command, most := range map[byte]time.Duration{0xFD: 8300, 0xF6: 4500, 0xE0: 1600} {
			require.NoError(t, d.Tx([]byte{command}, nil))
			require.Error(t, d.Tx(nil, r), "not ready")
			require.Error(t, d.Tx([]byte{0x89}, nil), "nor for anything else")
			time.Sleep(most * time.Microsecond)
			require.NoError(t, d.Tx(nil, r))
			require.Equal(t, []byte{0x66, 0x66}, r[:2])
			require.Error(t, d.Tx(nil, r), "an answer is read once")
		}
		require.NoError(t, d.Tx([]byte{0xFD}, nil))
		time.Sleep(10 * time.Millisecond)
		require.NoError(t, d.Tx([]byte{0x94}, nil))
		require.Error(t, d.Tx([]byte{0xFD}, nil), "a reset takes a millisecond")
		time.Sleep(time.Millisecond)
		require.Error(t, d.Tx(nil, r), "and forgets")
		require.Error(t, d.Tx([]byte{0x00}, nil), "no such command")
	})
}

func pinOf(t *testing.T, b *chip.Board, name string) gpio.PinIO {
	t.Helper()
	p, err := b.Pin(name)
	require.NoError(t, err)
	return p
}

func TestWhoDrivesAPin(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		wire := h.Pin("GPIO17")
		p := pinOf(t, b, "GPIO17")
		require.Equal(t, gpio.Low, p.Read(), "floating")
		require.NoError(t, p.In(gpio.PullUp, gpio.NoEdge))
		require.Equal(t, gpio.High, p.Read(), "pulled up")
		wire.Drive(gpio.Low)
		require.Equal(t, gpio.Low, p.Read(), "driven from outside")
		require.NoError(t, p.Out(gpio.High))
		require.Equal(t, gpio.High, wire.Level(), "driven by the board")
		require.NoError(t, p.In(gpio.PullNoChange, gpio.NoEdge))
		require.Equal(t, gpio.Low, p.Read())
		wire.Release()
		require.Equal(t, gpio.High, p.Read(), "the pull-up is there still")
		require.NoError(t, p.In(gpio.PullDown, gpio.NoEdge))
		require.Equal(t, gpio.Low, p.Read())
		require.Equal(t, gpio.PullDown, p.Pull())
		require.Error(t, p.PWM(gpio.DutyHalf, 0))
		require.Same(t, p, pinOf(t, b, "GPIO17"))
	})
}

func TestEdges(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		wire := h.Pin("GPIO17")
		p := pinOf(t, b, "GPIO17")
		up := func() { wire.Drive(gpio.High) }
		down := func() { wire.Drive(gpio.Low) }
		for _, c := range []struct {
			edge     gpio.Edge
			act      func()
			expected bool
		}{
			{gpio.RisingEdge, up, true}, {gpio.RisingEdge, down, false},
			{gpio.FallingEdge, up, false}, {gpio.FallingEdge, down, true},
			{gpio.BothEdges, up, true}, {gpio.BothEdges, down, true}, {gpio.BothEdges, down, false},
		} {
			require.NoError(t, p.In(gpio.PullDown, c.edge))
			require.False(t, p.WaitForEdge(0), "an edge of before does not count")
			go c.act()
			require.Equal(t, c.expected, p.WaitForEdge(time.Second))
			require.False(t, p.WaitForEdge(0), "an edge counts once")
		}
		up()
		down()
		require.NoError(t, p.In(gpio.PullDown, gpio.BothEdges))
		up()
		down()
		require.True(t, p.WaitForEdge(-1), "edges of before the wait count")
		begun := time.Now()
		require.False(t, p.WaitForEdge(time.Minute))
		require.Equal(t, time.Minute, time.Since(begun))
	})
}

func TestAWaitCanBeWoken(t *testing.T) {
	for name, wake := range map[string]func(h *chip.Hardware, p gpio.PinIO) error{
		"by Halt":        func(_ *chip.Hardware, p gpio.PinIO) error { return p.Halt() },
		"by In":          func(_ *chip.Hardware, p gpio.PinIO) error { return p.In(gpio.PullUp, gpio.BothEdges) },
		"by a power cut": func(h *chip.Hardware, _ gpio.PinIO) error { h.CutPower(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
				h.Pin("GPIO17")
				p := pinOf(t, b, "GPIO17")
				require.NoError(t, p.In(gpio.PullUp, gpio.BothEdges))
				woken := make(chan bool)
				go func() { woken <- p.WaitForEdge(-1) }()
				synctest.Wait()
				require.NoError(t, wake(h, p))
				require.False(t, <-woken)
			})
		})
	}
}

func TestAPinOfTheSessionBeforeIsDead(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		h.Pin("GPIO17")
		old := pinOf(t, b, "GPIO17")
		require.NoError(t, old.In(gpio.PullUp, gpio.BothEdges))
		require.Equal(t, gpio.High, old.Read())
		h.CutPower()
		h.RestorePower()
		again, err := h.Open(t.Context())
		require.NoError(t, err)
		defer again.Close()
		require.NoError(t, pinOf(t, again, "GPIO17").Out(gpio.Low))
		require.ErrorIs(t, old.In(gpio.PullUp, gpio.BothEdges), chip.ErrClosed)
		require.ErrorIs(t, old.Out(gpio.High), chip.ErrClosed)
		require.Equal(t, gpio.High, old.Read(), "as it was last read")
		require.Equal(t, gpio.Low, h.Pin("GPIO17").Level())
	})
}

func TestListenersHearEachChangeInOrder(t *testing.T) {
	wire := chip.New(nil).Pin("RELAY")
	var heard []gpio.Level
	wire.OnChange(func(l gpio.Level) { heard = append(heard, l) })
	for range 3 {
		wire.Drive(gpio.High)
		wire.Drive(gpio.High)
		wire.Drive(gpio.Low)
	}
	require.Equal(t, []gpio.Level{true, false, true, false, true, false}, heard)
}

func TestAStreamIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		people := h.Stream("reader")
		s, err := b.Stream("reader")
		require.NoError(t, err)
		require.NoError(t, people.Type(strings.Repeat("x", 4096)))
		require.ErrorIs(t, people.Type("y"), chip.ErrOverflow)
		got := make([]byte, 5000)
		n, err := s.Read(got)
		require.NoError(t, err)
		require.Equal(t, strings.Repeat("x", 4096), string(got[:n]))
		for range 1000 {
			_, err := s.Write([]byte("line\r\n"))
			require.NoError(t, err)
		}
		_, err = s.Write([]byte(strings.Repeat("z", 9999) + "\n"))
		require.NoError(t, err)
		lines := people.Lines()
		require.Len(t, lines, 256)
		require.Len(t, lines[255], 4096)
		require.Empty(t, people.Lines())
	})
}

func TestAStreamIsOpenOnce(t *testing.T) {
	bubble(t, func(t *testing.T, h *chip.Hardware, b *chip.Board) {
		people := h.Stream("reader")
		s, err := b.Stream("reader")
		require.NoError(t, err)
		_, err = b.Stream("reader")
		require.ErrorIs(t, err, chip.ErrBusy)
		require.NoError(t, people.Scan("abc"))
		require.NoError(t, s.Close())
		_, err = s.Read(make([]byte, 8))
		require.ErrorIs(t, err, chip.ErrClosed)
		_, err = s.Write([]byte("x"))
		require.ErrorIs(t, err, chip.ErrClosed)
		require.ErrorIs(t, people.Type("x"), chip.ErrNobody)
		s, err = b.Stream("reader")
		require.NoError(t, err)
		read := make(chan error)
		go func() {
			_, err := s.Read(make([]byte, 8))
			read <- err
		}()
		synctest.Wait()
		require.NoError(t, s.Close())
		require.ErrorIs(t, <-read, chip.ErrClosed, "what was typed before is lost")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = people.ReadLine(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestABoardIsOpenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := chip.New(nil)
		first, err := h.Open(t.Context())
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = h.Open(ctx)
		require.ErrorIs(t, err, chip.ErrBusy)
		opened := make(chan error)
		go func() {
			second, err := h.Open(t.Context())
			if err == nil {
				err = second.Close()
			}
			opened <- err
		}()
		synctest.Wait()
		require.NoError(t, first.Close())
		require.NoError(t, <-opened)
		require.NoError(t, first.Close(), "closing again does nothing")
		<-first.Done()
	})
}

func TestAClosedBoardOpensNothing(t *testing.T) {
	h := chip.New(nil)
	h.OneWire("W1").Add(1, at(0))
	h.I2C("I2C1")
	h.Pin("GPIO17")
	h.Stream("lock")
	b, err := h.Open(t.Context())
	require.NoError(t, err)
	bus, err := b.OneWire("W1")
	require.NoError(t, err)
	ibus, err := b.I2C("I2C1")
	require.NoError(t, err)
	require.NoError(t, b.Close())
	_, e1 := b.OneWire("W1")
	_, e2 := b.I2C("I2C1")
	_, e3 := b.Pin("GPIO17")
	_, e4 := b.Stream("lock")
	_, e5 := bus.Search(false)
	for _, err := range []error{e1, e2, e3, e4, e5, bus.Tx(nil, nil, false), ibus.Tx(0x44, nil, nil)} {
		require.ErrorIs(t, err, chip.ErrClosed)
	}
	require.True(t, h.Powered())
}
