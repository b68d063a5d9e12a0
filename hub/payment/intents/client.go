// Package intents is the port of payments over HTTP, in the way of Stripe's PaymentIntents with manual capture: form bodies, a
// bearer key, the header Idempotency-Key, and signed events. Only what is used is known here.
package intents

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"meguri/hub/payment"
)

// Config is where the provider is and how to log in there.
type Config struct {
	URL     string        // https://HOST, or http:// on loopback
	Key     string        // the secret key; it is sent to URL and never logged
	Timeout time.Duration // of one call, answer included; 0 is DefaultTimeout
	// Transport is how to get there; nil is one of its own.
	Transport http.RoundTripper
}

const (
	// DefaultTimeout is how long a call may take. After it the outcome is unknown and looked up.
	DefaultTimeout = 10 * time.Second
	maxAnswer      = 1 << 20
	connections    = 64
)

// Client is the provider. It may be used by several goroutines at once.
type Client struct {
	base    string
	key     string
	timeout time.Duration
	http    *http.Client
}

var _ payment.Provider = (*Client)(nil)

// New makes a client. It does not call the provider yet.
func New(c Config) (*Client, error) {
	if err := CheckURL(c.URL); err != nil {
		return nil, err
	}
	if strings.TrimSpace(c.Key) == "" || strings.ContainsAny(c.Key, "\r\n") {
		return nil, errors.New("payments: the provider's secret key: want one line") // without the text
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxConnsPerHost, t.MaxIdleConnsPerHost = connections, connections
		c.Transport = t
	}
	return &Client{base: strings.TrimSuffix(c.URL, "/"), key: c.Key, timeout: c.Timeout, http: &http.Client{Transport: c.Transport,
		// A redirect would carry the key elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// CheckURL says what is wrong with a provider's address. Without TLS the key would be read on the way, so that is for this machine
// only.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return fmt.Errorf("payments %q: want https://HOST", text)
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return fmt.Errorf("payments %q: want https://HOST; http:// is for loopback", text)
	}
	return nil
}

// intentJSON is a PaymentIntent, as far as it is used.
type intentJSON struct {
	ID             string `json:"id"`
	Object         string `json:"object"`
	Status         string `json:"status"`
	AmountReceived int64  `json:"amount_received"`
	LastError      *struct {
		Code        string `json:"code"`
		DeclineCode string `json:"decline_code"`
	} `json:"last_payment_error"`
	Metadata map[string]string `json:"metadata"`
}

type refundJSON struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	Amount        int64             `json:"amount"`
	Status        string            `json:"status"`
	FailureReason string            `json:"failure_reason"`
	Metadata      map[string]string `json:"metadata"`
}

type errorJSON struct {
	Error struct {
		Type        string `json:"type"`
		Code        string `json:"code"`
		DeclineCode string `json:"decline_code"`
		Message     string `json:"message"`
	} `json:"error"`
}

// Keys of the metadata that we give the provider.
const (
	MetaOrder     = "meguri_order"
	MetaReference = "meguri_reference"
	MetaRefund    = "meguri_refund"
)

// Open makes a PaymentIntent. A customer who is not there to answer cannot be sent elsewhere to prove who they are, so methods
// that redirect are left out.
func (c *Client) Open(ctx context.Context, call payment.Call) (payment.Intent, error) {
	return c.intent(ctx, "/v1/payment_intents", call.Key, url.Values{
		"amount": {yen(call.AmountYen)}, "currency": {"jpy"}, "capture_method": {"manual"},
		"automatic_payment_methods[enabled]":         {"true"},
		"automatic_payment_methods[allow_redirects]": {"never"},
		"metadata[" + MetaOrder + "]":                {call.OrderID},
		"metadata[" + MetaReference + "]":            {call.Reference},
	})
}

// Authorise confirms a PaymentIntent: with manual capture this reserves the money.
func (c *Client) Authorise(ctx context.Context, call payment.Call) (payment.Intent, error) {
	return c.intent(ctx, path(call, "/confirm"), call.Key, url.Values{"payment_method": {call.Method}})
}

// Capture takes what is reserved.
func (c *Client) Capture(ctx context.Context, call payment.Call) (payment.Intent, error) {
	return c.intent(ctx, path(call, "/capture"), call.Key, url.Values{"amount_to_capture": {yen(call.AmountYen)}})
}

// Void cancels a PaymentIntent.
func (c *Client) Void(ctx context.Context, call payment.Call) (payment.Intent, error) {
	return c.intent(ctx, path(call, "/cancel"), call.Key, url.Values{"cancellation_reason": {"abandoned"}})
}

// Refund gives back part of what a PaymentIntent took.
func (c *Client) Refund(ctx context.Context, call payment.Call) (payment.IntentRefund, error) {
	var out refundJSON
	err := c.do(ctx, http.MethodPost, "/v1/refunds", call.Key, url.Values{"payment_intent": {call.IntentID}, "amount": {yen(call.AmountYen)},
		"metadata[" + MetaReference + "]": {call.Reference}, "metadata[" + MetaRefund + "]": {call.RefundID}}, &out)
	if err == nil && out.Object != "refund" {
		err = strange("refund", out.Object)
	}
	return toRefund(out), err
}

// LookUp reads a PaymentIntent, and its refunds when money was taken.
func (c *Client) LookUp(ctx context.Context, id string) (payment.Intent, error) {
	var out intentJSON
	if err := c.do(ctx, http.MethodGet, "/v1/payment_intents/"+url.PathEscape(id), "", nil, &out); err != nil {
		return payment.Intent{}, err
	}
	i, err := toIntent(out)
	if err != nil || i.Status != payment.Taken {
		return i, err
	}
	var refunds struct {
		Data []refundJSON `json:"data"`
	}
	query := url.Values{"payment_intent": {id}, "limit": {strconv.Itoa(payment.MaxRefunds)}}
	if err := c.do(ctx, http.MethodGet, "/v1/refunds?"+query.Encode(), "", nil, &refunds); err != nil {
		return i, err
	}
	for _, r := range refunds.Data {
		i.Refunds = append(i.Refunds, toRefund(r))
	}
	return i, nil
}

func path(call payment.Call, verb string) string {
	return "/v1/payment_intents/" + url.PathEscape(call.IntentID) + verb
}

func yen(n int64) string { return strconv.FormatInt(n, 10) }

func (c *Client) intent(ctx context.Context, path, key string, form url.Values) (payment.Intent, error) {
	var out intentJSON
	if err := c.do(ctx, http.MethodPost, path, key, form, &out); err != nil {
		return payment.Intent{}, err
	}
	return toIntent(out)
}

// statusOf reads the status of a PaymentIntent. One that waits for the customer counts as not paid: there is no customer here.
func statusOf(s string) payment.Status {
	switch s {
	case "requires_payment_method", "requires_confirmation", "requires_action":
		return payment.Unpaid
	case "processing":
		return payment.Working
	case "requires_capture":
		return payment.Reserved
	case "succeeded":
		return payment.Taken
	case "canceled":
		return payment.Closed
	}
	return ""
}

func toIntent(in intentJSON) (payment.Intent, error) {
	i := payment.Intent{ID: in.ID, Reference: in.Metadata[MetaReference], Status: statusOf(in.Status)}
	if in.Object != "payment_intent" || i.Status == "" || i.ID == "" {
		return i, strange("payment_intent", in.Object+" "+in.Status)
	}
	switch {
	case in.Status == "requires_action":
		i.Code = "authentication_required"
	case in.LastError != nil:
		i.Code = codeOf(in.LastError.Code, in.LastError.DeclineCode)
	}
	if i.Status == payment.Taken {
		i.CapturedYen = in.AmountReceived
	}
	return i, nil
}

func toRefund(in refundJSON) payment.IntentRefund {
	r := payment.IntentRefund{ID: in.ID, Reference: in.Metadata[MetaReference], RefundID: in.Metadata[MetaRefund], AmountYen: in.Amount,
		Status: payment.RefundWorking, Code: clip(in.FailureReason)}
	switch in.Status {
	case "succeeded":
		r.Status = payment.RefundDone
	case "failed", "canceled":
		r.Status = payment.RefundFailed
	}
	return r
}

func codeOf(code, decline string) string {
	switch {
	case decline != "":
		return clip(decline)
	case code != "":
		return clip(code)
	}
	return "declined"
}

func clip(s string) string { return s[:min(len(s), 64)] }

// strange is an answer of the right status that is not what was asked for: whether it was done is unknown.
func strange(want, got string) error {
	return &payment.Problem{Kind: payment.KindUnknown, Code: "strange_answer", Err: fmt.Errorf("the provider answered %q, want a %s", clip(got), want)}
}

// do asks the provider once. Its errors are *payment.Problem and never hold the key.
func (c *Client) do(ctx context.Context, method, path, key string, form url.Values, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return &payment.Problem{Kind: payment.KindRefused, Code: "bad_request", Err: err}
	}
	request.Header.Set("Authorization", "Bearer "+c.key)
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Idempotency-Key", key)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return unanswered(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return unanswered(err)
	case len(body) > maxAnswer:
		return strange("shorter answer", fmt.Sprintf("more than %d bytes", maxAnswer))
	case answer.StatusCode != http.StatusOK:
		return refusal(answer.StatusCode, body)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return &payment.Problem{Kind: payment.KindUnknown, Code: "strange_answer", Err: errors.New("the provider's answer is no JSON of the kind asked for")}
	}
	return nil
}

// unanswered classifies a call without an answer. Only what never reached the provider is known not to have been done.
func unanswered(err error) error {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" || errors.Is(err, syscall.ECONNREFUSED) {
		return &payment.Problem{Kind: payment.KindRetry, Code: "unreachable", Err: bare(err)}
	}
	code := "no_answer"
	if errors.Is(err, context.DeadlineExceeded) {
		code = "timeout"
	}
	return &payment.Problem{Kind: payment.KindUnknown, Code: code, Err: bare(err)}
}

// bare leaves out the address, which may hold ids.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// refusal classifies an answer that says no.
func refusal(status int, body []byte) error {
	var in errorJSON
	_ = json.Unmarshal(body, &in) // a proxy on the way may answer something else
	e := in.Error
	p := &payment.Problem{Kind: payment.KindRefused, Code: clip(e.Code), Err: fmt.Errorf("HTTP %d %s %s", status, clip(e.Type), clipMessage(e.Message))}
	switch {
	case status == http.StatusPaymentRequired && e.Type == "card_error":
		p.Kind, p.Code = payment.KindDeclined, codeOf(e.Code, e.DeclineCode)
	case e.Code == "payment_intent_unexpected_state" || e.Code == "charge_already_captured":
		p.Code = payment.CodeState
	case status == http.StatusTooManyRequests, status == http.StatusUnauthorized, status == http.StatusForbidden:
		p.Kind = payment.KindRetry // nothing was done; a wrong key is put right by people, and then it goes on
	case status == http.StatusConflict: // another call with this key is being worked on
		p.Kind = payment.KindUnknown
	case status >= 500 || !bytes.Contains(body, []byte(`"error"`)):
		p.Kind = payment.KindUnknown
	}
	if p.Code == "" {
		p.Code = fmt.Sprintf("http_%d", status)
	}
	return p
}

// clipMessage keeps the provider's words short and on one line.
func clipMessage(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s[:min(len(s), 120)])
}
