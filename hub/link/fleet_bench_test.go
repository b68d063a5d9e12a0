package link_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/fleet"
	"meguri/hub/link"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/internal/pgtest"
	"meguri/protocol"
)

// A fleet's small batches.
const (
	fleetDevices = 1000
	fleetBatch   = 10
)

// BenchmarkFleet makes batches of 10 records from 1,000 devices durable: each batch in a transaction of its own, and in groups as
// a Server does. of-bare compares with a bare insert of the same rows in transactions of 256 batches, grouped/single the two.
func BenchmarkFleet(b *testing.B) {
	sample := protocol.Samples{}
	for n := range 4 {
		sample.Samples = append(sample.Samples, protocol.Sample{Sensor: fmt.Sprint("loc-1-f", n, "/air"), MilliC: 4200})
	}
	for _, engine := range []string{"sqlite", "postgres"} {
		for name, body := range map[string]protocol.Body{"readings": sample, "events": protocol.ScanRefused{Step: "load", Scan: "09520001000010"}} {
			var bare, single float64
			b.Run(engine+"/"+name+"/bare", func(b *testing.B) { bare = benchFleetBare(b, benchURL(b, engine), body) })
			b.Run(engine+"/"+name+"/single", func(b *testing.B) {
				f := newBenchFleet(b, benchURL(b, engine), body)
				single = f.run(f.single)
				b.ReportMetric(single/bare, "of-bare")
			})
			b.Run(engine+"/"+name+"/grouped", func(b *testing.B) {
				f := newBenchFleet(b, benchURL(b, engine), body)
				rate := f.run(f.grouped())
				b.ReportMetric(rate/bare, "of-bare")
				b.ReportMetric(rate/single, "of-single")
			})
		}
	}
}

func benchURL(b *testing.B, engine string) string {
	if engine == "sqlite" {
		return storetest.SQLite(b)
	}
	return pgtest.Start(b).Database(b)
}

// benchFleet is a hub with many devices and what they say.
type benchFleet struct {
	b     *testing.B
	hub   *hub
	logs  []*devLog
	ids   []string
	body  protocol.Body
	round int
}

func newBenchFleet(b *testing.B, url string, body protocol.Body) *benchFleet {
	f := &benchFleet{b: b, hub: newHub(b, url), body: body}
	f.hub.effects.off.Store(true)
	for n := range fleetDevices {
		f.ids = append(f.ids, fmt.Sprint("fleet-", n))
		f.logs = append(f.logs, newLog(body.Kind().Log()))
	}
	f.hub.change(func(tx *store.Tx) error {
		for _, id := range f.ids {
			if err := tx.AddDevice(b.Context(), fleet.Device{ID: id, Place: "loc-1", Role: fleet.Station, AddedAt: noon}); err != nil {
				return err
			}
		}
		return nil
	})
	for n, id := range f.ids {
		_, err := f.hub.Hello(b.Context(), id, helloOf(f.logs[n]))
		require.NoError(b, err)
	}
	return f
}

// payloads gives the next batch of each device.
func (f *benchFleet) payloads() [][]byte {
	all := make([][]byte, len(f.logs))
	first := uint64(f.round*fleetBatch + 1)
	f.round++
	for n, l := range f.logs {
		for range fleetBatch {
			l.add(f.body)
		}
		var err error
		all[n], err = protocol.Encode(l.batch(first, first+fleetBatch))
		require.NoError(f.b, err)
	}
	return all
}

// run measures records a second.
func (f *benchFleet) run(round func([][]byte)) float64 {
	f.b.ResetTimer()
	var used time.Duration
	for range f.b.N {
		f.b.StopTimer()
		payloads := f.payloads()
		before := processTime(f.b)
		f.b.StartTimer()
		round(payloads)
		used += processTime(f.b) - before
	}
	f.b.ReportMetric(float64(used.Nanoseconds())/1000/float64(f.b.N*fleetDevices*fleetBatch), "cpu-µs/record")
	rate := float64(f.b.N) * fleetDevices * fleetBatch / f.b.Elapsed().Seconds()
	f.b.ReportMetric(rate, "records/s")
	return rate
}

// processTime is what this process has used of the processors: what is left to compare when others use them, too.
func processTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (f *benchFleet) single(payloads [][]byte) {
	for n, p := range payloads {
		answers, err := f.hub.Payload(f.b.Context(), f.ids[n], p)
		require.NoError(f.b, err)
		require.EqualValues(f.b, f.round*fleetBatch, answers[0].(protocol.Ack).Applied)
	}
}

// grouped gives what sends all and waits until they are acknowledged.
func (f *benchFleet) grouped() func([][]byte) {
	var acks sync.WaitGroup
	s := link.NewServer(link.ServerConfig{Receiver: f.hub.Receiver, Logger: slog.New(slog.DiscardHandler),
		Send: func(string, []byte) { acks.Done() }})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { require.ErrorIs(f.b, s.Run(ctx), context.Canceled) })
	f.b.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return func(payloads [][]byte) {
		acks.Add(len(payloads))
		for n, p := range payloads {
			require.True(f.b, s.Receive(f.ids[n], p))
		}
		acks.Wait()
		require.Zero(f.b, f.hub.Stats().Failed.Load())
	}
}

func benchFleetBare(b *testing.B, url string, body protocol.Body) float64 {
	f := newBenchFleet(b, url, body)
	const together = 256
	return f.run(func([][]byte) {
		first := (f.round - 1) * fleetBatch
		for from := 0; from < fleetDevices; from += together {
			require.NoError(b, f.hub.store.Change(b.Context(), func(tx *store.Tx) error {
				for n := from; n < min(from+together, fleetDevices); n++ {
					if err := f.bare(tx, n, first); err != nil {
						return err
					}
				}
				return nil
			}))
		}
	})
}

// bare inserts the rows of a device's newest batch.
func (f *benchFleet) bare(tx *store.Tx, n, first int) error {
	l := f.logs[n]
	incarnation := l.incarnation.String()
	var rows []store.ReadingRow
	for i, raw := range l.records[first:] {
		number := uint64(first + i + 1)
		if s, ok := f.body.(protocol.Samples); ok {
			for _, one := range s.Samples {
				rows = append(rows, store.ReadingRow{Number: number, Sensor: one.Sensor, Dated: fleet.Dated{At: noon}, MilliC: one.MilliC, Samples: 1})
			}
			continue
		}
		if err := tx.AddEvent(f.b.Context(), store.EventRow{Device: f.ids[n], Incarnation: incarnation, Number: number, Boot: 1, Kind: 39,
			Name: "scan refused", Subject: "09520001000010", Body: raw[len(raw)-40:], Mono: 1, ClaimedAt: 1, WallQuality: 2,
			EventAt: noon, ReceivedAt: noon, Outcome: store.Applied}); err != nil {
			return err
		}
	}
	return tx.AddReadings(f.b.Context(), f.ids[n], incarnation, noon, rows)
}
