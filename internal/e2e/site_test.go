package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/firmware-sim/fleet"
	"meguri/hub/api/apitest"
	hub "meguri/hub/app"
	"meguri/hub/bulk"
	"meguri/hub/dispatch"
	hubfleet "meguri/hub/fleet"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/pki"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
	"meguri/internal/gs1"
)

const (
	location = "loc-001"
	theOrder = "order-1"
	soon     = 15 * time.Second // for what takes messages to and fro
	look     = 20 * time.Millisecond
)

// site is a real hub with one order for one station, in the middle of pickup, and the chips of its devices.
type site struct {
	t      *testing.T
	store  *store.Store // a connection of its own to the hub's database
	raw    *sql.DB
	clock  clock.Clock
	fleet  *fleet.Fleet
	http   string
	broker string
	logger *slog.Logger
	pki    string // directory of the hub's certificate authority
	keys   string // of the devices' certificates
	said   *log   // what all programs said

	containers []dispatch.Container
	grants     []dispatch.Grant
}

// log keeps what programs say for a test that fails.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// newSite starts the hub. With filled, the shops have filled their boxes already and the driver has them.
func newSite(t *testing.T, filled bool) *site {
	t.Helper()
	t.Parallel()
	said := &log{}
	t.Cleanup(func() {
		if t.Failed() {
			said.mu.Lock()
			defer said.mu.Unlock()
			t.Log(tail(said.text.String(), 12_000))
		}
	})
	s := &site{t: t, said: said, logger: slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug})),
		clock: clock.New(time.Now(), time.Date(2026, 12, 1, 18, 0, 0, 0, time.FixedZone("JST", 9*60*60)), 1)}
	s.pki, s.keys = filepath.Join(t.TempDir(), "pki"), t.TempDir()
	url := storetest.SQLite(t)
	s.prepare(url, filled)
	s.startHub(url)
	s.store = storetest.Open(t, url)
	var err error
	s.raw, err = sql.Open("sqlite", strings.TrimPrefix(url, "sqlite:"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.raw.Close()) })
	s.awaitCodes()
	s.fleet = fleet.New(fleet.Network{
		Locations: []fleet.Location{{ID: location, Fridges: []fleet.Fridge{{ID: "loc-001-fridge-1", MinMilliC: 2000, MaxMilliC: 8000},
			{ID: "loc-001-fridge-2", MinMilliC: 2000, MaxMilliC: 8000}}}},
		Shops:  []fleet.Shop{{ID: "shop-1"}, {ID: "shop-2"}, {ID: "shop-3"}, {ID: "shop-4"}},
		Routes: []fleet.Route{{ID: "route-01"}},
	}, s.clock, 1)
	return s
}

// prepare fills a database: network, one order of two shops' goods, devices, and boxes if they are filled already.
func (s *site) prepare(url string, filled bool) {
	t, ctx := s.t, s.t.Context()
	db, err := store.Open(ctx, url)
	require.NoError(t, err)
	network, err := bulk.ReadNetwork(apitest.Network())
	require.NoError(t, err)
	storetest.Import(t, db, network)
	out, err := order.NewService(db.Orders()).Place(ctx, order.Request{ID: theOrder, DeliveryDate: apitest.Date, LocationID: location,
		CustomerID: "member-1", Lines: []order.Line{{ProductID: "prod-001", Quantity: 1}, {ProductID: "prod-002", Quantity: 1}}},
		s.clock.Now().Add(-20*time.Hour), "p-test")
	require.NoError(t, err)
	require.Equal(t, order.Accepted, out.State)
	authority, err := pki.Open(s.pki)
	require.NoError(t, err)
	require.NoError(t, db.Change(ctx, func(tx *store.Tx) error {
		for _, d := range []hubfleet.Device{{ID: "station-loc-001", Role: hubfleet.Station, Place: location},
			{ID: "scanner-shop-1", Role: hubfleet.Scanner, Place: "shop-1"}, {ID: "scanner-shop-2", Role: hubfleet.Scanner, Place: "shop-2"},
			{ID: "driver-route-01", Role: hubfleet.Driver, Place: "route-01"}} {
			d.AddedAt, d.AddedBy = s.clock.Now(), people.Console
			if err := tx.AddDevice(ctx, d); err != nil {
				return err
			}
			from, to := authority.Validity(pki.DeviceLife)
			issued, err := authority.Device(d.ID, from, to)
			if err != nil {
				return err
			}
			if err := errors.Join(authority.Save(s.keys, d.ID, issued), tx.AddCertificate(ctx, hubfleet.Certificate{Device: d.ID,
				Fingerprint: issued.Fingerprint, Serial: issued.Serial, IssuedAt: from, EndsAt: to})); err != nil {
				return err
			}
		}
		var err error
		if s.containers, err = tx.ContainersOfLocation(ctx, apitest.Date, location); err != nil {
			return err
		}
		for i := range s.containers {
			c := s.containers[i]
			if !filled {
				continue
			}
			if err := c.Fill(boxOf(i), s.clock.Now()); err != nil {
				return err
			}
			if err := tx.SaveContainer(ctx, c); err != nil {
				return err
			}
		}
		return nil
	}))
	require.Len(t, s.containers, 2, "goods of two shops")
	require.NoError(t, db.Close())
}

// boxOf is the box for a container of the site.
func boxOf(i int) string {
	const kind = "0952000100001"
	return kind + string(gs1.CheckDigit(kind)) + fmt.Sprint(101+i)
}

func (s *site) startHub(url string) {
	t := s.t
	ctx, stop := context.WithCancel(context.Background())
	type addresses struct{ http, broker net.Addr }
	ready, ended := make(chan addresses, 1), make(chan error, 1)
	go func() {
		ended <- hub.Run(ctx, hub.Config{Database: url, PKI: s.pki, PeopleKey: storetest.PeopleKey(), HTTP: "127.0.0.1:0", Broker: "127.0.0.1:0", Clock: s.clock, Zone: time.UTC,
			Logger: s.logger.With("who", "hub"), Ready: func(http, broker net.Addr) { ready <- addresses{http, broker} }})
	}()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	select {
	case a := <-ready:
		s.http, s.broker = "http://"+a.http.String(), a.broker.String()
	case err := <-ended:
		ended <- err
		require.FailNow(t, "the hub did not start")
	}
}

// awaitCodes waits until the hub has drawn the day's codes.
func (s *site) awaitCodes() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		s.read(func(ctx context.Context, tx *store.Tx) (err error) {
			s.grants, err = tx.GrantsOfLocation(ctx, apitest.Date, location)
			return err
		})
		return len(s.grants) == 2
	}, soon, look)
}

func (s *site) read(fn func(context.Context, *store.Tx) error) {
	s.t.Helper()
	ctx := context.Background()
	require.NoError(s.t, s.store.Read(ctx, func(tx *store.Tx) error { return fn(ctx, tx) }))
}

func (s *site) change(fn func(context.Context, *store.Tx) error) {
	s.t.Helper()
	ctx := context.Background()
	require.NoError(s.t, s.store.Change(ctx, func(tx *store.Tx) error { return fn(ctx, tx) }))
}

func (s *site) code(h dispatch.Holder) string {
	for _, g := range s.grants {
		if g.Holder == h {
			return g.PIN
		}
	}
	require.FailNow(s.t, "no code", "%s", h)
	return ""
}

// state is the order's.
func (s *site) state() (state string) {
	s.t.Helper()
	require.NoError(s.t, s.raw.QueryRow("SELECT state FROM orders WHERE id = ?", theOrder).Scan(&state))
	return state
}

func (s *site) device(id string) (d hubfleet.Device) {
	s.t.Helper()
	s.read(func(ctx context.Context, tx *store.Tx) (err error) {
		d, err = tx.Device(ctx, id)
		return err
	})
	return d
}

// event is a row of the hub's events.
type event struct {
	Incarnation string
	Number      int
	Kind        int
	Name        string
	Outcome     string
	Reason      string
	At          time.Time
}

// events are what the hub has heard of a device, in the device's order.
func (s *site) events(device string) (all []event) {
	s.t.Helper()
	rows, err := s.raw.Query(`SELECT incarnation, number, kind, name, outcome, reason, event_at FROM events WHERE device_id = ?
		ORDER BY incarnation, number`, device)
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, rows.Close()) }()
	for rows.Next() {
		var e event
		var at int64
		require.NoError(s.t, rows.Scan(&e.Incarnation, &e.Number, &e.Kind, &e.Name, &e.Outcome, &e.Reason, &at))
		e.At = time.UnixMilli(at)
		all = append(all, e)
	}
	require.NoError(s.t, rows.Err())
	return all
}

// count is how many events of a name the hub has of a device.
func (s *site) count(device, name string) (n int) {
	for _, e := range s.events(device) {
		if e.Name == name {
			n++
		}
	}
	return n
}

// post asks the hub's API, as a person with the token.
func (s *site) post(path, token string, in, out any) {
	s.t.Helper()
	body, err := json.Marshal(in)
	require.NoError(s.t, err)
	r, err := http.NewRequest(http.MethodPost, s.http+path, bytes.NewReader(body))
	require.NoError(s.t, err)
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer func() { _ = answer.Body.Close() }() // read whole
	require.Less(s.t, answer.StatusCode, 300, path)
	require.NoError(s.t, json.NewDecoder(answer.Body).Decode(out))
}

// login gives the token of a new person.
func (s *site) login(role people.Role) string {
	s.t.Helper()
	_, code, err := people.New(s.store.People()).AddWhole(context.Background(), people.Person{Name: "Test", Role: role}, time.Now())
	require.NoError(s.t, err)
	var session struct{ Token string }
	s.post("/v1/login", "", map[string]string{"code": code}, &session)
	return session.Token
}
