package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// SignatureHeader carries "t=UNIX,v1=HEX": HEX is the HMAC-SHA256, by the secret, of UNIX, a full stop and the body. Whoever
// takes the webhook compares it, and refuses a time of long ago.
const SignatureHeader = "Meguri-Signature"

const (
	minSecret = 16
	maxAnswer = 4 << 10
)

// Hook sends notices as signed JSON over HTTP.
type Hook struct {
	Secret string            // that the body is signed with
	Client http.RoundTripper // nil is Go's own
	Now    func() time.Time  // of the signature; nil is time.Now
}

// Sign gives the value of SignatureHeader.
func Sign(secret string, at time.Time, body []byte) string {
	unix := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(unix + "."))
	mac.Write(body)
	return "t=" + unix + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Send posts a message once. An answer of 2xx is that it was taken; 410 that it will never be.
func (h Hook) Send(ctx context.Context, m Message) error {
	body, err := m.payload()
	if err != nil {
		return err
	}
	return h.Post(ctx, m.To, m.ID, body)
}

// Post sends a signed body once; id is the same in every try.
func (h Hook) Post(ctx context.Context, to, id string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return hidden(err)
	}
	now := time.Now
	if h.Now != nil {
		now = h.Now
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", id)
	r.Header.Set(SignatureHeader, Sign(h.Secret, now(), body))
	client := &http.Client{Transport: h.Client, Timeout: sendTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }} // the body is for whom it was configured
	answer, err := client.Do(r)
	if err != nil {
		return hidden(err)
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
	switch {
	case answer.StatusCode/100 == 2:
		return nil
	case answer.StatusCode == http.StatusGone:
		return fmt.Errorf("webhook answers %s: %w", answer.Status, errForGood)
	}
	return fmt.Errorf("webhook answers %s", answer.Status)
}

// hidden is an error without the address, whose path or query may be a secret.
func hidden(err error) error {
	if of := new(url.Error); errors.As(err, &of) {
		err = of.Err
	}
	return fmt.Errorf("webhook: %w", err)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
