package people

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// TOTP is a person's authenticator as stored: its secrets are sealed.
type TOTP struct {
	Person   string
	Secret   []byte // nil until a code of it was given
	Pending  []byte // one that was shown and waits for its first code; nil for none
	UsedStep int64  // the newest time step a code of which was taken
	Changed  time.Time
}

// secondTx is what a transaction offers for second factors.
type secondTx interface {
	// TOTP is zero for a person without an authenticator.
	TOTP(ctx context.Context, person string) (TOTP, error)
	SaveTOTP(ctx context.Context, t TOTP) error
	// UseStep notes that a code of a time step was taken; ErrCode when one of it, or of a later one, was taken before.
	UseStep(ctx context.Context, person string, step int64) error
	// SetRecovery puts the hashes of recovery codes in the place of the former ones.
	SetRecovery(ctx context.Context, person string, hashes []string, at time.Time) error
	// UseRecovery spends a recovery code; ErrCode for one that is not the person's, or was used.
	UseRecovery(ctx context.Context, person, hash string, at time.Time) error
}

// Enrolment is what an authenticator is told, once.
type Enrolment struct {
	URI    string // for a QR code
	Secret string // for who types it
}

// BeginTOTP draws a secret for the authenticator of a session's person. It counts when ConfirmTOTP has seen a code of it; until then
// the one of before does. The error is what mayChange says.
func (s *Service) BeginTOTP(ctx context.Context, token string, now time.Time) (e Enrolment, err error) {
	if s.Vault == nil {
		return e, ErrNoKey
	}
	secret := newTOTPSecret()
	err = s.store.Change(ctx, func(tx Tx) error {
		who, _, err := mayChange(ctx, tx, token, now)
		if err != nil {
			return err
		}
		t, err := tx.TOTP(ctx, who.ID)
		if err != nil {
			return err
		}
		t.Person, t.Pending, t.Changed = who.ID, s.Vault.Seal(secret, who.ID), now
		e = Enrolment{totpURI(secret, who.Name), base32NoPad.EncodeToString(secret)}
		return tx.SaveTOTP(ctx, t)
	})
	return e, err
}

// ConfirmTOTP takes the first code of the authenticator that BeginTOTP has shown, and gives recovery codes, which nobody sees again.
// The session is whole from then on and goes on with the token that is given (see Confirm), and the person's others end. The error is ErrCode, *ThrottledError, or what mayChange says.
func (s *Service) ConfirmTOTP(ctx context.Context, token, code string, now time.Time) (recovery []string, goesOn string, err error) {
	if s.Vault == nil {
		return nil, "", ErrNoKey
	}
	recovery, hashes := drawRecovery()
	err = s.guarded(ctx, token, now, func(tx Tx, _ Person, _ Session) error {
		who, session, err := mayChange(ctx, tx, token, now)
		if err != nil {
			return err
		}
		t, step, err := s.matched(ctx, tx, who.ID, code, now, func(t TOTP) []byte { return t.Pending })
		if err != nil {
			return err
		}
		t.Secret, t.Pending, t.UsedStep, t.Changed = t.Pending, nil, step, now
		if err := tx.SaveTOTP(ctx, t); err != nil {
			return err
		}
		if err := tx.SetRecovery(ctx, who.ID, hashes, now); err != nil {
			return err
		}
		if goesOn, err = madeWhole(ctx, tx, token, session, ByTOTP, now); err != nil {
			return err
		}
		if err := tx.EndAll(ctx, who.ID, hashToken(goesOn), now); err != nil {
			return err
		}
		return tx.RecordAct(ctx, NewAct(now, who.ID, "person.totp", who.ID, ""))
	})
	if err != nil {
		return nil, "", err
	}
	return recovery, goesOn, nil
}

func drawRecovery() (codes, hashes []string) {
	for range recoveryCodes {
		code := newRecoveryCode()
		codes, hashes = append(codes, code), append(hashes, hashToken(normalCode(code)))
	}
	return codes, hashes
}

// NewRecovery gives the person of a session new recovery codes; the former ones end. The error is what mayChange says, or ErrNoTOTP
// for who has no second factor that they could lose.
func (s *Service) NewRecovery(ctx context.Context, token string, now time.Time) ([]string, error) {
	codes, hashes := drawRecovery()
	err := s.store.Change(ctx, func(tx Tx) error {
		who, _, err := mayChange(ctx, tx, token, now)
		if err != nil {
			return err
		}
		if has, err := tx.HasMeans(ctx, who.ID); err != nil {
			return err
		} else if !has.Second() {
			return ErrNoTOTP
		}
		if err := tx.SetRecovery(ctx, who.ID, hashes, now); err != nil {
			return err
		}
		return tx.RecordAct(ctx, NewAct(now, who.ID, "person.recovery", who.ID, ""))
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// matched finds the step that a code is of, with the authenticator's secret that which gives.
func (s *Service) matched(ctx context.Context, tx Tx, person, code string, now time.Time, which func(TOTP) []byte) (TOTP, int64, error) {
	t, err := tx.TOTP(ctx, person)
	if err != nil {
		return t, 0, err
	}
	if which(t) == nil {
		return t, 0, ErrCode
	}
	secret, err := s.Vault.Open(which(t), person)
	if err != nil {
		return t, 0, err
	}
	step := totpMatch(secret, normalCode(code), now)
	if step == 0 {
		return t, 0, ErrCode
	}
	return t, step, nil
}

// guarded runs what takes a code, and counts wrong ones.
func (s *Service) guarded(ctx context.Context, token string, now time.Time, fn func(tx Tx, who Person, session Session) error) error {
	hash := hashToken(token)
	// Half sessions have a bucket of their own: who has only the password must not keep a whole one from confirming.
	try := attempt{kind: byCode}
	err := s.store.Read(ctx, func(tx Tx) error {
		who, session, err := living(ctx, tx, hash, now)
		try.key = fmt.Sprint(who.ID, " ", session.Whole)
		return err
	})
	if err != nil {
		return err
	}
	if err := s.throttle.take(now, try); err != nil {
		return err
	}
	defer s.recent.forget()
	err = s.store.Change(ctx, func(tx Tx) error {
		who, session, err := living(ctx, tx, hash, now)
		if err != nil {
			return err
		}
		return fn(tx, who, session)
	})
	if !errors.Is(err, ErrCode) {
		s.throttle.giveBack(now, try)
	}
	return err
}

// confirmByCode takes a code of the authenticator, or a recovery code.
func (s *Service) confirmByCode(ctx context.Context, token, code string, now time.Time) (goesOn string, err error) {
	if len(normalCode(code)) == recoveryLength { // first: it needs no key, and is how one gets in where that is gone
		return s.confirmByRecovery(ctx, token, hashToken(normalCode(code)), now)
	}
	if s.Vault == nil {
		return "", ErrNoKey
	}
	err = s.guarded(ctx, token, now, func(tx Tx, who Person, session Session) error {
		_, step, err := s.matched(ctx, tx, who.ID, code, now, func(t TOTP) []byte { return t.Secret })
		if err != nil {
			return err
		}
		if err := tx.UseStep(ctx, who.ID, step); err != nil {
			return err
		}
		goesOn, err = madeWhole(ctx, tx, token, session, ByTOTP, now)
		return err
	})
	return goesOn, err
}

// confirmByRecovery spends a recovery code. None is counted in a bucket: nobody guesses 80 bits, and codes of the authenticator that
// somebody tried out must not keep its owner from the way that is left.
func (s *Service) confirmByRecovery(ctx context.Context, token, codeHash string, now time.Time) (goesOn string, err error) {
	defer s.recent.forget()
	err = s.store.Change(ctx, func(tx Tx) error {
		who, session, err := living(ctx, tx, hashToken(token), now)
		if err != nil {
			return err
		}
		if err := tx.UseRecovery(ctx, who.ID, codeHash, now); err != nil {
			return err
		}
		if err := tx.RecordAct(ctx, NewAct(now, who.ID, "person.recovered", who.ID, "")); err != nil {
			return err
		}
		goesOn, err = madeWhole(ctx, tx, token, session, ByRecovery, now)
		return err
	})
	return goesOn, err
}
