package link_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/pgtest"
	"meguri/protocol"
)

const benchBatch = 500

// BenchmarkBatch compares what a Receiver makes durable with a bare insert of the same rows, batch by batch, each in one
// transaction of its own. The ratio is the price of decoding, hashing, continuity and effects.
func BenchmarkBatch(b *testing.B) {
	sample := protocol.Samples{Samples: []protocol.Sample{{Sensor: "loc-1-f1/air", MilliC: 4200}}}
	scan := protocol.ScanRefused{Step: "load", Scan: "09520001000010", Reason: "not on the list"}
	for name, body := range map[string]protocol.Body{"readings": sample, "events": scan} {
		var bare float64
		b.Run(name+"/bare", func(b *testing.B) { bare = benchBare(b, body) })
		b.Run(name+"/receiver", func(b *testing.B) {
			rate := benchReceiver(b, body)
			if bare > 0 { // it was asked for too
				b.ReportMetric(rate/bare, "of-bare")
			}
		})
	}
}

func benchLog(b *testing.B, body protocol.Body, records int) *devLog {
	l := newLog(body.Kind().Log())
	for range records {
		l.add(body)
	}
	b.ResetTimer()
	return l
}

func report(b *testing.B) float64 {
	rate := float64(b.N) * benchBatch / b.Elapsed().Seconds()
	b.ReportMetric(rate, "records/s")
	return rate
}

func benchReceiver(b *testing.B, body protocol.Body) float64 {
	h := newHub(b, storetest.SQLite(b))
	h.effects.off.Store(true)
	l := benchLog(b, body, b.N*benchBatch)
	h.hello(l)
	for n := range uint64(b.N) {
		a, err := h.Batch(b.Context(), station, l.batch(n*benchBatch+1, (n+1)*benchBatch+1))
		require.NoError(b, err)
		require.Equal(b, (n+1)*benchBatch, a.Applied)
	}
	return report(b)
}

func benchBare(b *testing.B, body protocol.Body) float64 {
	h := newHub(b, storetest.SQLite(b))
	l := benchLog(b, body, b.N*benchBatch)
	for n := range b.N {
		records := l.records[n*benchBatch : (n+1)*benchBatch]
		require.NoError(b, h.store.Change(b.Context(), func(tx *store.Tx) error { return bare(b.Context(), tx, l, body, n, records) }))
	}
	return report(b)
}

func bare(ctx context.Context, tx *store.Tx, l *devLog, body protocol.Body, n int, records [][]byte) error {
	var rows []store.ReadingRow
	for i, raw := range records {
		number := uint64(n*benchBatch + i + 1)
		if s, ok := body.(protocol.Samples); ok {
			rows = append(rows, store.ReadingRow{Number: number, Sensor: s.Samples[0].Sensor, Dated: fleet.Dated{At: noon}, MilliC: 4200, Samples: 1})
			continue
		}
		if err := tx.AddEvent(ctx, store.EventRow{Device: station, Incarnation: l.incarnation.String(), Number: number, Boot: 1, Kind: 39,
			Name: "scan refused", Subject: "09520001000010", Body: raw[len(raw)-40:], Mono: 1, ClaimedAt: 1, WallQuality: 2,
			EventAt: noon, ReceivedAt: noon, Outcome: store.Applied}); err != nil {
			return err
		}
	}
	return tx.AddReadings(ctx, station, l.incarnation.String(), noon, rows)
}

// BenchmarkRounds is how many samples a second a Receiver makes durable, of batches of 500 records of 10 rounds of 4 sensors, on
// each engine, compared with a bare insert of the same rows in the same run.
func BenchmarkRounds(b *testing.B) {
	const perRecord = 40
	body := rounds(b, 4, 4000, 4010, 4020, 4010, 4000, 3990, 4000, 4010, 4010, 4000)
	for name, database := range map[string]func(testing.TB) string{"sqlite": storetest.SQLite, "postgres": postgres} {
		b.Run(name, func(b *testing.B) {
			var bare float64
			b.Run("bare", func(b *testing.B) {
				h := newHub(b, database(b))
				l := benchLog(b, body, b.N*benchBatch)
				for n := range b.N {
					require.NoError(b, h.store.Change(b.Context(), func(tx *store.Tx) error {
						return tx.AddReadings(b.Context(), station, l.incarnation.String(), noon, bareRows(body, n))
					}))
				}
				bare = float64(b.N) * benchBatch * perRecord / b.Elapsed().Seconds()
				b.ReportMetric(bare, "samples/s")
			})
			b.Run("receiver", func(b *testing.B) {
				h := newHub(b, database(b))
				l := benchLog(b, body, b.N*benchBatch)
				h.hello(l)
				for n := range uint64(b.N) {
					h.batch(l.batch(n*benchBatch+1, (n+1)*benchBatch+1))
				}
				rate := float64(b.N) * benchBatch * perRecord / b.Elapsed().Seconds()
				b.ReportMetric(rate, "samples/s")
				b.ReportMetric(rate/bare, "of-bare")
			})
		})
	}
}

// postgres gives the URL of a database in a cluster that keeps what it has said.
func postgres(tb testing.TB) string { return pgtest.Start(tb).Database(tb) }

// bareRows are the rows of a batch, made without looking at it.
func bareRows(body protocol.Rounds, n int) []store.ReadingRow {
	rows := make([]store.ReadingRow, 0, benchBatch*len(body.Sensors))
	for i := range benchBatch {
		for j, sensor := range body.Sensors {
			rows = append(rows, store.ReadingRow{Number: uint64(n*benchBatch + i + 1), Sensor: sensor, Boot: 1, Dated: fleet.Dated{At: noon},
				MilliC: 4000, Span: 9 * time.Minute, Samples: 10, Earlier: store.AppendEarlier(nil, body.Gaps, body.Values[j], nil, j)})
		}
	}
	return rows
}
