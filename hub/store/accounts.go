package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"meguri/hub/people"
	"meguri/hub/register"
)

const sessionColumns = `token_hash, person_id, made_at, seen_at, expires_at, ended_at, means, whole, confirmed_at, confirmed_by, agent, business_id`

func scanSession(row scanner) (s people.Session, err error) {
	var made, seen, expires int64
	var ended, confirmed sql.NullInt64
	err = row.Scan(&s.Hash, &s.Person, &made, &seen, &expires, &ended, &s.By, &s.Whole, &confirmed, &s.ConfirmedBy, &s.Agent, &s.Business)
	s.Made, s.Seen, s.Expires, s.Ended = fromMillis(made), fromMillis(seen), fromMillis(expires), fromOptionalMillis(ended)
	s.Confirmed = fromOptionalMillis(confirmed)
	return s, err
}

// Session is the session with a token's hash, also an ended one; people.ErrNoSession when there is none.
func (tx *Tx) Session(ctx context.Context, hash string) (people.Session, error) {
	s, err := scanSession(tx.row(ctx, `SELECT `+sessionColumns+` FROM sessions WHERE token_hash = $1`, hash))
	if errors.Is(err, sql.ErrNoRows) {
		return people.Session{}, people.ErrNoSession
	}
	return s, err
}

// Sessions lists up to most sessions of a person that neither ended nor expired, the newest first.
func (tx *Tx) Sessions(ctx context.Context, person string, now time.Time, most int) ([]people.Session, error) {
	return list(ctx, tx, scanSession, `SELECT `+sessionColumns+` FROM sessions
		WHERE person_id = $1 AND ended_at IS NULL AND expires_at > $2 ORDER BY made_at DESC, token_hash LIMIT $3`, person, millis(now), most)
}

// AddSession stores a new session.
func (tx *Tx) AddSession(ctx context.Context, s people.Session) error {
	return tx.write(ctx, `INSERT INTO sessions (token_hash, person_id, made_at, seen_at, expires_at, means, whole, confirmed_at, confirmed_by, agent, business_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, s.Hash, s.Person, millis(s.Made), millis(s.Seen), millis(s.Expires),
		string(s.By), s.Whole, optionalMillis(s.Confirmed), string(s.ConfirmedBy), s.Agent, s.Business)
}

// SeeSession notes when a session was used; it never moves back.
func (tx *Tx) SeeSession(ctx context.Context, hash string, at time.Time) error {
	return tx.write(ctx, `UPDATE sessions SET seen_at = $2 WHERE token_hash = $1 AND seen_at < $2`, hash, millis(at))
}

// ConfirmSession notes that the person has shown that it is they; whole once no second factor is owed, which stays so. From then on the
// session has the token of the hash next, which may be the one that it has.
func (tx *Tx) ConfirmSession(ctx context.Context, hash, next string, by people.Means, whole bool, at time.Time) error {
	return tx.write(ctx, `UPDATE sessions SET confirmed_at = $2, confirmed_by = $3, whole = (whole OR $4), token_hash = $5 WHERE token_hash = $1`,
		hash, millis(at), string(by), whole, next)
}

// EndSession ends a living session.
func (tx *Tx) EndSession(ctx context.Context, hash string, at time.Time) error {
	return tx.write(ctx, `UPDATE sessions SET ended_at = $2 WHERE token_hash = $1 AND ended_at IS NULL`, hash, millis(at))
}

// EndSessionOf ends a living session of a person by its id, and says whether there was one.
func (tx *Tx) EndSessionOf(ctx context.Context, person, id string, at time.Time) (bool, error) {
	n, err := tx.exec(ctx, `UPDATE sessions SET ended_at = $4 WHERE person_id = $1 AND substr(token_hash, 1, $2) = $3 AND ended_at IS NULL`,
		person, people.SessionID, id, millis(at))
	return n > 0, err
}

// EndAll ends the sessions of a person but the one with the hash keep, and spends their links.
func (tx *Tx) EndAll(ctx context.Context, person, keep string, at time.Time) error {
	if err := tx.write(ctx, `UPDATE sessions SET ended_at = $3 WHERE person_id = $1 AND token_hash <> $2 AND ended_at IS NULL`,
		person, keep, millis(at)); err != nil {
		return err
	}
	return tx.write(ctx, `UPDATE login_links SET used_at = $2 WHERE person_id = $1 AND used_at IS NULL`, person, millis(at))
}

// SetRole changes what a person is here for: in the business that the transaction is in, else in their own.
func (tx *Tx) SetRole(ctx context.Context, id string, role people.Role, place string) error {
	if tx.business != "" {
		return tx.setPost(ctx, id, tx.business, role, place)
	}
	return tx.write(ctx, `UPDATE persons SET role = $2, place = $3 WHERE id = $1`, id, string(role), place)
}

func (tx *Tx) account(ctx context.Context, where, value string) (a people.Account, err error) {
	var set int64
	var mark string
	var n sealedName
	err = tx.row(ctx, `SELECT person_id, login_mark, hash, set_at, `+nameColumns+` FROM passwords
		LEFT JOIN names n ON n.kind = 'login' AND n.owner_id = person_id WHERE `+where+` = $1`, value).Scan(&a.Person, &mark, &a.Hash, &set, &n.sealed, &n.wrapped)
	if errors.Is(err, sql.ErrNoRows) {
		return people.Account{}, people.ErrNoAccount
	}
	a.Login = n.of(tx, register.NameOfLogin, a.Person, "", mark)
	a.Set = fromMillis(set)
	return a, err
}

// Account is a person's password; people.ErrNoAccount when there is none.
func (tx *Tx) Account(ctx context.Context, person string) (people.Account, error) {
	return tx.account(ctx, "person_id", person)
}

// AccountOf is the password of a login name; people.ErrNoAccount when nobody has it.
func (tx *Tx) AccountOf(ctx context.Context, login string) (people.Account, error) {
	if tx.vault == nil {
		return people.Account{}, people.ErrNoKey
	}
	for _, mark := range tx.loginMarks(login) {
		if a, err := tx.account(ctx, "login_mark", mark); !errors.Is(err, people.ErrNoAccount) {
			return a, err
		}
	}
	return people.Account{}, people.ErrNoAccount
}

// SaveAccount stores a password; people.ErrLoginTaken when somebody else has the login name.
func (tx *Tx) SaveAccount(ctx context.Context, a people.Account) error {
	if has, err := tx.AccountOf(ctx, a.Login); err == nil && has.Person != a.Person { // also under an older key
		return people.ErrLoginTaken
	} else if err != nil && !errors.Is(err, people.ErrNoAccount) {
		return err
	}
	if err := tx.saveName(ctx, register.NameOfLogin, a.Person, a.Login); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `INSERT INTO passwords (person_id, login_mark, hash, set_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (person_id) DO UPDATE SET login_mark = excluded.login_mark, hash = excluded.hash, set_at = excluded.set_at`,
		a.Person, tx.loginMarks(a.Login)[0], a.Hash, millis(a.Set))
	if tx.e.duplicate(err) {
		return people.ErrLoginTaken
	}
	return err
}

// HasMeans says what a person has to show that it is they.
func (tx *Tx) HasMeans(ctx context.Context, person string) (has people.Has, err error) {
	account, err := tx.Account(ctx, person)
	if err != nil && !errors.Is(err, people.ErrNoAccount) {
		return has, err
	}
	has.Login = account.Login
	err = tx.row(ctx, `SELECT EXISTS (SELECT 1 FROM totps WHERE person_id = $1 AND secret IS NOT NULL),
		(SELECT COUNT(*) FROM recovery_codes WHERE person_id = $1 AND used_at IS NULL),
		(SELECT COUNT(*) FROM passkeys WHERE person_id = $1)`, person).
		Scan(&has.TOTP, &has.Recovery, &has.Passkeys)
	return has, err
}

// ForgetMeans takes away what a person has to show that it is they.
func (tx *Tx) ForgetMeans(ctx context.Context, person string) error {
	for _, table := range []string{"passwords", "totps", "recovery_codes", "passkeys"} {
		if err := tx.write(ctx, `DELETE FROM `+table+` WHERE person_id = $1`, person); err != nil {
			return err
		}
	}
	return tx.loseName(ctx, register.NameOfLogin, person)
}

// HasSealed says whether anything is sealed with the key of people's secrets.
func (tx *Tx) HasSealed(ctx context.Context) (sealed bool, err error) {
	err = tx.row(ctx, `SELECT EXISTS (SELECT 1 FROM totps WHERE secret IS NOT NULL) OR EXISTS (SELECT 1 FROM contact_keys)
		OR EXISTS (SELECT 1 FROM names) OR EXISTS (SELECT 1 FROM access_keys WHERE ends_at IS NULL)`).Scan(&sealed)
	return sealed, err
}

// TOTP is a person's authenticator; zero when there is none.
func (tx *Tx) TOTP(ctx context.Context, person string) (t people.TOTP, err error) {
	var changed int64
	err = tx.row(ctx, `SELECT person_id, secret, pending, used_step, changed_at FROM totps WHERE person_id = $1`, person).
		Scan(&t.Person, &t.Secret, &t.Pending, &t.UsedStep, &changed)
	if errors.Is(err, sql.ErrNoRows) {
		return people.TOTP{}, nil
	}
	t.Changed = fromMillis(changed)
	return t, err
}

// SaveTOTP stores an authenticator.
func (tx *Tx) SaveTOTP(ctx context.Context, t people.TOTP) error {
	return tx.write(ctx, `INSERT INTO totps (person_id, secret, pending, used_step, changed_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (person_id) DO UPDATE SET secret = excluded.secret, pending = excluded.pending, used_step = excluded.used_step,
		changed_at = excluded.changed_at`, t.Person, t.Secret, t.Pending, t.UsedStep, millis(t.Changed))
}

// UseStep notes that a code of a time step was taken; people.ErrCode when one of it, or of a later one, was taken before.
func (tx *Tx) UseStep(ctx context.Context, person string, step int64) error {
	n, err := tx.exec(ctx, `UPDATE totps SET used_step = $2 WHERE person_id = $1 AND used_step < $2`, person, step)
	if err == nil && n == 0 {
		err = people.ErrCode
	}
	return err
}

// SetRecovery puts the hashes of recovery codes in the place of the former ones.
func (tx *Tx) SetRecovery(ctx context.Context, person string, hashes []string, at time.Time) error {
	if err := tx.write(ctx, `DELETE FROM recovery_codes WHERE person_id = $1`, person); err != nil {
		return err
	}
	for _, hash := range hashes {
		if err := tx.write(ctx, `INSERT INTO recovery_codes (code_hash, person_id, made_at) VALUES ($1, $2, $3)`, hash, person, millis(at)); err != nil {
			return err
		}
	}
	return nil
}

// UseRecovery spends a recovery code; people.ErrCode for one that is not the person's, or was used.
func (tx *Tx) UseRecovery(ctx context.Context, person, hash string, at time.Time) error {
	n, err := tx.exec(ctx, `UPDATE recovery_codes SET used_at = $3 WHERE code_hash = $1 AND person_id = $2 AND used_at IS NULL`, hash, person, millis(at))
	if err == nil && n == 0 {
		err = people.ErrCode
	}
	return err
}
