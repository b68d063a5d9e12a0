package remote_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"meguri/edge/device"
	"meguri/edge/device/contact"
	"meguri/edge/device/ds18b20"
	"meguri/edge/device/keypad"
	"meguri/edge/device/sht4x"
	"meguri/edge/device/textline"
	"meguri/firmware-sim/chip"
	"meguri/firmware-sim/chip/remote"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

const soon = 10 * time.Second

// lend serves hardware at a socket, whose path it returns, until the test ends.
func lend(t *testing.T, h *chip.Hardware) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "chip") // short: a socket's path has at most 107 bytes
	require.NoError(t, err)
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- remote.Serve(ctx, l, h) }()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		require.NoError(t, os.RemoveAll(dir))
	})
	return path
}

func dial(t *testing.T, path string) *remote.Board {
	t.Helper()
	b, err := remote.Dial(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func TestDriversRunOverIt(t *testing.T) {
	day := func(d time.Duration) { time.Sleep(d / 100) } // as a clock that runs fast
	h := chip.New(func() time.Time { return time.Unix(0, time.Now().UnixNano()*100) })
	probe := h.OneWire("W1").Add(7, func() int64 { return 4_000 })
	h.I2C("I2C1").AddSHT4x(sht4x.Address, 1, func() int64 { return 5_000 }, func() int64 { return 50_000 })
	h.Stream("lock")
	h.Pin("DOOR").Switch(true)
	b := dial(t, lend(t, h))

	bus, err := b.OneWire("W1")
	require.NoError(t, err)
	found, err := bus.Search(false)
	require.NoError(t, err)
	require.Equal(t, probe.Address(), found[0])
	v, err := ds18b20.New(bus, found[0], day).MilliC()
	require.NoError(t, err)
	require.Equal(t, int64(4_000), v)
	probe.SetMissing(true)
	_, err = ds18b20.New(bus, found[0], day).MilliC()
	require.ErrorIs(t, err, device.ErrMissing)

	ibus, err := b.I2C("I2C1")
	require.NoError(t, err)
	v, err = sht4x.New(ibus, sht4x.Address, day).MilliC()
	require.NoError(t, err)
	require.InDelta(t, 5_000, v, 3)

	s, err := b.Stream("lock")
	require.NoError(t, err)
	go func() {
		_ = keypad.New(s, nil).Run(t.Context(), func(code string) { _ = textline.New(s).Show("got " + code) })
	}()
	require.NoError(t, h.Stream("lock").Type("42#"))
	line, err := h.Stream("lock").ReadLine(t.Context())
	require.NoError(t, err)
	require.Equal(t, "got 42", line)

	pin, err := b.Pin("DOOR")
	require.NoError(t, err)
	door, err := contact.New(pin, time.Millisecond)
	require.NoError(t, err)
	said := make(chan bool, 8)
	go func() { _ = door.Watch(t.Context(), func(closed bool) { said <- closed }) }()
	require.True(t, <-said)
	h.Pin("DOOR").Switch(false)
	require.False(t, <-said)
}

func TestWhatIsNotThereIsNamed(t *testing.T) {
	h := chip.New(nil)
	h.Pin("GPIO17")
	b := dial(t, lend(t, h))
	_, err := b.Pin("GPIO18")
	require.ErrorContains(t, err, `pin "GPIO18": there is none; there are: GPIO17`)
	_, err = b.OneWire("W1")
	require.Error(t, err)
	_, err = b.I2C("I2C1")
	require.Error(t, err)
	_, err = b.Stream("lock")
	require.Error(t, err)
}

func TestAPowerCutEndsWaitsAndTheConnection(t *testing.T) {
	h := chip.New(nil)
	h.Pin("DOOR")
	h.Stream("lock")
	path := lend(t, h)
	b := dial(t, path)
	pin, err := b.Pin("DOOR")
	require.NoError(t, err)
	require.NoError(t, pin.In(gpio.PullUp, gpio.BothEdges))
	s, err := b.Stream("lock")
	require.NoError(t, err)
	edge, read := make(chan bool), make(chan error)
	go func() { edge <- pin.WaitForEdge(-1) }()
	go func() {
		_, err := s.Read(make([]byte, 8))
		read <- err
	}()
	h.CutPower()
	require.False(t, <-edge)
	require.Error(t, <-read)
	require.Error(t, pin.In(gpio.PullUp, gpio.BothEdges))
	_, err = dial(t, path).Pin("DOOR")
	require.ErrorContains(t, err, chip.ErrNoPower.Error())
	h.RestorePower()
	_, err = dial(t, path).Pin("DOOR")
	require.NoError(t, err)
}

func TestTheNextClientWaitsForTheOneBefore(t *testing.T) {
	h := chip.New(nil)
	h.Pin("DOOR")
	path := lend(t, h)
	first := dial(t, path)
	_, err := first.Pin("DOOR")
	require.NoError(t, err)
	got := make(chan error)
	second := dial(t, path)
	go func() {
		_, err := second.Pin("DOOR")
		got <- err
	}()
	require.NoError(t, first.Close())
	require.NoError(t, <-got)
}

// TestMain is the agent of the next test when it is told to be.
func TestMain(m *testing.M) {
	if path := os.Getenv("REMOTE_TEST_SOCKET"); path != "" {
		if err := agent(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// agent energises a relay, opens a stream, and waits for an edge that never comes.
func agent(path string) error {
	b, err := remote.Dial(context.Background(), path)
	if err != nil {
		return err
	}
	relay, err := b.Pin("RELAY")
	if err != nil {
		return err
	}
	if err := relay.Out(gpio.High); err != nil {
		return err
	}
	s, err := b.Stream("lock")
	if err != nil {
		return err
	}
	door, err := b.Pin("DOOR")
	if err != nil {
		return err
	}
	if err := door.In(gpio.PullUp, gpio.BothEdges); err != nil {
		return err
	}
	go func() { _, _ = s.Read(make([]byte, 8)) }()
	fmt.Println("holding")
	door.WaitForEdge(-1)
	return io.ErrUnexpectedEOF
}

func TestAKilledAgentFreesWhatItHeld(t *testing.T) {
	h := chip.New(nil)
	h.Pin("RELAY")
	h.Pin("DOOR")
	h.Stream("lock")
	path := lend(t, h)
	self, err := os.Executable()
	require.NoError(t, err)
	for range 3 {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), "REMOTE_TEST_SOCKET="+path)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "holding\n", line)
		require.Equal(t, gpio.High, h.Pin("RELAY").Level())
		require.NoError(t, h.Stream("lock").Type("1"))
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
		require.Eventually(t, func() bool {
			return h.Pin("RELAY").Level() == gpio.Low && h.Stream("lock").Type("1") != nil
		}, soon, time.Millisecond)
	}
}

func TestCallsAreBounded(t *testing.T) {
	h := chip.New(nil)
	h.OneWire("W1").Add(1, func() int64 { return 0 })
	bus, err := dial(t, lend(t, h)).OneWire("W1")
	require.NoError(t, err)
	require.ErrorContains(t, bus.Tx(nil, make([]byte, 5000), false), "want 0 to 4096")
}
