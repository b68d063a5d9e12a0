package fakepay

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"meguri/hub/payment/intents"
)

// Prefix begins the tokens of payment methods. The words after it, with '_' between, say what happens:
//
//	ok         nothing unusual
//	declined   the card is declined; funds: for want of money; action: the customer would have to prove who they are
//	slow       the answer takes Slow
//	timeout    it is done, and nobody is told
//	late       nobody is told, and it is done after four times Slow
//	cut        it is done, and the connection breaks before the answer
//	error      it is done, and the answer is 500
//	busy       the answer is 500, and it was not done; limit: 429
//	lost       the bank takes its word back: capturing is refused and the intent closed
//	norefund   refunds fail
//	twice      every event is sent twice; latehook: late; nohook: not at all
//
// Trouble with answers is had once for each intent, when its money is to be reserved.
const Prefix = "pm_fake_"

// fault is what goes wrong with one call.
type fault []string

func (f fault) is(word string) bool { return slices.Contains(f, word) }

var (
	readFaults   = []string{"slow", "timeout", "cut", "busy"}
	answerFaults = []string{"slow", "timeout", "cut", "error"}
	callFaults   = []string{"slow", "timeout", "cut", "error", "busy", "limit", "late"}
)

// tokenWords are the words of a token of ours, nil for any other.
func tokenWords(method string) []string {
	rest, ok := strings.CutPrefix(method, Prefix)
	if !ok || rest == "" {
		return nil
	}
	return strings.Split(rest, "_")
}

// draw decides by the seed whether something goes wrong.
func (s *Server) draw(of []string) fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drawLocked(of)
}

func (s *Server) drawLocked(of []string) fault {
	if s.random == nil || s.random.IntN(1000) >= s.perMill {
		return nil
	}
	return fault{of[s.random.IntN(len(of))]}
}

// faultOf is what goes wrong with a call: what the token asks for when money is to be reserved, else what the seed decides.
func (s *Server) faultOf(r *http.Request, id string, form url.Values) fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.book.intents[id]
	if i == nil || !strings.HasSuffix(r.URL.Path, "/confirm") || i.Tried {
		return s.drawLocked(callFaults)
	}
	i.Tried = true
	var f fault
	for _, w := range tokenWords(form.Get("payment_method")) {
		if slices.Contains(callFaults, w) {
			f = append(f, w)
		}
	}
	if f == nil {
		return s.drawLocked(callFaults)
	}
	return f
}

// emit sends an event of an intent, about it or one of its refunds, under the lock.
func (s *Server) emit(kind string, i *intent, object any) {
	if s.webhook == "" || s.waiting >= maxWaiting {
		return
	}
	body, _ := json.Marshal(map[string]any{"id": s.book.id("evt"), "object": "event", "type": kind, "created": s.cfg.Now().Unix(),
		"data": map[string]any{"object": object}})
	words := tokenWords(i.Method)
	if slices.Contains(words, "nohook") {
		return
	}
	delay, times := time.Duration(0), 1
	f := s.drawLocked([]string{"twice", "latehook", "nohook"})
	if slices.Contains(words, "twice") || f.is("twice") {
		times = 2
	}
	switch {
	case f.is("nohook"):
		return
	case slices.Contains(words, "latehook"):
		delay = 4 * s.cfg.Slow
	case f.is("latehook"):
		delay = time.Duration(s.random.Int64N(int64(10 * s.cfg.Slow)))
	}
	for range times {
		s.waiting++
		to := s.webhook
		s.later(delay, func() {
			defer func() {
				s.mu.Lock()
				s.waiting--
				s.mu.Unlock()
			}()
			s.send(to, body)
		})
		delay += s.cfg.Slow
	}
}

// send delivers an event, and tries a few times if nobody takes it. It is signed anew each time, as providers do.
func (s *Server) send(to string, body []byte) {
	pause := time.Second
	for range 5 {
		request, err := http.NewRequestWithContext(s.ctx, http.MethodPost, to, bytes.NewReader(body))
		if err != nil {
			return
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set(intents.SignatureHeader, intents.SignatureText([]byte(s.cfg.Secret), s.cfg.Now(), body))
		answer, err := s.http.Do(request)
		if err == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxBody))
			_ = answer.Body.Close()
			if answer.StatusCode < 300 {
				return
			}
		}
		s.sleep(s.ctx, pause)
		pause *= 2
	}
}
