// Package fakepay is a payment provider that moves no money: an HTTP server that speaks the protocol of package intents, for
// tests, for the demonstration and for trying things out. It can be slow, decline, time out, answer late or twice, and send its
// events late, twice and out of order. It keeps a ledger of its own, so that ours can be compared with it.
package fakepay

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"
)

// Config is how the provider behaves.
type Config struct {
	Key    string // that callers have to send
	Secret string // that events are signed with

	// WebhookURL is where events are sent; empty for nowhere. SetWebhook changes it.
	WebhookURL string
	Transport  http.RoundTripper // to get there; nil is the default

	// Slow is how long slow answers take; 0 is DefaultSlow. What answers late does so after four times as long.
	Slow time.Duration
	// File keeps what happened over a restart, a line a change; empty for memory only.
	File   string
	Logger *slog.Logger // nil is silent
	// Now is the time that events are signed at; nil is the machine's.
	Now func() time.Time
}

// DefaultSlow is how long slow answers take.
const DefaultSlow = 3 * time.Second

const (
	maxBody    = 64 << 10
	maxWaiting = 10_000 // events on their way; more are dropped, and whoever waits for one has to look
)

// Server is the provider. It may be used by several goroutines at once.
type Server struct {
	cfg  Config
	mux  *http.ServeMux
	http *http.Client
	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup // late effects and events on their way

	mu      sync.Mutex
	book    book
	file    *os.File
	random  *rand.Rand // nil: no fault but those that a token asks for
	perMill int        // of calls and events that go wrong
	waiting int
	webhook string
}

// New makes a provider. Close it.
func New(c Config) (*Server, error) {
	if c.Slow == 0 {
		c.Slow = DefaultSlow
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Server{cfg: c, http: &http.Client{Transport: c.Transport, Timeout: 10 * time.Second}, book: newBook(c.Now()), webhook: c.WebhookURL}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if err := s.open(); err != nil {
		return nil, err
	}
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("POST /v1/payment_intents", s.post(s.openIntent))
	s.mux.HandleFunc("POST /v1/payment_intents/{id}/confirm", s.post(s.confirm))
	s.mux.HandleFunc("POST /v1/payment_intents/{id}/capture", s.post(s.capture))
	s.mux.HandleFunc("POST /v1/payment_intents/{id}/cancel", s.post(s.cancel))
	s.mux.HandleFunc("POST /v1/refunds", s.post(s.refund))
	s.mux.HandleFunc("GET /v1/payment_intents/{id}", s.get(s.readIntent))
	s.mux.HandleFunc("GET /v1/refunds", s.get(s.readRefunds))
	s.mux.HandleFunc("GET /ledger", s.get(s.readLedger))
	return s, nil
}

// Close ends what is still on its way and waits for it.
func (s *Server) Close() error {
	s.stop()
	s.work.Wait()
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// SetFaults makes so many of a thousand calls and events go wrong in some way, as a seed decides; 0 ends that.
func (s *Server) SetFaults(perMill int, seed uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.perMill, s.random = perMill, rand.New(rand.NewPCG(seed, 0))
}

// SetWebhook says where events are sent from now on.
func (s *Server) SetWebhook(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhook = url
}

// ServeHTTP answers as the provider does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+s.cfg.Key)) != 1 {
		failure(http.StatusUnauthorized, "invalid_request_error", "api_key", "", "this is not the key").write(w)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// reply is an answer as it is kept under its idempotency key.
type reply struct {
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
}

func (a reply) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // whoever has gone learns it another way
}

func success(v any) reply {
	body, _ := json.Marshal(v) // strings and numbers
	return reply{http.StatusOK, body}
}

func failure(status int, kind, code, decline, message string) reply {
	body, _ := json.Marshal(map[string]any{"error": map[string]string{"type": kind, "code": code, "decline_code": decline, "message": message}})
	return reply{status, body}
}

// effect does what a call asks, under the lock, and says what the answer is.
type effect func(id string, form url.Values) reply

// get answers a call that changes nothing.
func (s *Server) get(read func(r *http.Request) reply) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f := s.draw(readFaults)
		if f.is("busy") {
			failure(http.StatusInternalServerError, "api_error", "", "", "busy").write(w)
			return
		}
		s.mu.Lock()
		answer := read(r)
		s.mu.Unlock()
		s.deliver(w, r, f, answer)
	}
}

// post answers a call that changes something: once for each idempotency key.
func (s *Server) post(do effect) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		form, bad := url.ParseQuery(string(body))
		key := r.Header.Get("Idempotency-Key")
		if err != nil || bad != nil || key == "" || len(key) > 255 {
			failure(http.StatusBadRequest, "invalid_request_error", "parameter_invalid", "", "want a form and an Idempotency-Key").write(w)
			return
		}
		hash := sha256.Sum256([]byte(r.URL.Path + "\n" + string(body)))
		id := r.PathValue("id")
		before, wait := s.reserve(key, hex.EncodeToString(hash[:]))
		if before != nil {
			s.deliver(w, r, s.draw(answerFaults), *before)
			return
		}
		if wait {
			failure(http.StatusConflict, "idempotency_error", "idempotency_key_in_use", "", "another call with this key is being worked on").write(w)
			return
		}
		s.fresh(w, r, do, id, key, form)
	}
}

// fresh is a call that came for the first time.
func (s *Server) fresh(w http.ResponseWriter, r *http.Request, do effect, id, key string, form url.Values) {
	f := s.faultOf(r, id, form)
	switch {
	case f.is("busy"), f.is("limit"):
		s.release(key)
		answer := failure(http.StatusInternalServerError, "api_error", "", "", "busy")
		if f.is("limit") {
			answer = failure(http.StatusTooManyRequests, "invalid_request_error", "rate_limit", "", "too many calls")
		}
		answer.write(w)
		return
	case f.is("late"): // the caller hears nothing, and later it is done
		s.later(4*s.cfg.Slow, func() { s.apply(do, id, key, form) })
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	s.deliver(w, r, f, s.apply(do, id, key, form))
}

// apply does it and keeps the answer under the key.
func (s *Server) apply(do effect, id, key string, form url.Values) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := do(id, form)
	k := s.book.keys[key]
	k.Reply = &answer
	s.write(record{Key: k})
	return answer
}

// deliver answers in the way that a fault asks for.
func (s *Server) deliver(w http.ResponseWriter, r *http.Request, f fault, answer reply) {
	switch {
	case f.is("slow"):
		s.sleep(r.Context(), s.cfg.Slow)
	case f.is("timeout"):
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case f.is("cut"):
		panic(http.ErrAbortHandler) // the connection breaks
	case f.is("error"):
		answer = failure(http.StatusInternalServerError, "api_error", "", "", "it may have been done")
	}
	answer.write(w)
}

func (s *Server) sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-s.ctx.Done():
	case <-t.C:
	}
}

// later does something after a while, unless the provider is closed before.
func (s *Server) later(d time.Duration, do func()) {
	s.work.Go(func() {
		s.sleep(s.ctx, d)
		if s.ctx.Err() == nil {
			do()
		}
	})
}

// reserve takes an idempotency key. It gives the answer of before, or says that another call is working under it.
func (s *Server) reserve(key, hash string) (before *reply, wait bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.book.keys[key]
	switch {
	case k == nil:
		s.book.keys[key] = &kept{Key: key, Hash: hash}
		return nil, false
	case k.Hash != hash:
		other := failure(http.StatusBadRequest, "idempotency_error", "idempotency_key_reused", "", "this key was used for another call")
		return &other, false
	}
	return k.Reply, k.Reply == nil
}

func (s *Server) release(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.book.keys, key)
}

func (s *Server) readIntent(r *http.Request) reply {
	i := s.book.intents[r.PathValue("id")]
	if i == nil {
		return missing(r.PathValue("id"))
	}
	return success(i)
}

func (s *Server) readRefunds(r *http.Request) reply {
	list := []*refund{}
	for _, re := range s.book.refunds {
		if re.PaymentIntent == r.URL.Query().Get("payment_intent") {
			list = append(list, re)
		}
	}
	return success(map[string]any{"object": "list", "data": list, "has_more": false})
}

func (s *Server) readLedger(*http.Request) reply { return success(s.book.ledger()) }

func missing(id string) reply {
	return failure(http.StatusNotFound, "invalid_request_error", "resource_missing", "", "no such thing: "+strconv.Quote(id[:min(len(id), 64)]))
}

// Ledger is what the provider knows of all payments.
func (s *Server) Ledger() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.ledger()
}

// LoseReserved closes an order's payment without being asked, as a bank does that takes its word back. It says whether there was
// one that could be.
func (s *Server) LoseReserved(orderID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.book.intents {
		if i.Metadata[metaOrder] == orderID && i.Status == "requires_capture" {
			i.Status, i.Capturable = "canceled", 0
			s.changed(i, "payment_intent.canceled")
			return true
		}
	}
	return false
}

func (s *Server) String() string { return fmt.Sprintf("fake provider, %d payments", len(s.Ledger())) }
