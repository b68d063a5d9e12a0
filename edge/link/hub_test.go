package link

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	edgelog "meguri/edge/log"
	"meguri/internal/clock"
	"meguri/protocol"
)

// hub is a small model of the hub's side: it keeps what it applied and says what it expects.
type hub struct {
	epoch      uint64
	window     uint32
	revision   uint64
	waitMS     uint32
	expectWait map[protocol.LogID]uint32 // of a welcome
	logs       map[logKey]*hubLog
	backup     map[logKey]hubLog    // safe to delete is what is in here; nil: what is applied
	forked     protocol.Incarnation // is told to draw a new one
	plan       *protocol.Manifest
	parts      map[protocol.Hash][]byte
	wants      int
}

type logKey struct {
	incarnation protocol.Incarnation
	log         protocol.LogID
}

// hubLog is one log; records[i] has number i+1 and is nil where the device no longer had it.
type hubLog struct {
	records [][]byte
	hashes  []protocol.Hash // after each record
}

func newHub() *hub {
	return &hub{epoch: 1, window: 4, revision: protocol.Revision, logs: map[logKey]*hubLog{}}
}

func (h *hub) log(k logKey) *hubLog {
	if h.logs[k] == nil {
		h.logs[k] = &hubLog{}
	}
	return h.logs[k]
}

func (l *hubLog) next() uint64 { return uint64(len(l.records)) + 1 }

func (l *hubLog) before(n uint64) protocol.Hash {
	if n == 1 {
		return protocol.Hash{}
	}
	return l.hashes[n-2]
}

// restart gives the hub a new epoch.
func (h *hub) restart() { h.epoch++ }

// makeBackup makes a backup, and from then on only what is in one is safe.
func (h *hub) makeBackup() {
	h.backup = map[logKey]hubLog{}
	for k, l := range h.logs {
		h.backup[k] = hubLog{records: l.records[:len(l.records):len(l.records)], hashes: l.hashes[:len(l.hashes):len(l.hashes)]}
	}
}

// restore puts the newest backup back.
func (h *hub) restore() {
	h.restart()
	h.logs = map[logKey]*hubLog{}
	for k, l := range h.backup {
		h.logs[k] = &l
	}
}

func (h *hub) safe(k logKey) uint64 {
	if h.backup == nil {
		return h.log(k).next() - 1
	}
	return uint64(len(h.backup[k].records))
}

// receive handles one payload of the device and gives the answers.
func (h *hub) receive(t require.TestingT, payload []byte) []protocol.Message {
	m, err := protocol.Decode(payload)
	require.NoError(t, err)
	switch m := m.(type) {
	case protocol.Hello:
		return h.hello(m)
	case protocol.Batch:
		return []protocol.Message{h.batch(m)}
	case protocol.Want:
		h.wants++
		var parts []protocol.Message
		for _, hash := range m.Hashes {
			parts = append(parts, protocol.Part{Hash: hash, Body: h.parts[hash]})
		}
		return parts
	}
	return nil
}

func (h *hub) hello(m protocol.Hello) []protocol.Message {
	w := protocol.Welcome{Nonce: m.Nonce, Incarnation: m.Incarnation, Epoch: h.epoch, HubTime: 1_764_000_000_000, Window: h.window,
		Revision: h.revision}
	if m.Incarnation == h.forked {
		w.Verdict = protocol.Forked
	}
	for _, p := range m.Logs {
		l := h.log(logKey{m.Incarnation, p.Log})
		for p.First > l.next() { // a named gap
			l.records, l.hashes = append(l.records, nil), append(l.hashes, p.Before)
		}
		if p.Next < l.next() || l.before(p.First) != p.Before {
			w.Verdict = protocol.Forked
		}
		w.Expect = append(w.Expect, protocol.Expect{Log: p.Log, Next: l.next(), WaitMS: h.expectWait[p.Log]})
	}
	if h.plan != nil && m.Plan < h.plan.Plan {
		return []protocol.Message{w, *h.plan}
	}
	return []protocol.Message{w}
}

func (h *hub) batch(m protocol.Batch) protocol.Ack {
	k := logKey{m.Incarnation, m.Log}
	l := h.log(k)
	a := protocol.Ack{Epoch: h.epoch, Incarnation: m.Incarnation, Log: m.Log, Window: h.window, WaitMS: h.waitMS,
		HubTime: 1_764_000_000_000}
	running := m.Before
	for i, record := range m.Records {
		n := m.First + uint64(i)
		if n > l.next() {
			break // something before it is still on its way
		}
		if running != l.before(n) {
			a.Verdict = protocol.Forked
			break
		}
		running = running.Next(record)
		if n == l.next() {
			l.records, l.hashes = append(l.records, record), append(l.hashes, running)
		} else if l.hashes[n-1] != running {
			a.Verdict = protocol.Forked
			break
		}
	}
	a.Applied, a.Hash = l.next()-1, l.before(l.next())
	a.Safe = min(h.safe(k), a.Applied)
	return a
}

// agent is what the link hands things to.
type agent struct {
	parts     map[protocol.Hash][]byte
	activated []protocol.Manifest
	contents  map[string][]byte
	commands  []protocol.Command
	times     []time.Time
	planned   []uint64
	version   uint64
	err       error
}

func (a *agent) Part(h protocol.Hash) ([]byte, bool) { b, ok := a.parts[h]; return b, ok }

func (a *agent) Activate(m protocol.Manifest, parts map[string][]byte) error {
	a.activated = append(a.activated, m)
	if a.err != nil {
		return a.err
	}
	a.version, a.contents = m.Plan, parts
	return nil
}
func (a *agent) Command(c protocol.Command)         { a.commands = append(a.commands, c) }
func (a *agent) Planned(newest uint64, _ time.Time) { a.planned = append(a.planned, newest) }

func (a *agent) HubTime(t time.Time, _ func() time.Duration) { a.times = append(a.times, t) }

func configOf(log *edgelog.Log, a *agent) Config {
	return Config{Device: "d-1", Software: "test", Log: log, Agent: a, Clock: clock.Real(), Linger: shortLinger,
		Logger:      slog.New(slog.NewTextHandler(io.Discard, nil)),
		PlanVersion: func() uint64 { return a.version }, CommandCounter: func() uint64 { return 0 }}
}

func openLog(t testing.TB) *edgelog.Log {
	t.Helper()
	l, err := edgelog.Open(t.TempDir()+"/edge.db", edgelog.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// add appends bodies in one transaction.
func add(t require.TestingT, l *edgelog.Log, bodies ...protocol.Body) {
	require.NoError(t, l.Update(edgelog.Stamp{}, func(tx *edgelog.Tx) error {
		for _, b := range bodies {
			if _, err := tx.Append(b); err != nil {
				return err
			}
		}
		return nil
	}))
}

func event(n int) protocol.Body { return protocol.Alarm{Sensor: "s", MilliC: int64(n)} }
func reading(n int) protocol.Body {
	return protocol.Samples{Samples: []protocol.Sample{{Sensor: "s", MilliC: int64(n)}}}
}

// pair is a core and a hub, with what is on its way between them and a time that only the test moves.
type pair struct {
	t     require.TestingT
	log   *edgelog.Log
	agent *agent
	hub   *hub
	core  *core
	now   time.Time
	next  time.Time
	up    [][]byte
	down  [][]byte
	err   error // that ended the connection
}

func newPair(t require.TestingT, log *edgelog.Log) *pair {
	p := &pair{t: t, log: log, agent: &agent{}, hub: newHub(), now: time.Unix(0, 0)}
	p.connect()
	return p
}

// connect starts a new connection. What is still on its way stays so.
func (p *pair) connect() {
	p.err = nil
	p.core = newCore(configOf(p.log, p.agent), 1, func(m protocol.Message) error {
		payload, err := protocol.Encode(m)
		p.up = append(p.up, payload)
		return err
	})
	p.advance()
}

func (p *pair) advance() {
	if p.err == nil {
		p.next, p.err = p.core.advance(p.now)
	}
}

// sleep moves the time, with all that is due on the way.
func (p *pair) sleep(d time.Duration) {
	until := p.now.Add(d)
	for p.err == nil && !p.next.After(until) {
		p.now = p.next
		p.advance()
	}
	p.now = until
}

func (p *pair) deliverUp(i int) {
	payload := p.up[i]
	for _, m := range p.hub.receive(p.t, payload) {
		answer, err := protocol.Encode(m)
		require.NoError(p.t, err)
		p.down = append(p.down, answer)
	}
}

func (p *pair) deliverDown(i int) {
	if p.err == nil {
		p.err = p.core.receive(p.now, p.down[i])
		p.advance()
	}
}

// flow delivers everything, in order, until nothing is on its way.
func (p *pair) flow() {
	for len(p.up)+len(p.down) > 0 {
		for ; len(p.up) > 0; p.up = p.up[1:] {
			p.deliverUp(0)
		}
		for ; len(p.down) > 0; p.down = p.down[1:] {
			p.deliverDown(0)
		}
	}
}

func (p *pair) position(id protocol.LogID) protocol.Position {
	positions, err := p.log.Positions()
	require.NoError(p.t, err)
	return positions[id-1]
}

// sent decodes the batches that are on their way up.
func (p *pair) sent() (all []protocol.Batch) {
	for _, payload := range p.up {
		m, err := protocol.Decode(payload)
		require.NoError(p.t, err)
		if b, ok := m.(protocol.Batch); ok {
			all = append(all, b)
		}
	}
	return all
}

// values are what the hub has of a log of the present incarnation: one number a record, -1 for a gap.
func (p *pair) values(id protocol.LogID) (all []int) {
	for i, record := range p.hub.log(logKey{p.log.Incarnation(), id}).records {
		if record == nil {
			all = append(all, -1)
			continue
		}
		r, err := protocol.DecodeRecord(record)
		require.NoError(p.t, err)
		require.Equal(p.t, uint64(i)+1, r.Number)
		body, err := protocol.DecodeEvent(r.Kind, r.Body)
		require.NoError(p.t, err)
		switch body := body.(type) {
		case protocol.Alarm:
			all = append(all, int(body.MilliC))
		case protocol.Samples:
			all = append(all, int(body.Samples[0].MilliC))
		default:
			all = append(all, -2)
		}
	}
	return all
}

func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}
