package app

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"

	"meguri/edge/device/reader"
	edgelog "meguri/edge/log"
	"meguri/internal/clock"
	"meguri/protocol"
)

// rig is a board with two doors whose agent is driven step by step: no goroutine runs but the test's. It lives in a bubble, on
// a clock that may go wrong.
type rig struct {
	*agent
	t     *testing.T
	file  string
	kit   Kit
	limit edgelog.Options
	fault *clock.Fault
	clock clock.Clock
	fired map[string]int
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, file: filepath.Join(t.TempDir(), "edge.db"), kit: twoDoors(), fault: &clock.Fault{},
		limit: edgelog.Options{MaxBytes: 1 << 20}, fired: map[string]int{}}
	r.clock = clock.New(time.Now(), someDay, 1).WithFault(r.fault)
	return r
}

// start is power-on up to where inputs come.
func (r *rig) start() {
	r.t.Helper()
	l, err := edgelog.Open(r.file, r.limit)
	require.NoError(r.t, err)
	r.agent = newAgent(Config{Device: "d", Kit: r.kit}, Deps{Board: counting{newBench(), r.fired}, Clock: r.clock, Logger: slog.New(slog.DiscardHandler)}, l)
	require.NoError(r.t, r.load())
	r.hardware, err = openHardware(r.t.Context(), r.kit, r.deps)
	require.NoError(r.t, err)
	r.boot()
}

// cut takes the power away.
func (r *rig) cut() {
	r.t.Helper()
	require.NoError(r.t, r.log.Close())
}

func (r *rig) restart() {
	r.t.Helper()
	r.cut()
	r.start()
}

// counting is a board that counts the pulses of its relays.
type counting struct {
	*bench
	fired map[string]int
}

// pass lets time go by, a tick at a time.
func (r *rig) pass(d time.Duration) {
	for range d / time.Second {
		time.Sleep(time.Second) // of the bubble
		r.tick()
	}
}

// records are those of a log that are held now.
func (r *rig) records(l protocol.LogID) (all []protocol.Record) {
	r.t.Helper()
	positions, err := r.log.Positions()
	require.NoError(r.t, err)
	p := positions[l-1]
	for next := p.First; next < p.Next; next += uint64(len(all)) {
		b, err := r.log.Read(l, p.First+uint64(len(all)), 1000, 1<<20)
		require.NoError(r.t, err)
		for _, raw := range b.Records {
			record, err := protocol.DecodeRecord(raw)
			require.NoError(r.t, err)
			all = append(all, record)
		}
		if len(b.Records) == 0 || b.First+uint64(len(b.Records)) >= p.Next {
			break
		}
	}
	return all
}

// said are the bodies of a kind that are held now, in order.
func said[T protocol.Body](r *rig) (all []T) {
	r.t.Helper()
	for _, l := range []protocol.LogID{protocol.Events, protocol.Readings} {
		for _, record := range r.records(l) {
			b, err := protocol.DecodeEvent(record.Kind, record.Body)
			require.NoError(r.t, err)
			if b, ok := b.(T); ok {
				all = append(all, b)
			}
		}
	}
	return all
}

// give hands the agent a plan with limits of 2 to 8 °C for f1, an alarm after so long outside, and a courier's code for f1.
func (r *rig) give(version uint64, every, alarmAfter time.Duration) {
	r.t.Helper()
	lock := r.part("lock/f1", protocol.LockPlan{Position: "f1", Grants: []protocol.Grant{
		{ID: "g@f1", Holder: protocol.HolderCourier, PIN: protocol.HashPIN("g@f1", "12345678"), Until: 1 << 60}}})
	fridge := r.part("fridge/f1", protocol.TemperaturePlan{Position: "f1", MinMilliC: 2000, MaxMilliC: 8000,
		SampleEveryMS: every.Milliseconds(), AlarmAfterMS: alarmAfter.Milliseconds()})
	m := protocol.Manifest{Incarnation: r.log.Incarnation(), Plan: version, MadeAt: r.now().UnixMilli()}
	parts := map[string][]byte{}
	for name, body := range map[string][]byte{"lock/f1": lock, "fridge/f1": fridge} {
		m.Parts = append(m.Parts, protocol.PartRef{Name: name, Hash: protocol.HashPart(body), Size: uint32(len(body))})
		parts[name] = body
	}
	require.NoError(r.t, r.activate(m, parts))
}

func (r *rig) part(_ string, v any) []byte {
	b, err := protocol.EncodeBody(v)
	require.NoError(r.t, err)
	return b
}

// read is a round of the two probes.
func (r *rig) read(f1 int64) {
	r.sampled(r.mono(), []protocol.Sample{{Sensor: "f1/air", MilliC: f1}, {Sensor: "f2/air", MilliC: 5000}})
}

// shown is what a display was told since the last time.
func (r *rig) shown(position string) (lines []shown) {
	for {
		select {
		case s := <-r.hardware.displays[position].lines:
			lines = append(lines, s)
		default:
			return lines
		}
	}
}

func (r *rig) end(cause error) {
	ctx, cancel := context.WithCancelCause(r.t.Context())
	cancel(cause)
	r.stop(ctx)
}

func (b counting) Pin(name string) (gpio.PinIO, error) {
	p, err := b.bench.Pin(name)
	return relay{p, b.fired}, err
}

// relay counts how often it was pulled.
type relay struct {
	gpio.PinIO
	fired map[string]int
}

func (r relay) Out(l gpio.Level) error {
	if l == gpio.High {
		r.fired[r.Name()]++
	}
	return r.PinIO.Out(l)
}

func scanOf(text string) reader.Scan { return reader.Scan{Text: text} }
