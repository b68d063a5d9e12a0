package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/onewire"
	"periph.io/x/conn/v3/physic"

	edgelog "meguri/edge/log"
	"meguri/internal/clock"
	"meguri/protocol"
)

var errGone = errors.New("gone")

// deadBus answers nothing: every probe on it is gone.
type deadBus struct{}

func (deadBus) String() string                         { return "dead" }
func (deadBus) Tx(_, _ []byte, _ onewire.Pullup) error { return errGone }
func (deadBus) Search(bool) ([]onewire.Address, error) { return nil, errGone }

type deadI2C struct{}

func (deadI2C) String() string                  { return "dead" }
func (deadI2C) Tx(uint16, []byte, []byte) error { return errGone }
func (deadI2C) SetSpeed(physic.Frequency) error { return nil }

// shutPin is a contact that stays closed, or a relay that nobody looks at.
type shutPin struct {
	gpio.PinIO
	name   string
	halted chan struct{}
}

func (p *shutPin) Name() string                  { return p.name }
func (p *shutPin) In(gpio.Pull, gpio.Edge) error { return nil }
func (p *shutPin) Read() gpio.Level              { return gpio.Low }
func (p *shutPin) Out(gpio.Level) error          { return nil }

func (p *shutPin) WaitForEdge(timeout time.Duration) bool {
	select {
	case <-p.halted:
	case <-time.After(timeout):
	}
	return false
}

func (p *shutPin) Halt() error {
	select {
	case p.halted <- struct{}{}:
	default:
	}
	return nil
}

// bench is a board on which everything is broken that may be.
type bench struct {
	mu      sync.Mutex
	pins    map[string]*shutPin
	streams map[string]*port // those that are plugged in
	opened  map[string]int
}

func newBench() *bench {
	return &bench{pins: map[string]*shutPin{}, streams: map[string]*port{}, opened: map[string]int{}}
}

func (b *bench) OneWire(string) (onewire.Bus, error) { return deadBus{}, nil }
func (b *bench) I2C(string) (i2c.Bus, error)         { return deadI2C{}, nil }

func (b *bench) Pin(name string) (gpio.PinIO, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pins[name] == nil {
		b.pins[name] = &shutPin{PinIO: gpio.INVALID, name: name, halted: make(chan struct{}, 1)}
	}
	return b.pins[name], nil
}

func (b *bench) Stream(name string) (io.ReadWriteCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened[name]++
	if p := b.streams[name]; p != nil {
		delete(b.streams, name)
		return p, nil
	}
	return nil, errGone
}

func (b *bench) plug(name string, p *port) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.streams[name] = p
}

func (b *bench) tries(name string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opened[name]
}

// someDay is when bubbles of these tests begin: their own clock begins in a year that is none of ours.
var someDay = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

// run starts an agent without network.
func run(t *testing.T, b Board, k Kit) (bodies <-chan protocol.Body, stop func() error) {
	t.Helper()
	bodies, end := runUntil(t, b, k)
	return bodies, func() error { return end(context.Canceled) }
}

// runUntil is run, ended by a cause.
func runUntil(t *testing.T, b Board, k Kit) (bodies <-chan protocol.Body, stop func(cause error) error) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	ended, recorded := make(chan error, 1), make(chan protocol.Body, 1000)
	go func() {
		ended <- Run(ctx, Config{Device: "d", Broker: "tcp://127.0.0.1:1", File: filepath.Join(t.TempDir(), "edge.db"), Kit: k}, Deps{
			Board: b, Clock: clock.New(time.Now(), someDay, 1), Logger: slog.New(slog.DiscardHandler),
			Dial:     func(context.Context) (net.Conn, error) { return nil, errGone },
			Recorded: func(_ protocol.LogID, _ uint64, b protocol.Body) { recorded <- b }})
	}()
	return recorded, func(cause error) error {
		cancel(cause)
		return <-ended
	}
}

// await gives the next record of a type.
func await[T protocol.Body](t *testing.T, bodies <-chan protocol.Body) T {
	t.Helper()
	for {
		select {
		case b := <-bodies:
			if b, ok := b.(T); ok {
				return b
			}
		case <-time.After(time.Hour):
			var want T
			require.FailNow(t, "not recorded", "%T", want)
		}
	}
}

func TestDevicesThatAreGoneDoNotEndTheAgent(t *testing.T) { synctest.Test(t, devicesThatAreGone) }

func devicesThatAreGone(t *testing.T) {
	b := newBench()
	bodies, stop := run(t, b, twoDoors())
	rounds, err := await[protocol.Rounds](t, bodies).Split()
	require.NoError(t, err)
	require.Len(t, rounds, 1)
	require.Len(t, rounds[0].Samples, 2)
	for _, s := range rounds[0].Samples {
		require.Equal(t, protocol.SensorMissing, s.Fault)
	}
	time.Sleep(longPause) // of the bubble
	require.Greater(t, b.tries("s1"), 3, "the keypad is tried again")
	require.Greater(t, b.tries("s4"), 3, "and so is the reader")
	keypad := newPort() // with its display
	b.plug("s1", keypad)
	keypad.rx <- "123456#"
	require.Equal(t, "no plan has come for this storage yet", await[protocol.GrantRefused](t, bodies).Reason)
	require.Contains(t, <-keypad.tx, "\a")
	keypad.failed <- io.EOF // unplugged again
	again := newPort()
	b.plug("s1", again)
	again.rx <- "654321#"
	await[protocol.GrantRefused](t, bodies)
	require.NoError(t, stop())
	<-again.closed
}

func TestAnAgentStopsInTimeWhenADisplayHangs(t *testing.T) { synctest.Test(t, displayHangs) }

func displayHangs(t *testing.T) {
	b := newBench()
	stuck := newPort()
	stuck.tx = make(chan string)
	b.plug("s1", stuck)
	bodies, stop := run(t, b, twoDoors())
	for range 3 {
		stuck.rx <- "1#"
		await[protocol.GrantRefused](t, bodies)
	}
	synctest.Wait() // until it hangs
	begun := time.Now()
	require.NoError(t, stop())
	require.Less(t, time.Since(begun), 2*time.Second)
	<-stuck.tx // let it go
}

func TestAKitThatDoesNotFitTheBoardIsAnErrorAtTheStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "edge.db")
	deps := Deps{Board: pinless{newBench()}, Clock: clock.Real(), Logger: slog.New(slog.DiscardHandler)}
	err := Run(t.Context(), Config{Device: "d", File: file, Kit: twoDoors()}, deps)
	require.ErrorIs(t, err, errGone)
	require.ErrorContains(t, err, "lock f1")
	err = Run(t.Context(), Config{Device: "D 1", File: file, Kit: Kit{}}, deps)
	require.ErrorContains(t, err, `device id "D 1"`)
	require.ErrorContains(t, err, "no role")

	l, err := edgelog.Open(file, edgelog.Options{})
	require.NoError(t, err, "the file was closed")
	require.NoError(t, l.Close())
}

type pinless struct{ *bench }

func (pinless) Pin(string) (gpio.PinIO, error) { return nil, errGone }
