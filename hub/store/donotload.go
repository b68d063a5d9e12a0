package store

import (
	"context"
	"fmt"
	"slices"

	"meguri/hub/check"
	"meguri/hub/dispatch"
)

// This file marks broken rows on sheets and packing lists. What it marks comes from hub/check at the moment of reading, so that
// paper never says less than what can be known.

// markBroken says of containers of a date which must not be loaded, and why.
func (tx *Tx) markBroken(ctx context.Context, date string, containers []dispatch.Container) error {
	_, err := tx.marksOf(ctx, date, containers)
	return err
}

func (tx *Tx) marksOf(ctx context.Context, date string, containers []dispatch.Container) (check.Marks, error) {
	if len(containers) == 0 {
		return check.Marks{}, nil
	}
	ids := make([]string, len(containers))
	for i, c := range containers {
		ids[i] = c.ID
	}
	m, err := check.Judge(ctx, checkTx{tx}, date, ids)
	if err != nil {
		return m, err
	}
	kept, err := tx.KeptBack(ctx, date)
	if err != nil {
		return m, err
	}
	for i, c := range containers {
		if reason, back := kept[c.ID]; back {
			containers[i].Broken = dispatch.Broken{Kind: dispatch.KeptBack, Text: reason}
			continue
		}
		if mark, broken := m.Containers[c.ID]; broken {
			containers[i].Broken = brokenBy(mark)
		}
	}
	return m, nil
}

// onNoSheet gives the containers of a date whose run does not exist on it.
func (tx *Tx) onNoSheet(ctx context.Context, date string) ([]dispatch.Container, error) {
	all, err := list(ctx, tx, scanContainer, "SELECT"+containerColumns+` WHERE c.delivery_date = $1 AND NOT EXISTS (SELECT 1 FROM runs r
		WHERE r.id = c.run_id AND r.delivery_date = c.delivery_date) ORDER BY c.sequence`, date)
	if err != nil {
		return nil, err
	}
	return all, tx.markBroken(ctx, date, all)
}

func brokenBy(m check.Mark) dispatch.Broken {
	return dispatch.Broken{Kind: string(m.Kind), Text: m.Text}
}

// PackingList gives what a shop packs for a date, with what must not be packed, or ErrNotFound for an unknown shop.
func (tx *Tx) PackingList(ctx context.Context, date, shop string) (dispatch.PackingList, error) {
	l, err := tx.PackingToScan(ctx, date, shop)
	if err != nil {
		return l, err
	}
	containers := make([]dispatch.Container, len(l.Lines))
	for i, line := range l.Lines {
		containers[i] = line.Container
	}
	marks, err := tx.marksOf(ctx, date, containers)
	if err != nil {
		return l, err
	}
	for i := range l.Lines {
		l.Lines[i].Container = containers[i]
		for j := range l.Lines[i].Products {
			barUnits(&l.Lines[i].Products[j], containers[i].ID, marks.Units)
		}
	}
	l.Lost, err = tx.lostUnits(ctx, date, shop)
	return l, err
}

// barUnits marks the units of a product in a container.
func barUnits(p *dispatch.PackedProduct, container string, units []check.UnitMark) {
	for _, u := range units {
		if u.Item.Container == container && u.Item.Product == p.ProductID {
			p.Barred++
			p.Broken = brokenBy(u.Mark)
		}
	}
}

// lostUnits gives the units of a shop's products that are numbered into containers which do not exist.
func (tx *Tx) lostUnits(ctx context.Context, date, shop string) (lines []dispatch.PackingLine, err error) {
	err = each(ctx, tx, func(row scanner) error {
		var id string
		var p dispatch.PackedProduct
		if err := row.Scan(&id, &p.ProductID, &p.Name, &p.GTIN, &p.Units); err != nil {
			return err
		}
		i := slices.IndexFunc(lines, func(l dispatch.PackingLine) bool { return l.ID == id })
		if i < 0 {
			i = len(lines)
			lost := dispatch.Broken{Kind: string(check.ContainerGone), Text: fmt.Sprintf("Container %s does not exist.", id)}
			lines = append(lines, dispatch.PackingLine{Container: dispatch.Container{ID: id, DeliveryDate: date, ShopID: shop, Broken: lost}})
		}
		p.Barred, p.Broken = p.Units, lines[i].Broken
		lines[i].Products = append(lines[i].Products, p)
		return nil
	}, `SELECT i.dated_container_id, i.product_id, COALESCE(p.name, i.product_id), COALESCE(p.gtin, ''), COUNT(*)
		FROM order_items i LEFT JOIN products p ON p.id = i.product_id
		WHERE i.delivery_date = $1 AND i.shop_id = $2 AND NOT EXISTS (SELECT 1 FROM dated_containers c WHERE c.id = i.dated_container_id)
		GROUP BY i.dated_container_id, i.product_id, p.name, p.gtin ORDER BY i.dated_container_id, i.product_id`, date, shop)
	return lines, err
}
