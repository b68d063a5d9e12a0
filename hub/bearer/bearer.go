// Package bearer knows programs and the customers of apps by the tokens that they send (JWT, RFC 9068): those that the hub gives its
// own clients, and those of other issuers, which it checks with a cached set of their keys. See DESIGN.md.
package bearer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"meguri/hub/people"
)

const (
	// maxToken bounds a token in bytes.
	maxToken = 8 << 10
	// Leeway is by how much the clocks of issuers may be off.
	Leeway = 30 * time.Second
	// maxSubject is that of people.Person.Place.
	maxSubject = 90
)

// InvalidError is a token that lets nobody in.
type InvalidError struct{ Why string }

func (e *InvalidError) Error() string { return "the token is not valid: " + e.Why }

func invalid(format string, args ...any) error { return &InvalidError{fmt.Sprintf(format, args...)} }

// ErrNoKeys is wrapped while an issuer's keys are not known: it could not be reached for longer than its keys are kept.
var ErrNoKeys = errors.New("the keys of the token's issuer are not known now")

// Who is whom a token lets in.
type Who struct {
	people.Person
	Scopes    []people.Scope
	Bucket    string // whose requests are counted together
	PerMinute int    // how many there may be
}

// Config is what a Checker works with.
type Config struct {
	Own     *Own     // nil for a hub that gives no tokens itself
	Issuers []Issuer // others that are trusted
	Keys    *Keys    // of Issuers
}

// Checker checks tokens.
type Checker struct {
	Config
	issuers map[string]Issuer
}

// New makes a checker. Two issuers of one name, or one that calls itself what the hub does, are an error.
func New(c Config) (*Checker, error) {
	k := &Checker{c, map[string]Issuer{}}
	for _, i := range c.Issuers {
		if _, twice := k.issuers[i.URL]; twice || c.Own != nil && c.Own.URL == i.URL {
			return nil, fmt.Errorf("issuer %s: stands there twice, or is this hub", i.URL)
		}
		k.issuers[i.URL] = i
	}
	return k, nil
}

// Is says whether a text has the form of a token that a Checker checks; a session's has not.
func Is(text string) bool { return strings.Count(text, ".") == 2 }

// claims are those of a token that count here.
type claims struct {
	jwt.Claims
	ClientID string `json:"client_id"`
	AZP      string `json:"azp,omitempty"` // the client, where an issuer has no client_id
	Scope    string `json:"scope"`
	Business string `json:"business,omitempty"` // that the token is for; of the hub's own tokens only for people to read
}

// client is which program has the token.
func (c claims) client() string {
	if c.ClientID != "" {
		return c.ClientID
	}
	return c.AZP
}

// Check says whom a token lets in at now. The error is an *InvalidError, wraps ErrNoKeys, or is of the database.
func (k *Checker) Check(ctx context.Context, text string, now time.Time) (Who, error) {
	if len(text) > maxToken {
		return Who{}, invalid("longer than %d bytes", maxToken)
	}
	token, err := jwt.ParseSigned(text, asymmetric)
	if err != nil {
		return Who{}, invalid("no JWT with a signature of %s", algorithmList(asymmetric))
	}
	head, err := header(token)
	if err != nil {
		return Who{}, err
	}
	var said jwt.Claims
	if err := token.UnsafeClaimsWithoutVerification(&said); err != nil {
		return Who{}, invalid("its claims cannot be read")
	}
	if k.Own != nil && said.Issuer == k.Own.URL {
		return k.Own.check(ctx, token, head, now)
	}
	issuer, ok := k.issuers[said.Issuer]
	if !ok {
		return Who{}, invalid("its issuer is not one that is trusted here")
	}
	return k.others(ctx, issuer, token, head, now)
}

// header is that of a token with one signature and nothing that would have to be understood.
func header(token *jwt.JSONWebToken) (jose.Header, error) {
	if len(token.Headers) != 1 {
		return jose.Header{}, invalid("want one signature")
	}
	h := token.Headers[0]
	if _, has := h.ExtraHeaders["crit"]; has {
		return h, invalid("it asks for extensions (crit), and none is known here")
	}
	if h.KeyID == "" || len(h.KeyID) > 200 {
		return h, invalid("want a kid of 1 to 200 bytes")
	}
	return h, nil
}

// typeOf is the header typ, without what may stand before it.
func typeOf(h jose.Header) string {
	text, _ := h.ExtraHeaders[jose.HeaderType].(string)
	return strings.TrimPrefix(strings.ToLower(text), "application/")
}

// others checks a token of another issuer.
func (k *Checker) others(ctx context.Context, i Issuer, token *jwt.JSONWebToken, head jose.Header, now time.Time) (Who, error) {
	if !slices.Contains(i.Algorithms, jose.SignatureAlgorithm(head.Algorithm)) {
		return Who{}, invalid("signed by %s: want %s", head.Algorithm, algorithmList(i.Algorithms))
	}
	if typ := typeOf(head); typ != "" && typ != "jwt" && typ != "at+jwt" {
		return Who{}, invalid("typ: want at+jwt or JWT")
	}
	key, err := k.Keys.Find(ctx, i, head.KeyID, now)
	if err != nil {
		return Who{}, err
	}
	if key.Algorithm != "" && key.Algorithm != head.Algorithm {
		return Who{}, invalid("the key %s is for %s", head.KeyID, key.Algorithm)
	}
	var c claims
	if err := token.Claims(key.Key, &c); err != nil {
		return Who{}, invalid("its signature is not right")
	}
	if err := valid(c, i.URL, i.Audience, now); err != nil {
		return Who{}, err
	}
	return i.who(c)
}

// valid says whether a token with a right signature is for this hub, now.
func valid(c claims, issuer, audience string, now time.Time) error {
	if c.Expiry == nil {
		return invalid("it never ends: want exp")
	}
	err := c.ValidateWithLeeway(jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{audience}, Time: now}, Leeway)
	switch {
	case errors.Is(err, jwt.ErrExpired):
		return invalid("it has expired")
	case errors.Is(err, jwt.ErrNotValidYet), errors.Is(err, jwt.ErrIssuedInTheFuture):
		return invalid("it is not valid yet")
	case errors.Is(err, jwt.ErrInvalidAudience):
		return invalid("it is not for this hub: want aud %s", audience)
	case err != nil:
		return invalid("its claims do not fit")
	}
	return nil
}

// who is whom a checked token of the issuer lets in.
func (i Issuer) who(c claims) (Who, error) {
	if bad(c.Subject) {
		return Who{}, invalid("sub: want 1 to %d bytes, no control characters", maxSubject)
	}
	if len(i.Clients) > 0 && !slices.Contains(i.Clients, c.client()) {
		return Who{}, invalid("its client is not one that is trusted here")
	}
	w := Who{Person: people.Person{ID: i.Name + ":" + c.Subject, Name: i.Name, Role: i.Role}, PerMinute: i.PerMinute}
	w.Bucket = w.ID
	business, err := i.business(c)
	if err != nil {
		return Who{}, err
	}
	w.Business = business
	if i.Role == people.Customer {
		w.Place = c.Subject
	}
	for _, s := range strings.Fields(c.Scope) {
		if slices.Contains(i.Scopes, s) {
			w.Scopes = append(w.Scopes, s)
		}
	}
	return w, nil
}

// business is the one that a token is for.
func (i Issuer) business(c claims) (string, error) {
	switch {
	case c.Business == "" && len(i.Businesses) == 1:
		return i.Businesses[0], nil
	case c.Business == "" && len(i.Businesses) == 0: // made by a program, not read from a file
		return people.MainBusiness, nil
	case !slices.Contains(i.Businesses, c.Business):
		return "", invalid("business: want one of %s", strings.Join(i.Businesses, ", "))
	}
	return c.Business, nil
}

func bad(subject string) bool {
	return subject == "" || len(subject) > maxSubject || strings.ContainsFunc(subject, unicode.IsControl)
}
