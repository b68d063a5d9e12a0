package store

import "context"

// Owed is something that an online device has not answered yet: the plan of this version, or a command.
type Owed struct {
	Device  string
	Plan    uint64 // 0 for a command
	Command string
}

// Owed gives what is owed to online devices: plans by device, then commands by device and counter. A plan that the device has
// refused is among them, and a version that was lost with a restored database.
func (tx *Tx) Owed(ctx context.Context) ([]Owed, error) {
	scan := func(row scanner) (o Owed, err error) {
		err = row.Scan(&o.Device, &o.Plan, &o.Command)
		return o, err
	}
	plans, err := list(ctx, tx, scan, `SELECT id, plan_sent, '' FROM devices
		WHERE plan_sent > plan_active AND revoked_at IS NULL AND online ORDER BY id`)
	if err != nil {
		return nil, err
	}
	commands, err := list(ctx, tx, scan, `SELECT c.device_id, 0, c.id FROM commands c JOIN devices d ON d.id = c.device_id
		WHERE c.outcome = '' AND c.settling_since IS NULL AND d.online AND d.revoked_at IS NULL ORDER BY c.device_id, c.counter`)
	return append(plans, commands...), err
}
