package store

import (
	"context"
	"errors"
	"fmt"

	"meguri/hub/bulk"
	"meguri/hub/capacity"
)

// This file keeps an import from changing measures under what is numbered. No key of the database holds them: how much a unit
// takes, and how much a slot's container may hold, are reckoned with whenever a date is loaded. So other measures are taken where
// all that is numbered fits them, and what containers hold is summed anew in the same transaction.

// measure is a column of something that is measured, with its value as text.
type measure struct{ column, value string }

func measuresOf(p capacity.Product) []measure {
	return append([]measure{{"volume_ml", fmt.Sprint(p.VolumeML)}, {"weight_g", fmt.Sprint(p.WeightG)}, {"no_stacking", fmt.Sprint(p.NoStacking)}},
		edges(p.LengthMM, p.WidthMM, p.HeightMM)...)
}

func measuresOfSlot(s capacity.Slot) []measure {
	return append([]measure{{"max_weight_g", fmt.Sprint(s.MaxWeightG)}, {"fill_percent", fmt.Sprint(s.FillPercent)}},
		edges(s.LengthMM, s.WidthMM, s.HeightMM)...)
}

func edges(length, width, height int64) []measure {
	return []measure{{"length_mm", fmt.Sprint(length)}, {"width_mm", fmt.Sprint(width)}, {"height_mm", fmt.Sprint(height)}}
}

// remeasured are the products and slots that an import gives other measures, each with the first column that changes: its Want is
// what it was.
type remeasured struct{ products, slots map[string]bulk.Problem }

// remeasures compares a network's files with what is stored.
func (tx *Tx) remeasures(ctx context.Context, n bulk.Network) (r remeasured, err error) {
	r = remeasured{map[string]bulk.Problem{}, map[string]bulk.Problem{}}
	products, err := tx.products(ctx)
	if err != nil {
		return r, err
	}
	slots, err := tx.slots(ctx)
	if err != nil {
		return r, err
	}
	wasProduct, wasSlot := make(map[string][]measure, len(products)), make(map[string][]measure, len(slots))
	for _, p := range products {
		wasProduct[p.ID] = measuresOf(p)
	}
	for _, s := range slots {
		wasSlot[s.ID] = measuresOfSlot(s)
	}
	for _, p := range n.Products {
		noteChange(r.products, p.V.ID, wasProduct[p.V.ID], measuresOf(p.V), bulk.Problem{File: bulk.ProductsFile, Row: p.Line})
	}
	for _, s := range n.Slots {
		noteChange(r.slots, s.V.ID, wasSlot[s.V.ID], measuresOfSlot(s.V), bulk.Problem{File: bulk.SlotsFile, Row: s.Line})
	}
	return r, nil
}

func noteChange(into map[string]bulk.Problem, id string, was, is []measure, row bulk.Problem) {
	for i := range was { // of what is new nothing is numbered yet
		if was[i] != is[i] {
			row.Column, row.Got, row.Want = is[i].column, is[i].value, was[i].value
			into[id] = row
			return
		}
	}
}

// refit sees to it that what is numbered on dates that are not over fits what an import has changed, or is a bulk.Problem.
func (tx *Tx) refit(ctx context.Context, r remeasured) error {
	if len(r.products)+len(r.slots) == 0 {
		return nil
	}
	dates, err := list(ctx, tx, scanText, `SELECT DISTINCT c.delivery_date FROM dated_containers c
		JOIN deliveries l ON l.delivery_date = c.delivery_date AND l.closed_at IS NULL ORDER BY c.delivery_date`)
	for _, date := range dates {
		if err == nil {
			err = tx.refitDate(ctx, date, r)
		}
	}
	return err
}

// refitDate looks at the containers that are concerned as if nothing else were numbered: what is broken elsewhere is no reason.
func (tx *Tx) refitDate(ctx context.Context, date string, r remeasured) error {
	d, err := tx.Date(ctx, date)
	if err != nil {
		return err
	}
	state, reasons := r.concerned(d.State)
	if len(state.Containers) == 0 {
		return nil
	}
	volumes := make(map[string]int64, len(d.Network.Products))
	for _, p := range d.Network.Products {
		volumes[p.ID] = p.VolumeML
	}
	used := map[string]int64{}
	for _, i := range state.Items {
		used[i.ContainerID] += volumes[i.Product]
	}
	var filled []any
	for i := range state.Containers {
		c := &state.Containers[i]
		if c.UsedML != used[c.ID] {
			c.UsedML = used[c.ID]
			filled = append(filled, c.ID, c.UsedML)
		}
	}
	if _, err := capacity.NewBook(d.Network, state); err != nil {
		return doesNotFit(err, date, reasons)
	}
	if _, err := fillContainers.run(ctx, tx, filled); err != nil {
		return fmt.Errorf("what containers of %s hold: %w", date, err)
	}
	if d.Mark.Frozen { // the others are raised by every import
		_, err = tx.exec(ctx, "UPDATE delivery_dates SET revision = revision + 1 WHERE delivery_date = $1", date)
	}
	return err
}

// concerned is the part of a state that other measures concern, and for each of its containers the row that does.
func (r remeasured) concerned(all capacity.State) (some capacity.State, reasons map[string]bulk.Problem) {
	reasons = map[string]bulk.Problem{}
	for _, i := range all.Items {
		if p, changed := r.products[i.Product]; changed {
			reasons[i.ContainerID] = p
		}
	}
	some.Sequence = all.Sequence
	for _, c := range all.Containers {
		if p, changed := r.slots[c.Slot.ID]; changed && reasons[c.ID].Row == 0 {
			reasons[c.ID] = p
		}
		if reasons[c.ID].Row != 0 {
			some.Containers = append(some.Containers, c)
		}
	}
	for _, i := range all.Items {
		if reasons[i.ContainerID].Row != 0 {
			some.Items = append(some.Items, i)
		}
	}
	return some, reasons
}

// doesNotFit names the row that keeps a container from being as it is.
func doesNotFit(err error, date string, reasons map[string]bulk.Problem) error {
	var broken *capacity.BrokenError
	if !errors.As(err, &broken) || len(broken.Containers) == 0 {
		return err
	}
	p, found := reasons[broken.Containers[0]]
	if !found {
		return err
	}
	p.Want = fmt.Sprintf("%s as it was, or what fits, until %s is over: %s", p.Want, date, broken.Why)
	return p
}
