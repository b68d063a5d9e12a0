package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"meguri/hub/people"
	"meguri/hub/store"
)

// BenchmarkAct says what the act of a change costs: the same small change with it and without, each in a transaction of its own.
func BenchmarkAct(b *testing.B) {
	s := Open(b, SQLite(b))
	at := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	n := 0
	change := func(act bool) time.Duration {
		n++
		id := fmt.Sprintf("work-%08d", n)
		begin := time.Now()
		err := s.Change(b.Context(), func(tx *store.Tx) error {
			return opened(b.Context(), tx, id, at, act)
		})
		if err != nil {
			b.Fatal(err)
		}
		return time.Since(begin)
	}
	var with, without time.Duration
	for b.Loop() { // in pairs, so that what else the machine does is in both
		without += change(false)
		with += change(true)
	}
	b.ReportMetric(float64(with)/float64(without), "times-without")
	b.ReportMetric(float64((with-without).Microseconds())/float64(b.N), "us/act")
}

func opened(ctx context.Context, tx *store.Tx, id string, at time.Time, act bool) error {
	if err := tx.OpenWork(ctx, id, "note", "subject", "a small change", at); err != nil || !act {
		return err
	}
	return tx.RecordAct(ctx, people.NewAct(at, "p-1", "work.open", id, "a reason that somebody has typed"))
}
