package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"meguri/hub/people"
)

const clientColumns = `id, role, place, scopes, per_minute, added_at, added_by, revoked_at, business_id`

func scanClient(row scanner) (c people.Client, err error) {
	var scopes string
	var added int64
	var revoked sql.NullInt64
	err = row.Scan(&c.ID, &c.Role, &c.Place, &scopes, &c.PerMinute, &added, &c.AddedBy, &revoked, &c.Business)
	c.Scopes, c.Added, c.Revoked = strings.Fields(scopes), fromMillis(added), fromOptionalMillis(revoked)
	return c, err
}

// Client is the client of a name, also a revoked one; people.ErrNoClient when there is none.
func (tx *Tx) Client(ctx context.Context, id string) (people.Client, error) {
	c, err := scanClient(tx.row(ctx, `SELECT `+clientColumns+` FROM clients WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return people.Client{}, people.ErrNoClient
	}
	return c, err
}

// Clients lists up to most clients in the order in which they were added, the revoked ones too.
func (tx *Tx) Clients(ctx context.Context, most int) ([]people.Client, error) {
	return list(ctx, tx, scanClient, `SELECT `+clientColumns+` FROM clients ORDER BY added_at, id LIMIT $1`, most)
}

// AddClient stores a new client.
func (tx *Tx) AddClient(ctx context.Context, c people.Client) error {
	return tx.write(ctx, `INSERT INTO clients (id, role, place, scopes, per_minute, added_at, added_by, business_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		c.ID, string(c.Role), c.Place, strings.Join(c.Scopes, " "), c.PerMinute, millis(c.Added), c.AddedBy, c.Business)
}

// RevokeClient notes when a client was revoked, and ends its secrets.
func (tx *Tx) RevokeClient(ctx context.Context, id string, at time.Time) error {
	if err := tx.endSecrets(ctx, id, at); err != nil {
		return err
	}
	return tx.write(ctx, `UPDATE clients SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL`, id, millis(at))
}

// HasSecret says whether a client has a secret with the hash that is good at now.
func (tx *Tx) HasSecret(ctx context.Context, id, hash string, now time.Time) (has bool, err error) {
	err = tx.row(ctx, `SELECT EXISTS (SELECT 1 FROM client_secrets WHERE secret_hash = $1 AND client_id = $2 AND (ends_at IS NULL OR ends_at > $3))`,
		hash, id, millis(now)).Scan(&has)
	return has, err
}

// SetSecret gives a client a secret; of those it has, the newest is good until, the others no longer.
func (tx *Tx) SetSecret(ctx context.Context, id, hash string, now, until time.Time) error {
	if err := tx.write(ctx, `UPDATE client_secrets SET ends_at = $2 WHERE client_id = $1 AND ends_at > $2`, id, millis(now)); err != nil {
		return err
	}
	if err := tx.endSecrets(ctx, id, until); err != nil {
		return err
	}
	return tx.write(ctx, `INSERT INTO client_secrets (secret_hash, client_id, made_at) VALUES ($1, $2, $3)`, hash, id, millis(now))
}

// endSecrets says until when the secrets of a client are good. It never moves an end to later.
func (tx *Tx) endSecrets(ctx context.Context, id string, at time.Time) error {
	return tx.write(ctx, `UPDATE client_secrets SET ends_at = $2 WHERE client_id = $1 AND (ends_at IS NULL OR ends_at > $2)`, id, millis(at))
}

// SigningKey is a key with which hubs sign access tokens.
type SigningKey struct {
	ID        string // JWK thumbprint
	Public    []byte // Ed25519
	Sealed    []byte // its private half
	Made      time.Time
	SignsFrom time.Time
	Ends      time.Time // zero while another has not taken its place
}

// SigningKeys gives the keys whose tokens are taken at a time, in the order in which they begin to sign.
func (tx *Tx) SigningKeys(ctx context.Context, now time.Time) ([]SigningKey, error) {
	return list(ctx, tx, func(row scanner) (k SigningKey, err error) {
		var made, from int64
		var ends sql.NullInt64
		err = row.Scan(&k.ID, &k.Public, &k.Sealed, &made, &from, &ends)
		k.Made, k.SignsFrom, k.Ends = fromMillis(made), fromMillis(from), fromOptionalMillis(ends)
		return k, err
	}, `SELECT id, public_key, sealed, made_at, signs_from, ends_at FROM access_keys WHERE ends_at IS NULL OR ends_at > $1
		ORDER BY signs_from, id`, millis(now))
}

// AddSigningKey stores a key.
func (tx *Tx) AddSigningKey(ctx context.Context, k SigningKey) error {
	return tx.write(ctx, `INSERT INTO access_keys (id, public_key, sealed, made_at, signs_from, ends_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		k.ID, k.Public, k.Sealed, millis(k.Made), millis(k.SignsFrom), optionalMillis(k.Ends))
}

// EndSigningKey says from when on the tokens of a key are taken no more, and whether there is such a key. It never moves to later.
func (tx *Tx) EndSigningKey(ctx context.Context, id string, at time.Time) (bool, error) {
	n, err := tx.exec(ctx, `UPDATE access_keys SET ends_at = $2 WHERE id = $1 AND (ends_at IS NULL OR ends_at > $2)`, id, millis(at))
	return n == 1, err
}

// EndSigningKeys ends every key that signs access tokens, with the tokens that it has signed.
func (tx *Tx) EndSigningKeys(ctx context.Context, at time.Time) error {
	return tx.write(ctx, `UPDATE access_keys SET ends_at = $1 WHERE ends_at IS NULL OR ends_at > $1`, millis(at))
}
