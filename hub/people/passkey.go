package people

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Passkey is a credential of WebAuthn as stored: a key for this hub alone, the secret half of which never leaves its authenticator.
type Passkey struct {
	ID         string // of the credential, base64url
	Person     string
	Name       string // by which the person knows it
	PublicKey  []byte // COSE_Key
	Flags      int64  // of its authenticator data
	Transports string // how browsers reach it, with spaces between
	Count      int64  // signatures that the authenticator has made; 0 where it does not count
	Added      time.Time
	Used       time.Time // last; zero when never
}

// MaxPasskeys is how many passkeys one person may have.
const MaxPasskeys = 20

const maxPasskeyName = 60

// Keys judges what browsers and authenticators say (WebAuthn). Every error about an answer wraps ErrPasskey.
type Keys interface {
	// Address is where people reach the hub: passkeys are bound to it, and offered nowhere else.
	Address() string
	// CreateOptions is what a browser is told, as JSON, to make a new passkey for a person who has some already.
	CreateOptions(challenge []byte, who Person, have []Passkey) ([]byte, error)
	// GetOptions is what a browser is told, as JSON, to ask for one of some passkeys; for any passkey of this hub when there are none.
	GetOptions(challenge []byte, of []Passkey) ([]byte, error)
	// Created is the passkey of a browser's answer, if it answers the challenge and its person was verified by the authenticator.
	Created(answer string, challenge []byte) (Passkey, error)
	// Answered says, before anything of it is believed, to which challenge a browser's answer is one, by which passkey, and of whom.
	Answered(answer string) (Answered, error)
	// Check says whether an answer is right: of this passkey, to this challenge, at this hub's address, its person verified by the
	// authenticator. It gives the count and the flags that the authenticator says.
	Check(answer string, challenge []byte, k Passkey) (count, flags int64, err error)
}

// Answered is what an answer of a passkey says of itself.
type Answered struct {
	Challenge []byte
	Passkey   string // id
	Person    string // id; empty where the authenticator does not say
}

// passkeyTx is what a transaction offers for passkeys.
type passkeyTx interface {
	// Passkey is ErrPasskey for an id that nobody has.
	Passkey(ctx context.Context, id string) (Passkey, error)
	// Passkeys lists the passkeys of a person, the oldest first.
	Passkeys(ctx context.Context, person string) ([]Passkey, error)
	// AddPasskey is ErrPasskey for an id that is there.
	AddPasskey(ctx context.Context, k Passkey) error
	// UsePasskey notes a use, unless the count may not follow the one of before, or the passkey is gone.
	UsePasskey(ctx context.Context, id string, count, flags int64, at time.Time) (follows bool, err error)
	// RenamePasskey and RemovePasskey are ErrPasskey for an id that is not the person's.
	RenamePasskey(ctx context.Context, person, id, name string) error
	RemovePasskey(ctx context.Context, person, id string) error
	// UseChallenge notes that a challenge was answered, until it ends, and says whether that is the first time.
	UseChallenge(ctx context.Context, hash string, ends, now time.Time) (first bool, err error)
}

// passkeys says whether passkeys are taken: ErrNoPasskeys or ErrNoKey when not.
func (s *Service) passkeys() error {
	switch {
	case s.Keys == nil:
		return ErrNoPasskeys
	case s.Vault == nil:
		return ErrNoKey
	}
	return nil
}

// LoginOptions is what a browser is told to ask for a passkey to log in with. browser is a secret that only it has.
func (s *Service) LoginOptions(browser string, now time.Time) ([]byte, error) {
	if err := s.passkeys(); err != nil {
		return nil, err
	}
	return s.Keys.GetOptions(s.Vault.challenge(toLogin, browser, now), nil)
}

// ConfirmOptions is what a browser is told to ask for a passkey of a session's person, who confirms with it that it is they.
func (s *Service) ConfirmOptions(ctx context.Context, token string, now time.Time) (options []byte, err error) {
	if err := s.passkeys(); err != nil {
		return nil, err
	}
	var have []Passkey
	err = s.store.Read(ctx, func(tx Tx) error {
		who, _, err := living(ctx, tx, hashToken(token), now)
		if err == nil {
			have, err = tx.Passkeys(ctx, who.ID)
		}
		return err
	})
	if err == nil && len(have) == 0 {
		err = ErrPasskey
	}
	if err != nil {
		return nil, err
	}
	return s.Keys.GetOptions(s.Vault.challenge(toConfirm, token, now), have)
}

// CreateOptions is what a browser is told to make a new passkey for a session's person. The error is what mayChange says.
func (s *Service) CreateOptions(ctx context.Context, token string, now time.Time) (options []byte, err error) {
	if err := s.passkeys(); err != nil {
		return nil, err
	}
	var who Person
	var have []Passkey
	err = s.store.Read(ctx, func(tx Tx) (err error) {
		if who, _, err = mayChange(ctx, tx, token, now); err == nil {
			have, err = tx.Passkeys(ctx, who.ID)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.Keys.CreateOptions(s.Vault.challenge(toCreate, token, now), who, have)
}

// AddPasskey takes what a browser has answered to CreateOptions. The session is whole from then on, for the authenticator has verified
// its person, and goes on with the token that is given (see Confirm); the person's others end. The error is a *FieldError, ErrPasskey, or what mayChange says.
func (s *Service) AddPasskey(ctx context.Context, token, name, answer string, now time.Time) (goesOn string, err error) {
	if err := s.passkeys(); err != nil {
		return "", err
	}
	if name, err = passkeyName(name); err != nil {
		return "", err
	}
	_, challenge, ends, err := s.answered(answer, now, bound{toCreate, token})
	if err != nil {
		return "", err
	}
	k, err := s.Keys.Created(answer, challenge)
	if err != nil {
		return "", err
	}
	k.Name, k.Added = name, now
	defer s.recent.forget()
	err = s.store.Change(ctx, func(tx Tx) error {
		who, session, err := mayChange(ctx, tx, token, now)
		if err != nil {
			return err
		}
		if err := once(ctx, tx, challenge, ends, now); err != nil {
			return err
		}
		if err := addPasskey(ctx, tx, who, k); err != nil {
			return err
		}
		if goesOn, err = madeWhole(ctx, tx, token, session, ByPasskey, now); err != nil {
			return err
		}
		if err := tx.EndAll(ctx, who.ID, hashToken(goesOn), now); err != nil {
			return err
		}
		return tx.RecordAct(ctx, NewAct(now, who.ID, "person.passkey", who.ID, "added "+short(k.ID)))
	})
	return goesOn, err
}

func addPasskey(ctx context.Context, tx Tx, who Person, k Passkey) error {
	k.Person = who.ID
	has, err := tx.HasMeans(ctx, who.ID)
	if err != nil {
		return err
	}
	if has.Passkeys >= MaxPasskeys {
		return &FieldError{"passkey", "at most 20 for one person: remove one first"}
	}
	return tx.AddPasskey(ctx, k)
}

// short is enough of a passkey's id to know it again in an act.
func short(id string) string { return id[:min(len(id), 12)] }

func passkeyName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if n := utf8.RuneCountInString(name); n < 1 || n > maxPasskeyName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return "", &FieldError{"passkey", "a name of 1 to 60 characters"}
	}
	return name, nil
}

// Passkeys lists the passkeys of a person, the oldest first.
func (s *Service) Passkeys(ctx context.Context, person string) (all []Passkey, err error) {
	err = s.store.Read(ctx, func(tx Tx) error {
		all, err = tx.Passkeys(ctx, person)
		return err
	})
	return all, err
}

// RenamePasskey names a passkey of a session's person anew. The error is a *FieldError, ErrPasskey, or what mayChange says.
func (s *Service) RenamePasskey(ctx context.Context, token, id, name string, now time.Time) error {
	name, err := passkeyName(name)
	if err != nil {
		return err
	}
	return s.store.Change(ctx, func(tx Tx) error {
		who, _, err := mayChange(ctx, tx, token, now)
		if err == nil {
			err = tx.RenamePasskey(ctx, who.ID, id, name)
		}
		return err
	})
}

// RemovePasskey takes a passkey of a session's person away; their other sessions end, for who has the passkey may have begun them. The
// error is ErrPasskey, ErrLastMeans, or what mayChange says.
func (s *Service) RemovePasskey(ctx context.Context, token, id string, now time.Time) error {
	defer s.recent.forget()
	return s.store.Change(ctx, func(tx Tx) error {
		who, session, err := mayChange(ctx, tx, token, now)
		if err != nil {
			return err
		}
		if err := tx.RemovePasskey(ctx, who.ID, id); err != nil {
			return err
		}
		has, err := tx.HasMeans(ctx, who.ID)
		if err == nil && has.None() {
			err = ErrLastMeans
		}
		if err != nil {
			return err
		}
		if err := tx.EndAll(ctx, who.ID, session.Hash, now); err != nil {
			return err
		}
		return tx.RecordAct(ctx, NewAct(now, who.ID, "person.passkey", who.ID, "removed "+short(id)))
	})
}

// PasskeyLogin makes a new session, whole, for what a browser has answered to LoginOptions. The error is ErrPasskey or ErrPasskeyCopied.
// Nothing is slowed down: nobody guesses a signature.
func (s *Service) PasskeyLogin(ctx context.Context, answer, browser string, from From, now time.Time) (in In, err error) {
	if browser == "" {
		return In{}, ErrPasskey
	}
	err = s.byPasskey(ctx, answer, "", now, bound{toLogin, browser}, func(tx Tx, k Passkey) error {
		who, err := active(ctx, tx, k.Person)
		if errors.Is(err, ErrNoPerson) {
			err = ErrPasskey
		}
		if err == nil {
			in, err = begin(ctx, tx, who, ByPasskey, from, now)
		}
		return err
	})
	return in, err
}

// confirmByPasskey takes what a browser has answered to ConfirmOptions, by a passkey of the session's person.
func (s *Service) confirmByPasskey(ctx context.Context, token, answer string, now time.Time) (goesOn string, err error) {
	var person string
	err = s.store.Read(ctx, func(tx Tx) error {
		who, _, err := living(ctx, tx, hashToken(token), now)
		person = who.ID
		return err
	})
	if err != nil {
		return "", err
	}
	defer s.recent.forget()
	err = s.byPasskey(ctx, answer, person, now, bound{toConfirm, token}, func(tx Tx, _ Passkey) error {
		_, session, err := living(ctx, tx, hashToken(token), now)
		if err == nil {
			goesOn, err = madeWhole(ctx, tx, token, session, ByPasskey, now)
		}
		return err
	})
	return goesOn, err
}

// byPasskey runs then in one transaction with the use of a passkey, of any person or of the one that is named, if the answer is right.
// A count that goes back is noted, and nothing else is done.
func (s *Service) byPasskey(ctx context.Context, answer, person string, now time.Time, to bound, then func(Tx, Passkey) error) error {
	if err := s.passkeys(); err != nil {
		return err
	}
	says, challenge, ends, err := s.answered(answer, now, to)
	if err != nil {
		return err
	}
	var k Passkey
	err = s.store.Read(ctx, func(tx Tx) error {
		k, err = tx.Passkey(ctx, says.Passkey)
		return err
	})
	switch {
	case err != nil:
		return err
	case person != "" && k.Person != person, says.Person != "" && k.Person != says.Person:
		return ErrPasskey
	}
	count, flags, err := s.Keys.Check(answer, challenge, k)
	if err != nil {
		return err
	}
	var copied bool
	err = s.store.Change(ctx, func(tx Tx) error {
		if _, err := tx.Passkey(ctx, k.ID); err != nil { // it was removed meanwhile
			return err
		}
		if err := once(ctx, tx, challenge, ends, now); err != nil {
			return err
		}
		follows, err := tx.UsePasskey(ctx, k.ID, count, flags, now)
		if copied = err == nil && !follows; copied {
			return tx.RecordAct(ctx, NewAct(now, k.Person, "person.passkey.copied", k.Person, short(k.ID)))
		}
		if err != nil {
			return err
		}
		return then(tx, k)
	})
	if err == nil && copied {
		err = ErrPasskeyCopied
	}
	return err
}

// answered reads an answer and says to which challenge of this hub it is one, and when that ends; ErrPasskey for any other challenge.
func (s *Service) answered(answer string, now time.Time, to bound) (says Answered, challenge []byte, ends time.Time, err error) {
	if says, err = s.Keys.Answered(answer); err != nil {
		return says, nil, ends, err
	}
	ends, ok := s.Vault.challenged(says.Challenge, to, now)
	if !ok {
		err = ErrPasskey
	}
	return says, says.Challenge, ends, err
}

// once refuses a challenge that was answered before.
func once(ctx context.Context, tx Tx, challenge []byte, ends, now time.Time) error {
	first, err := tx.UseChallenge(ctx, hashToken(string(challenge)), ends, now)
	if err == nil && !first {
		err = ErrPasskey
	}
	return err
}
