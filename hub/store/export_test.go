package store

import "context"

// Exec lets tests bring about what no door of the store would.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	return tx.exec(ctx, query, args...)
}
