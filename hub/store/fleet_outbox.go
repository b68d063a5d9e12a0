package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"meguri/hub/fleet"
)

// SavePlan makes a new version of a device's plan from its parts by name, for one incarnation, when the newest one does not
// serve already. It gives the version that serves, and whether it is new. An incarnation that is not the device's current one
// is an error: it gets no plans.
func (tx *Tx) SavePlan(ctx context.Context, device, incarnation string, parts map[string][]byte, now time.Time) (version uint64, made bool, err error) {
	d, err := tx.Device(ctx, device)
	if err != nil {
		return 0, false, err
	}
	if incarnation == "" || incarnation != d.Incarnation {
		return 0, false, fmt.Errorf("plan of device %s: incarnation %q is not the current one, %q", device, incarnation, d.Incarnation)
	}
	want := make([]fleet.Part, 0, len(parts))
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		want = append(want, fleet.Part{Name: name, Hash: sha256.Sum256(parts[name]), Size: len(parts[name])})
	}
	newest, ok, err := tx.NewestPlan(ctx, device)
	if err != nil {
		return 0, false, err
	}
	if ok && newest.Serves(incarnation, want, d.PlanSent) {
		return newest.Version, false, nil
	}
	d.PlanSent++
	if err := tx.write(ctx, "INSERT INTO plans (device_id, version, incarnation, made_at, refused) VALUES ($1, $2, $3, $4, '')",
		device, int64(d.PlanSent), incarnation, millis(now)); err != nil {
		return 0, false, err
	}
	for _, p := range want {
		hash := hex.EncodeToString(p.Hash[:])
		if err := tx.write(ctx, "INSERT INTO plan_parts (hash, body) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING",
			hash, parts[p.Name]); err != nil {
			return 0, false, err
		}
		if err := tx.write(ctx, "INSERT INTO plan_contents (device_id, version, name, hash) VALUES ($1, $2, $3, $4)",
			device, int64(d.PlanSent), p.Name, hash); err != nil {
			return 0, false, err
		}
	}
	err = tx.write(ctx, "UPDATE devices SET plan_sent = $2 WHERE id = $1", device, int64(d.PlanSent))
	return d.PlanSent, true, err
}

// NewestPlan gives the newest plan made for a device, and false when there is none.
func (tx *Tx) NewestPlan(ctx context.Context, device string) (fleet.Plan, bool, error) {
	var p fleet.Plan
	var made int64
	var answered sql.NullInt64
	err := tx.row(ctx, `SELECT version, incarnation, made_at, answered_at, refused FROM plans WHERE device_id = $1
		ORDER BY version DESC LIMIT 1`, device).Scan(&p.Version, &p.Incarnation, &made, &answered, &p.Refused)
	if errors.Is(err, sql.ErrNoRows) {
		return p, false, nil
	}
	if err != nil {
		return p, false, err
	}
	p.MadeAt, p.AnsweredAt = fromMillis(made), fromOptionalMillis(answered)
	scan := func(row scanner) (part fleet.Part, err error) {
		var hash string
		if err := row.Scan(&part.Name, &hash, &part.Size); err != nil {
			return part, err
		}
		_, err = hex.Decode(part.Hash[:], []byte(hash))
		return part, err
	}
	p.Parts, err = list(ctx, tx, scan, `SELECT c.name, c.hash, LENGTH(p.body) FROM plan_contents c JOIN plan_parts p ON p.hash = c.hash
		WHERE c.device_id = $1 AND c.version = $2 ORDER BY c.name`, device, int64(p.Version))
	return p, err == nil, err
}

// PlanPart gives the content of a part, when a plan of that device has it; ErrNotFound otherwise.
func (tx *Tx) PlanPart(ctx context.Context, device string, version uint64, hash fleet.Hash) ([]byte, error) {
	var body []byte
	err := tx.row(ctx, `SELECT p.body FROM plan_parts p WHERE p.hash = $3
		AND EXISTS (SELECT 1 FROM plan_contents c WHERE c.device_id = $1 AND c.version = $2 AND c.hash = p.hash)`,
		device, int64(version), hex.EncodeToString(hash[:])).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("part %x of plan %d: %w", hash[:4], version, ErrNotFound)
	}
	return body, err
}

// AnswerPlan notes that an incarnation has put a plan in force or, with a reason, refused it. A plan that is not there, as
// after a restored backup, has nothing to note.
func (tx *Tx) AnswerPlan(ctx context.Context, device, incarnation string, version uint64, refused string, at time.Time) error {
	err := tx.write(ctx, `UPDATE plans SET answered_at = $4, refused = $5 WHERE device_id = $1 AND version = $2 AND incarnation = $3`,
		device, int64(version), incarnation, millis(at), refused)
	return err
}

const commandColumns = `id, device_id, counter, kind, target, plan_at_least, deadline, asked_by, asked_at, outcome, reason, answered_at,
	taken_at, settling_since FROM commands`

func scanCommand(row scanner) (fleet.Command, error) {
	var c fleet.Command
	var deadline, asked int64
	var answered, taken, settling sql.NullInt64
	err := row.Scan(&c.ID, &c.Device, &c.Counter, &c.Kind, &c.Target, &c.PlanAtLeast, &deadline, &c.AskedBy, &asked, &c.Outcome, &c.Reason,
		&answered, &taken, &settling)
	c.TakenAt, c.Settling = fromOptionalMillis(taken), fromOptionalMillis(settling)
	c.Deadline, c.AskedAt, c.AnsweredAt = fromMillis(deadline), fromMillis(asked), fromOptionalMillis(answered)
	return c, err
}

// AddCommand stores a command to a device with the next counter, which it gives back in the command.
func (tx *Tx) AddCommand(ctx context.Context, c fleet.Command) (fleet.Command, error) {
	d, err := tx.Device(ctx, c.Device)
	if err != nil {
		return c, err
	}
	if d.Revoked() {
		return c, fmt.Errorf("device %s: %w", d.ID, fleet.ErrRevoked)
	}
	var open int
	if err := tx.row(ctx, "SELECT COUNT(*) FROM commands WHERE device_id = $1 AND outcome = ''", d.ID).Scan(&open); err != nil {
		return c, err
	}
	if open >= fleet.MaxOpenCommands {
		return c, fmt.Errorf("device %s: %w", d.ID, fleet.ErrTooManyCommands)
	}
	c.Counter = d.CommandCounter + 1
	if err := tx.write(ctx, "UPDATE devices SET command_counter = $2 WHERE id = $1", d.ID, int64(c.Counter)); err != nil {
		return c, err
	}
	err = tx.write(ctx, `INSERT INTO commands (id, device_id, counter, kind, target, plan_at_least, deadline, asked_by, asked_at, outcome, reason)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', '')`,
		c.ID, c.Device, int64(c.Counter), int64(c.Kind), c.Target, int64(c.PlanAtLeast), millis(c.Deadline), c.AskedBy, millis(c.AskedAt))
	return c, err
}

// Command gives a command, or ErrNotFound.
func (tx *Tx) Command(ctx context.Context, id string) (fleet.Command, error) {
	c, err := scanCommand(tx.row(ctx, "SELECT "+commandColumns+" WHERE id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return c, fmt.Errorf("command %s: %w", id, ErrNotFound)
	}
	return c, err
}

// SaveCommand stores how far a command has come.
func (tx *Tx) SaveCommand(ctx context.Context, c fleet.Command) error {
	err := tx.write(ctx, `UPDATE commands SET outcome = $2, reason = $3, answered_at = $4, taken_at = $5, settling_since = $6
		WHERE id = $1`, c.ID, string(c.Outcome), c.Reason, optionalMillis(c.AnsweredAt), optionalMillis(c.TakenAt), optionalMillis(c.Settling))
	return err
}

// OpenCommands gives the commands of a device, or of all when device is empty, that have no outcome, in order.
func (tx *Tx) OpenCommands(ctx context.Context, device string) ([]fleet.Command, error) {
	all, err := list(ctx, tx, scanCommand, "SELECT "+commandColumns+" WHERE outcome = '' AND ($1 = '' OR device_id = $1)", device)
	slices.SortFunc(all, func(a, b fleet.Command) int {
		return cmp.Or(cmp.Compare(a.Device, b.Device), cmp.Compare(a.Counter, b.Counter))
	})
	return all, err
}
