package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"meguri/hub/fleet"
	"meguri/hub/people"
	"meguri/hub/register"
)

const openingColumns = `id, fridge_id, device_id, reason, asked_by, asked_at, until, number, wrong, state, ended_at, at_door, show_command,
	COALESCE(open_command, ''), ` + nameColumns + ` FROM door_openings LEFT JOIN names n ON n.kind = 'opening' AND n.owner_id = door_openings.id`

func (tx *Tx) scanOpening(row scanner) (o fleet.Opening, err error) {
	var n sealedName
	var asked, until int64
	var ended sql.NullInt64
	err = row.Scan(&o.ID, &o.Fridge, &o.Device, &o.Reason, &o.AskedBy, &asked, &until, &o.Number, &o.Wrong, &o.State, &ended, &o.AtDoor,
		&o.ShowCommand, &o.OpenCommand, &n.sealed, &n.wrapped)
	o.AtDoor = n.of(tx, register.NameOfOpening, o.ID, o.AtDoor, "")
	o.AskedAt, o.Until, o.EndedAt = fromMillis(asked), fromMillis(until), fromOptionalMillis(ended)
	return o, err
}

// Opening gives an opening, or ErrNotFound.
func (tx *Tx) Opening(ctx context.Context, id string) (fleet.Opening, error) {
	o, err := tx.scanOpening(tx.row(ctx, "SELECT "+openingColumns+" WHERE id = $1", id))
	if errors.Is(err, sql.ErrNoRows) {
		return o, fmt.Errorf("opening %.40s: %w", id, ErrNotFound)
	}
	return o, err
}

// OpeningsOf gives the newest openings of a door, without the numbers.
func (tx *Tx) OpeningsOf(ctx context.Context, fridge string, most int) ([]fleet.Opening, error) {
	all, err := list(ctx, tx, tx.scanOpening, "SELECT "+openingColumns+" WHERE fridge_id = $1 ORDER BY asked_at DESC, id LIMIT $2", fridge, most)
	for i := range all {
		all[i].Number = ""
	}
	return all, err
}

// OpeningsAsked counts the openings of a door that were asked for since a moment.
func (tx *Tx) OpeningsAsked(ctx context.Context, fridge string, since time.Time) (n int, err error) {
	err = tx.row(ctx, "SELECT COUNT(*) FROM door_openings WHERE fridge_id = $1 AND asked_at > $2", fridge, millis(since)).Scan(&n)
	return n, err
}

// AddOpening stores a new opening; its command to show the number has to be there.
func (tx *Tx) AddOpening(ctx context.Context, o fleet.Opening) error {
	return tx.write(ctx, `INSERT INTO door_openings (id, fridge_id, device_id, reason, asked_by, asked_at, until, number, state, show_command)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, o.ID, o.Fridge, o.Device, o.Reason, o.AskedBy, millis(o.AskedAt), millis(o.Until),
		o.Number, string(o.State), o.ShowCommand)
}

// SaveOpening stores how far an opening has come.
func (tx *Tx) SaveOpening(ctx context.Context, o fleet.Opening) error {
	if o.AtDoor != "" && o.AtDoor != people.Sealed {
		if err := tx.saveName(ctx, register.NameOfOpening, o.ID, o.AtDoor); err != nil {
			return err
		}
	}
	return tx.write(ctx, `UPDATE door_openings SET number = $2, wrong = $3, state = $4, ended_at = $5, open_command = $6
		WHERE id = $1`, o.ID, o.Number, o.Wrong, string(o.State), optionalMillis(o.EndedAt),
		sql.NullString{String: o.OpenCommand, Valid: o.OpenCommand != ""})
}

// EndOpenings ends the opening of a door that is asked, if there is one, for another takes its place; with an empty fridge all whose
// time is over.
func (tx *Tx) EndOpenings(ctx context.Context, fridge string, now time.Time) error {
	return tx.write(ctx, `UPDATE door_openings SET state = 'expired', ended_at = CASE WHEN until < $2 THEN until ELSE $2 END, number = ''
		WHERE state = 'asked' AND (fridge_id = $1 OR $1 = '' AND until <= $2)`, fridge, millis(now))
}

// OpeningsOver says whether EndOpenings has anything to end by now.
func (tx *Tx) OpeningsOver(ctx context.Context, now time.Time) (over bool, err error) {
	err = tx.row(ctx, "SELECT EXISTS (SELECT 1 FROM door_openings WHERE state = 'asked' AND until <= $1)", millis(now)).Scan(&over)
	return over, err
}

// NumberToShow is the number that a command shows at a door; empty once the opening has ended.
func (tx *Tx) NumberToShow(ctx context.Context, command string) (number string, err error) {
	err = tx.row(ctx, "SELECT number FROM door_openings WHERE show_command = $1", command).Scan(&number)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return number, err
}
