// Package oidc lets people in by a company's own login: OpenID Connect Core 1.0, the authorization code flow with PKCE (RFC 7636), state
// and nonce. Whom it lets in and as what is hub/people's to say. See DESIGN.md.
package oidc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"meguri/hub/people"
)

// Config is what there is to know of a company's login.
type Config struct {
	Issuer string // its address, exactly as its tokens name it
	Client string // id of the hub there
	Secret string // of the client; empty for a public one
	Name   string // on the button
	Back   string // the hub's address to which it sends people back; it has to be registered there
	Scopes []string
	// GroupsClaim is the claim of the id token that lists somebody's groups, and Roles what these are here.
	GroupsClaim string
	Roles       Roles
	// Two factors were shown if SecondClaim has one of SecondValues; none are when the values are empty.
	SecondClaim  string
	SecondValues []string
	Now          func() time.Time
}

// CheckIssuer says what is wrong with the address of an issuer.
func CheckIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("%q: want https://HOST, as the issuer's own discovery document says it", issuer)
	}
	if ip, err := netip.ParseAddr(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
		return fmt.Errorf("%q: want https://; http:// is for loopback only", issuer)
	}
	return nil
}

const (
	within    = 5 * time.Second // that the issuer has for one answer
	maxBody   = 1 << 20         // bytes of one answer
	restFor   = 5 * time.Second // after it has not answered: who asks meanwhile is told so at once
	maxGroups = 1000            // of one person
)

// Client signs people in by one issuer. It asks the issuer nothing before somebody wants in: one that is down keeps no hub from starting.
type Client struct {
	c    Config
	http *http.Client

	mu       sync.Mutex
	provider *oidc.Provider
	failed   time.Time
	why      error
}

// New makes a client.
func New(c Config) (*Client, error) {
	if err := CheckIssuer(c.Issuer); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	// Nobody sends the hub elsewhere: a code and the secret that goes with it are for the token endpoint alone.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{c: c, http: &http.Client{Timeout: within, CheckRedirect: stay, Transport: bounded{http.DefaultTransport.(*http.Transport).Clone()}}}, nil
}

// bounded cuts off answers that are too long.
type bounded struct{ with http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	w, err := b.with.RoundTrip(r)
	if err == nil {
		w.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(w.Body, maxBody), w.Body}
	}
	return w, err
}

// Name is what the button says.
func (c *Client) Name() string { return c.c.Name }

// found is the issuer as its discovery document says, which is asked for until it was read once.
func (c *Client) found(ctx context.Context) (*oidc.Provider, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.provider != nil {
		return c.provider, nil
	}
	if ago := c.c.Now().Sub(c.failed); ago >= 0 && ago < restFor {
		return nil, c.why
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within) // others wait for it, too
	defer cancel()
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, c.http), c.c.Issuer)
	if err == nil {
		err = checkEndpoints(p)
	}
	if err != nil {
		c.failed, c.why = c.c.Now(), fmt.Errorf("%w (%w)", people.ErrCompanyDown, err)
		return nil, c.why
	}
	c.provider = p
	return p, nil
}

// checkEndpoints refuses an issuer that sends people, codes or the hub anywhere in the clear.
func checkEndpoints(p *oidc.Provider) error {
	var more struct {
		Keys string `json:"jwks_uri"`
	}
	if err := p.Claims(&more); err != nil {
		return err
	}
	for name, address := range map[string]string{"authorization_endpoint": p.Endpoint().AuthURL, "token_endpoint": p.Endpoint().TokenURL, "jwks_uri": more.Keys} {
		u, err := url.Parse(address)
		if err != nil {
			return fmt.Errorf("%s: %q is no address", name, address)
		}
		u.RawQuery = "" // it may have one
		if err := CheckIssuer(u.String()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (c *Client) oauth(p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: c.c.Client, ClientSecret: c.c.Secret, Endpoint: p.Endpoint(), RedirectURL: c.c.Back,
		Scopes: append([]string{oidc.ScopeOpenID}, c.c.Scopes...)}
}

// kept is what a sign-in needs to be ended. It stays with the browser that began it, sealed.
type kept struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	Ends     time.Time `json:"ends"`
}

// Begin gives the address where the person is asked who they are, and what is to be kept for End. again asks the issuer to make sure of
// the person anew. The error wraps people.ErrCompanyDown.
func (c *Client) Begin(ctx context.Context, again bool) (to string, keep []byte, err error) {
	p, err := c.found(ctx)
	if err != nil {
		return "", nil, err
	}
	k := kept{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Ends: c.c.Now().Add(people.CompanyFor)}
	options := []oauth2.AuthCodeOption{oidc.Nonce(k.Nonce), oauth2.S256ChallengeOption(k.Verifier)}
	if again {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	keep, err = json.Marshal(k)
	return c.oauth(p).AuthCodeURL(k.State, options...), keep, err
}

// End takes what the issuer has sent the browser back with, and says who it is. The error wraps people.ErrState, people.ErrCompany or
// people.ErrCompanyDown.
func (c *Client) End(ctx context.Context, keep []byte, query url.Values) (people.Company, error) {
	var k kept
	if err := json.Unmarshal(keep, &k); err != nil {
		return people.Company{}, fmt.Errorf("%w (%w)", people.ErrState, err)
	}
	if subtle.ConstantTimeCompare([]byte(k.State), []byte(query.Get("state"))) != 1 || k.State == "" || !c.c.Now().Before(k.Ends) {
		return people.Company{}, people.ErrState
	}
	if said := query.Get("error"); said != "" {
		return people.Company{}, fmt.Errorf("%w (%s)", people.ErrCompany, errorCode(said)) // its description may name somebody, and logs must not
	}
	if iss := query.Get("iss"); iss != "" && iss != c.c.Issuer { // RFC 9207
		return people.Company{}, fmt.Errorf("%w (answer of the issuer %.100q)", people.ErrCompany, iss)
	}
	token, err := c.exchanged(ctx, query.Get("code"), k)
	if err != nil {
		return people.Company{}, err
	}
	who, err := c.claimed(token)
	who.State = k.State
	return who, err
}

// errorCode is a code of an error as the standard has them; whoever sends a browser here may write anything.
func errorCode(said string) string {
	if len(said) > 60 || strings.Trim(said, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return "an error without a code of the standard"
	}
	return said
}

// exchanged gives the id token for a code, once it is right in all that it is signed, for whom, until when and in answer to what.
func (c *Client) exchanged(ctx context.Context, code string, k kept) (*oidc.IDToken, error) {
	p, err := c.found(ctx)
	if err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(ctx, c.http)
	answer, err := c.oauth(p).Exchange(ctx, code, oauth2.VerifierOption(k.Verifier))
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < 500 {
		return nil, fmt.Errorf("%w (its token endpoint says %d %s)", people.ErrCompany, refused.Response.StatusCode, errorCode(refused.ErrorCode))
	}
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", people.ErrCompanyDown, err)
	}
	raw, ok := answer.Extra("id_token").(string)
	if !ok {
		return nil, fmt.Errorf("%w (no id token came)", people.ErrCompany)
	}
	token, err := p.VerifierContext(ctx, &oidc.Config{ClientID: c.c.Client, Now: c.c.Now}).Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", people.ErrCompany, err)
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(k.Nonce)) != 1 {
		return nil, fmt.Errorf("%w (its token answers another sign-in: wrong nonce)", people.ErrCompany)
	}
	return token, forUs(token, c.c.Client)
}

// forUs refuses a token that was made for another client of the issuer (section 3.1.3.7): one for several says in azp for whom.
func forUs(token *oidc.IDToken, client string) error {
	var claims struct {
		Party string `json:"azp"`
	}
	if err := token.Claims(&claims); err != nil {
		return fmt.Errorf("%w (%w)", people.ErrCompany, err)
	}
	if claims.Party != client && (claims.Party != "" || len(token.Audience) > 1) {
		return fmt.Errorf("%w (its token is for another client: wrong azp)", people.ErrCompany)
	}
	return nil
}

// claimed reads who somebody is, and what their groups are here.
func (c *Client) claimed(token *oidc.IDToken) (people.Company, error) {
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return people.Company{}, fmt.Errorf("%w (%w)", people.ErrCompany, err)
	}
	who := people.Company{Issuer: token.Issuer, Subject: token.Subject}
	if who.Subject == "" || len(who.Subject) > 255 { // section 2: at most 255 characters
		return who, fmt.Errorf("%w (its token names nobody)", people.ErrCompany)
	}
	for _, claim := range []string{"name", "preferred_username"} {
		if who.Name, _ = claims[claim].(string); who.Name != "" {
			break
		}
	}
	if at, ok := claims["auth_time"].(float64); ok && at > 0 {
		who.Shown = time.Unix(int64(at), 0)
	}
	who.Posts, who.Of = c.c.Roles.Of(texts(claims[c.c.GroupsClaim])), c.c.Roles.Businesses()
	who.Both = slices.ContainsFunc(texts(claims[c.c.SecondClaim]), func(v string) bool { return slices.Contains(c.c.SecondValues, v) })
	return who, nil
}

// texts are the values of a claim that is one text or a list of them.
func texts(claim any) (all []string) {
	switch v := claim.(type) {
	case string:
		return []string{v}
	case []any:
		for _, one := range v[:min(len(v), maxGroups)] {
			if text, ok := one.(string); ok {
				all = append(all, text)
			}
		}
	}
	return all
}
