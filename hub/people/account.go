package people

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// Account is a person's password as stored.
type Account struct {
	Person string
	Login  string // the name that is typed beside it
	Hash   string
	Set    time.Time
}

// Has is what a person has to show that it is they.
type Has struct {
	Login    string // of their password; empty for none
	TOTP     bool   // an authenticator that gave a first code
	Recovery int    // recovery codes that are left
	Passkeys int
}

// None says that a person has nothing: a new one, who came by a link.
func (h Has) None() bool { return h.Login == "" && !h.TOTP && h.Passkeys == 0 }

// Second says whether there is more than a password: what a session that began with one factor then owes.
func (h Has) Second() bool { return h.TOTP || h.Passkeys > 0 }

// Hasher hashes passwords, slowly.
type Hasher interface {
	// Normal is the one way in which a password is hashed, however a keyboard composed it.
	Normal(password string) string
	// Hash is ErrBusy when too many are hashed.
	// It is only for who has a session: that is somebody known.
	Hash(ctx context.Context, password string) (string, error)
	// Verify says whether a password is that of a hash, and whether the hash is of older parameters than new ones. The empty hash is
	// nobody's: it takes as long, and is not the password's. The error is ErrBusy as above.
	// Who is not known waits among strangers, so that they keep nobody known waiting.
	Verify(ctx context.Context, hash, password string, known bool) (right, old bool, err error)
}

// Passwords have a length and no other rule: rules of composition make people choose worse ones (NIST SP 800-63B-4, section 3.1.1.2).
const (
	MinPassword = 12 // characters
	MaxPassword = 128
)

var loginName = regexp.MustCompile(`^[a-z0-9][a-z0-9._@+-]{2,63}$`)

// normalLogin is a login name as it is kept: nobody has to remember which letters were large.
func normalLogin(login string) string { return strings.ToLower(strings.TrimSpace(login)) }

// PasswordLogin makes a new session for a login name and its password. The error is ErrPassword, *ThrottledError or ErrBusy. For a
// name that nobody has it does and takes what it does for a wrong password.
func (s *Service) PasswordLogin(ctx context.Context, login, password string, from From, now time.Time) (In, error) {
	if s.Passwords == nil {
		return In{}, ErrNoPasswords
	}
	login, password = normalLogin(login), s.Passwords.Normal(password)
	tries := append(addressed(from.Address), attempt{byAccount, login})
	mark := s.Vault.marked(from.Device, login)
	if mark != "" { // and not the address's: who fills that, behind the same proxy, must not keep out who is known
		tries = []attempt{{byDevice, mark}}
	}
	if err := s.throttle.take(now, tries...); err != nil {
		return In{}, err
	}
	if len(login) > MaxPassword || len(password) > 4*MaxPassword {
		return In{}, ErrPassword
	}
	account, err := s.verified(ctx, login, password, mark != "")
	if errors.Is(err, ErrPassword) {
		return In{}, err
	}
	s.throttle.giveBack(now, tries...) // it was right, or nobody knows
	if err != nil {
		return In{}, err
	}
	in, err := s.enter(ctx, account, from, now)
	if err == nil && mark == "" {
		in.Device = s.Vault.mark(login)
	}
	return in, err
}

// verified gives the account of a login name and its password; ErrPassword for any other. A hash of older parameters comes back new,
// to be stored.
func (s *Service) verified(ctx context.Context, login, password string, known bool) (a Account, err error) {
	if loginName.MatchString(login) { // any other nobody has, and no database need be asked
		err = s.store.Read(ctx, func(tx Tx) error {
			a, err = tx.AccountOf(ctx, login)
			return err
		})
	}
	if err != nil && !errors.Is(err, ErrNoAccount) {
		return a, err
	}
	right, old, err := s.Passwords.Verify(ctx, a.Hash, password, known) // of nobody's hash, too: it has to take as long
	switch {
	case err != nil:
		return a, err
	case !right:
		return a, ErrPassword
	case old:
		return s.renewed(ctx, a, password)
	}
	return a, nil
}

// renewed stores a hash of the newer parameters, unless the password was changed meanwhile.
func (s *Service) renewed(ctx context.Context, a Account, password string) (Account, error) {
	hash, err := s.Passwords.Hash(ctx, password)
	if err != nil {
		return a, err
	}
	err = s.store.Change(ctx, func(tx Tx) error {
		now, err := tx.AccountOf(ctx, a.Login)
		if err != nil || now.Hash != a.Hash {
			return err
		}
		now.Hash = hash
		return tx.SaveAccount(ctx, now)
	})
	if err == nil {
		a.Hash = hash
	}
	return a, err
}

// enter makes the session, if the password is still the one that was verified and its person is still there.
func (s *Service) enter(ctx context.Context, a Account, from From, now time.Time) (in In, err error) {
	err = s.store.Change(ctx, func(tx Tx) error {
		if is, err := tx.Account(ctx, a.Person); errors.Is(err, ErrNoAccount) || err == nil && is.Hash != a.Hash {
			return ErrPassword
		} else if err != nil {
			return err
		}
		who, err := active(ctx, tx, a.Person)
		if errors.Is(err, ErrNoPerson) {
			return ErrPassword
		}
		if err == nil {
			in, err = begin(ctx, tx, who, ByPassword, from, now)
		}
		return err
	})
	return in, err
}

// SetPassword gives the person of a session a password, with the name that is typed beside it. present is the password they have; who
// came by a link from the console, or by a recovery code, need not know it. All their other sessions end. The error is a *FieldError,
// ErrLoginTaken, ErrPassword, *ThrottledError, or what mayChange says.
func (s *Service) SetPassword(ctx context.Context, token, present, login, password string, now time.Time) error {
	if s.Passwords == nil {
		return ErrNoPasswords
	}
	login, password = normalLogin(login), s.Passwords.Normal(password)
	if !loginName.MatchString(login) {
		return &FieldError{"login", "3 to 64 of the characters a-z 0-9 . _ @ + -, the first a letter or digit"}
	}
	if n := utf8.RuneCountInString(password); n < MinPassword || n > MaxPassword || !utf8.ValidString(password) {
		return &FieldError{"password", fmt.Sprintf("%d to %d characters, whichever you like", MinPassword, MaxPassword)}
	}
	// Asked first, so that nobody makes the hub hash who may not; and again below, where it counts.
	asks, err := s.MayChange(ctx, token, now)
	if err != nil {
		return err
	}
	var shown Account
	if asks {
		if shown, err = s.present(ctx, token, present, now); err != nil {
			return err
		}
	}
	hash, err := s.Passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	defer s.recent.forget()
	return s.store.Change(ctx, func(tx Tx) error {
		return savePassword(ctx, tx, token, shown, Account{Login: login, Hash: hash, Set: now}, now)
	})
}

// savePassword stores a new password, if shown is still the one that was shown where one has to be.
func savePassword(ctx context.Context, tx Tx, token string, shown, a Account, now time.Time) error {
	who, session, err := mayChange(ctx, tx, token, now)
	if err != nil {
		return err
	}
	is, err := tx.Account(ctx, who.ID)
	if err != nil && !errors.Is(err, ErrNoAccount) {
		return err
	}
	if asksPresent(session, is.Login) && is.Hash != shown.Hash {
		return ErrPassword
	}
	a.Person = who.ID
	if err := tx.SaveAccount(ctx, a); err != nil {
		return err
	}
	if err := tx.EndAll(ctx, who.ID, session.Hash, now); err != nil {
		return err
	}
	return tx.RecordAct(ctx, NewAct(now, who.ID, "person.password", who.ID, ""))
}

// asksPresent says whether a new password asks for the present one, of the account with a login name.
func asksPresent(session Session, login string) bool {
	return login != "" && session.ConfirmedBy != ByConsole && session.ConfirmedBy != ByRecovery
}

// MayChange says whether what lets the person of a session in may be changed now, and whether a new password asks for the present one.
// The error is what mayChange says.
func (s *Service) MayChange(ctx context.Context, token string, now time.Time) (asksPassword bool, err error) {
	err = s.store.Read(ctx, func(tx Tx) error {
		who, session, err := mayChange(ctx, tx, token, now)
		if err != nil {
			return err
		}
		has, err := tx.HasMeans(ctx, who.ID)
		asksPassword = asksPresent(session, has.Login)
		return err
	})
	return asksPassword, err
}

// mayChange says whether what lets a person in may be changed in a session: a new person who came by a link just now may, having
// nothing yet; whoever has something shows it first, more than the password where there is more. Otherwise a stolen session, a
// password alone, or an administrator's link, would become an account. The error is ErrNoSession, ErrOldLink, ErrSecond or ErrConfirm.
func mayChange(ctx context.Context, tx Tx, token string, now time.Time) (Person, Session, error) {
	who, session, err := living(ctx, tx, hashToken(token), now)
	if err != nil {
		return who, session, err
	}
	has, err := tx.HasMeans(ctx, who.ID)
	more := has.Second()
	switch {
	case err != nil || has.None() && session.FirstSet(now):
		return who, session, err
	case has.None():
		return who, session, ErrOldLink
	case !session.Whole && more:
		return who, session, ErrSecond
	case !session.Fresh(now) || more && !session.strong():
		return who, session, ErrConfirm
	}
	return who, session, nil
}

// Proof is what somebody shows to confirm that it is they: a passkey, or a password, a code, or both, which are then both looked at.
type Proof struct {
	Password string
	Code     string // of an authenticator, or a recovery code
	Passkey  string // what one has answered to a challenge of ConfirmOptions
}

// Confirm takes the proof of the person of a session that it is they. A code or a passkey also pays the second factor that the session may
// owe: then it goes on with another token, which is given, and the one of before is nobody's; else the same is given. So nobody who
// knew the token of a half session, or had put one of theirs there, has a whole one. The error is ErrPassword, ErrCode, ErrPasskey,
// ErrPasskeyCopied, *ThrottledError or ErrNoSession.
func (s *Service) Confirm(ctx context.Context, token string, p Proof, now time.Time) (goesOn string, err error) {
	if p.Passkey != "" {
		return s.confirmByPasskey(ctx, token, p.Passkey, now)
	}
	if p.Password != "" || p.Code == "" {
		if _, err := s.present(ctx, token, p.Password, now); err != nil {
			return "", err
		}
	}
	if p.Code != "" {
		return s.confirmByCode(ctx, token, p.Code, now)
	}
	defer s.recent.forget()
	return token, s.store.Change(ctx, func(tx Tx) error {
		_, session, err := living(ctx, tx, hashToken(token), now)
		if err != nil {
			return err
		}
		return tx.ConfirmSession(ctx, session.Hash, session.Hash, ByPassword, false, now)
	})
}

// madeWhole notes that the person of a session with the token has shown more than a password, and gives the token with which it goes
// on: another one when it owed the second factor.
func madeWhole(ctx context.Context, tx Tx, token string, session Session, by Means, now time.Time) (string, error) {
	if !session.Whole {
		token = newToken()
	}
	return token, tx.ConfirmSession(ctx, session.Hash, hashToken(token), by, true, now)
}

// present gives the account of a session's person, if the password is theirs.
func (s *Service) present(ctx context.Context, token, password string, now time.Time) (account Account, err error) {
	err = s.store.Read(ctx, func(tx Tx) error {
		who, _, err := living(ctx, tx, hashToken(token), now)
		if err == nil {
			account, err = tx.Account(ctx, who.ID)
		}
		return err
	})
	if errors.Is(err, ErrNoAccount) || err == nil && (s.Passwords == nil || len(password) > 4*MaxPassword) {
		err = ErrPassword
	}
	if err != nil {
		return account, err
	}
	try := attempt{byDevice, "confirm " + account.Person} // whoever may try has the session
	if err := s.throttle.take(now, try); err != nil {
		return account, err
	}
	account, err = s.verified(ctx, account.Login, s.Passwords.Normal(password), true)
	if !errors.Is(err, ErrPassword) {
		s.throttle.giveBack(now, try)
	}
	return account, err
}

// Has says what a person has to show that it is they.
func (s *Service) Has(ctx context.Context, person string) (has Has, err error) {
	err = s.store.Read(ctx, func(tx Tx) error {
		has, err = tx.HasMeans(ctx, person)
		return err
	})
	return has, err
}

// SetRole changes what a person is here for. Their sessions end and their links are spent, so that nothing goes on by the rights of
// before. The error is a *FieldError, ErrNoPerson or ErrLastAdmin.
func (s *Service) SetRole(ctx context.Context, by, person string, role Role, place string, now time.Time) error {
	defer s.recent.forget()
	err := s.store.Change(ctx, func(tx Tx) error {
		p, err := active(ctx, tx, person)
		if err != nil {
			return err
		}
		before := p
		p.Role, p.Place = role, strings.TrimSpace(place)
		if err := p.check(); err != nil {
			return err
		}
		if err := placed(ctx, tx, p); err != nil {
			return err
		}
		if p.Role != Admin {
			if err := notLastAdmin(ctx, tx, before); err != nil {
				return err
			}
		}
		if err := tx.SetRole(ctx, person, p.Role, p.Place); err != nil {
			return err
		}
		if err := tx.EndAll(ctx, person, "", now); err != nil {
			return err
		}
		detail := fmt.Sprintf("%s %s -> %s %s", before.Role, before.Place, p.Role, p.Place)
		act := NewAct(now, by, "person.role", person, detail).From(string(before.Role)+" "+before.Place, string(p.Role)+" "+p.Place)
		return tx.RecordAct(ctx, act)
	})
	if err != nil {
		return fmt.Errorf("role of %s: %w", person, err)
	}
	return nil
}

// Reset takes away a person's password, authenticator, recovery codes and passkeys, and ends their sessions: for who has lost them, or
// has them no longer alone. They come back by a link.
func (s *Service) Reset(ctx context.Context, by, person string, now time.Time) error {
	defer s.recent.forget()
	err := s.store.Change(ctx, func(tx Tx) error {
		if _, err := active(ctx, tx, person); err != nil {
			return err
		}
		if err := hereOnly(ctx, tx, person); err != nil {
			return err
		}
		if err := tx.ForgetMeans(ctx, person); err != nil {
			return err
		}
		if err := tx.EndAll(ctx, person, "", now); err != nil {
			return err
		}
		return tx.RecordAct(ctx, NewAct(now, by, "person.reset", person, ""))
	})
	if err != nil {
		return fmt.Errorf("reset %s: %w", person, err)
	}
	return nil
}
