package link

import (
	"context"
	"slices"
	"sync"
	"time"

	"meguri/hub/store"
	"meguri/protocol"
)

// Pace of the outbox, in the machine's own time.
const (
	lookEvery   = time.Second           // also when nobody wakes it: another process may have written
	lookAtMost  = 20 * time.Millisecond // apart
	resendAfter = 3 * time.Second       // what is owed and was sent
	owedAtOnce  = 100                   // devices whose plans and commands are read in one transaction
)

// outbox remembers when something that is owed was sent last. What is owed stands in the database, so that a restart needs
// nothing.
type outbox struct {
	mu   sync.Mutex
	sent map[store.Owed]time.Time
}

// owedOf names a plan or command of a device; false for other messages.
func owedOf(device string, m protocol.Message) (store.Owed, bool) {
	switch m := m.(type) {
	case protocol.Manifest:
		return store.Owed{Device: device, Plan: m.Plan}, true
	case protocol.Command:
		return store.Owed{Device: device, Command: m.ID}, true
	}
	return store.Owed{}, false
}

func (o *outbox) note(device string, m protocol.Message, now time.Time) {
	if what, ok := owedOf(device, m); ok {
		o.mu.Lock()
		o.sent[what] = now
		o.mu.Unlock()
	}
}

// due says whether to send now, and notes it.
func (o *outbox) due(what store.Owed, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if last, ok := o.sent[what]; ok && now.Sub(last) < resendAfter {
		return false
	}
	o.sent[what] = now
	return true
}

// forget drops what was sent long ago: it is answered, or due anyway.
func (o *outbox) forget(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for what, at := range o.sent {
		if now.Sub(at) >= resendAfter {
			delete(o.sent, what)
		}
	}
}

// sendOwed sends plans and commands until their devices answer.
func (s *Server) sendOwed(ctx context.Context) {
	every := s.config.Look
	if every <= 0 {
		every = lookEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	rest := lookAtMost
	for {
		timely := false
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			timely = true
		case <-s.config.Wake:
			wait(ctx, rest)
		}
		start := time.Now()
		err := s.lookOnce(ctx)
		if err == nil && timely {
			err = s.housekeep(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.config.Logger.Warn("cannot look after what is owed to devices", "error", err)
		}
		rest = max(lookAtMost, 10*time.Since(start)) // where much is owed, looking costs
	}
}

// lookOnce sends what is due.
func (s *Server) lookOnce(ctx context.Context) error {
	r := s.config.Receiver
	var all []store.Owed
	err := r.config.Store.Read(ctx, func(tx *store.Tx) (err error) {
		all, err = tx.Owed(ctx)
		return err
	})
	if err != nil {
		return err
	}
	now := time.Now()
	asked := map[string]bool{}
	var devices []*message
	for _, what := range all {
		if s.outbox.due(what, now) && !asked[what.Device] {
			asked[what.Device] = true
			devices = append(devices, &message{device: what.Device})
		}
	}
	for chunk := range slices.Chunk(devices, owedAtOnce) {
		r.addOwed(ctx, chunk)
		for _, d := range chunk {
			for _, msg := range d.answers {
				s.send(d.device, msg)
				s.outbox.note(d.device, msg, now)
			}
		}
	}
	return nil
}

// housekeep forgets what is over, tells of floods, and ends commands that no answer will come to.
func (s *Server) housekeep(ctx context.Context) error {
	s.outbox.forget(time.Now())
	s.credit.forget(time.Now())
	if err := s.noteFloods(ctx); err != nil {
		return err
	}
	return s.config.Receiver.ExpireCommands(ctx)
}
