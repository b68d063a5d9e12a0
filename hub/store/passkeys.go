package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"meguri/hub/people"
)

const passkeyColumns = `id, person_id, name, public_key, flags, transports, sign_count, added_at, used_at`

func scanPasskey(row scanner) (k people.Passkey, err error) {
	var added int64
	var used sql.NullInt64
	err = row.Scan(&k.ID, &k.Person, &k.Name, &k.PublicKey, &k.Flags, &k.Transports, &k.Count, &added, &used)
	k.Added, k.Used = fromMillis(added), fromOptionalMillis(used)
	return k, err
}

// Passkey is the passkey with an id; people.ErrPasskey when there is none.
func (tx *Tx) Passkey(ctx context.Context, id string) (people.Passkey, error) {
	k, err := scanPasskey(tx.row(ctx, `SELECT `+passkeyColumns+` FROM passkeys WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return people.Passkey{}, people.ErrPasskey
	}
	return k, err
}

// Passkeys lists the passkeys of a person, the oldest first.
func (tx *Tx) Passkeys(ctx context.Context, person string) ([]people.Passkey, error) {
	return list(ctx, tx, scanPasskey, `SELECT `+passkeyColumns+` FROM passkeys WHERE person_id = $1 ORDER BY added_at, id LIMIT $2`,
		person, people.MaxPasskeys)
}

// AddPasskey stores a new passkey; people.ErrPasskey when there is one with its id.
func (tx *Tx) AddPasskey(ctx context.Context, k people.Passkey) error {
	n, err := tx.exec(ctx, `INSERT INTO passkeys (id, person_id, name, public_key, flags, transports, sign_count, added_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING`,
		k.ID, k.Person, k.Name, k.PublicKey, k.Flags, k.Transports, k.Count, millis(k.Added))
	if err == nil && n == 0 {
		err = people.ErrPasskey
	}
	return err
}

// UsePasskey notes that a passkey was used, with the count that its authenticator says, and whether that is one that may follow the
// count of before.
func (tx *Tx) UsePasskey(ctx context.Context, id string, count, flags int64, at time.Time) (follows bool, err error) {
	n, err := tx.exec(ctx, `UPDATE passkeys SET sign_count = $2, flags = $3, used_at = $4
		WHERE id = $1 AND (sign_count < $2 OR sign_count = 0 AND $2 = 0)`, id, count, flags, millis(at))
	return n > 0, err
}

// RenamePasskey names a passkey of a person anew; people.ErrPasskey when they have none with the id.
func (tx *Tx) RenamePasskey(ctx context.Context, person, id, name string) error {
	n, err := tx.exec(ctx, `UPDATE passkeys SET name = $3 WHERE person_id = $1 AND id = $2`, person, id, name)
	if err == nil && n == 0 {
		err = people.ErrPasskey
	}
	return err
}

// RemovePasskey takes a passkey of a person away; people.ErrPasskey when they have none with the id.
func (tx *Tx) RemovePasskey(ctx context.Context, person, id string) error {
	n, err := tx.exec(ctx, `DELETE FROM passkeys WHERE person_id = $1 AND id = $2`, person, id)
	if err == nil && n == 0 {
		err = people.ErrPasskey
	}
	return err
}

// UseChallenge notes that a challenge was answered, and says whether that is the first time. Those that ended before now are forgotten:
// they are too old to be taken.
func (tx *Tx) UseChallenge(ctx context.Context, hash string, ends, now time.Time) (first bool, err error) {
	if err := tx.write(ctx, `DELETE FROM used_challenges WHERE ends_at < $1`, millis(now)); err != nil {
		return false, err
	}
	n, err := tx.exec(ctx, `INSERT INTO used_challenges (hash, ends_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING`, hash, millis(ends))
	return n > 0, err
}

// Identity is the id of the person whom an issuer knows by a subject; people.ErrNoPerson when nobody is bound to it.
func (tx *Tx) Identity(ctx context.Context, issuer, subject string) (person string, err error) {
	err = tx.row(ctx, `SELECT person_id FROM identities WHERE issuer = $1 AND subject = $2`, issuer, subject).Scan(&person)
	if errors.Is(err, sql.ErrNoRows) {
		err = people.ErrNoPerson
	}
	return person, err
}

// OfCompany says whether a person is bound to an issuer.
func (tx *Tx) OfCompany(ctx context.Context, person string) (of bool, err error) {
	err = tx.row(ctx, `SELECT EXISTS (SELECT 1 FROM identities WHERE person_id = $1)`, person).Scan(&of)
	return of, err
}

// AddIdentity binds a subject of an issuer to a person.
func (tx *Tx) AddIdentity(ctx context.Context, issuer, subject, person string, at time.Time) error {
	return tx.write(ctx, `INSERT INTO identities (issuer, subject, person_id, bound_at) VALUES ($1, $2, $3, $4)`, issuer, subject, person, millis(at))
}
