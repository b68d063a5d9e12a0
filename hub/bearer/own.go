package bearer

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"meguri/hub/people"
	"meguri/hub/store"
)

// Times of the hub's own tokens and keys.
const (
	TokenLife = 10 * time.Minute    // of a token
	KeyAge    = 30 * 24 * time.Hour // after which a key gets a successor
	KeyLead   = time.Hour           // that this waits before it signs, so that who keeps the JWK set for so long has it by then
)

// Own gives and checks the hub's own tokens. Each hub of a database takes what the others have signed.
type Own struct {
	URL    string // of the hub, as programs reach it: iss and aud
	Store  *store.Store
	People *people.Service // its Vault seals the keys
}

// ScopeError is a client that asks for what it may not have.
type ScopeError struct{ Scope string }

func (e *ScopeError) Error() string {
	return fmt.Sprintf("the client may not have the scope %.80q", e.Scope)
}

// Issue gives a client a token for what it asks for, separated by spaces, or for all that it may have. The error is a *ScopeError, or
// people.ErrNoKey.
func (o *Own) Issue(ctx context.Context, c people.Client, scope string, now time.Time) (token, granted string, err error) {
	wants := strings.Fields(scope)
	for _, s := range wants {
		if !slices.Contains(c.Scopes, s) {
			return "", "", &ScopeError{s}
		}
	}
	if len(wants) == 0 {
		wants = c.Scopes
	}
	granted = strings.Join(wants, " ")
	id, private, err := o.signer(ctx, now)
	if err != nil {
		return "", "", err
	}
	with := (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", id)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: private}, with)
	if err != nil {
		return "", "", err
	}
	says := claims{ClientID: c.ID, Scope: granted, Business: notMain(c.Business), Claims: jwt.Claims{Issuer: o.URL, Subject: c.ID, Audience: jwt.Audience{o.URL},
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(TokenLife)), ID: people.NewID("t")}}
	token, err = jwt.Signed(signer).Claims(says).Serialize()
	return token, granted, err
}

// notMain is how a token says which business it is for: the first need not be said, as on a hub that has no other.
func notMain(business string) string {
	if business == people.MainBusiness {
		return ""
	}
	return business
}

// signer is the key that signs now; one is made when there is none, or the newest is old.
func (o *Own) signer(ctx context.Context, now time.Time) (id string, private ed25519.PrivateKey, err error) {
	if o.People.Vault == nil {
		return "", nil, people.ErrNoKey
	}
	var have []ownKey
	err = o.Store.Read(ctx, func(tx *store.Tx) error {
		have, err = o.openable(ctx, tx, now)
		return err
	})
	if err == nil && (len(have) == 0 || now.Sub(have[len(have)-1].Made) >= KeyAge) {
		err = o.Store.Change(ctx, func(tx *store.Tx) error {
			have, err = o.succeed(ctx, tx, now)
			return err
		})
	}
	if err != nil {
		return "", nil, fmt.Errorf("keys of access tokens: %w", err)
	}
	for _, k := range slices.Backward(have) {
		if !k.SignsFrom.After(now) {
			return k.ID, k.private, nil
		}
	}
	return "", nil, errors.New("no key of access tokens signs yet: the clock was set back")
}

type ownKey struct {
	store.SigningKey
	private ed25519.PrivateKey
}

// openable are the keys whose private half this hub can use, in the order in which they begin to sign.
func (o *Own) openable(ctx context.Context, tx *store.Tx, now time.Time) (have []ownKey, err error) {
	all, err := tx.SigningKeys(ctx, now)
	for _, k := range all {
		seed, bad := o.People.Vault.Open(k.Sealed, sealedFor(k.ID))
		if bad == nil && len(seed) == ed25519.SeedSize {
			have = append(have, ownKey{k, ed25519.NewKeyFromSeed(seed)})
		}
	}
	return have, err
}

func sealedFor(id string) string { return "signing key " + id }

// succeed makes the successor of the keys, which are taken until no token of theirs can be valid any more: also those
// that this hub cannot open, which would otherwise be taken for ever.
func (o *Own) succeed(ctx context.Context, tx *store.Tx, now time.Time) ([]ownKey, error) {
	have, err := o.openable(ctx, tx, now) // again: another hub may have been first
	if err != nil || len(have) > 0 && now.Sub(have[len(have)-1].Made) < KeyAge {
		return have, err
	}
	from := now
	if len(have) > 0 {
		from = now.Add(KeyLead)
	}
	all, err := tx.SigningKeys(ctx, now)
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		if _, err := tx.EndSigningKey(ctx, k.ID, from.Add(TokenLife+2*Leeway)); err != nil {
			return nil, err
		}
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	id, err := thumbprint(public)
	if err != nil {
		return nil, err
	}
	k := store.SigningKey{ID: id, Public: public, Sealed: o.People.Vault.Seal(private.Seed(), sealedFor(id)), Made: now, SignsFrom: from}
	return append(have, ownKey{k, private}), tx.AddSigningKey(ctx, k)
}

func thumbprint(public ed25519.PublicKey) (string, error) {
	key := jose.JSONWebKey{Key: public}
	sum, err := key.Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(sum), err
}

// Set is the JWK set by which others check the hub's tokens, those of a key that does not sign yet too.
func (o *Own) Set(ctx context.Context, now time.Time) (all jose.JSONWebKeySet, err error) {
	all.Keys = []jose.JSONWebKey{}
	err = o.Store.Read(ctx, func(tx *store.Tx) error {
		keys, err := tx.SigningKeys(ctx, now)
		for _, k := range keys {
			all.Keys = append(all.Keys, jose.JSONWebKey{Key: ed25519.PublicKey(k.Public), KeyID: k.ID, Algorithm: string(jose.EdDSA), Use: "sig"})
		}
		return err
	})
	return all, err
}

// check says whom one of the hub's own tokens lets in: the client as it is now, so that what is revoked ends at once.
func (o *Own) check(ctx context.Context, token *jwt.JSONWebToken, head jose.Header, now time.Time) (Who, error) {
	if head.Algorithm != string(jose.EdDSA) || typeOf(head) != "at+jwt" {
		return Who{}, invalid("want typ at+jwt and alg EdDSA")
	}
	set, err := o.Set(ctx, now)
	if err != nil {
		return Who{}, err
	}
	keys := set.Key(head.KeyID)
	if len(keys) != 1 {
		return Who{}, invalid("its key (kid) is not one of this hub's, or not any more")
	}
	var c claims
	if err := token.Claims(keys[0].Key, &c); err != nil {
		return Who{}, invalid("its signature is not right")
	}
	if err := valid(c, o.URL, o.URL, now); err != nil {
		return Who{}, err
	}
	client, err := o.People.LivingClient(ctx, c.ClientID)
	if errors.Is(err, people.ErrNoClient) {
		err = invalid("its client was revoked")
	}
	if err != nil {
		return Who{}, err
	}
	w := Who{Person: client.Person(), Bucket: client.Person().ID, PerMinute: client.PerMinute}
	for _, s := range strings.Fields(c.Scope) {
		if slices.Contains(client.Scopes, s) {
			w.Scopes = append(w.Scopes, s)
		}
	}
	return w, nil
}
