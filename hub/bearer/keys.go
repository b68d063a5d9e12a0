package bearer

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"meguri/internal/durable"
)

const (
	maxSet     = 256 << 10        // bytes of a JWK set
	maxKeys    = 100              // in it
	minRSABits = 2048             // of an RSA key
	fetchFor   = 5 * time.Second  // longest that a fetch takes
	refresh    = time.Hour        // a set is fetched anew when it is older
	retry      = 30 * time.Second // and at most so often, whatever asks for it
)

// Keys keeps the JWK sets of issuers, in memory and on disk, so that an issuer may be away for hours and the hub may start anew
// meanwhile. Memory and fetches are bounded by the number of issuers, not by what strangers send.
type Keys struct {
	Dir    string       // for copies; made when it is missing
	Client *http.Client // nil for one that trusts what the machine trusts
	Logger *slog.Logger

	mu   sync.Mutex
	sets map[string]*set
}

// set is what is known of an issuer's keys.
type set struct {
	fetching chan struct{} // holds one while somebody fetches

	mu      sync.Mutex // for what follows
	keys    map[string]jose.JSONWebKey
	fetched time.Time // zero for never
	tried   time.Time
}

// Find gives the key of an issuer with an id. One that is not known is looked for at the issuer, not more than once in retry for all
// who ask. The error is an *InvalidError, or wraps ErrNoKeys.
func (k *Keys) Find(ctx context.Context, i Issuer, kid string, now time.Time) (jose.JSONWebKey, error) {
	s := k.set(i, now)
	if key, ok, _ := s.look(i, kid, now); ok {
		return key, nil
	}
	if err := k.refetch(ctx, s, i, now); err != nil {
		return jose.JSONWebKey{}, err
	}
	key, ok, usable := s.look(i, kid, now)
	if ok {
		return key, nil
	}
	if !usable {
		return key, fmt.Errorf("%w: %s cannot be reached", ErrNoKeys, i.URL)
	}
	return key, invalid("its key (kid) is not one of its issuer's")
}

// look finds a key in what is known. usable says whether the set is young enough to be believed.
func (s *set) look(i Issuer, kid string, now time.Time) (key jose.JSONWebKey, ok, usable bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if usable = !s.fetched.IsZero() && now.Sub(s.fetched) <= i.Keep; !usable {
		return key, false, false
	}
	key, ok = s.keys[kid]
	return key, ok, true
}

// set is that of an issuer, the first time with what the disk has.
func (k *Keys) set(i Issuer, now time.Time) *set {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.sets == nil {
		k.sets = map[string]*set{}
	}
	s := k.sets[i.URL]
	if s == nil {
		s = &set{fetching: make(chan struct{}, 1)}
		if err := k.load(s, i, now); err != nil && !errors.Is(err, os.ErrNotExist) {
			k.Logger.Warn("the copy of an issuer's keys is not used", "issuer", i.URL, "error", err)
		}
		k.sets[i.URL] = s
	}
	return s
}

// refetch fetches the set, unless somebody has tried within retry; who asks while it is fetched waits for that.
func (k *Keys) refetch(ctx context.Context, s *set, i Issuer, now time.Time) error {
	select {
	case s.fetching <- struct{}{}:
		defer func() { <-s.fetching }()
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	early := !s.tried.IsZero() && now.Sub(s.tried) < retry && !now.Before(s.tried)
	if !early {
		s.tried = now
	}
	s.mu.Unlock()
	if early {
		return nil
	}
	// Not the context of who asks: who leaves early would leave the set unknown to those who wait.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchFor)
	defer cancel()
	body, err := k.fetch(bounded, i)
	var keys map[string]jose.JSONWebKey
	if err == nil {
		keys, err = parseSet(body)
	}
	if err != nil {
		k.Logger.Warn("cannot fetch an issuer's keys; those that are known are used meanwhile", "issuer", i.URL, "error", err)
		return nil
	}
	s.mu.Lock()
	s.keys, s.fetched = keys, now
	s.mu.Unlock()
	if err := k.save(i, body, now); err != nil {
		k.Logger.Error("cannot keep an issuer's keys", "issuer", i.URL, "error", err)
	}
	return nil
}

// Refresh fetches the sets that are old. It is called now and then, so that who asks hardly ever waits for it.
func (k *Keys) Refresh(ctx context.Context, issuers []Issuer, now time.Time) {
	for _, i := range issuers {
		s := k.set(i, now)
		s.mu.Lock()
		old := s.fetched.IsZero() || now.Sub(s.fetched) >= refresh
		s.mu.Unlock()
		if old {
			_ = k.refetch(ctx, s, i, now) // only when ctx ends
		}
	}
}

// Run refreshes until ctx ends.
func (k *Keys) Run(ctx context.Context, issuers []Issuer, now func() time.Time) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		k.Refresh(ctx, issuers, now())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// fetch gets the set. It follows no redirect: that could lead to where nobody has looked.
func (k *Keys) fetch(ctx context.Context, i Issuer) ([]byte, error) {
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if k.Client != nil {
		client.Transport = k.Client.Transport
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, i.KeysURL, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s: want 200", i.KeysURL, answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxSet+1))
	if err == nil && len(body) > maxSet {
		err = fmt.Errorf("%s: want at most %d bytes", i.KeysURL, maxSet)
	}
	return body, err
}

// parseSet takes the keys that check signatures; others may stand in a set, too. A set without any is refused: it would shut out
// everybody for somebody's mistake.
func parseSet(body []byte) (map[string]jose.JSONWebKey, error) {
	var in struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("JWK set: %w", err)
	}
	if len(in.Keys) > maxKeys {
		return nil, fmt.Errorf("JWK set: want at most %d keys", maxKeys)
	}
	keys := map[string]jose.JSONWebKey{}
	for _, text := range in.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(text, &key) != nil || key.KeyID == "" || key.Use != "" && key.Use != "sig" || !checks(key) {
			continue
		}
		if _, twice := keys[key.KeyID]; twice {
			return nil, fmt.Errorf("JWK set: two keys have the kid %.60q", key.KeyID)
		}
		keys[key.KeyID] = key
	}
	if len(keys) == 0 {
		return nil, errors.New("JWK set: it holds no public key with a kid for signatures")
	}
	return keys, nil
}

// checks says whether a key is a public one that is strong enough. A shared secret in a set is no key of anybody's.
func checks(key jose.JSONWebKey) bool {
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return key.Valid() && public.N.BitLen() >= minRSABits
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return key.Valid()
	}
	return false
}

// copied is a set as the disk has it.
type copied struct {
	Issuer  string          `json:"issuer"`
	KeysURL string          `json:"keys_url"`
	Fetched time.Time       `json:"fetched_at"`
	Set     json.RawMessage `json:"set"`
}

func (k *Keys) file(i Issuer) string {
	name := sha256.Sum256([]byte(i.URL))
	return filepath.Join(k.Dir, hex.EncodeToString(name[:8])+".json")
}

func (k *Keys) save(i Issuer, body []byte, now time.Time) error {
	if err := os.MkdirAll(k.Dir, 0o700); err != nil {
		return err
	}
	text, err := json.Marshal(copied{i.URL, i.KeysURL, now.UTC(), body})
	if err != nil {
		return err
	}
	return durable.Replace(k.file(i), 0o600, durable.Bytes(text))
}

// load takes the copy of the disk, unless it is of another issuer or address than is configured now.
func (k *Keys) load(s *set, i Issuer, now time.Time) error {
	f, err := os.Open(k.file(i))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(f, 2*maxSet))
	if err != nil {
		return err
	}
	var in copied
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	if in.Issuer != i.URL || in.KeysURL != i.KeysURL {
		return fmt.Errorf("%s is of %s", f.Name(), in.KeysURL)
	}
	keys, err := parseSet(in.Set)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	s.keys, s.fetched = keys, in.Fetched
	if s.fetched.After(now) { // a clock was set back: it would be believed for longer than it may
		s.fetched = now
	}
	return nil
}
