package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"meguri/hub/dispatch"
)

// ShopCall is a shop that brings containers of a date, which is frozen, to a collection spot, and when they are fetched last.
type ShopCall struct {
	ShopID, SpotID, Date string
	Fetched              time.Time
	Again                int // how many passes for it the clock has taken back
}

// shopCalls finds them. Whether a board serves the spot's doors is asked only where a pass is made: one that is being replaced takes no
// pass away. A container counts while somebody is to get what it holds.
// Its $1 is a time: of dates whose pickup was over by then there are none, which keeps a year of history out.
const shopCalls = `FROM delivery_dates f JOIN dated_containers c ON c.delivery_date = f.delivery_date
	JOIN run_stops s ON s.run_id = c.run_id AND s.kind = 'collect' AND s.place_id = c.collection_spot_id
	WHERE f.frozen_at IS NOT NULL AND EXISTS (SELECT 1 FROM deliveries l WHERE l.delivery_date = f.delivery_date AND l.pickup_closes > $1)
	AND EXISTS (SELECT 1 FROM order_items i JOIN orders o ON o.id = i.order_id WHERE i.dated_container_id = c.id AND NOT i.short
		AND o.state NOT IN ('refused', 'expired', 'cancelled', 'called_off')) `

// passFor is the condition that a pass was made for a call, and was not taken back by the clock: a person's word stands.
const passFor = `p.shop_id = c.shop_id AND p.place_id = c.collection_spot_id AND p.for_date = c.delivery_date`

// ShopCallsWithoutPass gives the shops that have no pass for a spot and date yet, of containers that are fetched after a time. One that a person
// has revoked counts as one.
func (tx *Tx) ShopCallsWithoutPass(ctx context.Context, fetchedAfter time.Time) ([]ShopCall, error) {
	return list(ctx, tx, func(row scanner) (c ShopCall, err error) {
		var fetched int64
		err = row.Scan(&c.ShopID, &c.SpotID, &c.Date, &fetched, &c.Again)
		c.Fetched = fromMillis(fetched)
		return c, err
	}, `SELECT c.shop_id, c.collection_spot_id, c.delivery_date, MAX(s.planned_at), (SELECT COUNT(*) FROM passes p WHERE `+passFor+`) `+
		shopCalls+` AND s.planned_at > $1
		AND EXISTS (SELECT 1 FROM devices v WHERE v.place = c.collection_spot_id AND v.role = 'station' AND v.revoked_at IS NULL)
		AND NOT EXISTS (SELECT 1 FROM passes p WHERE `+passFor+` AND NOT p.idle)
		GROUP BY c.shop_id, c.collection_spot_id, c.delivery_date ORDER BY c.delivery_date, c.shop_id, c.collection_spot_id LIMIT 1000`,
		millis(fetchedAfter))
}

// HasShopPass says whether a call has a pass by now: another hub may have been faster.
func (tx *Tx) HasShopPass(ctx context.Context, c ShopCall) (has bool, err error) {
	err = tx.row(ctx, `SELECT EXISTS (SELECT 1 FROM passes WHERE shop_id = $1 AND place_id = $2 AND for_date = $3 AND NOT idle)`,
		c.ShopID, c.SpotID, c.Date).Scan(&has)
	return has, err
}

// IdleShopPasses gives the passes of shops, made for a date by the clock, that are not over at now although nothing of the date is to be
// brought there any more.
func (tx *Tx) IdleShopPasses(ctx context.Context, now time.Time) ([]dispatch.Pass, error) {
	return list(ctx, tx, tx.scanPass, "SELECT "+passColumns+` WHERE valid_until > $1 AND revoked_at IS NULL AND holder = 'shop' AND for_date <> ''
		AND NOT EXISTS (SELECT 1 `+shopCalls+` AND c.shop_id = passes.shop_id AND c.collection_spot_id = passes.place_id
			AND c.delivery_date = passes.for_date) ORDER BY id LIMIT 1000`, millis(now))
}

// EndIdlePass takes a shop's pass back by the clock. It is false when it was revoked already.
func (tx *Tx) EndIdlePass(ctx context.Context, id string, at time.Time) (bool, error) {
	n, err := tx.exec(ctx, "UPDATE passes SET revoked_at = $2, idle = TRUE WHERE id = $1 AND revoked_at IS NULL", id, millis(at))
	return n > 0, err
}

// ShopPass gives the newest pass of a shop for a date that holds or will hold at now, or ErrNotFound.
func (tx *Tx) ShopPass(ctx context.Context, shop, date string, now time.Time) (dispatch.Pass, error) {
	p, err := tx.scanPass(tx.row(ctx, "SELECT "+passColumns+` WHERE shop_id = $1 AND for_date = $2 AND valid_until > $3 AND revoked_at IS NULL
		ORDER BY issued_at DESC, id LIMIT 1`, shop, date, millis(now)))
	if errors.Is(err, sql.ErrNoRows) {
		return p, fmt.Errorf("pass of shop %s for %s: %w", shop, date, ErrNotFound)
	}
	return p, err
}
