package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"meguri/hub/dispatch"
)

const revocationColumns = `id, delivery_date, location_id, holder, COALESCE(order_id, ''), COALESCE(run_id, ''), pin, valid_from,
	valid_until, issued_at, revoked_at, used_at, revoke_ended, revoke_ended_at, risk_by, risk_reason, risk_at FROM grants`

func scanRevocation(row scanner) (r dispatch.Revocation, err error) {
	var from, until, issued int64
	var revoked, used, ended, risk sql.NullInt64
	err = row.Scan(&r.ID, &r.DeliveryDate, &r.LocationID, &r.Holder, &r.OrderID, &r.RunID, &r.PIN, &from, &until, &issued, &revoked, &used,
		&r.End, &ended, &r.Risk.By, &r.Risk.Reason, &risk)
	r.From, r.Until, r.IssuedAt = fromMillis(from), fromMillis(until), fromMillis(issued)
	r.RevokedAt, r.UsedAt = fromOptionalMillis(revoked), fromOptionalMillis(used)
	r.EndedAt, r.Risk.At = fromOptionalMillis(ended), fromOptionalMillis(risk)
	return r, err
}

// CodesOfOrder gives an order's grants, those that were taken back too, with who may still hold them; the newest first.
func (tx *Tx) CodesOfOrder(ctx context.Context, order string) ([]dispatch.Revocation, error) {
	return tx.withHolders(ctx, "SELECT "+revocationColumns+" WHERE order_id = $1 ORDER BY issued_at DESC, id DESC", order)
}

// Revoking gives the grants of a location that are being revoked; an empty one means all.
func (tx *Tx) Revoking(ctx context.Context, location string) ([]dispatch.Revocation, error) {
	return tx.withHolders(ctx, "SELECT "+revocationColumns+` WHERE revoked_at IS NOT NULL AND revoke_ended = ''
		AND ($1 = '' OR location_id = $1) ORDER BY id`, location)
}

func (tx *Tx) withHolders(ctx context.Context, query string, args ...any) ([]dispatch.Revocation, error) {
	all, err := list(ctx, tx, scanRevocation, query, args...)
	for i := range all {
		if r := &all[i]; err == nil && !r.RevokedAt.IsZero() && r.End == dispatch.RevokeOpen {
			r.Holders, err = tx.grantHolders(ctx, r.Grant)
		}
	}
	return all, err
}

// grantHolders gives the lives of boards at the grant's location that may hold it: for which a plan was made that may have it, and
// that were neither shut out nor superseded before it was issued. A life that another one goes on from is that one now, but only when the
// other has taken its place (a copy that was drained by hand never did) and it was silent since: one that is still heard is a second
// storage, with a plan of its own. One that was superseded otherwise may be a second board, too, and never confirms. Only a record of the device's log confirms, for that comes
// after all uses before it; its hello does not.
func (tx *Tx) grantHolders(ctx context.Context, g dispatch.Grant) ([]dispatch.GrantHolder, error) {
	return list(ctx, tx, func(row scanner) (h dispatch.GrantHolder, err error) {
		var confirmed sql.NullInt64
		err = row.Scan(&h.Device, &h.Incarnation, &confirmed)
		h.ConfirmedAt = fromOptionalMillis(confirmed)
		return h, err
	}, `SELECT d.id, i.incarnation, (SELECT MIN(p.answered_at) FROM plans p WHERE p.device_id = d.id AND p.incarnation = i.incarnation
			AND p.version >= r.plan AND p.answered_at IS NOT NULL AND p.refused = '')
		FROM devices d JOIN incarnations i ON i.device_id = d.id
		LEFT JOIN grant_revocations r ON r.grant_id = $1 AND r.device_id = d.id AND r.incarnation = i.incarnation
		WHERE d.role = 'station' AND d.place = $2 AND (d.revoked_at IS NULL OR d.revoked_at >= $3)
		AND (i.superseded_at IS NULL OR i.superseded_at >= $3)
		AND NOT EXISTS (SELECT 1 FROM incarnations n WHERE n.device_id = d.id AND n.parent = i.incarnation AND i.superseded_at IS NOT NULL
			AND (n.superseded_at IS NULL OR n.superseded_at > n.first_heard_at) AND i.heard_at <= n.first_heard_at)
		AND EXISTS (SELECT 1 FROM plans p WHERE p.device_id = d.id AND p.incarnation = i.incarnation AND (r.plan IS NULL OR p.version < r.plan))
		ORDER BY d.id, i.incarnation`, g.ID, g.LocationID, millis(g.IssuedAt))
}

// PlanWithout notes, in the transaction that makes a device's plan, that from its version on plans of this life do not hold the grants
// of its location that are being revoked.
func (tx *Tx) PlanWithout(ctx context.Context, device, incarnation, location string, version uint64) error {
	revoking, err := list(ctx, tx, scanText, `SELECT id FROM grants WHERE revoked_at IS NOT NULL AND revoke_ended = '' AND location_id = $1
		ORDER BY id`, location)
	for _, id := range revoking {
		if err == nil {
			err = tx.write(ctx, `INSERT INTO grant_revocations (grant_id, device_id, incarnation, plan) VALUES ($1, $2, $3, $4)
				ON CONFLICT (grant_id, device_id, incarnation) DO NOTHING`, id, device, incarnation, int64(version))
		}
	}
	return err
}

// SettleRevoking ends the revoking of a location's grants, of all when it is empty, as far as it can be said by now, and says how many
// it ended. What waited for them is due then.
func (tx *Tx) SettleRevoking(ctx context.Context, location string, now time.Time) (ended int, err error) {
	all, err := tx.Revoking(ctx, location)
	for i := range all {
		r := &all[i]
		if err != nil || !r.Settle(now) {
			continue
		}
		ended++
		if err = tx.write(ctx, "UPDATE grants SET revoke_ended = $2, revoke_ended_at = $3 WHERE id = $1", r.ID, string(r.End),
			millis(r.EndedAt)); err == nil {
			err = tx.refundsDue(ctx, r.OrderID, now)
		}
	}
	return ended, err
}

// WorkCodeUsed is work: a code that had been taken back opened a door.
const WorkCodeUsed = "code_used"

// GrantUsed notes a use of a grant at a lock of a location, at a position, and makes it work when the grant had been taken back. A grant
// that is not known, or is for another location, is ErrNotFound.
func (tx *Tx) GrantUsed(ctx context.Context, id, location, position string, at, now time.Time) error {
	err := tx.row(ctx, "SELECT id FROM grants WHERE id = $1 AND location_id = $2", id, location).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("grant %.60s for %s: %w", id, location, ErrNotFound)
	}
	if err != nil {
		return err
	}
	if err := tx.write(ctx, `INSERT INTO grant_uses (grant_id, position, used_at) VALUES ($1, $2, $3)
		ON CONFLICT (grant_id, position) DO UPDATE SET used_at = excluded.used_at WHERE excluded.used_at < grant_uses.used_at`,
		id, position, millis(at)); err != nil {
		return err
	}
	if err := tx.firstUse(ctx, id); err != nil {
		return err
	}
	r, err := scanRevocation(tx.row(ctx, "SELECT "+revocationColumns+" WHERE id = $1", id))
	if err != nil {
		return err
	}
	return tx.codeUsed(ctx, r, at, now)
}

// GrantReturned forgets that a grant was used at a lock of a location: its door never opened. What was used at another lock stays, and
// where goods of its order were taken, at this door or another, it was used all the same.
func (tx *Tx) GrantReturned(ctx context.Context, id, location, position string) error {
	if err := tx.write(ctx, `DELETE FROM grant_uses WHERE grant_id = $1 AND position = $3
		AND EXISTS (SELECT 1 FROM grants g WHERE g.id = $1 AND g.location_id = $2
			AND NOT EXISTS (SELECT 1 FROM order_pickups p WHERE p.order_id = g.order_id))`, id, location, position); err != nil {
		return err
	}
	return tx.firstUse(ctx, id)
}

// firstUse keeps the first use of a grant at any lock.
func (tx *Tx) firstUse(ctx context.Context, id string) error {
	return tx.write(ctx, "UPDATE grants SET used_at = (SELECT MIN(u.used_at) FROM grant_uses u WHERE u.grant_id = grants.id) WHERE id = $1", id)
}

// codesUsed is codeUsed for the codes of an order that has just ended.
func (tx *Tx) codesUsed(ctx context.Context, order string, now time.Time) error {
	all, err := list(ctx, tx, scanRevocation, "SELECT "+revocationColumns+" WHERE order_id = $1 AND used_at IS NOT NULL ORDER BY id", order)
	for _, r := range all {
		if err == nil {
			err = tx.codeUsed(ctx, r, r.UsedAt, now)
		}
	}
	return err
}

// codeUsed makes it work that an order's code which was taken back has opened a door at a time. Where the customer has another code, that
// the former one was used before it was taken back is as it should be.
func (tx *Tx) codeUsed(ctx context.Context, r dispatch.Revocation, at, now time.Time) error {
	if r.State() != dispatch.GrantUsed || r.OrderID == "" {
		return nil
	}
	if at.Before(r.RevokedAt) {
		switch _, err := tx.GrantOfOrder(ctx, r.OrderID); {
		case err == nil:
			return nil
		case !errors.Is(err, ErrNotFound):
			return err
		}
	}
	detail := fmt.Sprintf("its code opened a door at %s, and was taken back at %s: see what was taken, and decide about the money",
		r.UsedAt.Format(time.RFC3339), r.RevokedAt.Format(time.RFC3339))
	return tx.OpenWork(ctx, WorkCodeUsed+"/"+r.ID, WorkCodeUsed, r.OrderID, detail, now)
}

// TakeRisk notes a person's word that what depends on an order's codes need not wait for them, and gives how many it was about.
func (tx *Tx) TakeRisk(ctx context.Context, order string, risk dispatch.Risk) (n int, err error) {
	all, err := tx.CodesOfOrder(ctx, order)
	for _, r := range all {
		if err != nil || !r.MayOpen() {
			continue
		}
		n++
		if err = tx.write(ctx, "UPDATE grants SET risk_by = $2, risk_reason = $3, risk_at = $4 WHERE id = $1", r.ID, risk.By, risk.Reason,
			millis(risk.At)); err == nil {
			err = tx.SettleWork(ctx, WorkCodeUsed+"/"+r.ID, risk.At)
		}
	}
	if err != nil || n == 0 {
		return n, err
	}
	return n, tx.refundsDue(ctx, order, risk.At)
}

// refundsDue makes refunds of an order go on that waited for its codes.
func (tx *Tx) refundsDue(ctx context.Context, order string, now time.Time) error {
	if order == "" {
		return nil
	}
	return tx.write(ctx, "UPDATE payment_tasks SET due_at = $2 WHERE order_id = $1 AND refund_id <> '' AND due_at > $2", order, millis(now))
}

// codeMayOpen says whether a code of an order that has no other may still open a door although it was taken back, or has, and nobody
// has taken the risk.
func (tx *Tx) codeMayOpen(ctx context.Context, order string) (may bool, err error) {
	err = tx.row(ctx, `SELECT EXISTS (SELECT 1 FROM grants WHERE order_id = $1 AND revoked_at IS NOT NULL AND risk_by = ''
		AND (revoke_ended = '' OR used_at IS NOT NULL))
		AND NOT EXISTS (SELECT 1 FROM grants WHERE order_id = $1 AND revoked_at IS NULL)`, order).Scan(&may)
	return may, err
}
