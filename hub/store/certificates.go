package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"meguri/hub/fleet"
)

// AddCertificate stores a certificate that was issued to a device: its current one when it has none, else the next one, and
// a next one that was not used yet is revoked.
func (tx *Tx) AddCertificate(ctx context.Context, c fleet.Certificate) error {
	held, err := tx.Credentials(ctx, c.Device)
	if err != nil {
		return err
	}
	if held.Revoked {
		return fmt.Errorf("device %s: %w", c.Device, fleet.ErrRevoked)
	}
	if err := tx.write(ctx, `INSERT INTO certificates (fingerprint, device_id, serial, issued_at, ends_at) VALUES ($1, $2, $3, $4, $5)`,
		c.Fingerprint, c.Device, c.Serial, millis(c.IssuedAt), millis(c.EndsAt)); err != nil {
		return err
	}
	if held.Current == "" {
		err = tx.write(ctx, "UPDATE devices SET certificate = $2 WHERE id = $1", c.Device, c.Fingerprint)
		return err
	}
	if err := tx.revokeCertificate(ctx, held.Next, c.IssuedAt); err != nil {
		return err
	}
	err = tx.write(ctx, "UPDATE devices SET certificate_next = $2 WHERE id = $1", c.Device, c.Fingerprint)
	return err
}

// Credentials gives what a login of a device is checked with, or fleet.ErrUnknownDevice.
func (tx *Tx) Credentials(ctx context.Context, device string) (c fleet.Credentials, err error) {
	err = tx.row(ctx, "SELECT certificate, certificate_next, revoked_at IS NOT NULL FROM devices WHERE id = $1", device).
		Scan(&c.Current, &c.Next, &c.Revoked)
	if errors.Is(err, sql.ErrNoRows) {
		return c, fmt.Errorf("device %s: %w", device, fleet.ErrUnknownDevice)
	}
	return c, err
}

// AllCredentials gives those of every device that is not shut out, by id.
func (tx *Tx) AllCredentials(ctx context.Context) (map[string]fleet.Credentials, error) {
	all := map[string]fleet.Credentials{}
	_, err := list(ctx, tx, func(row scanner) (none struct{}, err error) {
		var id string
		var c fleet.Credentials
		err = row.Scan(&id, &c.Current, &c.Next)
		all[id] = c
		return none, err
	}, "SELECT id, certificate, certificate_next FROM devices WHERE revoked_at IS NULL")
	return all, err
}

// TakeNextCertificate puts the next certificate of a device in the place of its current one, which is revoked. It returns
// fleet.ErrNoRenewal when there is none.
func (tx *Tx) TakeNextCertificate(ctx context.Context, device string, at time.Time) error {
	held, err := tx.Credentials(ctx, device)
	if err != nil {
		return err
	}
	if held.Next == "" {
		return fmt.Errorf("device %s: %w", device, fleet.ErrNoRenewal)
	}
	if err := tx.revokeCertificate(ctx, held.Current, at); err != nil {
		return err
	}
	return tx.write(ctx, "UPDATE devices SET certificate = certificate_next, certificate_next = '' WHERE id = $1", device)
}

func (tx *Tx) revokeCertificate(ctx context.Context, fingerprint string, at time.Time) error {
	return tx.write(ctx, "UPDATE certificates SET revoked_at = $2 WHERE fingerprint = $1 AND revoked_at IS NULL", fingerprint, millis(at))
}

// CertificateCounts gives how many devices that are not shut out have a certificate, and how many have none.
func (tx *Tx) CertificateCounts(ctx context.Context) (with, without int, err error) {
	err = tx.row(ctx, `SELECT COUNT(CASE WHEN certificate <> '' THEN 1 END), COUNT(CASE WHEN certificate = '' THEN 1 END)
		FROM devices WHERE revoked_at IS NULL`).Scan(&with, &without)
	return with, without, err
}

// CertificateRevision changes whenever a certificate is revoked, by whatever process.
func (tx *Tx) CertificateRevision(ctx context.Context) (revision int64, err error) {
	err = tx.row(ctx, "SELECT COUNT(*) FROM certificates WHERE revoked_at IS NOT NULL").Scan(&revision)
	return revision, err
}

const certificateColumns = "device_id, fingerprint, serial, issued_at, ends_at, revoked_at FROM certificates"

func scanCertificate(row scanner) (c fleet.Certificate, err error) {
	var issued, ends int64
	var revoked sql.NullInt64
	err = row.Scan(&c.Device, &c.Fingerprint, &c.Serial, &issued, &ends, &revoked)
	c.IssuedAt, c.EndsAt, c.RevokedAt = fromMillis(issued), fromMillis(ends), fromOptionalMillis(revoked)
	return c, err
}

// Certificates gives all of a device, the oldest first.
func (tx *Tx) Certificates(ctx context.Context, device string) ([]fleet.Certificate, error) {
	return list(ctx, tx, scanCertificate, "SELECT "+certificateColumns+" WHERE device_id = $1 ORDER BY issued_at, fingerprint", device)
}

// CertificateEnds gives when the current certificate of each device ends, by id.
func (tx *Tx) CertificateEnds(ctx context.Context) (map[string]time.Time, error) {
	ends := map[string]time.Time{}
	_, err := list(ctx, tx, func(row scanner) (none struct{}, err error) {
		var id string
		var at int64
		err = row.Scan(&id, &at)
		ends[id] = fromMillis(at)
		return none, err
	}, "SELECT d.id, c.ends_at FROM devices d JOIN certificates c ON c.fingerprint = d.certificate")
	return ends, err
}

// RevokedCertificates gives those that are revoked and would be valid still, for a list that brokers other than ours read.
func (tx *Tx) RevokedCertificates(ctx context.Context, now time.Time) ([]fleet.Certificate, error) {
	return list(ctx, tx, scanCertificate, "SELECT "+certificateColumns+
		" WHERE revoked_at IS NOT NULL AND ends_at > $1 ORDER BY revoked_at, fingerprint", millis(now))
}
