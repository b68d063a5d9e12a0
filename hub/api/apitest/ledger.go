package apitest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/protocol"
)

// LedgerDevice is a device to which everything has happened that the completeness ledger can tell of.
const LedgerDevice = "station-ledger"

// Ledger adds a device at loc-001 with seven days of readings of two sensors until Now, with: a sensor fault, thinned readings,
// an orderly stop, a power cut, a damaged record, unreadable ones, numbers that were not held, storage that was lost, and
// readings that have not arrived.
func (h *Hub) Ledger(tb testing.TB) {
	tb.Helper()
	require.NoError(tb, h.Store.Change(tb.Context(), func(tx *store.Tx) error {
		l := &ledgerDevice{ctx: tb.Context(), tx: tx, incarnation: incarnation("ledger-1"), at: Now.Add(-7 * 24 * time.Hour)}
		return l.live()
	}))
}

type ledgerDevice struct {
	ctx         context.Context
	tx          *store.Tx
	incarnation string
	at, booted  time.Time
	boot, event uint64
	number      uint64
	fault       uint8
}

const (
	ledgerEvery  = time.Minute
	ledgerRounds = 10 // in a record
)

func (l *ledgerDevice) live() error {
	d := fleet.Device{ID: LedgerDevice, Place: "loc-001", Role: fleet.Station, AddedAt: l.at, AddedBy: "p-test"}
	if err := l.tx.AddDevice(l.ctx, d); err != nil {
		return err
	}
	steps := []func() error{
		l.start, l.records(60), l.stop, l.wait(3 * time.Hour), // in order
		l.start, l.records(30), l.fails(18), l.records(40), l.drops(70), l.records(30), l.powerCut, l.wait(5 * time.Hour),
		l.start, l.records(100), l.gap(6, fleet.Damaged), l.records(60), l.unreadable(3), l.records(40), l.gap(40, fleet.NotHeld), l.records(60),
		l.lose, l.wait(4 * time.Hour), l.start,
		l.records(50), l.stop, l.wait(2 * time.Hour),
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	l.at = Now.Add(-23 * time.Hour)
	for _, step := range []func() error{
		l.start, l.records(18), l.fails(12), l.records(6), l.drops(18), l.records(12), l.powerCut, l.wait(2 * time.Hour), l.start,
		l.records(12), l.gap(1, fleet.Damaged), l.records(6), l.unreadable(6), l.records(20), l.stop, l.wait(30 * time.Minute), l.start, l.records(6),
	} {
		if err := step(); err != nil {
			return err
		}
	}
	d.Incarnation, d.Boot, d.Session, d.Software, d.SeenAt, d.PresenceKnown = l.incarnation, l.boot, 1, "0.2.0", l.at, true
	return l.tx.SaveDevice(l.ctx, d)
}

func (l *ledgerDevice) wait(d time.Duration) func() error {
	return func() error { l.at = l.at.Add(d); return nil }
}

func (l *ledgerDevice) add(name string, b protocol.Body) error {
	body, err := protocol.EncodeBody(b)
	if err != nil {
		return err
	}
	l.event++
	return l.tx.AddEvent(l.ctx, store.EventRow{Device: LedgerDevice, Incarnation: l.incarnation, Number: l.event, Boot: l.boot, Kind: uint16(b.Kind()),
		Name: name, Body: body, Mono: l.at.Sub(l.booted).Milliseconds(), ClaimedAt: l.at.UnixMilli(), WallQuality: uint8(protocol.WallSet),
		EventAt: l.at, ReceivedAt: l.at, Outcome: store.Applied})
}

func (l *ledgerDevice) sensors() []string {
	return []string{"loc-001-fridge-1/back", "loc-001-fridge-2/back"}
}

func (l *ledgerDevice) start() error {
	l.boot++
	l.booted = l.at
	for _, log := range []protocol.LogID{protocol.Events, protocol.Readings} {
		err := l.tx.SaveDeviceLog(l.ctx, LedgerDevice, fleet.Log{Incarnation: l.incarnation, Log: uint8(log), Next: l.number + 1, State: fleet.Current})
		if err != nil {
			return err
		}
	}
	if err := l.add("booted", protocol.Booted{Software: "0.2.0"}); err != nil {
		return err
	}
	return l.add("sampling set", protocol.SamplingSet{EveryMS: ledgerEvery.Milliseconds(),
		FlushMS: (ledgerRounds * ledgerEvery).Milliseconds(), Sensors: l.sensors()})
}

func (l *ledgerDevice) stop() error { return l.add("stopped", protocol.Stopped{}) }

// powerCut comes while six rounds were in memory.
func (l *ledgerDevice) powerCut() error { return l.wait(6 * ledgerEvery)() }

// records adds so many records of ten rounds.
func (l *ledgerDevice) records(n int) func() error {
	return func() error {
		for range n {
			l.number++
			gaps := make([]int64, ledgerRounds-1)
			values := make([]int64, ledgerRounds)
			var faults []protocol.RoundFault
			for i := range values {
				if i > 0 {
					gaps[i-1] = ledgerEvery.Milliseconds()
				} else {
					values[i] = 4000
				}
				if l.fault > 0 {
					faults = append(faults, protocol.RoundFault{Round: uint16(i), Fault: protocol.SensorFault(l.fault)})
				}
			}
			last := l.at.Add((ledgerRounds - 1) * ledgerEvery)
			var rows []store.ReadingRow
			for i, sensor := range l.sensors() {
				row := store.ReadingRow{Number: l.number, Boot: l.boot, Mono: last.Sub(l.booted).Milliseconds(), ClaimedAt: last.UnixMilli(),
					WallQuality: uint8(protocol.WallSet), Dated: fleet.Dated{At: last}, Sensor: sensor, MilliC: 4000,
					Span: (ledgerRounds - 1) * ledgerEvery, Samples: ledgerRounds, Earlier: store.AppendEarlier(nil, gaps, values, faults, i)}
				if i == 0 && l.fault > 0 {
					row.MilliC, row.Fault, row.Faults = 0, l.fault, ledgerRounds
				}
				rows = append(rows, row)
			}
			if err := l.tx.AddReadings(l.ctx, LedgerDevice, l.incarnation, last, rows); err != nil {
				return err
			}
			if err := l.tx.SawBoot(l.ctx, LedgerDevice, l.incarnation, l.boot, last.Sub(l.booted), last); err != nil {
				return err
			}
			l.at = l.at.Add(ledgerRounds * ledgerEvery)
		}
		return nil
	}
}

func (l *ledgerDevice) fails(n int) func() error {
	return func() error {
		l.fault = uint8(protocol.SensorMissing)
		err := l.records(n)()
		l.fault = 0
		return err
	}
}

// gap makes n records missing.
func (l *ledgerDevice) gap(n uint64, kind fleet.GapKind) func() error {
	return func() error {
		g := fleet.Gap{First: l.number + 1, Last: l.number + n, Kind: kind, Reason: "a test"}
		l.number += n
		l.at = l.at.Add(time.Duration(n) * ledgerRounds * ledgerEvery)
		return l.tx.AddGap(l.ctx, LedgerDevice, l.incarnation, uint8(protocol.Readings), g, l.at)
	}
}

// drops makes n records thinned.
func (l *ledgerDevice) drops(n uint64) func() error {
	return func() error {
		from := l.at
		l.at = l.at.Add(time.Duration(n) * ledgerRounds * ledgerEvery)
		first := l.number + 1
		l.number += n + 1
		return l.tx.AddThinning(l.ctx, store.ThinningRow{Device: LedgerDevice, Incarnation: l.incarnation, Number: l.number, First: first,
			Last: l.number - 1, From: from, To: l.at.Add(-ledgerEvery), Rounds: uint32(n) * ledgerRounds, Samples: uint32(n) * ledgerRounds * 2,
			Received: l.at, Body: []byte{0xa0}})
	}
}

func (l *ledgerDevice) unreadable(n int) func() error {
	return func() error {
		for range n {
			l.number++
			l.at = l.at.Add(ledgerRounds * ledgerEvery)
			if err := l.tx.AddQuarantine(l.ctx, store.QuarantineRow{ID: fmt.Sprintf("ledger-%d", l.number), Device: LedgerDevice,
				Incarnation: l.incarnation, Log: uint8(protocol.Readings), Number: l.number, ReceivedAt: l.at, Reason: "a test", Raw: []byte{1}}); err != nil {
				return err
			}
		}
		return nil
	}
}

// lose replaces the storage.
func (l *ledgerDevice) lose() error {
	l.incarnation, l.number, l.event, l.boot = incarnation("ledger-2"), 0, 0, 0
	l.at = l.at.Add(90 * time.Minute)
	return l.tx.SupersedeLives(l.ctx, LedgerDevice, l.incarnation, l.at)
}
