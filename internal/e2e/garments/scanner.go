package garments

import (
	"fmt"
	"time"

	"meguri/edge/phrase"
	"meguri/edge/warehouse"
	"meguri/hub/link"
	"meguri/hub/plan"
	"meguri/internal/gs1"
	"meguri/protocol"
)

func badgeOf(n int) string { return fmt.Sprintf("op-%02d", n) }

// scanner is one handheld with its real rules, in somebody's hand.
type scanner struct {
	w       *world
	n       int
	state   warehouse.State
	book    *warehouse.Book
	now     time.Time // true
	off     time.Duration
	offline bool
	number  uint64
	queue   []link.Event
	heard   int64 // Unix ms by its own clock until which the hub has heard everything
	scans   int
}

// within is how far off a scanner's clock may be, as it says itself.
func (s *scanner) within() time.Duration { return time.Second + s.off.Abs() }

func label(ai gs1.AI, value string) string { return gs1.Format(gs1.Element{AI: ai, Value: value}) }
func menu(value string) string             { return label(gs1.Menu, value) }

// lists gives a scanner that has a network what the hub knows now.
func (s *scanner) lists(l *warehouse.Lists) {
	b := warehouse.Open(l)
	if s.book != nil {
		parts, bags := b.Carry(s.book, s.state, func(at int64) bool { return at <= s.heard })
		b.Take(parts...)
		b.TakeBags(bags...)
	}
	s.book = b
}

// scan scans a code and takes over what comes of it.
func (s *scanner) scan(code string) warehouse.Verdict {
	s.now = s.now.Add(time.Duration(2+s.w.random.IntN(5)) * time.Second)
	s.scans++
	at := s.now.Add(s.off)
	v := warehouse.Scan(s.state, s.book, code, at)
	s.book.Take(s.book.Stage(v.Changes)...)
	if len(v.Bags) > 0 {
		s.book.TakeBags(s.book.StageBags(v.Bags)...)
	}
	s.state = v.State
	for _, b := range v.Records {
		s.number++
		s.queue = append(s.queue, link.Event{Device: fmt.Sprintf("scanner-%d", s.n), Place: house, Role: plan.RoleScanner, Incarnation: protocol.Incarnation{1},
			Number: s.number, At: at, Within: s.within(), Received: at, Body: b})
	}
	return v
}

// do scans something; sometimes twice, as people do who did not hear the beep.
func (s *scanner) do(code string) warehouse.Verdict {
	v := s.scan(code)
	if s.w.chance(s.w.Twice) {
		s.scan(code)
	}
	if v.Is == protocol.VerdictRefuse {
		s.seen()
	}
	return v
}

// seen confirms what the display says until it says no more.
func (s *scanner) seen() {
	for n := 0; len(s.state.Held) > 0 && n < 100; n++ {
		s.scan(menu(warehouse.MenuOK))
	}
}

// close closes the bag that is open, and says a second time that nothing is left in it.
func (s *scanner) close() {
	if v := s.do(menu(warehouse.MenuClose)); v.Line.Key == phrase.BagMissing {
		s.do(menu(warehouse.MenuClose))
	}
	s.seen()
}

// begin signs the person on and chooses a step.
func (s *scanner) begin(step protocol.Step) {
	s.seen()
	s.scan(label(gs1.Badge, badgeOf(s.n))) // whoever was away is signed off
	for _, w := range s.book.Plan.Stations {
		if w.Step != step {
			continue
		}
		s.scan(menu(w.Code))
		s.seen()
		if s.state.Step != step { // a bag or an inspection is open
			s.close()
			s.scan(menu(w.Code))
			s.seen()
		}
	}
}

// upload hands over what the hub has not heard, when there is a network.
func (s *scanner) upload(h *hub) error {
	if s.offline || len(s.queue) == 0 {
		return nil
	}
	all := s.queue
	s.queue = nil
	for n := range all {
		all[n].Received = s.now
	}
	s.heard = s.now.Add(s.off).UnixMilli()
	return h.take(all)
}
