package sim

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"meguri/hub/backup"
	"meguri/hub/broker"
	"meguri/hub/bulk"
	"meguri/hub/dispatch"
	"meguri/hub/door"
	"meguri/hub/effect"
	hubfleet "meguri/hub/fleet"
	"meguri/hub/link"
	"meguri/hub/live"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/plan"
	"meguri/hub/quality"
	"meguri/hub/store"
	"meguri/hub/token"
	"meguri/internal/clock"
	"meguri/protocol"
)

// hub is the real hub without its API: store, receiver, server, effects, plans. It can be killed at any point of a
// transaction, started again, and set back to a backup.
type hub struct {
	sim    *sim
	file   string
	clock  clock.Clock
	logger *slog.Logger

	mu   sync.Mutex
	life *hubLife // nil while it is down

	trip    atomic.Int32 // where the next kill strikes
	failing atomic.Bool  // transactions fail
	safe    *safety      // what is in a backup; nil: backups do not count
	disk    chan struct{}
	backups int
	newest  string        // backup
	signer  *token.Signer // of customers' tokens; nil where nobody shows any

	judges bool // goods are judged and held, as a hub does; most runs leave that out, since nobody in them would decide
}

// Where a kill strikes.
const (
	tripNone int32 = iota
	tripInEffect
	tripAfterCommit
)

// hubLife is one run of the hub, from its start to its end.
type hubLife struct {
	store  *store.Store
	raw    *sql.DB // to look at what is committed
	server *link.Server
	plans  *plan.Maker
	feed   *live.Feed
	safe   *backup.Safe
	broker *broker.Broker // nil when messages go straight
	dead   atomic.Bool
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	since  time.Time
}

// commitCost is what a transaction takes that is synced: measured with SQLite on the disk of a small machine.
const commitCost = 350 * time.Microsecond

// look is how often the hub looks for what it owes to devices when nothing has changed. It costs most of a run's computing when it
// is often.
const look = time.Minute + 17*time.Millisecond

// prepare makes the database: the network, its devices, all orders.
func (h *hub) prepare(ctx context.Context, p Params) error {
	s, err := store.Open(ctx, "sqlite:"+h.file)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // an error shows when it is opened again
	network, err := bulk.ReadNetwork(p.files())
	if err != nil {
		return err
	}
	err = s.Change(ctx, func(tx *store.Tx) error {
		if _, err := tx.ImportNetwork(ctx, network); err != nil {
			return err
		}
		for _, d := range h.sim.devices {
			row := hubfleet.Device{ID: d.id, Role: hubfleet.Role(d.role), Place: d.place, AddedAt: at(0, 0), AddedBy: people.Console}
			if err := tx.AddDevice(ctx, row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if p.Crowd {
		if h.signer, err = token.Open(ctx, s, h.sim.dir, at(0, 0)); err != nil {
			return err
		}
	}
	return h.placeOrders(ctx, order.NewService(s.Orders()), p)
}

func (h *hub) placeOrders(ctx context.Context, service *order.Service, p Params) error {
	r := source(p.Seed, "orders")
	for d := range p.Days {
		for l := range p.Stations {
			for n := range p.Orders {
				req := order.Request{ID: fmt.Sprintf("order-%d-%d-%d", d, l, n), DeliveryDate: date(d), LocationID: location(l), CustomerID: "member-1"}
				for _, i := range r.Perm(products)[:1+r.IntN(2)] {
					req.Lines = append(req.Lines, order.Line{ProductID: product(i), Quantity: 1})
				}
				if _, err := service.Place(ctx, req, at(0, -time.Hour), "p-sim"); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// start starts the hub on its file.
func (h *hub) start(ctx context.Context) error {
	s, err := store.Open(ctx, "sqlite:"+h.file)
	if err != nil {
		return err
	}
	raw, err := sql.Open("sqlite", "file:"+h.file+"?_pragma=query_only(1)")
	if err != nil {
		return errors.Join(err, s.Close())
	}
	raw.SetMaxOpenConns(4)
	l := &hubLife{store: s, raw: raw, feed: live.New(), since: time.Now()}
	l.ctx, l.cancel = context.WithCancel(ctx)
	l.plans = plan.NewMaker(s, l.feed, h.clock, h.logger)
	effects, goods := &effect.Effects{Touch: l.plans.Touch}, &quality.Service{Store: s, Touch: l.plans.Touch}
	if h.judges {
		effects.Hold, effects.Freed, effects.Taken = goods.DeviceHeld, goods.DeviceFreed, goods.Taken
		l.work.Go(func() { h.judge(l, goods) })
	}
	cfg := link.Config{Store: s, Effects: &tripwire{hub: h, life: l, inner: effects}, Owns: effect.Owns, Forgotten: door.Forgotten,
		Clock: h.clock, Logger: h.logger, Changed: func() { h.committed(l) }, Greeted: l.plans.Touch}
	if h.judges {
		cfg.Watch = quality.NewWatch()
	}
	if h.safe != nil {
		l.safe = backup.NewSafe(s, h.logger)
		if err := l.safe.Load(ctx); err != nil {
			return errors.Join(err, raw.Close(), s.Close())
		}
		cfg.Safe = l.safe.Upto
	}
	receiver := link.NewReceiver(cfg)
	if err := receiver.ApplyLate(ctx); err != nil {
		return errors.Join(err, raw.Close(), s.Close())
	}
	if err := receiver.Listen(ctx); err != nil {
		return errors.Join(err, raw.Close(), s.Close())
	}
	if h.sim.MQTT {
		l.broker = broker.New(broker.Config{Auth: func(string, string) bool { return true }, Logger: h.logger})
		mqtt := link.NewMQTT(link.MQTTConfig{Receiver: receiver, URL: "tcp://embedded", User: broker.HubUser, Dial: l.broker.Dial,
			Look: look, Wake: l.feed.Subscribe(l.ctx), Logger: h.logger})
		l.work.Go(func() { _ = mqtt.Run(l.ctx) }) // ends with ctx
		h.run(l)
		return nil
	}
	l.server = link.NewServer(link.ServerConfig{Receiver: receiver, Send: func(device string, payload []byte) { h.send(l, device, payload) },
		Wake: l.feed.Subscribe(l.ctx), Look: look, Logger: h.logger})
	l.work.Go(func() { _ = l.server.Run(l.ctx) }) // ends with ctx
	h.run(l)
	return nil
}

// judge judges what has come, as often as a hub does.
func (h *hub) judge(l *hubLife, goods *quality.Service) {
	for sleep(l.ctx, 2*time.Second) == nil {
		if _, err := goods.JudgeDue(l.ctx, h.clock.Now()); err != nil && l.ctx.Err() == nil {
			h.sim.model.fail("goods cannot be judged: %v", err)
		}
	}
}

// run starts what a hub does besides listening.
func (h *hub) run(l *hubLife) {
	l.work.Go(func() { _ = l.plans.Run(l.ctx) })
	l.work.Go(func() { h.day(l) })
	h.mu.Lock()
	h.life = l
	h.mu.Unlock()
}

// stop ends the hub where it stands: what it has not committed is gone, and what it has not sent is never sent.
func (h *hub) stop() error {
	h.mu.Lock()
	l := h.life
	h.life = nil
	h.mu.Unlock()
	if l == nil {
		return nil
	}
	l.dead.Store(true)
	l.cancel()
	if l.broker != nil {
		if err := l.broker.Close(); err != nil {
			h.sim.model.fail("the broker's end: %v", err)
		}
	}
	l.work.Wait()
	return errors.Join(l.raw.Close(), l.store.Close())
}

func (h *hub) alive() *hubLife {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.life != nil && h.life.dead.Load() {
		return nil
	}
	return h.life
}

func (h *hub) receive(device string, payload []byte) {
	if l := h.alive(); l != nil && l.server != nil {
		l.server.Receive(device, payload)
	}
}

func (h *hub) send(l *hubLife, device string, payload []byte) {
	if l.dead.Load() {
		return
	}
	h.sim.model.hubSays(h, l, device, payload)
	if line := h.sim.lines[device]; line != nil {
		line.toDevice(payload)
	}
}

// committed is called after each commit, before anything is answered. The disk does one thing at a time.
func (h *hub) committed(l *hubLife) {
	select {
	case h.disk <- struct{}{}:
		_ = sleep(l.ctx, commitCost)
		<-h.disk
	case <-l.ctx.Done():
	}
	if h.trip.CompareAndSwap(tripAfterCommit, tripNone) {
		l.dead.Store(true)
		h.sim.hubDied()
	}
	l.feed.Changed()
}

// tripwire is the hub's effects, where a kill may strike before the commit, and where the database may fail.
type tripwire struct {
	hub   *hub
	life  *hubLife
	inner *effect.Effects
}

var errPassing = errors.New("the database fails (simulated)")

// Apply implements link.Effects.
func (t *tripwire) Apply(ctx context.Context, tx *store.Tx, e link.Event) error {
	if t.life.dead.Load() {
		return errPassing
	}
	if err := t.inner.Apply(ctx, tx, e); err != nil {
		return err
	}
	if t.hub.trip.CompareAndSwap(tripInEffect, tripNone) {
		t.life.dead.Store(true)
		t.hub.sim.hubDied()
		return errPassing
	}
	if t.hub.failing.Load() {
		return errPassing
	}
	return nil
}

// day freezes each date after its cutoff and draws the codes. The same codes come out after a restored backup.
func (h *hub) day(l *hubLife) {
	for l.ctx.Err() == nil {
		if err := h.freeze(l); err != nil && l.ctx.Err() == nil && !l.dead.Load() {
			h.sim.model.fail("freezing a date: %v", err)
		}
		if sleep(l.ctx, 7*time.Minute+331*time.Millisecond) != nil {
			return
		}
	}
}

func (h *hub) freeze(l *hubLife) error {
	now := h.clock.Now()
	var dates []string
	var places []string
	err := l.store.Change(l.ctx, func(tx *store.Tx) error {
		var err error
		places = nil
		if dates, err = tx.DatesToFreeze(l.ctx, now, now.Add(-7*24*time.Hour)); err != nil {
			return err
		}
		for _, d := range dates {
			if err := tx.Freeze(l.ctx, d, now); err != nil {
				return err
			}
			deliveries, err := tx.DeliveriesOfDate(l.ctx, d)
			if err != nil {
				return err
			}
			for _, delivery := range deliveries {
				more, err := h.codes(l.ctx, tx, delivery)
				if err != nil {
					return err
				}
				places = append(places, more...)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range places {
		l.plans.Touch(p)
	}
	return nil
}

// codes draws the codes of a delivery.
func (h *hub) codes(ctx context.Context, tx *store.Tx, delivery store.Delivery) (places []string, err error) {
	orders, err := tx.AcceptedOrders(ctx, delivery.DeliveryDate, delivery.LocationID)
	if err != nil {
		return nil, err
	}
	grants := []dispatch.Grant{}
	for _, o := range orders {
		grants = append(grants, dispatch.Grant{ID: "order-" + o, Holder: dispatch.Customer, OrderID: o, PIN: h.sim.pin(o, dispatch.PINDigits),
			From: delivery.PickupOpens, Until: delivery.PickupCloses})
	}
	run := theRoute + "@" + delivery.DeliveryDate
	id := run + "-" + delivery.LocationID
	grants = append(grants, dispatch.Grant{ID: id, Holder: dispatch.Courier, RunID: run, PIN: h.sim.pin(id, dispatch.PINDigits),
		From: delivery.PickupOpens.Add(-8 * time.Hour), Until: delivery.PickupCloses.Add(dispatch.Collected)})
	for _, g := range grants {
		if h.sim.Crowd { // a plan that leaves out a grant which is no newer has taken it back
			g.IssuedAt = h.clock.Now()
		}
		g.DeliveryDate, g.LocationID = delivery.DeliveryDate, delivery.LocationID
		if err := tx.AddGrant(ctx, g); err != nil {
			return nil, err
		}
		h.sim.model.granted(g)
	}
	places = []string{delivery.LocationID, theRoute}
	for s := range h.sim.Shops {
		places = append(places, shop(s))
	}
	return places, nil
}

func pow10(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// read looks at committed data; false when the hub is down.
func (h *hub) read(fn func(context.Context, *store.Tx) error) bool {
	l := h.alive()
	if l == nil {
		return false
	}
	err := l.store.Read(l.ctx, func(tx *store.Tx) error { return fn(l.ctx, tx) })
	if err != nil && !l.dead.Load() && l.ctx.Err() == nil {
		h.sim.model.fail("reading the hub's data: %v", err)
	}
	return err == nil
}

// Backups.

// safety is what the hub tells devices about backups: what is in the newest one may be deleted.
type safety struct {
	mu   sync.Mutex
	next map[string]uint64 // by device, incarnation and log
}

func safetyKey(device, incarnation string, log uint8) string {
	return fmt.Sprintf("%s/%s/%d", device, incarnation, log)
}

func (s *safety) upTo(device string, i protocol.Incarnation, log protocol.LogID, applied uint64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return min(applied, max(s.next[safetyKey(device, i.String(), uint8(log))], 1)-1)
}

// backup takes a backup of a running hub, as its operator does, and tells it.
func (h *hub) backup() error {
	l := h.alive()
	if l == nil {
		return nil
	}
	h.backups++
	file := fmt.Sprintf("%s.backup-%d", h.file, h.backups)
	if _, err := backup.Take(l.ctx, backup.Target{Store: l.store, URL: "sqlite:" + h.file, Now: h.clock.Now}, file); err != nil {
		return err
	}
	if h.newest != "" {
		if err := os.Remove(h.newest); err != nil {
			return err
		}
	}
	h.newest = file
	if h.safe == nil {
		return nil
	}
	if err := h.safe.read(file); err != nil {
		return err
	}
	return l.safe.Load(l.ctx)
}

func (s *safety) read(file string) (err error) {
	db, err := sql.Open("sqlite", "file:"+file+"?mode=ro")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.Query("SELECT device_id, incarnation, log, next_number FROM device_logs")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	next := map[string]uint64{}
	for rows.Next() {
		var device, incarnation string
		var log uint8
		var n uint64
		if err := rows.Scan(&device, &incarnation, &log, &n); err != nil {
			return err
		}
		next[safetyKey(device, incarnation, log)] = n
	}
	s.mu.Lock()
	s.next = next
	s.mu.Unlock()
	return rows.Err()
}

// restore puts the newest backup in the place of the database of a hub that is down, as its operator does.
func (h *hub) restore(ctx context.Context) error {
	aside, err := backup.Restore(ctx, "sqlite:"+h.file, h.newest, true, h.clock.Now())
	if err != nil {
		return err
	}
	for _, end := range []string{"", "-wal", "-shm"} { // nobody will look at it
		if err := os.Remove(aside + end); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}
