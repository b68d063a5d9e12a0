package scenario

import (
	"context"
	"fmt"
	"time"

	"meguri/firmware-sim/hubclient"
	"meguri/internal/gs1"
)

// boxType is the GRAI without serial of the simulated containers: company prefix 952 is set aside by GS1 for examples.
const boxType = "0952000199999"

// newBox is the GRAI of a shop's n-th box of the day. A serial has up to 16 characters; the end of it tells boxes apart.
func newBox(shop string, n int) string {
	serial := fmt.Sprintf("%s-%03d", shop, n)
	if len(serial) > 16 {
		serial = serial[len(serial)-16:]
	}
	return boxType + string(gs1.CheckDigit(boxType)) + serial
}

func label(ai gs1.AI, value string) string { return gs1.Format(gs1.Element{AI: ai, Value: value}) }

// startPacking is how long after cutoff shops begin.
const startPacking = 150 * time.Minute

// pack plays a shop: line after line of its list, a box each, put on its address.
func (d *Day) pack(ctx context.Context, shop string) error {
	r := d.chance("shop " + shop)
	if err := d.until(ctx, d.cutoff.Add(startPacking+time.Duration(r.Int64N(int64(10*time.Minute))))); err != nil {
		return err
	}
	list, err := d.Shops[shop].Packing(ctx, d.Date, shop)
	if err != nil {
		return err
	}
	t := d.terminalOf(d.Fleet.Scanners[shop].Terminal)
	short := d.shortLine(shop, list)
	for i, line := range list.Containers {
		code := label(gs1.DatedContainer, line.Container.ContainerID)
		if i == short {
			err := t.scan(ctx, code, label(gs1.Menu, "short"), label(gs1.GTIN, gs1.GTIN14(line.Products[0].GTIN)))
			if err != nil {
				return err
			}
			d.Counts.Short.Add(1)
		}
		if err := d.fillBox(ctx, t, code, line.Container, newBox(shop, i+1)); err != nil {
			return err
		}
		if err := d.Clock.Sleep(ctx, 30*time.Second+time.Duration(r.Int64N(int64(time.Minute)))); err != nil {
			return err
		}
	}
	return nil
}

// fillBox binds a box to a line of the list and puts it on its address.
func (d *Day) fillBox(ctx context.Context, t terminal, line string, c hubclient.Container, box string) error {
	if err := t.scan(ctx, line, label(gs1.GRAI, box)); err != nil {
		return err
	}
	d.Counts.Filled.Add(1)
	if err := t.scan(ctx, label(gs1.GRAI, box), label(gs1.Address, c.AddressID)); err != nil {
		return err
	}
	d.Counts.Shelved.Add(1)
	d.mu.Lock()
	d.shelf[c.AddressID] = box
	d.mu.Unlock()
	return nil
}

// shortLine chooses the line of which one unit is short: at the first shop, the fullest container. -1 is none.
func (d *Day) shortLine(shop string, list hubclient.PackingList) int {
	if !d.Incidents || shop != d.Network.Shops[0].ID {
		return -1
	}
	best, most := -1, 1
	for i, line := range list.Containers {
		units := 0
		for _, p := range line.Products {
			units += p.Units
		}
		if units > most {
			best, most = i, units
		}
	}
	return best
}
