package intents

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"meguri/hub/payment"
)

const (
	// SignatureHeader carries the moment and signatures of an event: t=UNIX,v1=HEX[,v1=HEX].
	SignatureHeader = "Stripe-Signature"
	// Tolerance is how old an event's signature may be, and how far ahead the provider's clock. What is older may be a copy that
	// somebody sends again; the provider signs anew when it does.
	Tolerance = 5 * time.Minute
	// MaxEvent bounds an event, in bytes.
	MaxEvent      = 256 << 10
	maxSignatures = 16
	// MaxSecrets are how many secrets may be good at once: the one in use and those that are being replaced.
	MaxSecrets = 4
)

// Errors of events.
var (
	// ErrSignature says that an event is not the provider's, or too old.
	ErrSignature = errors.New("the signature of this event is not good")
	// ErrEvent says that an event is signed and cannot be read.
	ErrEvent = errors.New("this event cannot be read")
)

// Webhook checks events.
type Webhook struct{ secrets [][]byte }

// NewWebhook takes the secrets that events may be signed with; each is good, so that they can be changed without losing one.
func NewWebhook(secrets []string) (*Webhook, error) {
	w := &Webhook{}
	for _, s := range secrets {
		if s = strings.TrimSpace(s); s != "" {
			w.secrets = append(w.secrets, []byte(s))
		}
	}
	if len(w.secrets) == 0 || len(w.secrets) > MaxSecrets {
		return nil, fmt.Errorf("payments: secrets of events: %d, want 1 to %d, one a line", len(w.secrets), MaxSecrets)
	}
	return w, nil
}

// Read verifies an event and gives what it tells. The error wraps ErrSignature or ErrEvent.
func (w *Webhook) Read(header string, body []byte, now time.Time) (payment.Event, error) {
	if len(body) > MaxEvent {
		return payment.Event{}, fmt.Errorf("%w: more than %d bytes", ErrEvent, MaxEvent)
	}
	if err := w.verify(header, body, now); err != nil {
		return payment.Event{}, err
	}
	return parseEvent(body)
}

func (w *Webhook) verify(header string, body []byte, now time.Time) error {
	at, signatures, err := parseSignature(header)
	if err != nil {
		return err
	}
	if age := now.Sub(time.Unix(at, 0)); age > Tolerance || age < -Tolerance {
		return fmt.Errorf("%w: it is of another time", ErrSignature)
	}
	good := false
	for _, secret := range w.secrets {
		want := Sign(secret, at, body)
		for _, s := range signatures {
			good = hmac.Equal(s, want) || good // all are compared, whatever is found
		}
	}
	if !good {
		return fmt.Errorf("%w: it fits no secret of ours", ErrSignature)
	}
	return nil
}

// Sign is the signature of a body at a moment: HMAC-SHA256 of "UNIX.BODY".
func Sign(secret []byte, at int64, body []byte) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write(strconv.AppendInt(nil, at, 10))
	m.Write([]byte{'.'})
	m.Write(body)
	return m.Sum(nil)
}

// SignatureText is the header for a body that is signed now.
func SignatureText(secret []byte, at time.Time, body []byte) string {
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(Sign(secret, at.Unix(), body)))
}

// parseSignature reads the header. Other schemes than v1 are skipped, as the provider asks.
func parseSignature(header string) (at int64, signatures [][]byte, err error) {
	seen := false
	parts := strings.Split(header, ",")
	if len(parts) > maxSignatures+1 {
		return 0, nil, fmt.Errorf("%w: too many parts", ErrSignature)
	}
	for _, part := range parts {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			if seen {
				return 0, nil, fmt.Errorf("%w: two moments", ErrSignature)
			}
			seen = true
			if at, err = strconv.ParseInt(value, 10, 64); err != nil || at < 0 || at > 1<<40 {
				return 0, nil, fmt.Errorf("%w: no moment", ErrSignature)
			}
		case "v1":
			if s, err := hex.DecodeString(value); err == nil && len(s) == sha256.Size {
				signatures = append(signatures, s)
			}
		}
	}
	if !seen || len(signatures) == 0 {
		return 0, nil, fmt.Errorf("%w: want t=UNIX,v1=HEX", ErrSignature)
	}
	return at, signatures, nil
}

// eventJSON is an event, as far as it is used. Its object is a payment intent, or something that names one.
type eventJSON struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	Data struct {
		Object struct {
			ID            string            `json:"id"`
			Object        string            `json:"object"`
			Status        string            `json:"status"`
			PaymentIntent string            `json:"payment_intent"`
			Metadata      map[string]string `json:"metadata"`
		} `json:"object"`
	} `json:"data"`
}

// kinds are the events that say something about money of ours. Others are acknowledged and forgotten.
var kinds = []string{"payment_intent.amount_capturable_updated", "payment_intent.payment_failed", "payment_intent.succeeded",
	"payment_intent.canceled", "payment_intent.requires_action", "charge.refunded", "charge.refund.updated", "refund.created",
	"refund.updated", "refund.failed"}

// parseEvent reads an event. One of another kind has no intent.
func parseEvent(body []byte) (e payment.Event, err error) {
	var in eventJSON
	if err := json.Unmarshal(body, &in); err != nil {
		return e, fmt.Errorf("%w: no JSON of an event", ErrEvent)
	}
	o := in.Data.Object
	e = payment.Event{ID: in.ID, Kind: in.Type, IntentID: o.PaymentIntent, Reference: o.Metadata[MetaReference]}
	if o.Object == "payment_intent" {
		e.IntentID, e.Status = o.ID, statusOf(o.Status)
	}
	if !slices.Contains(kinds, in.Type) {
		e.IntentID = ""
		e.Kind = e.Kind[:min(len(e.Kind), maxWord)]
	}
	for _, word := range []string{e.ID, e.Kind, e.IntentID, e.Reference} {
		if len(word) > maxWord || strings.ContainsFunc(word, func(r rune) bool { return r < ' ' || r > '~' }) {
			return payment.Event{}, fmt.Errorf("%w: an id is not of at most %d printable characters", ErrEvent, maxWord)
		}
	}
	if e.ID == "" {
		return payment.Event{}, fmt.Errorf("%w: it has no id", ErrEvent)
	}
	return e, nil
}

const maxWord = 255
