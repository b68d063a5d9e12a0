package link

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"log/slog"
	"time"

	edgelog "meguri/edge/log"
	"meguri/protocol"
)

// Times are real time: round trips do not get shorter when a demonstration's clock runs faster.
const (
	answerAfter = 2 * time.Second  // how long to wait for an answer before saying it again; doubles up to
	answerMost  = 60 * time.Second // this
	helloEvery  = 30 * time.Minute // how often to say hello on a quiet connection: a restored hub may ask for older records, and the clock is told the time
	maxWait     = 5 * time.Minute  // longest pause that the hub may ask for
)

// packing is the revision of the protocol from which on batches may be packed.
const packing = 2

// errRenewed ends a connection whose will and hello name an incarnation that is no longer ours.
var errRenewed = errors.New("log was forked and has a new incarnation")

// core is the protocol on one connection, without a wire and without a clock: advance sends what is due and says when to
// be called next, receive takes what came. HTTPS carries the same messages.
type core struct {
	config  Config
	logger  *slog.Logger
	send    func(protocol.Message) error
	session uint64

	// The last hello, and how long to wait for its welcome. nonce is 0 when none is awaited.
	nonce     uint64
	helloAt   time.Time
	helloWait time.Duration
	asked     func() time.Duration // how long ago the last hello was, by Config.Clock

	welcomed bool // on this connection
	packs    bool // the hub unpacks batches
	epoch    uint64
	verdict  protocol.Verdict
	streams  []*stream // events first
	fetch    *fetch
	failed   failedPlan
}

func newCore(c Config, session uint64, send func(protocol.Message) error) *core {
	return &core{config: c, logger: c.Logger, send: send, session: session, helloWait: answerAfter,
		streams: []*stream{newStream(protocol.Events), newStream(protocol.Readings)}}
}

// finish deletes what the hub has called safe and is still held, when the connection ends.
func (c *core) finish() error {
	var all error
	for _, s := range c.streams {
		all = errors.Join(all, c.deleteSafe(s))
	}
	return all
}

// advance sends what is due at now, and gives the time at which it should be called again if nothing happens before.
func (c *core) advance(now time.Time) (time.Time, error) {
	if c.helloDue(now) {
		if err := c.hello(now); err != nil {
			return now, err
		}
	}
	next := c.helloAt.Add(helloEvery)
	if c.nonce != 0 {
		next = c.helloAt.Add(c.helloWait)
	}
	if !c.welcomed {
		return next, nil
	}
	positions, err := c.config.Log.Positions()
	if err != nil {
		return now, err
	}
	busy := false // an earlier log still has something to send
	for i, s := range c.streams {
		at, err := c.advanceStream(s, now, positions[i], busy)
		if err != nil {
			return now, err
		}
		next = earlier(next, at)
		busy = busy || s.next < positions[i].Next
	}
	at, err := c.advanceFetch(now)
	if c.helloAt.IsZero() {
		return now, err
	}
	return earlier(next, at), err
}

// earlier gives the earlier of two times; the zero time is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (c *core) helloDue(now time.Time) bool {
	switch {
	case c.helloAt.IsZero():
		return true
	case c.nonce != 0:
		if now.Before(c.helloAt.Add(c.helloWait)) {
			return false
		}
		c.helloWait = min(2*c.helloWait, answerMost)
		return true
	}
	return !now.Before(c.helloAt.Add(helloEvery))
}

// hello says hello with a fresh nonce. Until its welcome comes, what the last welcome said stays in force.
func (c *core) hello(now time.Time) error {
	log := c.config.Log
	positions, err := log.Positions()
	if err != nil {
		return err
	}
	for i, s := range c.streams {
		s.told = positions[i].First
	}
	c.nonce, c.helloAt, c.asked = newNonce(), now, c.config.Clock.Stopwatch()
	return c.send(protocol.Hello{
		Incarnation: log.Incarnation(), Boot: log.Boot(), Session: c.session, Nonce: c.nonce, Software: c.config.Software,
		Logs: positions, Plan: c.config.PlanVersion(), CommandCounter: c.config.CommandCounter(), Parent: log.Parent(),
		Revision: protocol.Revision,
	})
}

// sayHelloAgain makes the next advance say hello, unless one is on its way.
func (c *core) sayHelloAgain() {
	if c.nonce == 0 {
		c.helloAt = time.Time{}
	}
}

// newNonce is never 0, and fits what a database holds.
func newNonce() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, crypto/rand
	return binary.BigEndian.Uint64(b[:])>>2 | 1
}

// receive takes one payload from the hub. What cannot be read or is not for this incarnation is noted and dropped.
func (c *core) receive(now time.Time, payload []byte) error {
	m, err := protocol.Decode(payload)
	if err != nil {
		c.logger.Warn("message from the hub cannot be read", "error", err)
		return nil
	}
	if w, ok := m.(protocol.Welcome); ok {
		return c.welcome(now, w)
	}
	if !c.welcomed {
		return nil // from before this connection
	}
	switch m := m.(type) {
	case protocol.Ack:
		return c.ack(now, m)
	case protocol.Manifest:
		c.manifest(now, m)
	case protocol.Part:
		c.part(now, m)
	case protocol.Command:
		if c.verdict == protocol.Current && m.Incarnation == c.config.Log.Incarnation() {
			c.config.Agent.Command(m)
		}
	default:
		c.logger.Warn("message is not one that a hub sends", "message", m)
	}
	return nil
}

// welcome starts sending where the hub expects it, which may be further back than before: only here.
func (c *core) welcome(now time.Time, w protocol.Welcome) error {
	if c.nonce == 0 || w.Nonce != c.nonce || w.Incarnation != c.config.Log.Incarnation() {
		return nil
	}
	c.nonce, c.helloWait = 0, answerAfter
	if w.Verdict == protocol.Forked {
		return c.renew("the hub knows another branch of it")
	}
	positions, err := c.config.Log.Positions()
	if err != nil {
		return err
	}
	for i, s := range c.streams {
		next, wait := uint64(1), uint32(0)
		for _, e := range w.Expect {
			if e.Log == s.log {
				next, wait = max(1, e.Next), e.WaitMS
			}
		}
		if next > positions[i].Next {
			// Records that this storage never wrote, or has forgotten: it was put back from an older image.
			return c.renew("the hub has records of it that are not here")
		}
		s.start(now, next, w.Window, wait)
		if !c.welcomed {
			s.lingerAt = now // what has waited for the connection has waited enough
		}
	}
	c.welcomed, c.epoch, c.verdict, c.packs = true, w.Epoch, w.Verdict, w.Revision >= packing
	c.logger.Info("welcomed", "incarnation", w.Incarnation, "verdict", w.Verdict,
		"hub ahead by", time.UnixMilli(w.HubTime).Sub(c.config.Clock.Now()).Round(time.Second))
	c.tellTime(w.HubTime)
	if c.verdict == protocol.Current {
		c.config.Agent.Planned(w.Plan, time.UnixMilli(w.HubTime).UTC())
	}
	return nil
}

// tellTime tells the hub's time as a welcome has it: it was written between the hello and now. Acknowledgements tell no time, for
// to which of several sendings one is the answer is not known, and there is a welcome every helloEvery.
func (c *core) tellTime(ms int64) {
	if ms > 0 {
		c.config.Agent.HubTime(time.UnixMilli(ms).UTC(), c.asked)
	}
}

// renew draws a new incarnation, and ends the connection: its will names the old one.
func (c *core) renew(why string) error {
	old := c.config.Log.Incarnation()
	if err := c.config.Log.Renew(); err != nil {
		return err
	}
	for _, s := range c.streams {
		s.safe, s.deleteAt = 0, time.Time{} // those were numbers of the old one
	}
	c.logger.Error("log is forked", "incarnation", old, "now", c.config.Log.Incarnation(), "why", why)
	return errRenewed
}

// ack moves a stream forward. Acknowledgements of another epoch or incarnation say nothing about this log; one of another
// epoch says that the hub was started again.
func (c *core) ack(now time.Time, a protocol.Ack) error {
	if a.Incarnation != c.config.Log.Incarnation() {
		return nil
	}
	if a.Epoch != c.epoch {
		c.sayHelloAgain()
		return nil
	}
	positions, err := c.config.Log.Positions()
	if err != nil {
		return err
	}
	for i, s := range c.streams {
		if s.log != a.Log {
			continue
		}
		same, known, err := c.compare(a, positions[i])
		switch {
		case err != nil:
			return err
		case a.Verdict == protocol.Forked && !same:
			return c.renew("the hub knows another branch of it")
		case a.Verdict == protocol.Forked:
			return nil // it is another one's records that do not fit
		case known && !same:
			return c.renew("the hub has other records of it")
		case a.Applied >= positions[i].Next:
			c.logger.Warn("acknowledgement of records that do not exist", "log", a.Log, "applied", a.Applied)
			return nil
		}
		c.verdict = a.Verdict
		s.acked(now, a)
		if s.safe >= positions[i].First+deleteAtOnce {
			return c.deleteSafe(s)
		}
	}
	return nil
}

// compare says whether an acknowledgement is of the very records that are here, when that can be known. That of another branch,
// of a cloned card for example, may come by the same way, and must delete nothing: the hub has never seen what is here.
func (c *core) compare(a protocol.Ack, p protocol.Position) (same, known bool, err error) {
	switch {
	case a.Hash == (protocol.Hash{}) || a.Applied+1 < p.First || a.Applied >= p.Next:
		return false, false, nil // of an older hub, of what was deleted, or of what was never here
	case a.Applied+1 == p.First:
		return a.Hash == p.Before, true, nil
	}
	b, err := c.config.Log.Read(a.Log, a.Applied, 1, batchBytes)
	if errors.As(err, new(*edgelog.DamagedError)) {
		return false, false, nil
	}
	if err != nil || len(b.Records) == 0 || b.First != a.Applied {
		return false, false, err // thinned away meanwhile
	}
	return a.Hash == b.Before.Next(b.Records[0]), true, nil
}

// deleteSafe deletes what the hub has called safe.
func (c *core) deleteSafe(s *stream) error {
	s.deleteAt = time.Time{}
	if s.safe == 0 {
		return nil
	}
	safe := s.safe
	s.safe = 0
	err := c.config.Log.DeleteUpTo(s.log, safe)
	if errors.Is(err, edgelog.ErrFull) {
		// Deleting needs a page or two. The room comes back when somebody else gives some up.
		c.logger.Warn("no room to delete", "error", err)
		return nil
	}
	return err
}
