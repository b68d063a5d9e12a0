package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"meguri/protocol"
)

// Stride is a piece that leaves one state of custody for another. What the round did on each day is the sum of them.
type Stride struct {
	Warehouse string
	At        time.Time
	From, To  protocol.Custody
	Stayed    time.Duration // in From
	Damaged   bool          // in To
	Undone    bool          // by what was heard later: it is taken out of the sum
}

// atOnce is a stay that nobody had: what is entered into stock is registered, inspected and put away in one go.
const atOnce = time.Second

// rentalDay is days since 1970 in Japan, where there is no summer time.
func rentalDay(t time.Time) int64 { return (millis(t) + 9*3_600_000) / 86_400_000 }

type strideKey struct {
	warehouse string
	day       int64
	custody   protocol.Custody
}

type strideSum struct{ entered, damaged, goneOn, stayed, longest int64 }

// AddStrides adds to what the round did, together with others.
func (tx *Tx) AddStrides(ctx context.Context, all ...Stride) error {
	tx.rentals.strides = append(tx.rentals.strides, all...)
	if len(tx.rentals.strides) < mostStrides {
		return nil
	}
	return tx.flushStrides(ctx)
}

// mostStrides is how many wait at most: they come to a few rows.
const mostStrides = 4096

var insertStrides = insertRows("rental_days", "warehouse_id, day, custody, entered, damaged, gone_on, stayed_ms, longest_ms", ` ON CONFLICT (warehouse_id, day, custody)
	DO UPDATE SET entered = rental_days.entered + excluded.entered, damaged = rental_days.damaged + excluded.damaged,
	gone_on = rental_days.gone_on + excluded.gone_on, stayed_ms = rental_days.stayed_ms + excluded.stayed_ms,
	longest_ms = CASE WHEN excluded.longest_ms > rental_days.longest_ms THEN excluded.longest_ms ELSE rental_days.longest_ms END`,
	"TEXT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT")

func (tx *Tx) flushStrides(ctx context.Context) error {
	sums := map[strideKey]strideSum{}
	for _, s := range tx.rentals.strides {
		s.addTo(sums)
	}
	tx.rentals.strides = nil // a new array next time: a savepoint may hold the old one
	var values []any
	for _, k := range slices.SortedFunc(maps.Keys(sums), func(a, b strideKey) int {
		return cmp.Or(cmp.Compare(a.warehouse, b.warehouse), cmp.Compare(a.day, b.day), cmp.Compare(a.custody, b.custody))
	}) {
		if s := sums[k]; s != (strideSum{}) {
			values = append(values, k.warehouse, k.day, int64(k.custody), s.entered, s.damaged, s.goneOn, s.stayed, s.longest)
		}
	}
	_, err := insertStrides.run(ctx, tx, values)
	return err
}

func (s Stride) addTo(sums map[strideKey]strideSum) {
	sign := int64(1)
	if s.Undone {
		sign = -1
	}
	day := rentalDay(s.At)
	to := strideKey{s.Warehouse, day, s.To}
	sum := sums[to]
	sum.entered += sign
	if s.Damaged {
		sum.damaged += sign
	}
	sums[to] = sum
	if s.From == 0 || s.Stayed < atOnce {
		return
	}
	from := strideKey{s.Warehouse, day, s.From}
	sum = sums[from]
	sum.goneOn += sign
	sum.stayed += sign * s.Stayed.Milliseconds()
	if !s.Undone {
		sum.longest = max(sum.longest, s.Stayed.Milliseconds())
	}
	sums[from] = sum
}

// StageTurn is what the round did with a state of custody since a day.
type StageTurn struct {
	Custody          protocol.Custody
	Entered, Damaged int
	GoneOn           int           // pieces that left it
	Mean, Longest    time.Duration // how long those stayed
}

// StageTurns gives what the round of a warehouse did since the day of a time, of all warehouses when it is empty.
func (tx *Tx) StageTurns(ctx context.Context, warehouse string, since time.Time) ([]StageTurn, error) {
	return list(ctx, tx, func(row scanner) (s StageTurn, err error) {
		var stayed, longest int64
		err = row.Scan(&s.Custody, &s.Entered, &s.Damaged, &s.GoneOn, &stayed, &longest)
		s.Mean, s.Longest = time.Duration(stayed/int64(max(s.GoneOn, 1)))*time.Millisecond, time.Duration(longest)*time.Millisecond
		return s, err
	}, `SELECT custody, CAST(SUM(entered) AS BIGINT), CAST(SUM(damaged) AS BIGINT), CAST(SUM(gone_on) AS BIGINT), CAST(SUM(stayed_ms) AS BIGINT),
		MAX(longest_ms) FROM rental_days WHERE day >= $2 AND ($1 = '' OR warehouse_id = $1) GROUP BY custody ORDER BY custody`, warehouse, rentalDay(since))
}
