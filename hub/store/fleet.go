package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/fleet"
)

const deviceColumns = `id, place, role, added_at, added_by, revoked_at, incarnation, boot, session, software, online, presence_known, seen_at,
	plan_sent, plan_active, command_counter, revision FROM devices`

func scanDevice(row scanner) (fleet.Device, error) {
	var d fleet.Device
	var added int64
	var revoked, seen sql.NullInt64
	err := row.Scan(&d.ID, &d.Place, &d.Role, &added, &d.AddedBy, &revoked, &d.Incarnation, &d.Boot, &d.Session, &d.Software,
		&d.Online, &d.PresenceKnown, &seen, &d.PlanSent, &d.PlanActive, &d.CommandCounter, &d.Revision)
	d.AddedAt, d.RevokedAt, d.SeenAt = fromMillis(added), fromOptionalMillis(revoked), fromOptionalMillis(seen)
	return d, err
}

// AddDevice stores a new device, or returns fleet.ErrDeviceExists. It cannot log in before AddCertificate.
func (tx *Tx) AddDevice(ctx context.Context, d fleet.Device) error {
	_, err := tx.exec(ctx, `INSERT INTO devices (id, place, role, added_at, added_by) VALUES ($1, $2, $3, $4, $5)`,
		d.ID, d.Place, string(d.Role), millis(d.AddedAt), d.AddedBy)
	if tx.Duplicate(err) {
		return fmt.Errorf("device %s: %w", d.ID, fleet.ErrDeviceExists)
	}
	return err
}

// HasPlace says whether the network has a place that devices of a role serve.
func (tx *Tx) HasPlace(ctx context.Context, role fleet.Role, place string) (bool, error) {
	tables := map[fleet.Role][]string{fleet.Station: {"locations", "collection_spots"}, fleet.Shipper: {"shippers"},
		fleet.Scanner: {"shops", "warehouses"}, fleet.Driver: {"routes"}}
	for _, table := range tables[role] {
		var n int
		if err := tx.row(ctx, "SELECT COUNT(*) FROM "+table+" WHERE id = $1", place).Scan(&n); err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

// Device gives a device, or fleet.ErrUnknownDevice.
func (tx *Tx) Device(ctx context.Context, id string) (fleet.Device, error) {
	d, err := scanDevice(tx.row(ctx, "SELECT "+deviceColumns+" WHERE id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return d, fmt.Errorf("device %s: %w", id, fleet.ErrUnknownDevice)
	}
	return d, err
}

// Devices gives all devices by id, the revoked ones too.
func (tx *Tx) Devices(ctx context.Context) ([]fleet.Device, error) {
	return list(ctx, tx, scanDevice, "SELECT "+deviceColumns+" ORDER BY id")
}

// DevicesAt gives the devices that serve a place, by id, the revoked ones too.
func (tx *Tx) DevicesAt(ctx context.Context, place string) ([]fleet.Device, error) {
	return list(ctx, tx, scanDevice, "SELECT "+deviceColumns+" WHERE place = $1 ORDER BY id", place)
}

// SaveDevice stores what changes in a device's life: what it said and what it was sent.
func (tx *Tx) SaveDevice(ctx context.Context, d fleet.Device) error {
	return tx.write(ctx, `UPDATE devices SET incarnation = $2, boot = $3, session = $4, software = $5, online = $6, seen_at = $7,
		plan_sent = $8, plan_active = $9, command_counter = $10, presence_known = $11, revision = $12 WHERE id = $1`,
		d.ID, d.Incarnation, int64(d.Boot), int64(d.Session), d.Software, d.Online, optionalMillis(d.SeenAt),
		int64(d.PlanSent), int64(d.PlanActive), int64(d.CommandCounter), d.PresenceKnown, int64(d.Revision))
}

// RevokeDevice shuts a device out with all its certificates, for good. It returns fleet.ErrUnknownDevice, or fleet.ErrRevoked when it is already.
func (tx *Tx) RevokeDevice(ctx context.Context, id string, at time.Time) error {
	d, err := tx.Device(ctx, id)
	if err != nil {
		return err
	}
	if d.Revoked() {
		return fmt.Errorf("device %s: %w", id, fleet.ErrRevoked)
	}
	if err := tx.write(ctx, "UPDATE certificates SET revoked_at = $2 WHERE device_id = $1 AND revoked_at IS NULL", id, millis(at)); err != nil {
		return err
	}
	// What only the device itself could end: that it is not in service yet, and that its clock is lost.
	for kind, subject := range map[string]string{"commissioning": id, alarm.ClockLost: d.Place + "/" + id, alarm.ClockLow: d.Place + "/" + id} {
		if err := tx.ClearAlarm(ctx, kind, subject, at); err != nil {
			return err
		}
	}
	return tx.write(ctx, "UPDATE devices SET revoked_at = $2, online = FALSE, presence_known = TRUE WHERE id = $1", id, millis(at))
}

// ReplacedBy gives the device that took the place of one, empty when none did.
func (tx *Tx) ReplacedBy(ctx context.Context, id string) (by string, err error) {
	err = tx.row(ctx, "SELECT replaced_by FROM devices WHERE id = $1", id).Scan(&by)
	return by, err
}

// ReplaceDevice notes that another device took the place of one.
func (tx *Tx) ReplaceDevice(ctx context.Context, id, by string) error {
	return tx.write(ctx, "UPDATE devices SET replaced_by = $2 WHERE id = $1", id, by)
}

// ForgetPresence takes no device for online, as after a start of the hub.
func (tx *Tx) ForgetPresence(ctx context.Context) error {
	return tx.write(ctx, "UPDATE devices SET online = FALSE, presence_known = FALSE WHERE presence_known")
}

const logColumns = `incarnation, log, next_number, hash, state, parent, parent_first, parent_next, restored_at IS NOT NULL
	FROM device_logs`

func scanLog(row scanner) (fleet.Log, error) {
	var l fleet.Log
	var hash string
	err := row.Scan(&l.Incarnation, &l.Log, &l.Next, &hash, &l.State, &l.Origin.Parent, &l.Origin.First, &l.Origin.Next, &l.Restored)
	if err != nil {
		return l, err
	}
	b, err := hex.DecodeString(hash)
	if err != nil || len(b) != len(l.Hash) {
		return l, fmt.Errorf("device_logs: hash %q: want %d hexadecimal digits", hash, 2*len(l.Hash))
	}
	copy(l.Hash[:], b)
	return l, nil
}

// DeviceLog gives one log of one incarnation of a device, and false when the hub does not know it.
func (tx *Tx) DeviceLog(ctx context.Context, device, incarnation string, log uint8) (fleet.Log, bool, error) {
	l, err := scanLog(tx.row(ctx, "SELECT "+logColumns+" WHERE device_id = $1 AND incarnation = $2 AND log = $3",
		device, incarnation, log))
	if errors.Is(err, sql.ErrNoRows) {
		return l, false, nil
	}
	return l, err == nil, err
}

// SaveDeviceLog stores how far a log has been taken. Where it goes on from is stored with the first. Numbers of a superseded
// storage that was thought lost are no gap any more once it has delivered them.
func (tx *Tx) SaveDeviceLog(ctx context.Context, device string, l fleet.Log) error {
	err := tx.write(ctx, `INSERT INTO device_logs (device_id, incarnation, log, next_number, hash, state, parent, parent_first, parent_next)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (device_id, incarnation, log)
		DO UPDATE SET next_number = excluded.next_number, hash = excluded.hash, state = excluded.state`,
		device, l.Incarnation, l.Log, int64(l.Next), hex.EncodeToString(l.Hash[:]), string(l.State),
		l.Origin.Parent, int64(l.Origin.First), int64(l.Origin.Next))
	if err != nil || l.State == fleet.Current {
		return err
	}
	return tx.shrinkLost(ctx, device, l)
}

// Gaps gives the numbers of a log that the hub does not have, by first number.
func (tx *Tx) Gaps(ctx context.Context, device, incarnation string, log uint8) ([]fleet.Gap, error) {
	scan := func(row scanner) (g fleet.Gap, err error) {
		err = row.Scan(&g.First, &g.Last, &g.Kind, &g.Reason)
		return g, err
	}
	return list(ctx, tx, scan, `SELECT first_number, last_number, kind, reason FROM device_gaps
		WHERE device_id = $1 AND incarnation = $2 AND log = $3 ORDER BY first_number`, device, incarnation, log)
}

// GapUpTo gives the gap of a log that ends with a number, and false when there is none.
func (tx *Tx) GapUpTo(ctx context.Context, device, incarnation string, log uint8, last uint64) (g fleet.Gap, found bool, err error) {
	err = tx.row(ctx, `SELECT first_number, last_number, kind, reason FROM device_gaps WHERE device_id = $1 AND incarnation = $2
		AND log = $3 AND first_number <= $4 AND last_number = $4 ORDER BY first_number DESC LIMIT 1`,
		device, incarnation, log, int64(last)).Scan(&g.First, &g.Last, &g.Kind, &g.Reason)
	if errors.Is(err, sql.ErrNoRows) {
		return g, false, nil
	}
	return g, err == nil, err
}

// AddGap names a gap.
func (tx *Tx) AddGap(ctx context.Context, device, incarnation string, log uint8, g fleet.Gap, at time.Time) error {
	err := tx.write(ctx, `INSERT INTO device_gaps (device_id, incarnation, log, first_number, last_number, kind, reason, noted_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (device_id, incarnation, log, first_number)
		DO UPDATE SET last_number = excluded.last_number, kind = excluded.kind, reason = excluded.reason, noted_at = excluded.noted_at`,
		device, incarnation, log, int64(g.First), int64(g.Last), string(g.Kind), g.Reason, millis(at))
	return err
}

// ReplaceGap puts gaps in the place of one: a part of it is explained now.
func (tx *Tx) ReplaceGap(ctx context.Context, device, incarnation string, log uint8, old fleet.Gap, by []fleet.Gap, at time.Time) error {
	if err := tx.write(ctx, "DELETE FROM device_gaps WHERE device_id = $1 AND incarnation = $2 AND log = $3 AND first_number = $4",
		device, incarnation, log, int64(old.First)); err != nil {
		return err
	}
	for _, g := range by {
		if err := tx.AddGap(ctx, device, incarnation, log, g, at); err != nil {
			return err
		}
	}
	return nil
}

// NoteStolen notes that a device was stolen; false when it was said before.
func (tx *Tx) NoteStolen(ctx context.Context, id string, at time.Time) (bool, error) {
	n, err := tx.exec(ctx, "UPDATE devices SET stolen_at = $2 WHERE id = $1 AND stolen_at IS NULL", id, millis(at))
	return n == 1, err
}
