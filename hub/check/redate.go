package check

// redate puts a container or a unit back to the date of all that belongs to it. When it is the order that stands alone, a person
// has to ask its customer.
func (d *draft) redate(f *Finding) (Why, error) {
	date := f.Args[2]
	switch {
	case len(f.boxes)+len(f.units) > 0 && date != d.Date:
		return because(OtherDate, date), nil
	case len(f.boxes) > 0:
		b := *f.boxes[0]
		c := b.Container
		c.Date = date
		c, why := d.settle(c, added{})
		if why.yes() {
			return why.of(b.ID), nil
		}
		units, err := d.src.ItemsIn(d.ctx, []string{b.ID})
		if err != nil {
			return Why{}, err
		}
		c.UsedML = d.net.counted(b.Container, c, units, 0)
		d.repair.Containers = append(d.repair.Containers, Change[Container]{&b.Container, &c})
		return Why{}, nil
	case len(f.units) > 0:
		for _, u := range f.units {
			if why := d.belongs(u); why.yes() {
				return why.of(u.key().String()), nil
			}
			after := u
			after.Date = date
			d.change(u, after)
		}
		return Why{}, nil
	}
	return because(WhichDate), nil
}

// belongs says why a unit that was dated otherwise would be wrong on this date, too.
func (d *draft) belongs(u Item) Why {
	o, b, p := d.orders[u.Order], d.boxes[u.Container], d.net.Products[u.Product]
	switch {
	case o == nil || o.line(u.Line) == nil:
		return because(UnitWithout)
	case b == nil, b.Shop != p.Shop, b.Category != p.Category, b.Location != o.Location, !holds(d.net.slots[b.Slot], d.load(b)):
		return because(NoneKnown)
	}
	return Why{}
}
