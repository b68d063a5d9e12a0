package store

import (
	"context"
	"database/sql"
	"time"
)

// TokenKey is a public key with which a hub signs tokens.
type TokenKey struct {
	ID        string // the beginning of the SHA-256 of Public, hexadecimal
	Public    []byte // Ed25519
	Made      time.Time
	SignsFrom time.Time
	Ends      time.Time // zero while another has not taken its place
}

// TokenKeys gives the keys that locks take at a time, in the order in which they were made. A key that ends is taken for longer while a
// pass holds, or will, that it may have signed: passes may be issued long before they begin.
func (tx *Tx) TokenKeys(ctx context.Context, now time.Time) ([]TokenKey, error) {
	return list(ctx, tx, func(row scanner) (k TokenKey, err error) {
		var made, from int64
		var ends sql.NullInt64
		err = row.Scan(&k.ID, &k.Public, &made, &from, &ends)
		k.Made, k.SignsFrom, k.Ends = fromMillis(made), fromMillis(from), fromOptionalMillis(ends)
		return k, err
	}, `SELECT id, public_key, made_at, signs_from, ends_at FROM token_keys WHERE ends_at IS NULL OR ends_at > $1
		OR EXISTS (SELECT 1 FROM passes p WHERE p.valid_until > $1 AND p.revoked_at IS NULL AND p.issued_at < token_keys.ends_at)
		ORDER BY made_at, id`, millis(now))
}

// AddTokenKey stores a key.
func (tx *Tx) AddTokenKey(ctx context.Context, k TokenKey) error {
	return tx.write(ctx, "INSERT INTO token_keys (id, public_key, made_at, signs_from, ends_at) VALUES ($1, $2, $3, $4, $5)",
		k.ID, k.Public, millis(k.Made), millis(k.SignsFrom), optionalMillis(k.Ends))
}

// EndTokenKey says from when on locks take a key no more. It never moves to later.
func (tx *Tx) EndTokenKey(ctx context.Context, id string, at time.Time) error {
	return tx.write(ctx, "UPDATE token_keys SET ends_at = $2 WHERE id = $1 AND (ends_at IS NULL OR ends_at > $2)", id, millis(at))
}

// NewestGrant gives when the newest grant or pass for a place's locks was issued, revoked ones too; the zero time for none.
func (tx *Tx) NewestGrant(ctx context.Context, location string) (time.Time, error) {
	var issued sql.NullInt64
	err := tx.row(ctx, `SELECT MAX(issued_at) FROM (
		SELECT issued_at FROM grants WHERE location_id = $1 AND issued_at > 0
		UNION ALL SELECT issued_at FROM passes WHERE place_id = $1) AS issued`, location).Scan(&issued)
	return fromOptionalMillis(issued), err
}
