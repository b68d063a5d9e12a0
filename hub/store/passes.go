package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"meguri/hub/dispatch"
	"meguri/hub/register"
)

const passColumns = `id, place_id, COALESCE(fridge_id, ''), holder, COALESCE(shop_id, ''), name, reason, pin, uses, valid_from, valid_until,
	issued_at, revoked_at, for_date, ` + nameColumns + ` FROM passes LEFT JOIN names n ON n.kind = 'pass' AND n.owner_id = passes.id`

func (tx *Tx) scanPass(row scanner) (p dispatch.Pass, err error) {
	var n sealedName
	var from, until, issued int64
	var revoked sql.NullInt64
	err = row.Scan(&p.ID, &p.PlaceID, &p.FridgeID, &p.Holder, &p.ShopID, &p.Name, &p.Reason, &p.PIN, &p.Uses, &from, &until, &issued, &revoked, &p.Date, &n.sealed, &n.wrapped)
	p.Name = n.of(tx, register.NameOfPass, p.ID, p.Name, "")
	p.From, p.Until, p.IssuedAt, p.RevokedAt = fromMillis(from), fromMillis(until), fromMillis(issued), fromOptionalMillis(revoked)
	return p, err
}

// AddPass stores a pass.
func (tx *Tx) AddPass(ctx context.Context, p dispatch.Pass) error {
	text := func(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }
	if err := tx.saveName(ctx, register.NameOfPass, p.ID, p.Name); err != nil {
		return err
	}
	return tx.write(ctx, `INSERT INTO passes (id, place_id, fridge_id, holder, shop_id, name, reason, pin, uses, valid_from, valid_until, issued_at,
		for_date) VALUES ($1, $2, $3, $4, $5, '', $6, $7, $8, $9, $10, $11, $12)`, p.ID, p.PlaceID, text(p.FridgeID), string(p.Holder), text(p.ShopID),
		p.Reason, p.PIN, int64(p.Uses), millis(p.From), millis(p.Until), millis(p.IssuedAt), p.Date)
}

// PassesAt gives the passes for a place's doors that are not revoked and end after a time, in the order in which they were issued.
func (tx *Tx) PassesAt(ctx context.Context, place string, now time.Time) ([]dispatch.Pass, error) {
	return list(ctx, tx, tx.scanPass, "SELECT "+passColumns+` WHERE place_id = $1 AND valid_until > $2 AND revoked_at IS NULL
		ORDER BY issued_at, id`, place, millis(now))
}

// RevokePass ends a pass, and gives it as it was. One that is unknown or revoked already is ErrNotFound.
func (tx *Tx) RevokePass(ctx context.Context, id string, at time.Time) (dispatch.Pass, error) {
	all, err := list(ctx, tx, tx.scanPass, "SELECT "+passColumns+" WHERE id = $1 AND revoked_at IS NULL", id)
	if err != nil {
		return dispatch.Pass{}, err
	}
	if len(all) == 0 {
		return dispatch.Pass{}, fmt.Errorf("pass %s: %w", id, ErrNotFound)
	}
	return all[0], tx.write(ctx, "UPDATE passes SET revoked_at = $2 WHERE id = $1", id, millis(at))
}

// SpotOfShop gives the collection spot that a shop brings its goods to, or ErrNotFound.
func (tx *Tx) SpotOfShop(ctx context.Context, shop string) (string, error) {
	return tx.text(ctx, "shop "+shop, "SELECT collection_spot_id FROM shops WHERE id = $1", shop)
}

// PersonRule is what locks do in doubt for a kind of person, where it is not the default.
type PersonRule struct {
	Holder   dispatch.Holder
	PlanAge  time.Duration
	Unproven uint8 // protocol.Unproven
}

// PersonRules gives the rules that are not the default.
func (tx *Tx) PersonRules(ctx context.Context) ([]PersonRule, error) {
	return list(ctx, tx, func(row scanner) (r PersonRule, err error) {
		var age int64
		err = row.Scan(&r.Holder, &age, &r.Unproven)
		r.PlanAge = time.Duration(age) * time.Millisecond
		return r, err
	}, "SELECT holder, plan_age_ms, unproven FROM person_rules ORDER BY holder")
}

// SetPersonRule puts a rule in the place of the default, or of the one before.
func (tx *Tx) SetPersonRule(ctx context.Context, r PersonRule) error {
	return tx.write(ctx, `INSERT INTO person_rules (holder, plan_age_ms, unproven) VALUES ($1, $2, $3)
		ON CONFLICT (holder) DO UPDATE SET plan_age_ms = excluded.plan_age_ms, unproven = excluded.unproven`,
		string(r.Holder), r.PlanAge.Milliseconds(), int64(r.Unproven))
}
