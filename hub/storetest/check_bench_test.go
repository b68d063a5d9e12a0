package storetest

import (
	"database/sql"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/check"
)

// A network of 200 locations with 17 slots each, and dates on which each slot's container holds 7 units: 23,800 a date.
const (
	benchLocations = 200
	benchSlots     = 17
	benchUnits     = 7
	benchDates     = 43
	benchRoutes    = 20
	benchShops     = 10
)

func benchDate(n int) string { return before.AddDate(0, 0, n+1).Format(time.DateOnly) }

// benchFiles are the network's files.
func benchFiles() map[string]string {
	rows := map[string]*strings.Builder{}
	add := func(file, format string, args ...any) {
		if rows[file] == nil {
			rows[file] = &strings.Builder{}
			header, _, _ := strings.Cut(Files()[file], "\n")
			rows[file].WriteString(header + "\n")
		}
		fmt.Fprintf(rows[file], format+"\n", args...)
	}
	add(bulk.CategoriesFile, "cold,refrigerated")
	add(bulk.LimitsFile, "cold,shipper,0,8.5,20")
	add(bulk.SpotsFile, "spot-1,東")
	add(bulk.DepotsFile, "depot-1,車庫")
	add(bulk.FridgesFile, "spot-1-f1,spot-1,collection,2,8")
	for s := range benchShops {
		add(bulk.ShopsFile, "shop-%d,店,spot-1", s)
		add(bulk.ProductsFile, "prod-%d,品,shop-%d,%s,cold,400,1000000", s, s, gtin(s))
	}
	for r := range benchRoutes {
		add(bulk.RoutesFile, "route-%02d,vehicle-%02d,driver-%02d", r, r, r)
		add(bulk.StopsFile, "route-%02d,1,collect,spot-1,06:00", r)
		add(bulk.ShippersFile, "box-%02d,vehicle-%02d,cold,%d,%s", r, r, benchSlots*benchLocations/benchRoutes, "0952000100"+fmt.Sprintf("%04d", r*10+check10("952000100"+fmt.Sprintf("%03d", r))))
	}
	for l := range benchLocations {
		add(bulk.LocationsFile, "loc-%03d,%s,駅,東京都,35.6,139.7", l, gtin(100+l))
		add(bulk.FridgesFile, "loc-%03d-f1,loc-%03d,refrigerated,2,8", l, l)
		add(bulk.StopsFile, "route-%02d,%d,deliver,loc-%03d,%02d:%02d", l%benchRoutes, l/benchRoutes+2, l, 7+l/benchRoutes/6, l/benchRoutes%6*10)
		for s := range benchSlots {
			add(bulk.SlotsFile, "loc-%03d-s%02d,loc-%03d-f1,20000", l, s, l)
			add(bulk.AddressesFile, "a-%03d-%02d,spot-1,spot-1-f1", l, s)
		}
		for d := range benchDates {
			date := benchDate(d)
			add(bulk.DeliveriesFile, "loc-%03d,%s,%sT02:00:00+09:00,%sT11:00:00+09:00,%sT17:00:00+09:00", l, date, date, date, date)
		}
	}
	out := map[string]string{}
	for file, b := range rows {
		out[file] = b.String()
	}
	return out
}

// check10 is the check digit of a GS1 key.
func check10(digits string) int {
	sum := 0
	for i := range len(digits) {
		weight := 3
		if (len(digits)-i)%2 == 0 {
			weight = 1
		}
		sum += weight * int(digits[i]-'0')
	}
	return (10 - sum%10) % 10
}

func gtin(n int) string {
	body := fmt.Sprintf("952000%06d", n)
	return body + strconv.Itoa(check10(body))
}

// loader inserts rows in groups.
type loader struct {
	tb   testing.TB
	tx   *sql.Tx
	rows map[string][]any
}

func (l *loader) add(table string, values ...any) {
	const group = 16
	l.rows[table] = append(l.rows[table], values...)
	if len(l.rows[table]) < group*len(values) {
		return
	}
	l.flush(table, len(values))
}

func (l *loader) flush(table string, columns int) {
	rows := len(l.rows[table]) / columns
	if rows == 0 {
		return
	}
	n := 0
	var groups []string
	for range rows {
		var marks []string
		for range columns {
			n++
			marks = append(marks, "$"+strconv.Itoa(n))
		}
		groups = append(groups, "("+strings.Join(marks, ",")+")")
	}
	_, err := l.tx.ExecContext(l.tb.Context(), "INSERT INTO "+table+" VALUES "+strings.Join(groups, ","), l.rows[table]...)
	require.NoError(l.tb, err)
	l.rows[table] = l.rows[table][:0]
}

// fillFuture numbers a date's orders as an assigner would: order j of a location takes one unit from each of seven containers.
func fillFuture(tb testing.TB, db *sql.DB, date string) {
	tb.Helper()
	tx, err := db.BeginTx(tb.Context(), nil)
	require.NoError(tb, err)
	l := &loader{tb: tb, tx: tx, rows: map[string][]any{}}
	const containers = "dated_containers (id, sequence, delivery_date, location_id, fridge_id, fridge_kind, slot_id, capacity_ml, used_ml, shop_id, " +
		"collection_spot_id, category, run_id, shipper_id, shipper_capacity, shipper_place, address_id, state)"
	const orders = "orders (id, sequence, delivery_date, location_id, customer_id, state, refused_limit, refused_what, placed_by, placed_at)"
	const lines = "order_lines (order_id, line, product_id, quantity)"
	const items = "order_items (order_id, line, unit, delivery_date, product_id, shop_id, category, dated_container_id, short)"
	short := strings.ReplaceAll(date, "-", "")
	perRoute := benchSlots * benchLocations / benchRoutes
	id := func(loc, slot int) string { return fmt.Sprintf("C-%s-%04d", short, loc*benchSlots+slot+1) }
	for loc := range benchLocations {
		at := fmt.Sprintf("loc-%03d", loc)
		for s := range benchSlots {
			run := fmt.Sprintf("route-%02d@%s", loc%benchRoutes, date)
			l.add(containers, id(loc, s), loc*benchSlots+s+1, date, at, at+"-f1", "refrigerated", fmt.Sprintf("%s-s%02d", at, s), 20000,
				400*benchUnits, fmt.Sprintf("shop-%d", s%benchShops), "spot-1", "cold", run, fmt.Sprintf("box-%02d", loc%benchRoutes), perRoute,
				loc/benchRoutes*benchSlots+s+1, fmt.Sprintf("a-%03d-%02d", loc, s), "planned")
		}
		for j := range benchSlots {
			order := fmt.Sprintf("o-%s-%03d-%02d", short, loc, j)
			l.add(orders, order, loc*benchSlots+j+1, date, at, "member-1", "accepted", "", "", "person-1", before.UnixMilli())
			for k := range benchUnits {
				s := (j + k) % benchSlots
				shop := fmt.Sprintf("shop-%d", s%benchShops)
				product := fmt.Sprintf("prod-%d", s%benchShops)
				l.add(lines, order, k+1, product, 1)
				l.add(items, order, k+1, 1, date, product, shop, "cold", id(loc, s), false)
			}
		}
	}
	l.flush(containers, 18)
	l.flush(orders, 10)
	l.flush(lines, 4)
	l.flush(items, 9)
	require.NoError(tb, tx.Commit())
}

// peakMB is the most memory that the process had since it was last asked, where the system says so.
func peakMB(tb testing.TB) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		tb.Skip("this system does not tell a process's memory")
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	kb, err := strconv.ParseFloat(strings.Fields(after)[0], 64)
	require.NoError(tb, err)
	return kb / 1000
}

// cpuTime is what the process has worked so far: on a machine that others use, too, it says more than the clock.
func cpuTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCheck looks at more than a million future order items, beside reading the same rows and doing nothing with them.
func BenchmarkCheck(b *testing.B) {
	n, err := bulk.ReadNetwork(FS(benchFiles()))
	require.NoError(b, err)
	url := SQLite(b)
	s := Open(b, url)
	Import(b, s, n)
	db := raw(b, url)
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(b.Context(), "PRAGMA foreign_keys = OFF") // rows come in any order, and are looked at afterwards
	require.NoError(b, err)
	for d := range benchDates {
		fillFuture(b, db, benchDate(d))
	}
	b.ResetTimer()
	var looking, reading, working time.Duration
	var r check.Report
	for b.Loop() {
		_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // the peak begins anew
		begun, used := time.Now(), cpuTime(b)
		r, err = check.NewService(s.Checks()).Look(b.Context(), before)
		require.NoError(b, err)
		looking += time.Since(begun)
		working += cpuTime(b) - used
		b.ReportMetric(peakMB(b), "MB-peak")
		require.Empty(b, r.Findings)
		require.Greater(b, r.Count.Items, 1_000_000)
		begun = time.Now()
		for d := range benchDates {
			scanBare(b, db, benchDate(d))
		}
		reading += time.Since(begun)
	}
	b.ReportMetric(looking.Seconds()/float64(b.N), "s/look")
	b.ReportMetric(working.Seconds()/float64(b.N), "cpu-s/look")
	b.ReportMetric(float64(r.Count.Items), "items")
	b.ReportMetric(float64(looking)/float64(reading), "x-reading-the-rows")
}

// scanBare reads the rows that a look at a date has to read.
func scanBare(tb testing.TB, db *sql.DB, date string) {
	for _, query := range []string{
		`SELECT id, sequence, delivery_date, location_id, fridge_id, fridge_kind, slot_id, capacity_ml, used_ml, shop_id, collection_spot_id,
			category, run_id, shipper_id, shipper_capacity, shipper_place, address_id, state, grai FROM dated_containers WHERE delivery_date = $1`,
		"SELECT id, sequence, delivery_date, location_id, state, hold_until, placed_at FROM orders WHERE delivery_date = $1",
		`SELECT l.order_id, l.line, l.product_id, l.quantity, l.withdrawn FROM orders o JOIN order_lines l ON l.order_id = o.id
			WHERE o.delivery_date = $1`,
		"SELECT order_id, line, unit, delivery_date, product_id, shop_id, category, dated_container_id FROM order_items WHERE delivery_date = $1",
	} {
		rows, err := db.QueryContext(tb.Context(), query, date)
		require.NoError(tb, err)
		columns, err := rows.Columns()
		require.NoError(tb, err)
		into := make([]any, len(columns))
		for i := range into {
			into[i] = new(sql.NullString)
		}
		for rows.Next() {
			require.NoError(tb, rows.Scan(into...))
		}
		require.NoError(tb, rows.Err())
		require.NoError(tb, rows.Close())
	}
}
