package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/fleet"
	"meguri/hub/people"
	"meguri/hub/store"
)

// Two dates of benchLocations, 6,800 orders and 47,600 items, with a station at each location that has said something.
const (
	withinDates      = 2
	withinBusinesses = 10
	withinEvents     = 50 // of each station
)

// commonReads are what pages, scanners and apps ask for all day, of one thing or one place.
var commonReads = []struct {
	name string
	read func(ctx context.Context, tx *store.Tx) error
}{
	{"order-codes", func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.CodesOfOrder(ctx, benchOrderID)
		return err
	}},
	{"orders-of-location", func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.AcceptedOrders(ctx, benchDate(0), "loc-003")
		return err
	}},
	{"container", func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Container(ctx, benchContainerID)
		return err
	}},
	{"orders-in-container", func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.OrdersInContainer(ctx, benchContainerID)
		return err
	}},
	{"packing-list", func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.PackingList(ctx, benchDate(0), "shop-3")
		return err
	}},
	{"sheet", func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Sheet(ctx, "route-03@"+benchDate(0))
		return err
	}},
	{"locations", func(ctx context.Context, tx *store.Tx) error { _, err := tx.Locations(ctx); return err }},
	{"products", func(ctx context.Context, tx *store.Tx) error { _, err := tx.Products(ctx); return err }},
	{"device", func(ctx context.Context, tx *store.Tx) error { _, err := tx.Device(ctx, "station-003"); return err }},
	{"devices", func(ctx context.Context, tx *store.Tx) error { _, err := tx.Devices(ctx); return err }},
	{"events-of-device", func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.EventsOfDevice(ctx, "station-003", 0, 50)
		return err
	}},
	{"alarms", func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.AlarmLines(ctx, store.AlarmFilter{}, before, 200)
		return err
	}},
	{"acts-of-order", func(ctx context.Context, tx *store.Tx) error { _, err := tx.Acts(ctx, benchOrderID, 50); return err }},
	{"whose-things", func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Elsewhere(ctx, []string{benchOrderID, "loc-003", "prod-3"})
		return err
	}},
}

var (
	benchOrderID     = "o-" + strings.ReplaceAll(benchDate(0), "-", "") + "-003-04"
	benchContainerID = fmt.Sprintf("C-%s-%04d", strings.ReplaceAll(benchDate(0), "-", ""), 3*benchSlots+5)
)

// BenchmarkWithin says how many times longer the most common reads take within a business than without bounds, where there is one business
// and where there are ten.
//
//	go test ./hub/storetest -run - -bench Within -benchtime 1s
func BenchmarkWithin(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchWithin(b, SQLite(b)) })
	b.Run("postgres", func(b *testing.B) { benchWithin(b, Postgres(b)) })
}

func benchWithin(b *testing.B, url string) {
	s, db := fillWithin(b, url)
	b.Run("one", func(b *testing.B) { compareReads(b, s, people.MainBusiness) })
	spread(b, s, db, url)
	b.Run("ten", func(b *testing.B) { compareReads(b, s, "b-3") })
}

// fillWithin makes a database with a network, orders, events and alarms of one business.
func fillWithin(b *testing.B, url string) (*store.Store, *sql.DB) {
	b.Helper()
	n, err := bulk.ReadNetwork(FS(benchFiles()))
	require.NoError(b, err)
	s := Open(b, url)
	Import(b, s, n)
	db := raw(b, url)
	db.SetMaxOpenConns(1)
	anyOrder := "PRAGMA foreign_keys = OFF" // of rows
	if strings.HasPrefix(url, "postgres") {
		anyOrder = "SET session_replication_role = replica"
	}
	_, err = db.ExecContext(b.Context(), anyOrder)
	require.NoError(b, err)
	for d := range withinDates {
		fillFuture(b, db, benchDate(d))
	}
	require.NoError(b, s.Change(b.Context(), func(tx *store.Tx) error {
		for l := range benchLocations {
			if err := addStation(b.Context(), tx, l); err != nil {
				return err
			}
		}
		return nil
	}))
	_, err = db.ExecContext(b.Context(), "UPDATE dated_containers SET grai = 'box-' || id") // filled
	require.NoError(b, err)
	analyze(b, db, url)
	return s, db
}

func addStation(ctx context.Context, tx *store.Tx, l int) error {
	id, place := fmt.Sprintf("station-%03d", l), fmt.Sprintf("loc-%03d", l)
	if err := tx.AddDevice(ctx, fleet.Device{ID: id, Place: place, Role: fleet.Station, AddedAt: before, AddedBy: "p"}); err != nil {
		return err
	}
	for n := range withinEvents {
		at := before.Add(time.Duration(n) * time.Minute)
		if err := tx.AddEvent(ctx, store.EventRow{Device: id, Incarnation: "1", Number: uint64(n + 1), Boot: 1, Kind: 1, Name: "door opened", Subject: place + "-f1",
			Body: []byte{0xa0}, EventAt: at, ReceivedAt: at, Outcome: store.Applied}); err != nil {
			return err
		}
	}
	return tx.RaiseAlarm(ctx, "alarm-"+place, "door_ajar", place+"-f1", "", before)
}

// spread gives the roots to ten businesses.
func spread(b *testing.B, s *store.Store, db *sql.DB, url string) {
	b.Helper()
	for n := range withinBusinesses {
		id := fmt.Sprintf("b-%d", n)
		require.NoError(b, people.New(s.People()).AddBusiness(b.Context(), people.Console, people.Business{ID: id, Name: id}, before))
		for _, table := range []string{"locations", "routes", "shops"} { // of which names end with a number
			_, err := db.ExecContext(b.Context(), "UPDATE "+table+" SET business_id = $1 WHERE id LIKE $2", id, fmt.Sprintf("%%%d", n))
			require.NoError(b, err)
		}
	}
	for _, sql := range []string{"UPDATE collection_spots SET business_id = 'b-3'", "UPDATE depots SET business_id = 'b-3'"} { // there is one of each
		_, err := db.ExecContext(b.Context(), sql)
		require.NoError(b, err)
	}
	analyze(b, db, url)
}

// analyze lets PostgreSQL look at its tables, as it does by itself in time. SQLite is never asked to by the hub.
func analyze(b *testing.B, db *sql.DB, url string) {
	b.Helper()
	if !strings.HasPrefix(url, "postgres") {
		return
	}
	_, err := db.ExecContext(b.Context(), "ANALYZE")
	require.NoError(b, err)
}

func compareReads(b *testing.B, s *store.Store, business string) {
	for _, c := range commonReads {
		b.Run(c.name, func(b *testing.B) {
			took := func(ctx context.Context) time.Duration {
				begin := time.Now()
				require.NoError(b, s.Read(ctx, func(tx *store.Tx) error { return c.read(ctx, tx) }))
				return time.Since(begin)
			}
			bare, bound := b.Context(), people.InBusiness(b.Context(), business)
			took(bare)
			took(bound) // texts and plans are kept
			var without, with time.Duration
			for b.Loop() { // in pairs, so that what else the machine does is in both
				without += took(bare)
				with += took(bound)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(without.Microseconds())/float64(b.N), "us-without")
			b.ReportMetric(float64(with.Microseconds())/float64(b.N), "us-within")
			b.ReportMetric(float64(with)/float64(without), "times-without")
		})
	}
}
