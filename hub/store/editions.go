package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"meguri/hub/dispatch"
)

// outContainers are the containers of a date ($1) that have something on their way that is out of service, with the reason.
const outContainers = `SELECT c.id, MIN(o.reason) AS reason FROM dated_containers c JOIN out_of_service o ON o.delivery_date = c.delivery_date
	AND (o.kind = 'slot' AND o.thing_id = c.slot_id OR o.kind = 'address' AND o.thing_id = c.address_id
	OR o.kind = 'shipper' AND o.thing_id = c.shipper_id OR o.kind = 'run' AND o.thing_id = c.run_id
	OR o.kind = 'location' AND o.thing_id = c.location_id OR o.kind = 'fridge' AND (o.thing_id = c.fridge_id
		OR EXISTS (SELECT 1 FROM collection_addresses a WHERE a.id = c.address_id AND a.fridge_id = o.thing_id)))
	WHERE c.delivery_date = $1 GROUP BY c.id`

// Papers are the runs and shops whose sheets and lists are concerned by a change.
type Papers struct{ Runs, Shops []string }

// Add adds the papers that a container is on.
func (p *Papers) Add(run, shop string) {
	if !slices.Contains(p.Runs, run) {
		p.Runs = append(p.Runs, run)
	}
	if !slices.Contains(p.Shops, shop) {
		p.Shops = append(p.Shops, shop)
	}
}

// contents are what all sheets and packing lists of a date say now.
func (tx *Tx) contents(ctx context.Context, date string) (runs, shops map[string]*dispatch.Content, err error) {
	runs, shops = map[string]*dispatch.Content{}, map[string]*dispatch.Content{}
	ids, err := tx.RunsOfDate(ctx, date)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		run, err := tx.Run(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		c := &dispatch.Content{VehicleID: run.VehicleID, DriverID: run.DriverID, Rows: []dispatch.ContentRow{}}
		for _, s := range run.Stops {
			c.Stops = append(c.Stops, dispatch.ContentStop{Sequence: s.Sequence, Kind: s.Kind, PlaceID: s.PlaceID, PlannedAt: s.PlannedAt})
		}
		grants, err := tx.grantsOfRun(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		for _, g := range grants {
			c.Codes = append(c.Codes, dispatch.ContentCode{LocationID: g.LocationID, GrantID: g.ID})
		}
		runs[id] = c
	}
	rows, err := tx.contentRows(ctx, date)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range rows {
		if shops[r.ShopID] == nil {
			shops[r.ShopID] = &dispatch.Content{}
		}
		shops[r.ShopID].Rows = append(shops[r.ShopID].Rows, r)
		if c := runs[r.RunID]; c != nil {
			c.Rows = append(c.Rows, r)
		}
	}
	return runs, shops, nil
}

func (tx *Tx) contentRows(ctx context.Context, date string) ([]dispatch.ContentRow, error) {
	var all []dispatch.ContentRow
	_, err := list(ctx, tx, func(row scanner) (_ struct{}, err error) {
		var r dispatch.ContentRow
		var product sql.NullString
		var units int
		err = row.Scan(&r.ContainerID, &r.ShopID, &r.Category, &r.AddressID, &r.RunID, &r.ShipperID, &r.LocationID, &r.SlotID, &r.DoNotLoad,
			&product, &units)
		if n := len(all); n == 0 || all[n-1].ContainerID != r.ContainerID {
			r.Products = []dispatch.ContentProduct{}
			all = append(all, r)
		}
		if last := &all[len(all)-1]; product.Valid {
			last.Products = append(last.Products, dispatch.ContentProduct{ProductID: product.String, Units: units})
		}
		return struct{}{}, err
	}, `SELECT c.id, c.shop_id, c.category, c.address_id, c.run_id, c.shipper_id, c.location_id, c.slot_id,
		COALESCE(x.reason, b.reason, ''), i.product_id, COUNT(i.order_id)
		FROM dated_containers c LEFT JOIN order_items i ON i.dated_container_id = c.id
		LEFT JOIN do_not_load x ON x.container_id = c.id LEFT JOIN (`+outContainers+`) b ON b.id = c.id
		WHERE c.delivery_date = $1
		GROUP BY c.id, c.shop_id, c.category, c.address_id, c.run_id, c.shipper_id, c.location_id, c.slot_id, x.reason, b.reason, i.product_id
		ORDER BY c.id, i.product_id`, date)
	return all, err
}

// MakeEditions stores new versions of the papers of a frozen date that say something else than their newest version, and gives
// them. Nil papers are all of the date; the first version of a run's sheet has the run's version, each further one the next.
func (tx *Tx) MakeEditions(ctx context.Context, date string, papers *Papers, by, reason string, at time.Time) ([]dispatch.Edition, error) {
	runs, shops, err := tx.contents(ctx, date)
	if err != nil {
		return nil, err
	}
	var made []dispatch.Edition
	add := func(kind dispatch.EditionKind, id string, content *dispatch.Content) error {
		if content == nil {
			content = &dispatch.Content{} // a shop that has nothing to pack any more
		}
		e := dispatch.Edition{Kind: kind, ThingID: id, Date: date, MadeAt: at, MadeBy: by, Reason: reason, Content: *content}
		stored, err := tx.addEdition(ctx, &e)
		if stored {
			made = append(made, e)
		}
		return err
	}
	if papers == nil {
		papers = &Papers{}
		for id := range runs {
			papers.Runs = append(papers.Runs, id)
		}
		for id := range shops {
			papers.Shops = append(papers.Shops, id)
		}
		slices.Sort(papers.Runs)
		slices.Sort(papers.Shops)
	}
	for _, id := range papers.Runs {
		if err := add(dispatch.OfRun, id, runs[id]); err != nil {
			return nil, fmt.Errorf("version of sheet %s: %w", id, err)
		}
	}
	for _, id := range papers.Shops {
		if err := add(dispatch.OfShop, id, shops[id]); err != nil {
			return nil, fmt.Errorf("version of packing list %s: %w", id, err)
		}
	}
	return made, nil
}

// addEdition stores a version unless the newest one says the same.
func (tx *Tx) addEdition(ctx context.Context, e *dispatch.Edition) (bool, error) {
	text, hash, err := e.Content.Encode()
	if err != nil {
		return false, err
	}
	var newest int
	var is string
	err = tx.row(ctx, `SELECT version, content_hash FROM sheet_versions WHERE kind = $1 AND thing_id = $2 AND delivery_date = $3
		ORDER BY version DESC LIMIT 1`, string(e.Kind), e.ThingID, e.Date).Scan(&newest, &is)
	if err != nil && !errors.Is(err, sql.ErrNoRows) || err == nil && is == hash {
		return false, err
	}
	first := errors.Is(err, sql.ErrNoRows)
	e.Version = newest + 1
	if e.Kind == dispatch.OfRun {
		raise := 1
		if first {
			raise = 0
		}
		err := tx.row(ctx, "SELECT version + $2 FROM runs WHERE id = $1", e.ThingID, raise).Scan(&e.Version)
		if err != nil {
			return false, err
		}
		if e.Version = max(e.Version, newest+1); !first {
			if err := tx.write(ctx, "UPDATE runs SET version = $2 WHERE id = $1", e.ThingID, e.Version); err != nil {
				return false, err
			}
		}
	}
	err = tx.write(ctx, `INSERT INTO sheet_versions (kind, thing_id, delivery_date, version, made_at, made_by, reason, content_hash, content)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, string(e.Kind), e.ThingID, e.Date, e.Version, millis(e.MadeAt), e.MadeBy, e.Reason, hash, text)
	return true, err
}

// Editions gives the newest versions of a sheet or list, the newest first.
func (tx *Tx) Editions(ctx context.Context, kind dispatch.EditionKind, id, date string, most int) ([]dispatch.Edition, error) {
	return list(ctx, tx, func(row scanner) (e dispatch.Edition, err error) {
		var at int64
		var text string
		e.Kind, e.ThingID, e.Date = kind, id, date
		if err := row.Scan(&e.Version, &at, &e.MadeBy, &e.Reason, &text); err != nil {
			return e, err
		}
		e.MadeAt = fromMillis(at)
		e.Content, err = dispatch.DecodeContent(text)
		return e, err
	}, `SELECT version, made_at, made_by, reason, content FROM sheet_versions WHERE kind = $1 AND thing_id = $2 AND delivery_date = $3
		ORDER BY version DESC LIMIT $4`, string(kind), id, date, most)
}

// Confirmations says of each run of a date that has versions whether its newest one is confirmed, by run.
func (tx *Tx) Confirmations(ctx context.Context, date string) ([]dispatch.Confirmation, error) {
	all, err := list(ctx, tx, func(row scanner) (c dispatch.Confirmation, err error) {
		var made int64
		var at sql.NullInt64
		err = row.Scan(&c.RunID, &c.Version, &made, &c.Replaces, &c.ConfirmedBy, &at)
		c.MadeAt, c.ConfirmedAt = fromMillis(made), fromOptionalMillis(at)
		return c, err
	}, // of the versions before it, the last that was confirmed, else the first: what the driver has in their hands
		`SELECT v.thing_id, v.version, v.made_at, COALESCE((SELECT MAX(s.version) FROM sheet_confirmations s WHERE s.run_id = v.thing_id
			AND s.version < v.version), (SELECT MIN(b.version) FROM sheet_versions b WHERE b.kind = 'run'
			AND b.thing_id = v.thing_id AND b.delivery_date = v.delivery_date AND b.version < v.version), 0),
		COALESCE(c.confirmed_by, ''), c.confirmed_at
		FROM sheet_versions v LEFT JOIN sheet_confirmations c ON c.run_id = v.thing_id AND c.version = v.version
		WHERE v.kind = 'run' AND v.delivery_date = $1 AND NOT EXISTS (SELECT 1 FROM sheet_versions n WHERE n.kind = 'run'
			AND n.thing_id = v.thing_id AND n.delivery_date = v.delivery_date AND n.version > v.version)`, date)
	slices.SortFunc(all, func(a, b dispatch.Confirmation) int { return cmp.Compare(a.RunID, b.RunID) })
	return all, err
}

// ErrOldVersion says that a version of a sheet has been replaced: what is confirmed is what nobody should drive by.
var ErrOldVersion = errors.New("there is a newer version of this sheet")

// ConfirmSheet notes that somebody has seen the newest version of a run's sheet. The first who says so counts. It is ErrNotFound
// for a run without versions and for a version that there is not, and ErrOldVersion for an older version than the newest.
func (tx *Tx) ConfirmSheet(ctx context.Context, run string, version int, by string, at time.Time) error {
	var newest sql.NullInt64
	if err := tx.row(ctx, "SELECT MAX(version) FROM sheet_versions WHERE kind = 'run' AND thing_id = $1", run).Scan(&newest); err != nil {
		return err
	}
	switch {
	case !newest.Valid:
		return fmt.Errorf("versions of the sheet of run %.80s: %w", run, ErrNotFound)
	case version < 1, int64(version) > newest.Int64:
		return fmt.Errorf("version %d of the sheet of run %.80s: %w: the newest is version %d", version, run, ErrNotFound, newest.Int64)
	case int64(version) != newest.Int64:
		return fmt.Errorf("version %d of the sheet of run %.80s: %w, version %d", version, run, ErrOldVersion, newest.Int64)
	}
	err := tx.write(ctx, `INSERT INTO sheet_confirmations (run_id, version, confirmed_by, confirmed_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (run_id, version) DO NOTHING`, run, version, by, millis(at))
	return err
}
