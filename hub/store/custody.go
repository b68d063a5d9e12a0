package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"meguri/hub/dispatch"
)

// ErrNotFound is returned when what was asked for by its key is not there.
var ErrNotFound = errors.New("not found")

const containerColumns = `
	c.id, c.delivery_date, c.location_id, c.fridge_id, c.slot_id, c.shop_id, c.collection_spot_id, c.category, c.run_id,
	c.shipper_id, COALESCE(s.grai, ''), c.address_id, c.used_ml, c.capacity_ml,
	c.state, c.grai, c.filled_at, c.shelved_at, c.loaded_at, c.placed_at
	FROM dated_containers c LEFT JOIN shippers s ON s.id = c.shipper_id` // also of one whose shipper is gone

func scanContainer(row scanner) (dispatch.Container, error) {
	var c dispatch.Container
	var grai sql.NullString
	var filled, shelved, loaded, placed sql.NullInt64
	err := row.Scan(&c.ID, &c.DeliveryDate, &c.LocationID, &c.FridgeID, &c.SlotID, &c.ShopID, &c.SpotID, &c.Category, &c.RunID,
		&c.ShipperID, &c.ShipperGRAI, &c.AddressID, &c.UsedML, &c.CapacityML,
		&c.State, &grai, &filled, &shelved, &loaded, &placed)
	c.GRAI = grai.String
	c.FilledAt, c.ShelvedAt = fromOptionalMillis(filled), fromOptionalMillis(shelved)
	c.LoadedAt, c.PlacedAt = fromOptionalMillis(loaded), fromOptionalMillis(placed)
	return c, err
}

// Container gives a dated container by its id, or ErrNotFound.
func (tx *Tx) Container(ctx context.Context, id string) (dispatch.Container, error) {
	return oneContainer(tx.row(ctx, "SELECT"+containerColumns+" WHERE c.id = $1", id), "container "+id)
}

// boxUses is how many of a box's last uses are looked through for the one that an event speaks of.
const boxUses = 20

// UsesOfBox gives the dated containers that a box (GRAI) was bound to, the last filled first.
func (tx *Tx) UsesOfBox(ctx context.Context, grai string) ([]dispatch.BoxUse, error) {
	containers, err := list(ctx, tx, scanContainer, "SELECT"+containerColumns+
		" WHERE c.grai = $1 ORDER BY c.filled_at DESC, c.id LIMIT $2", grai, boxUses)
	if err != nil {
		return nil, err
	}
	uses := make([]dispatch.BoxUse, len(containers))
	for i, c := range containers {
		d, err := tx.Delivery(ctx, c.DeliveryDate, c.LocationID)
		if err != nil {
			return nil, err
		}
		uses[i] = dispatch.BoxUse{Container: c, From: d.OrderCutoff, Until: d.PickupCloses.Add(dispatch.Collected)}
	}
	return uses, nil
}

func oneContainer(row scanner, what string) (dispatch.Container, error) {
	c, err := scanContainer(row)
	if errors.Is(err, sql.ErrNoRows) {
		return c, fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	return c, err
}

// ContainersOfShop gives a shop's containers of a date, in order of numbering.
func (tx *Tx) ContainersOfShop(ctx context.Context, date, shop string) ([]dispatch.Container, error) {
	return list(ctx, tx, scanContainer, "SELECT"+containerColumns+
		" WHERE c.delivery_date = $1 AND c.shop_id = $2 ORDER BY c.sequence", date, shop)
}

// ContainersOfRun gives the containers that ride with a run.
func (tx *Tx) ContainersOfRun(ctx context.Context, run string) ([]dispatch.Container, error) {
	return list(ctx, tx, scanContainer, "SELECT"+containerColumns+" WHERE c.run_id = $1 ORDER BY c.sequence", run)
}

// ContainersOfLocation gives the containers for a location on a date.
func (tx *Tx) ContainersOfLocation(ctx context.Context, date, location string) ([]dispatch.Container, error) {
	return list(ctx, tx, scanContainer, "SELECT"+containerColumns+
		" WHERE c.delivery_date = $1 AND c.location_id = $2 ORDER BY c.sequence", date, location)
}

// SaveContainer stores how far a container has come. A box that is bound to another container of the date is a duplicate.
func (tx *Tx) SaveContainer(ctx context.Context, c dispatch.Container) error {
	_, err := tx.exec(ctx, `UPDATE dated_containers
		SET state = $2, grai = $3, filled_at = $4, shelved_at = $5, loaded_at = $6, placed_at = $7 WHERE id = $1`,
		c.ID, c.State, sql.NullString{String: c.GRAI, Valid: c.GRAI != ""}, optionalMillis(c.FilledAt),
		optionalMillis(c.ShelvedAt), optionalMillis(c.LoadedAt), optionalMillis(c.PlacedAt))
	return err
}

// PackedProducts gives what is to be in a container, by product.
func (tx *Tx) PackedProducts(ctx context.Context, container string) ([]dispatch.PackedProduct, error) {
	scan := func(row scanner) (p dispatch.PackedProduct, err error) {
		err = row.Scan(&p.ProductID, &p.Name, &p.GTIN, &p.Units, &p.Short)
		return p, err
	}
	return list(ctx, tx, scan, `
		SELECT i.product_id, COALESCE(p.name, i.product_id), COALESCE(p.gtin, ''), COUNT(*), SUM(CASE WHEN i.short THEN 1 ELSE 0 END)
		FROM order_items i LEFT JOIN products p ON p.id = i.product_id
		WHERE i.dated_container_id = $1 GROUP BY i.product_id, p.name, p.gtin, p.sequence ORDER BY p.sequence, i.product_id`, container)
}

// OrdersInContainer gives the accepted orders that have items in a container.
func (tx *Tx) OrdersInContainer(ctx context.Context, container string) ([]string, error) {
	return list(ctx, tx, scanText, "SELECT DISTINCT order_id FROM order_items WHERE dated_container_id = $1 ORDER BY order_id", container)
}

func scanText(row scanner) (text string, err error) {
	err = row.Scan(&text)
	return text, err
}

// OrderNeeds gives what the dated containers hold of an order.
func (tx *Tx) OrderNeeds(ctx context.Context, order string) ([]dispatch.Need, error) {
	scan := func(row scanner) (n dispatch.Need, err error) {
		var placed sql.NullInt64
		err = row.Scan(&n.ContainerID, &n.FridgeID, &n.State, &placed, &n.Items, &n.Short)
		n.PlacedAt = fromOptionalMillis(placed)
		return n, err
	}
	return list(ctx, tx, scan, `
		SELECT c.id, c.fridge_id, c.state, c.placed_at, COUNT(*), SUM(CASE WHEN i.short THEN 1 ELSE 0 END)
		FROM order_items i JOIN dated_containers c ON c.id = i.dated_container_id
		WHERE i.order_id = $1 GROUP BY c.id, c.fridge_id, c.state, c.placed_at, c.sequence ORDER BY c.sequence`, order)
}

// OrderPickups gives when each fridge was opened first for an order.
func (tx *Tx) OrderPickups(ctx context.Context, order string) (map[string]time.Time, error) {
	opened := map[string]time.Time{}
	_, err := list(ctx, tx, func(row scanner) (none struct{}, err error) {
		var fridge string
		var at int64
		err = row.Scan(&fridge, &at)
		opened[fridge] = fromMillis(at)
		return none, err
	}, "SELECT fridge_id, at FROM order_pickups WHERE order_id = $1", order)
	return opened, err
}

// AddPickup notes that a fridge was opened for an order, and why it is thought that goods were taken. Of several openings the first and
// the last are kept. It is false when it was known that goods had been taken.
func (tx *Tx) AddPickup(ctx context.Context, order, fridge string, at time.Time, basis string) (first bool, err error) {
	n, err := tx.exec(ctx, `INSERT INTO order_pickups (order_id, fridge_id, at, last_at, basis) VALUES ($1, $2, $3, $3, $4)
		ON CONFLICT (order_id, fridge_id) DO NOTHING`, order, fridge, millis(at), basis)
	if err != nil || n == 1 {
		return n == 1, err
	}
	if err := tx.write(ctx, `UPDATE order_pickups SET at = $3, basis = $4 WHERE order_id = $1 AND fridge_id = $2 AND at > $3`,
		order, fridge, millis(at), basis); err != nil {
		return false, err
	}
	return false, tx.write(ctx, "UPDATE order_pickups SET last_at = $3 WHERE order_id = $1 AND fridge_id = $2 AND last_at < $3",
		order, fridge, millis(at))
}

// SetOrderFate stores what has become of an accepted order.
func (tx *Tx) SetOrderFate(ctx context.Context, order string, f dispatch.Fate) error {
	return tx.write(ctx, `UPDATE orders SET state = $2, ready_at = $3, ended_at = $4
		WHERE id = $1 AND state NOT IN ('held', 'refused', 'expired', 'cancelled', 'called_off')`,
		order, string(f.State), optionalMillis(f.ReadyAt), optionalMillis(f.EndedAt))
}

// ShortItems gives the units of a product in a container that are not short yet.
func (tx *Tx) ShortItems(ctx context.Context, container, gtin string) ([]dispatch.ShortItem, error) {
	scan := func(row scanner) (i dispatch.ShortItem, err error) {
		err = row.Scan(&i.OrderID, &i.Line, &i.Unit, &i.Ordered)
		return i, err
	}
	return list(ctx, tx, scan, `
		SELECT i.order_id, i.line, i.unit, o.sequence
		FROM order_items i JOIN products p ON p.id = i.product_id JOIN orders o ON o.id = i.order_id
		WHERE i.dated_container_id = $1 AND p.gtin = $2 AND NOT i.short ORDER BY o.sequence, i.line, i.unit`, container, gtin)
}

// MarkShort notes that a unit could not be delivered.
func (tx *Tx) MarkShort(ctx context.Context, i dispatch.ShortItem) error {
	return tx.write(ctx, "UPDATE order_items SET short = TRUE WHERE order_id = $1 AND line = $2 AND unit = $3",
		i.OrderID, i.Line, i.Unit)
}

// PackingToScan gives what a shop packs for a date, as its scanner has to know it, or ErrNotFound for an unknown shop. For people
// there is PackingList.
func (tx *Tx) PackingToScan(ctx context.Context, date, shop string) (dispatch.PackingList, error) {
	var none dispatch.PackingList
	var shopName, spotName string
	err := tx.row(ctx, "SELECT s.name, p.name FROM shops s JOIN collection_spots p ON p.id = s.collection_spot_id WHERE s.id = $1",
		shop).Scan(&shopName, &spotName)
	if errors.Is(err, sql.ErrNoRows) {
		return none, fmt.Errorf("shop %s: %w", shop, ErrNotFound)
	}
	if err != nil {
		return none, err
	}
	containers, err := tx.ContainersOfShop(ctx, date, shop)
	if err != nil {
		return none, err
	}
	var lines []dispatch.PackingLine
	for _, c := range containers {
		line := dispatch.PackingLine{Container: c}
		err := tx.row(ctx, "SELECT COALESCE(MAX(name), $1) FROM locations WHERE id = $1", c.LocationID).Scan(&line.Location)
		if err != nil {
			return none, err
		}
		if line.Products, err = tx.PackedProducts(ctx, c.ID); err != nil {
			return none, err
		}
		lines = append(lines, line)
	}
	return dispatch.NewPackingList(date, shop, shopName, spotName, lines), nil
}
