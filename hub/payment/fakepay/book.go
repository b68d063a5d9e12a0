package fakepay

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"meguri/hub/payment/intents"
)

const (
	metaOrder     = intents.MetaOrder
	metaReference = intents.MetaReference
)

// intent and refund are on the wire and in the file as they are here.
type intent struct {
	ID             string            `json:"id"`
	Object         string            `json:"object"`
	Amount         int64             `json:"amount"`
	AmountReceived int64             `json:"amount_received"`
	Capturable     int64             `json:"amount_capturable"`
	Currency       string            `json:"currency"`
	Status         string            `json:"status"`
	LastError      *lastError        `json:"last_payment_error"`
	Metadata       map[string]string `json:"metadata"`
	Method         string            `json:"payment_method"`
	Refunded       int64             `json:"fake_refunded"` // of AmountReceived
	Tried          bool              `json:"fake_tried"`    // the trouble that its token asks for has been had
}

type lastError struct {
	Code        string `json:"code"`
	DeclineCode string `json:"decline_code"`
}

type refund struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	Amount        int64             `json:"amount"`
	PaymentIntent string            `json:"payment_intent"`
	Status        string            `json:"status"`
	FailureReason string            `json:"failure_reason,omitempty"`
	Metadata      map[string]string `json:"metadata"`
}

// kept is what is known of an idempotency key. Reply is nil while the call is worked on.
type kept struct {
	Key   string `json:"key"`
	Hash  string `json:"hash"`
	Reply *reply `json:"reply"`
}

type book struct {
	intents map[string]*intent
	refunds []*refund
	keys    map[string]*kept
	start   string // of this run, so that no id comes again after a restart
	number  int64  // of the last id
}

func newBook(start time.Time) book {
	return book{intents: map[string]*intent{}, keys: map[string]*kept{}, start: strconv.FormatInt(start.UnixMilli(), 36)}
}

// id draws the next id. They are no secret, and in order they are easier to read.
func (b *book) id(prefix string) string {
	b.number++
	return fmt.Sprintf("%s_fake_%s_%06d", prefix, b.start, b.number)
}

// Entry is what the provider knows of one payment.
type Entry struct {
	OrderID     string `json:"order_id"`
	Reference   string `json:"reference"`
	IntentID    string `json:"intent_id"`
	Status      string `json:"status"`
	AmountYen   int64  `json:"amount_yen"`
	CapturedYen int64  `json:"captured_yen"`
	RefundedYen int64  `json:"refunded_yen"`
}

func (b *book) ledger() []Entry {
	all := make([]Entry, 0, len(b.intents))
	for _, i := range b.intents {
		all = append(all, Entry{i.Metadata[metaOrder], i.Metadata[metaReference], i.ID, i.Status, i.Amount, i.AmountReceived, i.Refunded})
	}
	slices.SortFunc(all, func(a, b Entry) int { return cmp.Compare(a.IntentID, b.IntentID) })
	return all
}

func metadata(form url.Values) map[string]string {
	m := map[string]string{}
	for name, values := range form {
		if rest, ok := strings.CutPrefix(name, "metadata["); ok && len(m) < 50 {
			m[strings.TrimSuffix(rest, "]")] = values[0]
		}
	}
	return m
}

func (s *Server) openIntent(_ string, form url.Values) reply {
	amount, err := strconv.ParseInt(form.Get("amount"), 10, 64)
	if err != nil || amount <= 0 || amount > 99_999_999 || form.Get("currency") != "jpy" || form.Get("capture_method") != "manual" {
		return failure(http.StatusBadRequest, "invalid_request_error", "parameter_invalid", "", "amount, currency=jpy, capture_method=manual")
	}
	i := &intent{ID: s.book.id("pi"), Object: "payment_intent", Amount: amount, Currency: "jpy", Status: "requires_payment_method", Metadata: metadata(form)}
	s.book.intents[i.ID] = i
	s.changed(i, "")
	return success(i)
}

// wrongState is the refusal of what an intent's state does not allow.
func wrongState(i *intent) reply {
	return failure(http.StatusBadRequest, "invalid_request_error", "payment_intent_unexpected_state", "", "the intent is "+i.Status)
}

func (s *Server) confirm(id string, form url.Values) reply {
	i := s.book.intents[id]
	switch {
	case i == nil:
		return missing(id)
	case i.Status != "requires_payment_method":
		return wrongState(i)
	}
	i.Method = form.Get("payment_method")
	words := tokenWords(i.Method)
	decline := map[string]string{"declined": "generic_decline", "funds": "insufficient_funds"}
	for _, w := range words {
		if code := decline[w]; code != "" {
			i.LastError = &lastError{"card_declined", code}
			s.changed(i, "payment_intent.payment_failed")
			return failure(http.StatusPaymentRequired, "card_error", "card_declined", code, "the card was declined")
		}
	}
	switch {
	case words == nil:
		return failure(http.StatusBadRequest, "invalid_request_error", "resource_missing", "", "no such payment method: want pm_fake_ok or another of pm_fake_…")
	case slices.Contains(words, "action"):
		i.Status = "requires_action"
		s.changed(i, "payment_intent.requires_action")
		return success(i)
	}
	i.Status, i.Capturable, i.LastError = "requires_capture", i.Amount, nil
	s.changed(i, "payment_intent.amount_capturable_updated")
	return success(i)
}

func (s *Server) capture(id string, form url.Values) reply {
	i := s.book.intents[id]
	amount, err := strconv.ParseInt(form.Get("amount_to_capture"), 10, 64)
	switch {
	case i == nil:
		return missing(id)
	case i.Status == "requires_capture" && slices.Contains(tokenWords(i.Method), "lost"):
		i.Status, i.Capturable = "canceled", 0 // the bank took its word back
		s.changed(i, "payment_intent.canceled")
		return wrongState(i)
	case i.Status != "requires_capture":
		return wrongState(i)
	case err != nil || amount <= 0 || amount > i.Amount:
		return failure(http.StatusBadRequest, "invalid_request_error", "amount_too_large", "", "amount_to_capture")
	}
	i.Status, i.Capturable, i.AmountReceived = "succeeded", 0, amount
	s.changed(i, "payment_intent.succeeded")
	return success(i)
}

func (s *Server) cancel(id string, _ url.Values) reply {
	i := s.book.intents[id]
	switch {
	case i == nil:
		return missing(id)
	case i.Status == "succeeded" || i.Status == "canceled":
		return wrongState(i)
	}
	i.Status, i.Capturable = "canceled", 0
	s.changed(i, "payment_intent.canceled")
	return success(i)
}

func (s *Server) refund(_ string, form url.Values) reply {
	i := s.book.intents[form.Get("payment_intent")]
	amount, err := strconv.ParseInt(form.Get("amount"), 10, 64)
	switch {
	case i == nil:
		return missing(form.Get("payment_intent"))
	case i.Status != "succeeded":
		return wrongState(i)
	case err != nil || amount <= 0 || amount > i.AmountReceived-i.Refunded:
		return failure(http.StatusBadRequest, "invalid_request_error", "charge_already_refunded", "", "more than is left of the charge")
	}
	r := &refund{ID: s.book.id("re"), Object: "refund", Amount: amount, PaymentIntent: i.ID, Status: "succeeded", Metadata: metadata(form)}
	if slices.Contains(tokenWords(i.Method), "norefund") {
		r.Status, r.FailureReason = "failed", "expired_or_canceled_card"
	} else {
		i.Refunded += amount
	}
	s.book.refunds = append(s.book.refunds, r)
	s.write(record{Refund: r, Intent: i})
	s.emit("refund.updated", i, r)
	return success(r)
}

// changed notes a change of an intent and tells of it, if there is an event for it.
func (s *Server) changed(i *intent, event string) {
	s.write(record{Intent: i})
	if event != "" {
		s.emit(event, i, i)
	}
}

// record is a line of the file.
type record struct {
	Intent *intent `json:"intent,omitempty"`
	Refund *refund `json:"refund,omitempty"`
	Key    *kept   `json:"key,omitempty"`
}

func (s *Server) write(r record) {
	if s.file == nil {
		return
	}
	line, _ := json.Marshal(r) // strings and numbers
	if _, err := s.file.Write(append(line, '\n')); err != nil {
		s.cfg.Logger.Error("the fake provider cannot write its file", "error", err)
	}
}

// open reads the file, and goes on writing to it. A line that was cut off by a crash is the last, and left out.
func (s *Server) open() (err error) {
	if s.cfg.File == "" {
		return nil
	}
	if s.file, err = os.OpenFile(s.cfg.File, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	in := bufio.NewReader(s.file)
	var good int64
	for {
		line, err := in.ReadBytes('\n')
		var r record
		if err != nil || json.Unmarshal(line, &r) != nil {
			if err != nil && !errors.Is(err, io.EOF) {
				return errors.Join(err, s.file.Close())
			}
			break
		}
		good += int64(len(line))
		s.book.read(r)
	}
	if err := s.file.Truncate(good); err != nil {
		return errors.Join(err, s.file.Close())
	}
	_, err = s.file.Seek(good, io.SeekStart)
	return err
}

func (b *book) read(r record) {
	if r.Intent != nil {
		b.intents[r.Intent.ID] = r.Intent
	}
	if r.Refund != nil {
		b.refunds = append(b.refunds, r.Refund)
	}
	if r.Key != nil {
		b.keys[r.Key.Key] = r.Key
	}
}
