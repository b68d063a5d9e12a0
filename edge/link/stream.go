package link

import (
	"errors"
	"time"

	edgelog "meguri/edge/log"
	"meguri/protocol"
)

// Bounds of sending.
const (
	batchRecords = 500
	batchBytes   = 64 << 10
	maxWindow    = 64 // batches in flight, whatever the hub allows
	helloAfter   = 3  // how many times to repeat batches before asking the hub again what it expects

	// What is recorded together, as an unlocking and the door that it opens, is one message.
	gather = 2 * time.Millisecond

	// Readings wait for company, so that a fleet's samples are few messages; events never do, and take readings along.
	shortLinger   = 500 * time.Millisecond
	lingerRecords = 50

	// Deleting is a transaction of its own. It waits for more, to spare the flash memory.
	deleteAfter  = time.Second
	deleteAtOnce = 2000
)

// stream sends one log.
type stream struct {
	log     protocol.LogID
	applied uint64 // the hub has everything up to here
	next    uint64 // number to send next
	told    uint64 // first held number, as the last hello told

	inFlight   []uint64 // last number of each batch that is not acknowledged
	window     int      // how many that may be
	notBefore  time.Time
	resendAt   time.Time // when something is in flight
	resendWait time.Duration
	repeated   int // times since the hub last moved on

	lingerAt time.Time // until when readings wait
	safe     uint64    // up to which to delete, 0 for nothing
	deleteAt time.Time
}

func newStream(l protocol.LogID) *stream { return &stream{log: l, resendWait: answerAfter, window: 1} }

// start sends from a number on, when the hub allows.
func (s *stream) start(now time.Time, next uint64, window, waitMS uint32) {
	s.applied, s.next, s.inFlight = next-1, next, nil
	s.window = bound(window)
	s.notBefore, s.resendAt = notBefore(now, waitMS), time.Time{}
	s.resendWait, s.repeated = answerAfter, 0
}

// bound keeps a window in bounds. With none at all nothing would ever be acknowledged again.
func bound(window uint32) int { return int(min(max(window, 1), maxWindow)) }

// acked takes an acknowledgement of what was sent.
func (s *stream) acked(now time.Time, a protocol.Ack) {
	s.window = bound(a.Window)
	s.notBefore = notBefore(now, a.WaitMS)
	if a.Applied > s.applied {
		s.applied, s.next = a.Applied, max(s.next, a.Applied+1)
		for len(s.inFlight) > 0 && s.inFlight[0] <= a.Applied {
			s.inFlight = s.inFlight[1:]
		}
		s.resendWait, s.repeated = answerAfter, 0
	}
	s.resendAt = s.resendTime(now)
	if safe := min(a.Safe, a.Applied); safe > s.safe {
		s.safe = safe
		if s.deleteAt.IsZero() {
			s.deleteAt = now.Add(deleteAfter)
		}
	}
}

// notBefore is the end of a pause that the hub asks for.
func notBefore(now time.Time, waitMS uint32) time.Time {
	return now.Add(min(time.Duration(waitMS)*time.Millisecond, maxWait))
}

func (s *stream) resendTime(now time.Time) time.Time {
	if s.notBefore.After(now) {
		now = s.notBefore
	}
	return now.Add(s.resendWait)
}

// advanceStream deletes and sends what is due. Readings wait while events have something to send.
func (c *core) advanceStream(s *stream, now time.Time, p protocol.Position, wait bool) (time.Time, error) {
	if !s.deleteAt.IsZero() && !now.Before(s.deleteAt) {
		if err := c.deleteSafe(s); err != nil {
			return now, err
		}
	}
	if len(s.inFlight) > 0 && !now.Before(s.resendAt) {
		c.repeat(s)
	}
	if p.First > s.applied+1 && p.First > s.told {
		// What the hub expects was thinned away since the hello; it has to be told before it can accept what follows.
		c.sayHelloAgain()
		return s.deleteAt, nil
	}
	s.next = max(s.next, p.First) // what is deleted or thinned away cannot be sent, and the hub has been told
	if !wait {
		if err := c.fill(s, now, p); err != nil {
			return now, err
		}
	}
	return s.wake(now, p, wait), nil
}

// repeat goes back to what the hub has.
func (c *core) repeat(s *stream) {
	s.next, s.inFlight = s.applied+1, nil
	s.resendWait = min(2*s.resendWait, answerMost)
	if s.repeated++; s.repeated%helloAfter == 0 {
		c.sayHelloAgain()
	}
}

// pack packs a batch for a hub that knows how to unpack it. A failure to is none to send: the batch goes as it is.
func (c *core) pack(b protocol.Batch) protocol.Batch {
	if c.packs {
		if packed, err := b.Pack(); err == nil {
			return packed
		}
	}
	return b
}

// fill sends batches while the window has room.
func (c *core) fill(s *stream, now time.Time, p protocol.Position) error {
	for s.next < p.Next && len(s.inFlight) < s.window && !now.Before(s.notBefore) {
		if c.lingers(s, now, p) {
			return nil
		}
		b, err := c.read(s)
		if err != nil || len(b.Records) == 0 {
			return err
		}
		if err := c.send(c.pack(b)); err != nil {
			return err
		}
		if len(s.inFlight) == 0 {
			s.resendAt = s.resendTime(now)
		}
		s.next = b.First + uint64(len(b.Records))
		s.inFlight = append(s.inFlight, s.next-1)
		if s.log == protocol.Events {
			c.streams[1].lingerAt = now // what was measured then is looked at now
		}
	}
	if s.next >= p.Next {
		s.lingerAt = time.Time{}
	}
	return nil
}

// lingers says whether readings wait for more of them.
func (c *core) lingers(s *stream, now time.Time, p protocol.Position) bool {
	if s.log != protocol.Readings || p.Next-s.next >= lingerRecords {
		return false
	}
	if s.lingerAt.IsZero() {
		s.lingerAt = now.Add(c.config.Linger)
	}
	return now.Before(s.lingerAt)
}

// read gives the next batch. A damaged record is set aside first: what comes after it must not wait for ever.
func (c *core) read(s *stream) (protocol.Batch, error) {
	b, err := c.config.Log.Read(s.log, s.next, batchRecords, batchBytes)
	var damaged *edgelog.DamagedError
	if !errors.As(err, &damaged) {
		return b, err
	}
	c.logger.Error("record is damaged and set aside", "log", damaged.Log, "number", damaged.Number)
	if err := c.config.Log.SetAside(damaged.Log, damaged.Number); err != nil {
		return b, err
	}
	return c.config.Log.Read(s.log, s.next, batchRecords, batchBytes)
}

// wake gives when the stream has something to do without anything happening.
func (s *stream) wake(now time.Time, p protocol.Position, wait bool) time.Time {
	at := s.deleteAt
	if len(s.inFlight) > 0 {
		at = earlier(at, s.resendAt)
	}
	if wait || s.next >= p.Next || len(s.inFlight) >= s.window {
		return at
	}
	if s.notBefore.After(now) {
		return earlier(at, s.notBefore)
	}
	return earlier(at, s.lingerAt)
}
