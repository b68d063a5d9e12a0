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
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"meguri/hub/dispatch"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/protocol"
)

const (
	// Lead is how long a new key waits before it signs: a fresh token opens at a station that has been offline for as long as a plan may
	// be honoured at all, so by then every one that counts has it.
	Lead = dispatch.MostPlanAge
	// kept is how long a former key is taken after that: longer than a grant is valid. For a pass that is valid later it is taken for longer,
	// see store.TokenKeys.
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

// In gives the signer with the keys of a directory. It makes none.
func In(dir string) *Signer { return &Signer{dir: dir, loaded: map[string]ed25519.PrivateKey{}} }

// Open is In for a hub that serves: where none of the directory's keys may sign, it makes one, which signs at once.
func Open(ctx context.Context, s *store.Store, dir string, now time.Time) (*Signer, error) {
	signer := In(dir)
	if err := s.Change(ctx, func(tx *store.Tx) error { return signer.bringBack(ctx, tx, now) }); err != nil {
		return nil, fmt.Errorf("keys of tokens: %w", err)
	}
	var have []own
	err := s.Read(ctx, func(tx *store.Tx) (err error) {
		have, err = signer.own(ctx, tx, now)
		return err
	})
	if err == nil && !slices.ContainsFunc(have, func(k own) bool { return !k.SignsFrom.After(now) }) {
		_, err = signer.add(ctx, s, "", now, now)
	}
	if err != nil {
		return nil, fmt.Errorf("keys of tokens: %w", err)
	}
	return signer, nil
}

// bringBack notes keys of the directory that the database does not know, as after a backup that is older: what they have signed is
// on telephones. They sign no sooner than new ones.
func (s *Signer) bringBack(ctx context.Context, tx *store.Tx, now time.Time) error {
	files, err := filepath.Glob(s.file("*"))
	if err != nil {
		return err
	}
	known, err := tx.TokenKeys(ctx, time.UnixMilli(0)) // ended ones, too
	if err != nil {
		return err
	}
	for _, file := range files {
		id := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "token-"), ".key")
		private, err := s.load(id)
		if err != nil || slices.ContainsFunc(known, func(k store.TokenKey) bool { return k.ID == id }) {
			continue
		}
		k := store.TokenKey{ID: id, Public: private.Public().(ed25519.PublicKey), Made: now, SignsFrom: now.Add(Lead)}
		if err := tx.AddTokenKey(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// Sign gives the text of a token, signed with a key of this hub: the newest that signed when the grant was issued, for whoever
// knows the grant knows that one. ErrNoKey is wrapped where the directory holds none.
func (s *Signer) Sign(ctx context.Context, tx *store.Tx, t protocol.Token, now time.Time) (string, error) {
	have, err := s.own(ctx, tx, now)
	if err != nil {
		return "", err
	}
	for _, by := range []time.Time{time.UnixMilli(t.Issued), now} {
		for _, k := range slices.Backward(have) {
			if !k.SignsFrom.After(by) {
				t.Signed = now.Truncate(time.Second).UnixMilli()
				return protocol.SignToken(t, k.private)
			}
		}
	}
	return "", fmt.Errorf("%w in %s", ErrNoKey, s.dir)
}

// Rotate makes a key that takes the place of this hub's others: they sign until it does, and are taken until no token of theirs can
// be valid any more. Stations need new plans then.
func (s *Signer) Rotate(ctx context.Context, db *store.Store, by string, now time.Time) (store.TokenKey, error) {
	var have []own
	err := db.Read(ctx, func(tx *store.Tx) (err error) {
		have, err = s.own(ctx, tx, now)
		return err
	})
	if err == nil && len(have) == 0 {
		err = fmt.Errorf("%w in %s: is it the directory of the hub that serves?", ErrNoKey, s.dir)
	}
	if err != nil {
		return store.TokenKey{}, err
	}
	return s.add(ctx, db, by, now, now.Add(Lead), have...)
}

// own is a key whose private half is in the directory.
type own struct {
	store.TokenKey
	private ed25519.PrivateKey
}

// own gives the keys of this hub that locks take, in the order in which they begin to sign. A file that cannot be read is none.
func (s *Signer) own(ctx context.Context, tx *store.Tx, now time.Time) ([]own, error) {
	all, err := tx.TokenKeys(ctx, now)
	var have []own
	for _, k := range all {
		if private, err := s.load(k.ID); err == nil {
			have = append(have, own{k, private})
		}
	}
	slices.SortStableFunc(have, func(a, b own) int { return a.SignsFrom.Compare(b.SignsFrom) })
	return have, err
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

// add makes a key that takes the place of former ones: the file first, so that no lock is told of a key that nobody has. by is who asked for
// it; empty where the hub makes the first one.
func (s *Signer) add(ctx context.Context, db *store.Store, by string, now, from time.Time, former ...own) (store.TokenKey, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return store.TokenKey{}, err
	}
	k := store.TokenKey{ID: idOf(private), Public: public, Made: now, SignsFrom: from}
	if err := write(s.file(k.ID), pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: private.Seed()})); err != nil {
		return k, err
	}
	return k, db.Change(ctx, func(tx *store.Tx) error {
		for _, f := range former {
			if err := tx.EndTokenKey(ctx, f.ID, from.Add(kept)); err != nil {
				return err
			}
		}
		if err := tx.AddTokenKey(ctx, k); err != nil || by == "" {
			return err
		}
		return tx.RecordAct(ctx, people.NewAct(now, by, "token.rotate", k.ID, "signs from "+from.UTC().Format(time.RFC3339)))
	})
}

func write(file string, text []byte) error {
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
