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
