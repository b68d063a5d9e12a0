package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"meguri/hub/store"
	"meguri/protocol"
)

// ServerConfig is what a Server needs. Wake may be nil.
type ServerConfig struct {
	Receiver *Receiver
	// Send carries a payload to a device, or loses it. It is called from several goroutines and must not wait for the device.
	Send   func(device string, payload []byte)
	Wake   <-chan struct{} // something new may be owed to devices
	Look   time.Duration   // how often to look for what is owed when nobody wakes it; 0 is a second
	Logger *slog.Logger
}

// Server is the hub's end of all devices, on any wire: it queues what they say, hands it to a Receiver and sends the answers,
// and whatever else is owed to devices. The wire calls Receiver.Listen before the first message, and after it was cut.
type Server struct {
	config ServerConfig
	queue  *queue
	credit *credit
	outbox outbox
	stats  ServerStats
	take   func(context.Context, []*message) // the Receiver's; another one in tests
	broken atomic.Bool                       // the last message failed: said once
	logged atomic.Int64                      // when a device that may not speak was named in the log, Unix nanoseconds

	mu      sync.Mutex
	dropped map[string]int // messages in the last second, by device
}

// ServerStats counts what passed.
type ServerStats struct {
	Received atomic.Int64 // messages from devices
	Dropped  atomic.Int64 // of them, for want of room
	Sent     atomic.Int64
}

// NewServer makes a server; Run does the work.
func NewServer(c ServerConfig) *Server {
	return &Server{config: c, queue: newQueue(), credit: newCredit(), outbox: outbox{sent: map[store.Owed]time.Time{}},
		take: c.Receiver.take, dropped: map[string]int{}}
}

// Stats gives the live counters.
func (s *Server) Stats() *ServerStats { return &s.stats }

// Run handles messages and sends what is owed until ctx ends, then returns its error.
func (s *Server) Run(ctx context.Context) error {
	var all sync.WaitGroup
	// One writes a group; the other reads the messages of the next one meanwhile.
	for range 2 {
		all.Go(func() { s.work(ctx) })
	}
	all.Go(func() { s.sendOwed(ctx) })
	all.Wait()
	return ctx.Err()
}

// Receive takes a message of a device and never waits; false when it is dropped for want of room: the device says it again.
func (s *Server) Receive(device string, payload []byte) bool {
	s.stats.Received.Add(1)
	if s.queue.put(device, payload) {
		return true
	}
	s.stats.Dropped.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.dropped) < mostDroppers || s.dropped[device] > 0 {
		s.dropped[device]++
	}
	return false
}

// Devices whose messages are dropped for want of room.
const (
	mostDroppers = 1000 // that are remembered
	floodDrops   = 50   // in about a second are more than a device can mean
)

// noteFloods asks a person to look after devices that flood.
func (s *Server) noteFloods(ctx context.Context) error {
	s.mu.Lock()
	dropped := s.dropped
	s.dropped = map[string]int{}
	s.mu.Unlock()
	r := s.config.Receiver
	for device, n := range dropped {
		if n < floodDrops {
			continue
		}
		err := r.config.Store.Change(ctx, func(tx *store.Tx) error {
			if _, err := r.device(ctx, tx, device); err != nil {
				return err
			}
			return misbehaves(ctx, tx, device, fmt.Sprintf("it sends more than it may: %d messages dropped in a second", n), r.config.Clock.Now())
		})
		if err != nil && !errors.Is(err, ErrNotTaken) {
			return err
		}
	}
	return nil
}

// work takes what waits, handles it in one transaction, and answers.
func (s *Server) work(ctx context.Context) {
	for {
		room := s.credit.bytes()
		items, err := s.queue.take(ctx, room)
		if err != nil {
			return
		}
		s.handle(ctx, items, room)
		s.queue.done(items)
	}
}

func (s *Server) handle(ctx context.Context, items []item, room int) {
	defer func() {
		if p := recover(); p != nil { // a fault of ours costs these messages, not the hub
			s.config.Logger.Error("panic while handling messages", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	began := time.Now()
	s.credit.begin(began)
	messages := make([]*message, len(items))
	records := 0
	defer func() { s.credit.end(time.Now(), len(items), records, room <= 0) }()
	for i, it := range items {
		messages[i] = newMessage(it.key.device, it.payload)
		room -= len(it.payload)
		if b, ok := messages[i].decoded.(protocol.Batch); ok {
			records += len(b.Records)
		}
	}
	s.take(ctx, messages)
	now := time.Now()
	for _, m := range messages {
		s.note(ctx, m)
		for _, a := range m.answers {
			s.send(m.device, s.withCredit(now, m, a))
			s.outbox.note(m.device, a, now)
		}
	}
}

// withCredit says in an answer how much may come next.
func (s *Server) withCredit(now time.Time, m *message, answer protocol.Message) protocol.Message {
	switch said := m.decoded.(type) {
	case protocol.Hello:
		if w, ok := answer.(protocol.Welcome); ok {
			return s.credit.welcome(now, m.device, said, w)
		}
	case protocol.Batch:
		if a, ok := answer.(protocol.Ack); ok {
			return s.credit.ack(now, m.device, said, a, s.queue.waitingHellos())
		}
	}
	return answer
}

// note says once in the log that messages fail, and that they do no more.
func (s *Server) note(ctx context.Context, m *message) {
	switch {
	case errors.Is(m.err, ErrNotTaken):
		s.notTaken(m.device, m.err)
	case m.err != nil && ctx.Err() == nil:
		if !s.broken.Swap(true) {
			s.config.Logger.Error("messages of devices fail, and are taken again later", "device", m.device, "error", m.err)
		}
	case m.err == nil && s.broken.Load() && s.broken.Swap(false):
		s.config.Logger.Info("messages of devices are taken again")
	}
}

// notTaken names devices that may not speak, once a second at most: a broker that is not ours may let them.
func (s *Server) notTaken(device string, err error) {
	now, last := time.Now().UnixNano(), s.logged.Load()
	if now-last >= int64(time.Second) && s.logged.CompareAndSwap(last, now) {
		s.config.Logger.Warn("message not taken", "device", device, "error", err)
	}
}

func (s *Server) send(device string, msg protocol.Message) {
	payload, err := protocol.Encode(msg)
	if err != nil {
		s.config.Logger.Error("cannot encode a message", "device", device, "error", err)
		return
	}
	s.config.Send(device, payload)
	s.stats.Sent.Add(1)
}
