// Package token signs the tokens with which people open doors, and keeps the keys for that. A private key is a file of the hub that
// made it, its public key a row: plans carry the public keys of all hubs to the locks. See DESIGN.md.
package token

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"meguri/hub/store"
	"meguri/protocol"
)

const (
	// Lead is how long a new key waits before it signs: a station that is offline takes tokens that it cannot check no longer
	// than that anyway, so by then every one that counts has it.
	Lead = 24 * time.Hour
	// kept is how long a former key is taken after that: longer than a grant is valid.
	kept = 14 * 24 * time.Hour

	pemType = "MEGURI TOKEN KEY"
)

// ErrNoKey: this hub has no private key that may sign.
var ErrNoKey = errors.New("this hub has no key that signs tokens")

// Signer signs tokens with the keys of one directory. It may be used by several goroutines at once.
type Signer struct {
	dir string

	mu     sync.Mutex
	loaded map[string]ed25519.PrivateKey // by id
}

// Open gives the signer of a directory. Where none of the directory's keys may sign, it makes one, which signs at once.
func Open(ctx context.Context, s *store.Store, dir string, now time.Time) (*Signer, error) {
	signer := &Signer{dir: dir, loaded: map[string]ed25519.PrivateKey{}}
	err := s.Change(ctx, func(tx *store.Tx) error {
		_, err := signer.key(ctx, tx, now)
		if errors.Is(err, ErrNoKey) {
			_, err = signer.add(ctx, tx, now, now)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("keys of tokens: %w", err)
	}
	return signer, nil
}

// Sign gives the text of a token, signed with the newest key of this hub that locks have heard of.
func (s *Signer) Sign(ctx context.Context, tx *store.Tx, t protocol.Token, now time.Time) (string, error) {
	key, err := s.key(ctx, tx, now)
	if err != nil {
		return "", err
	}
	return protocol.SignToken(t, key)
}

// Rotate makes a key that takes the place of those there are: they sign until it does, and are taken until no token of theirs can
// be valid any more. Stations need new plans then.
func (s *Signer) Rotate(ctx context.Context, tx *store.Tx, now time.Time) (store.TokenKey, error) {
	all, err := tx.TokenKeys(ctx, now)
	if err != nil {
		return store.TokenKey{}, err
	}
	for _, k := range all {
		if err := tx.EndTokenKey(ctx, k.ID, now.Add(Lead+kept)); err != nil {
			return store.TokenKey{}, err
		}
	}
	return s.add(ctx, tx, now, now.Add(Lead))
}

// key is the private key that signs now: of this hub's, the one that came last.
func (s *Signer) key(ctx context.Context, tx *store.Tx, now time.Time) (ed25519.PrivateKey, error) {
	all, err := tx.TokenKeys(ctx, now)
	if err != nil {
		return nil, err
	}
	var best ed25519.PrivateKey
	var from time.Time
	for _, k := range all {
		if k.SignsFrom.After(now) || k.SignsFrom.Before(from) {
			continue
		}
		private, err := s.load(k.ID)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another hub's
		}
		if err != nil {
			return nil, err
		}
		best, from = private, k.SignsFrom
	}
	if best == nil {
		return nil, ErrNoKey
	}
	return best, nil
}

func (s *Signer) file(id string) string { return filepath.Join(s.dir, "token-"+id+".key") }

func (s *Signer) load(id string) (ed25519.PrivateKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key := s.loaded[id]; key != nil {
		return key, nil
	}
	text, err := os.ReadFile(s.file(id))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != pemType || len(block.Bytes) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s: want a PEM block %q of %d bytes", s.file(id), pemType, ed25519.SeedSize)
	}
	key := ed25519.NewKeyFromSeed(block.Bytes)
	if idOf(key) != id {
		return nil, fmt.Errorf("%s holds the key %s", s.file(id), idOf(key))
	}
	s.loaded[id] = key
	return key, nil
}

func idOf(key ed25519.PrivateKey) string {
	return hex.EncodeToString(protocol.KeyID(key.Public().(ed25519.PublicKey)))
}

// add makes a key: the file first, so that no lock is told of a key that nobody has.
func (s *Signer) add(ctx context.Context, tx *store.Tx, now, from time.Time) (store.TokenKey, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return store.TokenKey{}, err
	}
	k := store.TokenKey{ID: idOf(private), Public: public, Made: now, SignsFrom: from}
	if err := write(s.file(k.ID), pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: private.Seed()})); err != nil {
		return k, err
	}
	return k, tx.AddTokenKey(ctx, k)
}

func write(file string, text []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Sync()
}
