package store

import (
	"context"
	"time"
)

// replaced says of plans that they are whole and nobody asks for them again: a newer one is in their place, or the device is out. When it
// was made and answered stays, by which is known what a lock can have obeyed.
const replaced = `NOT pruned AND (EXISTS (SELECT 1 FROM plans n WHERE n.device_id = plans.device_id AND n.version > plans.version)
	OR EXISTS (SELECT 1 FROM devices d WHERE d.id = plans.device_id AND d.revoked_at IS NOT NULL))`

// plansAtOnce bounds the plans that are pruned in one transaction: each has several parts.
const plansAtOnce = 100

// prunePlans deletes what plans said that were made before a time and replaced since: with what grants are checked against, it would
// outlive the grants' own codes. A part goes with the last plan that has it.
func (tx *Tx) prunePlans(ctx context.Context, before time.Time, most int) (pruned int, more bool, err error) {
	most = min(most, plansAtOnce)
	type plan struct {
		device  string
		version int64
	}
	scan := func(row scanner) (p plan, err error) {
		err = row.Scan(&p.device, &p.version)
		return p, err
	}
	all, err := list(ctx, tx, scan, `SELECT device_id, version FROM plans WHERE made_at < $1 AND `+replaced+` ORDER BY made_at LIMIT $2`, millis(before), most)
	if err != nil {
		return 0, false, err
	}
	for _, p := range all {
		hashes, err := returning(ctx, tx, scanText, `DELETE FROM plan_contents WHERE device_id = $1 AND version = $2 RETURNING hash`, p.device, p.version)
		if err != nil {
			return 0, false, err
		}
		for _, h := range hashes {
			if err := tx.write(ctx, `DELETE FROM plan_parts WHERE hash = $1 AND NOT EXISTS (SELECT 1 FROM plan_contents c WHERE c.hash = plan_parts.hash)`, h); err != nil {
				return 0, false, err
			}
		}
		if err := tx.write(ctx, `UPDATE plans SET pruned = TRUE WHERE device_id = $1 AND version = $2`, p.device, p.version); err != nil {
			return 0, false, err
		}
	}
	return len(all), len(all) == most, nil
}
