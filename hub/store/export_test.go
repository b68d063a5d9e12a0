package store

import (
	"context"
	"time"
)

// Exec lets tests bring about what no door of the store would.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	return tx.exec(ctx, query, args...)
}

// CountSamples counts a sensor's samples and faults in [from, until).
func (tx *Tx) CountSamples(ctx context.Context, sensor string, from, until time.Time) (samples, faults int, err error) {
	return tx.countSamples(ctx, "SELECT CAST('"+sensor+"' AS TEXT)", from, until)
}

// Decided says of a column of texts, such as "acts.detail", whether somebody has said what a copy for development has of it.
func Decided(column string) bool { return stagedColumns[column] != nil }

// DecidedColumns are all that somebody has said of.
func DecidedColumns() (all []string) {
	for c := range stagedColumns {
		all = append(all, c)
	}
	return all
}

// NotStaged are the tables that a copy for development begins without.
var NotStaged = notStaged
