package order_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api"
	"meguri/hub/bulk"
	"meguri/hub/capacity"
	"meguri/hub/live"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/clock"
)

func sqliteFile(t *testing.T) string { return storetest.SQLite(t) }

// workload is a network and what is bought there.
type workload struct {
	name    string
	network bulk.Network
	date    string
	buys    []buy // each as probable
}

type buy struct{ location, product string }

// oneProduct has everybody want the same product, at 24 locations.
func oneProduct(t *testing.T) workload {
	w := workload{name: "one product", network: benchNetwork(t), date: "2026-12-01"}
	for l := range benchLocations {
		w.buys = append(w.buys, buy{fmt.Sprintf("loc-%d", l+1), "a-cold"})
	}
	return w
}

// spread is the data set's network, or the sample when that is not there: everything that one can buy there on its first date,
// with limits and containers so large that all is accepted.
func spread(t *testing.T) workload {
	dir := "../../../shared/data/tokyo24"
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		dir = "../../deploy/sample"
	}
	n, err := bulk.ReadNetwork(os.DirFS(dir))
	require.NoError(t, err)
	for i := range n.Products {
		n.Products[i].V.SalesLimit = 1_000_000_000
	}
	for i := range n.Slots {
		n.Slots[i].V.CapacityML *= 50_000
	}
	w := workload{name: "spread", network: n, date: n.Dates()[0]}
	s := storetest.Open(t, storetest.SQLite(t))
	storetest.Import(t, s, n)
	book := bookOf(t, s, w.date)
	for _, d := range n.Deliveries {
		for _, p := range n.Products {
			if d.V.Date != w.date {
				continue
			}
			if _, err := book.Place(d.V.LocationID+p.V.ID, d.V.LocationID, []capacity.Line{{Product: p.V.ID, Quantity: 1}}); err == nil {
				w.buys = append(w.buys, buy{d.V.LocationID, p.V.ID})
			}
		}
	}
	return w
}

func bookOf(t testing.TB, s *store.Store, date string) *capacity.Book {
	var d order.Date
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) (err error) {
		d, err = tx.Date(t.Context(), date)
		return err
	}))
	book, err := capacity.NewBook(d.Network, d.State)
	require.NoError(t, err)
	return book
}

// opens is before all cutoffs of a workload.
func (w workload) opens() time.Time {
	at, _ := time.Parse(time.DateOnly, w.date)
	return at.AddDate(0, 0, -5)
}

func (w workload) request(n int64) order.Request {
	b := w.buys[rand.IntN(len(w.buys))]
	return order.Request{ID: "o-" + strconv.FormatInt(n, 10), DeliveryDate: w.date, LocationID: b.location, CustomerID: "member-1",
		Lines: []order.Line{{ProductID: b.product, Quantity: 1}}}
}

// stand is a database with a workload, and the ways to it.
type stand struct {
	workload
	t       *testing.T
	plan    plan
	store   *store.Store
	service *order.Service
	ctx     context.Context
	next    atomic.Int64
	book    *capacity.Book // of the bare writer

	address, token string // of the HTTP server, once it runs
}

func openStand(t *testing.T, p plan, url string, w workload) *stand {
	s := &stand{workload: w, t: t, plan: p, store: storetest.Open(t, url), ctx: within(t)}
	storetest.Import(t, s.store, w.network)
	s.service = order.NewService(s.store.Orders())
	s.book = bookOf(t, s.store, w.date)
	for s.next.Load() < int64(p.filled) {
		s.group(min(1000, p.filled-int(s.next.Load())))
	}
	analyze(t, url)
	return s
}

func analyze(t *testing.T, url string) {
	driver := "pgx"
	if file, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, url = "sqlite", "file:"+file+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, url)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "ANALYZE")
	require.NoError(t, errors.Join(err, db.Close()))
}

// group writes decided orders in one transaction, and gives how long that took.
func (s *stand) group(n int) time.Duration {
	at := s.opens()
	all := s.decisions(n)
	begun := time.Now()
	require.NoError(s.t, s.store.Change(s.ctx, func(tx *store.Tx) error { return tx.AddDecisions(s.ctx, all, at) }))
	return time.Since(begun)
}

// groupHeld writes the same, held and then confirmed: all statements of ours, in one transaction.
func (s *stand) groupHeld(n int) time.Duration {
	at := s.opens()
	all := s.decisions(n)
	for i := range all {
		all[i].Order.State, all[i].Order.HoldUntil = order.Held, at.Add(time.Minute)
		all = append(all, order.Decision{Verb: order.Confirm, From: order.Held, At: at, By: "bench",
			Order: order.Order{Request: order.Request{ID: all[i].Order.ID}, State: order.Accepted}})
	}
	begun := time.Now()
	require.NoError(s.t, s.store.Change(s.ctx, func(tx *store.Tx) error { return tx.AddDecisions(s.ctx, all, at) }))
	return time.Since(begun)
}

func (s *stand) decisions(n int) []order.Decision {
	at := s.opens()
	all := make([]order.Decision, n)
	for i := range all {
		r := s.request(s.next.Add(1))
		change, err := s.book.Place(r.ID, r.LocationID, []capacity.Line{{Product: r.Lines[0].ProductID, Quantity: 1}})
		require.NoError(s.t, err)
		all[i] = order.Decision{Verb: order.Place, Sequence: s.next.Load(), Change: change, At: at,
			Order: order.Order{Request: r, State: order.Accepted, PlacedBy: "bench", PlacedAt: at, LineStates: make([]order.LineState, 1)}}
	}
	return all
}

// bare inserts the rows of decided orders in groups of 1,000: no decision, no revision, no answer.
func (s *stand) bare(group func(n int) time.Duration) measured {
	const size = 1000
	var took, cpu time.Duration
	for range s.plan.batches {
		spent := processTime()
		t := group(size)
		took, cpu = took+t, cpu+processTime()-spent
	}
	per := took / time.Duration(s.plan.batches)
	return measured{float64(s.plan.batches*size) / took.Seconds(), per, per, cpu / time.Duration(s.plan.batches*size), size}
}

// drive is drive, and counts the commits: each raises the date's revision.
func (s *stand) drive(clients int, span time.Duration, one func(client int) bool) measured {
	before := s.revision()
	m := drive(clients, span, one)
	m.commits = m.perSecond * span.Seconds() / float64(s.revision()-before)
	return m
}

func (s *stand) revision() (n int64) {
	require.NoError(s.t, s.store.Read(s.ctx, func(tx *store.Tx) error {
		m, err := tx.DateMark(s.ctx, s.date)
		n = m.Revision
		return err
	}))
	return n
}

// viaService holds and confirms orders.
func (s *stand) viaService(clients int, span time.Duration) measured {
	at := s.opens()
	return s.drive(clients, span, func(int) bool {
		r := s.request(s.next.Add(1))
		r.Hold = time.Minute
		o, err := s.service.Place(s.ctx, r, at, "bench")
		if err == nil && o.State == order.Held {
			o, err = s.service.Confirm(s.ctx, r.ID, "bench", at)
		}
		if err != nil {
			s.t.Error(err)
		}
		return err == nil && o.State == order.Accepted
	})
}

// viaHTTP does the same through a server on loopback, a connection a client.
func (s *stand) viaHTTP(clients int, span time.Duration) measured {
	if s.address == "" {
		s.serve()
	}
	doors := make([]*door, clients)
	for i := range doors {
		conn, err := net.Dial("tcp", s.address)
		require.NoError(s.t, err)
		defer func() { require.NoError(s.t, conn.Close()) }()
		doors[i] = &door{conn: conn, answers: bufio.NewReader(conn), token: s.token}
	}
	return s.drive(clients, span, func(c int) bool {
		r := s.request(s.next.Add(1))
		body := fmt.Sprintf(`{"order_id":%q,"delivery_date":%q,"location_id":%q,"customer_id":"member-1","hold_seconds":60,"lines":[{"product_id":%q,"quantity":1}]}`,
			r.ID, r.DeliveryDate, r.LocationID, r.Lines[0].ProductID)
		err := doors[c].post("/v1/orders", body, http.StatusCreated, `"state":"held"`)
		if err == nil {
			err = doors[c].post("/v1/orders/"+r.ID+"/confirm", "", http.StatusOK, `"state":"accepted"`)
		}
		if err != nil {
			s.t.Error(err)
		}
		return err == nil
	})
}

func (s *stand) serve() {
	persons := people.New(s.store.People())
	now := time.Now()
	_, code, err := persons.Add(s.ctx, people.Console, people.Person{Name: "bench", Role: people.System}, now)
	require.NoError(s.t, err)
	in, err := persons.Login(s.ctx, code, people.From{}, now)
	s.token = in.Token
	require.NoError(s.t, err)
	quiet := slog.New(slog.DiscardHandler)
	_, router, err := api.New(api.Config{Store: s.store, Orders: s.service, People: persons, Feed: live.New(), Clock: clock.New(now, s.opens(), 1),
		Logger: quiet, Version: "bench"})
	require.NoError(s.t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	server := api.Server(s.ctx, router, quiet)
	go func() { _ = server.Serve(listener) }()
	s.t.Cleanup(func() { require.NoError(s.t, server.Close()) })
	s.address = listener.Addr().String()
}

// door is a client of the bare minimum, since it runs on the processors that it measures.
type door struct {
	conn    net.Conn
	answers *bufio.Reader
	token   string
	out, in bytes.Buffer
}

func (d *door) post(path, body string, status int, holds string) error {
	d.out.Reset()
	fmt.Fprintf(&d.out, "POST %s HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, d.token, len(body), body)
	if _, err := d.conn.Write(d.out.Bytes()); err != nil {
		return err
	}
	length := -1
	got := 0
	for line := 0; ; line++ {
		text, err := d.answers.ReadSlice('\n')
		if err != nil {
			return err
		}
		if line == 0 {
			got, _ = strconv.Atoi(string(text[9:12]))
		}
		if len(text) <= 2 {
			break
		}
		if v, ok := bytes.CutPrefix(text, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(v)))
		}
	}
	d.in.Reset()
	if length < 0 {
		return errors.New("an answer of unknown length")
	}
	if _, err := d.in.ReadFrom(io.LimitReader(d.answers, int64(length))); err != nil {
		return err
	}
	if got != status || !bytes.Contains(d.in.Bytes(), []byte(holds)) {
		return fmt.Errorf("%s: %d %s", path, got, d.in.Bytes())
	}
	return nil
}

// syncedLog is the limit of any hub that remembers: decisions in memory, and one appended, synced record a batch of 1,000.
func syncedLog(t *testing.T, p plan) contender {
	return contender{"limit: memory and a synced log", []int{1}, func(int, time.Duration) measured {
		w := oneProduct(t)
		s := storetest.Open(t, storetest.SQLite(t))
		storetest.Import(t, s, w.network)
		book := bookOf(t, s, w.date)
		f, err := os.Create(filepath.Join(t.TempDir(), "log"))
		require.NoError(t, err)
		defer func() { require.NoError(t, f.Close()) }()
		var record []byte
		n := int64(0)
		begun, spent := time.Now(), processTime()
		for range p.log {
			record = record[:0]
			for range 1000 {
				n++
				r := w.request(n)
				change, err := book.Place(r.ID, r.LocationID, []capacity.Line{{Product: r.Lines[0].ProductID, Quantity: 1}})
				require.NoError(t, err)
				record = append(append(append(record, r.ID...), r.LocationID...), change.Added[0].ContainerID...)
			}
			record = binary.BigEndian.AppendUint32(record, uint32(len(record)))
			_, err := f.Write(record)
			require.NoError(t, errors.Join(err, f.Sync()))
		}
		took := time.Since(begun)
		return measured{float64(n) / took.Seconds(), took / time.Duration(p.log), took / time.Duration(p.log),
			(processTime() - spent) / time.Duration(n), 1000}
	}}
}
