package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/app"
	edgelog "meguri/edge/log"
	"meguri/firmware-sim/chip"
	"meguri/firmware-sim/fleet"
	"meguri/hub/pki"
	"meguri/protocol"
)

// unit is one device with a real agent. Its network and its supply can be cut.
type unit struct {
	t    *testing.T
	site *site
	chip *chip.Hardware
	cfg  app.Config
	// hook is called with each record as soon as it is durable, by the goroutine that will act on it.
	hook atomic.Pointer[func(protocol.Body)]

	mu       sync.Mutex
	lives    []map[uint64]protocol.Kind // events that were made durable, of each storage
	offline  bool
	dials    int
	conns    map[*wire]bool
	stop     context.CancelFunc
	cut      context.CancelFunc // the power
	ended    chan error
	released chan struct{} // closed to let stalled writes go
}

func (s *site) unit(d *fleet.Device) *unit {
	u := &unit{t: s.t, site: s, chip: d.Hardware, conns: map[*wire]bool{}, lives: []map[uint64]protocol.Kind{{}}, released: make(chan struct{})}
	key, certificate := pki.Files(s.keys, d.ID)
	secure, err := app.Identity{Certificate: certificate, Key: key, CA: filepath.Join(s.keys, pki.CAFile)}.TLS(d.ID)
	require.NoError(s.t, err)
	u.cfg = app.Config{Device: d.ID, Broker: "tls://" + s.broker, TLS: secure, File: filepath.Join(s.t.TempDir(), "edge.db"),
		Log: edgelog.Options{MaxBytes: 4 << 20}, Kit: d.Kit}
	s.t.Cleanup(func() {
		close(u.released)
		if u.stop != nil {
			u.halt()
		}
	})
	return u
}

func (s *site) station() *unit { return s.unit(s.fleet.Stations[location].Device) }

// start starts the agent, as power-on does.
func (u *unit) start() {
	u.t.Helper()
	board, err := u.chip.Open(u.t.Context())
	require.NoError(u.t, err)
	ctx, stop := context.WithCancelCause(context.Background())
	ended := make(chan error, 1)
	u.stop, u.cut, u.ended = func() { stop(nil) }, func() { stop(app.ErrPowerCut) }, ended
	go func() {
		err := app.Run(ctx, u.cfg, app.Deps{Board: board, Clock: u.site.clock, Logger: u.site.logger, Dial: u.dial, Recorded: u.recorded})
		_ = board.Close()
		ended <- err
	}()
}

// halt tells the agent to stop and waits until it has.
func (u *unit) halt() {
	u.t.Helper()
	u.stop()
	select {
	case err := <-u.ended:
		require.NoError(u.t, err)
	case <-time.After(2 * time.Second):
		require.Fail(u.t, "the agent has not stopped within two seconds")
	}
	u.stop = nil
}

// cutPower ends the agent where it stands.
func (u *unit) cutPower() {
	u.chip.CutPower()
	u.cut()
	<-u.ended // whatever it says
	u.stop = nil
	u.chip.RestorePower()
}

// renewStorage is a new card in place of the old one.
func (u *unit) renewStorage() {
	u.t.Helper()
	require.NoError(u.t, os.Remove(u.cfg.File))
	u.mu.Lock()
	defer u.mu.Unlock()
	old := u.lives[len(u.lives)-1]
	if last := uint64(len(old)); old[last] == protocol.KindStopped {
		delete(old, last) // recorded when nobody was connected any more, and gone with the card
	}
	u.lives = append(u.lives, map[uint64]protocol.Kind{})
}

func (u *unit) recorded(l protocol.LogID, number uint64, b protocol.Body) {
	if l == protocol.Events {
		u.mu.Lock()
		u.lives[len(u.lives)-1][number] = b.Kind()
		u.mu.Unlock()
	}
	if hook := u.hook.Load(); hook != nil {
		(*hook)(b)
	}
}

// events is how many events were made durable.
func (u *unit) events() (n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, l := range u.lives {
		n += len(l)
	}
	return n
}

// awaitPlan waits until the newest plan of the hub is active, and has word of it been heard.
func (u *unit) awaitPlan() {
	u.t.Helper()
	require.Eventually(u.t, func() bool {
		var newest, answered int
		err := u.site.raw.QueryRow(`SELECT coalesce(max(version), 0), count(answered_at) FROM plans WHERE device_id = ? AND version =
			(SELECT max(version) FROM plans WHERE device_id = ?)`, u.cfg.Device, u.cfg.Device).Scan(&newest, &answered)
		require.NoError(u.t, err)
		d := u.site.device(u.cfg.Device)
		return newest > 0 && answered == 1 && d.PlanActive == uint64(newest) && d.Online
	}, soon, look, "no plan is active")
}

// requireHeardOnce waits until the hub has heard of everything that the device has recorded, and wants each event there once,
// with its effect.
func (u *unit) requireHeardOnce() {
	u.t.Helper()
	require.Eventually(u.t, func() bool { return len(u.site.events(u.cfg.Device)) >= u.events() }, soon, look,
		"the hub has %d of %d events", len(u.site.events(u.cfg.Device)), u.events())
	heard := map[string]map[uint64]protocol.Kind{}
	for _, e := range u.site.events(u.cfg.Device) {
		if heard[e.Incarnation] == nil {
			heard[e.Incarnation] = map[uint64]protocol.Kind{}
		}
		heard[e.Incarnation][uint64(e.Number)] = protocol.Kind(e.Kind)
		require.Equal(u.t, "applied", e.Outcome, "%s: %s", e.Name, e.Reason)
	}
	var lives []map[uint64]protocol.Kind
	for _, l := range heard {
		lives = append(lives, l)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	require.ElementsMatch(u.t, u.lives, lives)
}

// The network.

var errCut = errors.New("no network")

// wire is a connection that can be cut, and stalled: then writes wait, as with a peer that has stopped reading.
type wire struct {
	net.Conn
	u       *unit
	stalled atomic.Bool
}

func (w *wire) Write(p []byte) (int, error) {
	if w.stalled.Load() {
		<-w.u.released
		return 0, errCut
	}
	return w.Conn.Write(p)
}

func (u *unit) dial(ctx context.Context) (net.Conn, error) {
	u.mu.Lock()
	u.dials++
	offline := u.offline
	u.mu.Unlock()
	if offline {
		return nil, errCut
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", u.site.broker)
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: c, u: u}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.conns[w] = true
	return w, nil
}

func (u *unit) cutNetwork() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.offline = true
	for w := range u.conns {
		_ = w.Conn.Close() // it may be closed
		delete(u.conns, w)
	}
}

func (u *unit) restoreNetwork() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.offline = false
}

func (u *unit) stall() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for w := range u.conns {
		w.stalled.Store(true)
	}
}

func (u *unit) dialled() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.dials
}

// People.

// ask types or scans something, and gives the line that the display shows in answer and whether it is a refusal. The line after
// it, as when the door shuts, is not waited for.
func ask(t *testing.T, term *fleet.Terminal, text string) (line string, refused bool) {
	t.Helper()
	term.Display.Lines()
	beeps := term.Display.Beeps()
	require.Eventually(t, func() bool { return term.Keys.Type(text) == nil }, soon, look, "nobody reads the keys")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	line, err := term.Display.ReadLine(ctx)
	require.NoError(t, err, "no answer to %q", text)
	return line, term.Display.Beeps() > beeps
}

// scan scans codes; the last answer is given, and none may be a refusal.
func scan(t *testing.T, term *fleet.Terminal, codes ...string) (line string) {
	t.Helper()
	for _, c := range codes {
		var refused bool
		line, refused = ask(t, term, c+"\r")
		require.False(t, refused, "%s: %s", c, line)
	}
	return line
}

func (s *site) door(fridge string) *fleet.Door { return s.fleet.Stations[location].Doors[fridge] }

// enter is a person who enters a code and pulls; the door stands open when opened.
func (s *site) enter(fridge, code string) (opened bool, line string) {
	s.t.Helper()
	d := s.door(fridge)
	opened, err := d.Enter(s.t.Context(), func() (bool, error) {
		var refused bool
		line, refused = ask(s.t, d.Terminal, code+"#")
		return !refused, nil
	})
	require.NoError(s.t, err)
	return opened, line
}

// through is a person who opens a door with a code, does something and shuts it.
func (u *unit) through(fridge, code string, inside func()) {
	u.t.Helper()
	before := u.kinds(protocol.KindDoorOpened)
	opened, line := u.site.enter(fridge, code)
	require.True(u.t, opened, line)
	u.await(protocol.KindDoorOpened, before+1)
	if inside != nil {
		inside()
	}
	u.shut(fridge)
}

// shut shuts a door that the agent knows to be open. It waits until the agent has seen that, as it takes the bolt a moment.
func (u *unit) shut(fridge string) {
	u.t.Helper()
	before := u.kinds(protocol.KindDoorClosed)
	u.site.door(fridge).Shut()
	u.await(protocol.KindDoorClosed, before+1)
}

// await waits until so many events of a kind are durable.
func (u *unit) await(k protocol.Kind, n int) {
	u.t.Helper()
	require.Eventually(u.t, func() bool { return u.kinds(k) >= n }, soon, look, "kind %d: want %d", k, n)
}

// kinds is how many events of a kind were made durable.
func (u *unit) kinds(k protocol.Kind) (n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, l := range u.lives {
		for _, kind := range l {
			if kind == k {
				n++
			}
		}
	}
	return n
}

// handIn lets the courier put each box into its slot.
func (u *unit) handIn(courier string) {
	u.t.Helper()
	set := u.site.fleet.Stations[location]
	for i, c := range u.site.containers {
		u.through(c.FridgeID, courier, func() { scan(u.t, set.HandIn, "8003"+boxOf(i), "93"+c.SlotID) })
	}
}

// pickUp lets the customer take the goods from every fridge.
func (u *unit) pickUp(code string) {
	u.t.Helper()
	for _, f := range u.site.fridges() {
		u.through(f, code, nil)
	}
}

// fridges are those with goods of the order.
func (s *site) fridges() (fridges []string) {
	seen := map[string]bool{}
	for _, c := range s.containers {
		if !seen[c.FridgeID] {
			seen[c.FridgeID] = true
			fridges = append(fridges, c.FridgeID)
		}
	}
	return fridges
}

// awaitState waits until the hub calls the order that.
func (s *site) awaitState(want string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.state() == want }, soon, look, fmt.Sprintf("the order is %s", s.state()))
}
