package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"meguri/hub/api"
	"meguri/hub/people"
	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/internal/plural"
)

// RentalBagsCmd lists bags.
type RentalBagsCmd struct {
	State string `help:"packing, shipped, received or emptied." enum:"packing,shipped,received,emptied,all" default:"received"`
}

// Run lists them.
func (c *RentalBagsCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		return s.Read(g.Ctx, func(tx *store.Tx) error {
			all, err := tx.RentalBags(g.Ctx, strings.TrimPrefix(c.State, "all"), store.MaxPage)
			w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
			for _, b := range all {
				fmt.Fprintf(w, "%s\t%s\torder %s\twaybill %s\t%s\n", b.ID, b.State, b.Order, b.Waybill, b.Changed.UTC().Format(time.RFC3339))
			}
			return errors.Join(err, w.Flush())
		})
	})
}

// RentalBagCmd prints a bag.
type RentalBagCmd struct {
	Bag string `arg:"" help:"Its SSCC."`
}

// Run prints it.
func (c *RentalBagCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		return s.Read(g.Ctx, func(tx *store.Tx) error {
			b, found, err := tx.RentalBag(g.Ctx, c.Bag)
			if err != nil {
				return err
			}
			if !found {
				return fmt.Errorf("bag %s: %w", c.Bag, store.ErrNotFound)
			}
			inside, err := tx.BagContents(g.Ctx, c.Bag)
			w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "%s\t%s\torder %s\twaybill %s\n", b.ID, b.State, b.Order, b.Waybill)
			for _, p := range inside {
				fmt.Fprintf(w, "%s\tpacked %s\tunpacked %s\t%s\n", p.Item, timeOrDash(p.Packed), timeOrDash(p.Unpacked), p.Exception)
			}
			return errors.Join(err, w.Flush())
		})
	})
}

func timeOrDash(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// RentalExceptCmd declares an exception.
type RentalExceptCmd struct {
	Bag    string `arg:""`
	Item   string `arg:""`
	Reason string `help:"Why." required:""`
}

// Run declares it.
func (c *RentalExceptCmd) Run(g *Globals) error {
	id, err := pieceID(c.Item)
	if err != nil {
		return err
	}
	return g.rentalAct("except", c.Bag, func(k *rental.Keeper, tx *store.Tx, now time.Time) error {
		return k.Except(g.Ctx, tx, store.BagEvent{Bag: c.Bag, Recorded: now}, id, c.Reason)
	})
}

// RentalBatchCmd is about cleaning batches.
type RentalBatchCmd struct {
	List    RentalBatchListCmd    `cmd:"" help:"List batches."`
	Open    RentalBatchOpenCmd    `cmd:"" help:"Open a batch, for the own laundry or a vendor."`
	Send    RentalBatchSendCmd    `cmd:"" help:"Note that a batch has gone to who cleans it."`
	Receive RentalBatchReceiveCmd `cmd:"" help:"Say that all of a batch is back and clean, and close it."`
	Close   RentalBatchCloseCmd   `cmd:"" help:"Close a batch from which all is back."`
}

// RentalBatchListCmd lists batches.
type RentalBatchListCmd struct {
	All bool `help:"Closed ones, too."`
}

// Run lists them.
func (c *RentalBatchListCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		return s.Read(g.Ctx, func(tx *store.Tx) error {
			all, err := tx.CleaningBatches(g.Ctx, c.All, store.MaxPage)
			w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
			for _, b := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\tsent %s\tdue %s\t%d in it\t%d back%s\n", b.ID, b.Warehouse, b.Vendor, timeOrDash(b.Sent), timeOrDash(b.Due), b.In, b.Back,
					map[bool]string{true: "\toverdue"}[api.Overdue(b, g.Clock.Now())])
			}
			return errors.Join(err, w.Flush())
		})
	})
}

// RentalBatchOpenCmd opens a batch.
type RentalBatchOpenCmd struct {
	ID        string `arg:"" help:"As on its label."`
	Warehouse string `help:"The warehouse." required:""`
	Vendor    string `help:"Who cleans it; none for the own laundry."`
	Days      int    `help:"It is back in so many days." default:"2"`
}

// Run opens it.
func (c *RentalBatchOpenCmd) Run(g *Globals) error {
	return g.rentalAct("batch.open", c.ID, func(k *rental.Keeper, tx *store.Tx, now time.Time) error {
		return k.OpenBatch(g.Ctx, tx, store.CleaningBatch{ID: c.ID, Warehouse: c.Warehouse, Vendor: c.Vendor, Made: now, By: people.Console,
			Due: now.AddDate(0, 0, c.Days)})
	})
}

// RentalBatchSendCmd sends a batch.
type RentalBatchSendCmd struct {
	ID   string `arg:""`
	Days int    `help:"It is back in so many days." default:"2"`
}

// Run sends it.
func (c *RentalBatchSendCmd) Run(g *Globals) error {
	return g.rentalAct("batch.send", c.ID, func(k *rental.Keeper, tx *store.Tx, now time.Time) error {
		return k.SendBatch(g.Ctx, tx, c.ID, now.AddDate(0, 0, c.Days), now)
	})
}

// RentalBatchReceiveCmd says that all of a batch is back.
type RentalBatchReceiveCmd struct {
	ID string `arg:""`
}

// Run says it.
func (c *RentalBatchReceiveCmd) Run(g *Globals) error {
	return g.rentalAct("batch.receive", c.ID, func(k *rental.Keeper, tx *store.Tx, now time.Time) error {
		n, err := k.ReceiveBatch(g.Ctx, tx, c.ID, people.Console, now)
		fmt.Fprintln(g.Stdout, plural.Of(n, "piece"))
		return err
	})
}

// RentalBatchCloseCmd closes a batch.
type RentalBatchCloseCmd struct {
	ID string `arg:""`
}

// Run closes it.
func (c *RentalBatchCloseCmd) Run(g *Globals) error {
	return g.rentalAct("batch.close", c.ID, func(k *rental.Keeper, tx *store.Tx, now time.Time) error {
		return k.CloseBatch(g.Ctx, tx, c.ID, now)
	})
}

// RentalRepairCmd is about repair work orders.
type RentalRepairCmd struct {
	List  RentalRepairListCmd  `cmd:"" help:"List work orders."`
	Open  RentalRepairOpenCmd  `cmd:"" help:"Open a work order for a piece."`
	Close RentalRepairCloseCmd `cmd:"" help:"Close a work order."`
}

// RentalRepairListCmd lists work orders.
type RentalRepairListCmd struct {
	All bool `help:"Closed ones, too."`
}

// Run lists them.
func (c *RentalRepairListCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		return s.Read(g.Ctx, func(tx *store.Tx) error {
			all, err := tx.RepairOrders(g.Ctx, c.All, store.MaxPage)
			w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
			for _, r := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\tsince %s\tclosed %s\tby %s\t¥%d\t%s%s\n", r.ID, r.Item, r.What, timeOrDash(r.Made), timeOrDash(r.Closed), r.Repairer, r.CostYen,
					rental.CustodyName(r.Custody), awaits(r))
			}
			return errors.Join(err, w.Flush())
		})
	})
}

// awaits says whose final inspection a piece waits for.
func awaits(r store.RepairOrder) string {
	if r.Unseen == "" {
		return ""
	}
	return ", to be inspected by another person than " + r.Unseen
}

// RentalRepairOpenCmd opens a work order.
type RentalRepairOpenCmd struct {
	ID   string `arg:"" help:"As on its label."`
	Item string `arg:"" help:"The piece."`
	What string `help:"What is to be repaired." required:""`
}

// Run opens it.
func (c *RentalRepairOpenCmd) Run(g *Globals) error {
	id, err := pieceID(c.Item)
	if err != nil {
		return err
	}
	return g.rentalAct("repair.open", c.ID, func(k *rental.Keeper, tx *store.Tx, now time.Time) error {
		return k.OpenRepair(g.Ctx, tx, store.RepairOrder{ID: c.ID, Item: id, What: c.What, Made: now, By: people.Console})
	})
}

// RentalRepairCloseCmd closes a work order.
type RentalRepairCloseCmd struct {
	ID    string `arg:""`
	Cost  int64  `help:"What it has cost, in yen."`
	Badge string `help:"Who has repaired the piece, when it was not scanned as repaired. Another person makes the final inspection."`
}

// Run closes it.
func (c *RentalRepairCloseCmd) Run(g *Globals) error {
	return g.rentalAct("repair.close", c.ID, func(k *rental.Keeper, tx *store.Tx, now time.Time) error {
		return k.CloseRepair(g.Ctx, tx, c.ID, c.Badge, c.Cost, now)
	})
}
