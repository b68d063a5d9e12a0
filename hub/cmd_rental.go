package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/alarm/notify"
	"meguri/hub/bulk"
	"meguri/hub/people"
	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/internal/plural"
	"meguri/protocol"
)

// RentalCmd is what a warehouse lead does: look at pieces and stages, promise pieces to orders, and decide what no scan decides.
type RentalCmd struct {
	Item     RentalItemCmd     `cmd:"" help:"Print a piece's whole life."`
	Stages   RentalStagesCmd   `cmd:"" help:"Where pieces wait and how long, and what the round costs."`
	Today    RentalTodayCmd    `cmd:"" help:"What must be done today to ship tomorrow's orders."`
	Orders   RentalOrdersCmd   `cmd:"" help:"List rental orders."`
	Order    RentalOrderCmd    `cmd:"" help:"Print a rental order with the pieces that stand for it."`
	Allocate RentalAllocateCmd `cmd:"" help:"Promise pieces to an order."`
	Release  RentalReleaseCmd  `cmd:"" help:"Take a promise back."`
	Cancel   RentalCancelCmd   `cmd:"" help:"Cancel an order whose pieces are on their shelves."`
	Deliver  RentalDeliverCmd  `cmd:"" help:"Say that an order is with its customer, by the carrier's word."`
	SentBack RentalSentBackCmd `cmd:"" help:"Say that an order is on its way back."`
	Carrier  RentalCarrierCmd  `cmd:"" help:"Take in what the carrier says of one bag, by its SSCC or waybill."`
	Sell     RentalSellCmd     `cmd:"" help:"Sell a piece to the customer who has it."`
	Lose     RentalLoseCmd     `cmd:"" help:"Declare that a piece does not come back."`
	Charges  RentalChargesCmd  `cmd:"" help:"List what customers owe for pieces that they keep or have lost."`
	Settle   RentalSettleCmd   `cmd:"" help:"Note how a charge was settled; an order closes when nothing of it is open."`
	Retire   RentalRetireCmd   `cmd:"" help:"Take a piece out of the fleet."`
	Bags     RentalBagsCmd     `cmd:"" help:"List bags."`
	Bag      RentalBagCmd      `cmd:"" help:"Print what a bag was packed with, and what came out of it."`
	Except   RentalExceptCmd   `cmd:"" help:"Declare that a piece need not come out of its bag."`
	Batch    RentalBatchCmd    `cmd:"" help:"Cleaning batches."`
	Repair   RentalRepairCmd   `cmd:"" help:"Repair work orders."`
}

// rentalAct runs fn in one transaction with its record, and makes the plans of the warehouses concerned.
func (g *Globals) rentalAct(verb, subject string, fn func(k *rental.Keeper, tx *store.Tx, now time.Time) error) error {
	return withStore(g, func(s *store.Store) error {
		places := map[string]bool{}
		k := &rental.Keeper{Changed: func(_ *store.Tx, warehouse string) { places[warehouse] = true }}
		now := g.Clock.Now()
		err := s.Change(g.Ctx, func(tx *store.Tx) error {
			if err := fn(k, tx, now); err != nil {
				return err
			}
			return tx.RecordAct(g.Ctx, people.NewAct(now, people.Console, "rental."+verb, subject, ""))
		})
		if err != nil {
			return err
		}
		return makePlans(g, s, places)
	})
}

// pieceID reads a piece's code in any form that a label may have.
func pieceID(code string) (string, error) {
	id, _, err := bulk.SGTIN(code)
	if err != nil {
		return "", fmt.Errorf("%q: want %w", code, err)
	}
	return id, nil
}

// RentalItemCmd prints a piece's life.
type RentalItemCmd struct {
	Item string `arg:"" help:"Its code, as scanned or in brackets: (01)…(21)…"`
}

// Run prints it.
func (c *RentalItemCmd) Run(g *Globals) error {
	id, err := pieceID(c.Item)
	if err != nil {
		return err
	}
	return withStore(g, func(s *store.Store) error {
		return s.Read(g.Ctx, func(tx *store.Tx) error {
			l, err := rental.LifeOf(g.Ctx, tx, id)
			if err != nil {
				return err
			}
			i := l.Item
			fmt.Fprintf(g.Stdout, "%s  %s\n%s since %s at %s, %s so far\n", i.ID, l.Garment, rental.CustodyName(i.Custody), i.Since.UTC().Format(time.RFC3339),
				i.Place, plural.Of(i.Turns, "return"))
			w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
			for _, m := range l.Events {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", m.At.UTC().Format(time.RFC3339), rental.Words(m.RentalEvent), m.Who(), rental.CustodyName(m.After), m.Why)
			}
			return w.Flush()
		})
	})
}

// RentalStagesCmd prints stages.
type RentalStagesCmd struct {
	Warehouse string `help:"Of one warehouse."`
	Days      int    `help:"Cycle times and rates of so many days." default:"30"`
}

// Run prints them.
func (c *RentalStagesCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		return s.Read(g.Ctx, func(tx *store.Tx) error {
			now := g.Clock.Now()
			since := now.AddDate(0, 0, -c.Days)
			stages, err := tx.Stages(g.Ctx, c.Warehouse, now)
			if err != nil {
				return err
			}
			turns, err := tx.StageTurns(g.Ctx, c.Warehouse, since)
			if err != nil {
				return err
			}
			rates, err := tx.Rates(g.Ctx, c.Warehouse, since)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
			for _, st := range stages {
				fmt.Fprintf(w, "%s\t%d\tmean %s\tlongest %s\n", rental.CustodyName(st.Custody), st.Pieces, rental.Hours(st.Waited), rental.Hours(now.Sub(st.Oldest)))
			}
			for _, t := range turns {
				fmt.Fprintf(w, "in %d days: %s\t%d came, %d went on\tafter %s\tlongest %s\n", c.Days, rental.CustodyName(t.Custody), t.Entered, t.GoneOn,
					rental.Hours(t.Mean), rental.Hours(t.Longest))
			}
			fmt.Fprintf(w, "turns per piece %.2f, damaged returns %.1f %%, missing %.2f %%, retired %d, sold %d, repairs ¥%d\n", rates.TurnsPerPiece(),
				100*rates.DamageRate(), 100*rates.LossRate(), rates.Retired, rates.Sold, rates.RepairYen)
			return w.Flush()
		})
	})
}

// RentalTodayCmd prints what is to be done.
type RentalTodayCmd struct {
	Warehouse string `help:"Of one warehouse."`
	Until     string `help:"Shipping date, YYYY-MM-DD (default: tomorrow in Tokyo)."`
}

// Run prints it.
func (c *RentalTodayCmd) Run(g *Globals) error {
	until := c.Until
	if until == "" {
		until = rental.Tomorrow(g.Clock.Now(), time.FixedZone("JST", 9*3600))
	}
	return withStore(g, func(s *store.Store) error {
		return s.Read(g.Ctx, func(tx *store.Tx) error {
			t, err := rental.TodoUntil(g.Ctx, tx, c.Warehouse, until)
			if err != nil {
				return err
			}
			fmt.Fprintf(g.Stdout, "to be shipped until %s: %s, %d ready; to allocate %d, to find %d, to pick %d, to pack %d\n", t.Until, plural.Of(t.Orders, "order"),
				t.Ready, t.Steps[rental.DoAllocate], t.Steps[rental.DoFind], t.Steps[rental.DoPick], t.Steps[rental.DoPack])
			w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
			for _, l := range t.Lines {
				fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", rental.NextFor(l), l.ShipDate, l.Order, l.Line, l.Garment, l.Piece, l.Place)
			}
			return w.Flush()
		})
	})
}

// RentalAllocateCmd promises pieces.
type RentalAllocateCmd struct {
	Order string `arg:"" help:"The order."`
	Item  string `help:"This piece, rather than the best one for each line."`
	Days  int    `help:"The promise holds so many days." default:"3"`
}

// Run promises them.
func (c *RentalAllocateCmd) Run(g *Globals) error {
	return g.rentalAct("allocate", c.Order, func(k *rental.Keeper, tx *store.Tx, now time.Time) error {
		until := now.AddDate(0, 0, c.Days)
		if c.Item != "" {
			id, err := pieceID(c.Item)
			if err != nil {
				return err
			}
			return k.Allocate(g.Ctx, tx, c.Order, id, until, people.Console, now)
		}
		all, err := k.AllocateOrder(g.Ctx, tx, c.Order, until, people.Console, now)
		for _, l := range all {
			fmt.Fprintf(g.Stdout, "%d  %s  %s%s\n", l.Line, l.GTIN, l.Item, l.Why)
		}
		return err
	})
}

// RentalReleaseCmd takes a promise back.
type RentalReleaseCmd struct {
	Order  string `arg:""`
	Item   string `arg:""`
	Reason string `help:"Why." required:""`
}

// Run takes it back.
func (c *RentalReleaseCmd) Run(g *Globals) error {
	id, err := pieceID(c.Item)
	if err != nil {
		return err
	}
	return g.rentalAct("release", c.Order, func(k *rental.Keeper, tx *store.Tx, now time.Time) error {
		return k.Release(g.Ctx, tx, c.Order, id, people.Console, c.Reason, now)
	})
}

// RentalCancelCmd cancels an order.
type RentalCancelCmd struct {
	Order  string `arg:""`
	Reason string `help:"Why." required:""`
}

// Run cancels it.
func (c *RentalCancelCmd) Run(g *Globals) error {
	return g.rentalAct("cancel", c.Order, func(k *rental.Keeper, tx *store.Tx, now time.Time) error {
		return k.CancelOrder(g.Ctx, tx, c.Order, people.Console, c.Reason, now)
	})
}

// RentalDeliverCmd notes a delivery.
type RentalDeliverCmd struct {
	Order string `arg:""`
}

// Run notes it.
func (c *RentalDeliverCmd) Run(g *Globals) error {
	return g.rentalAct("deliver", c.Order, func(k *rental.Keeper, tx *store.Tx, now time.Time) error {
		n, err := k.Deliver(g.Ctx, tx, c.Order, people.Console, now)
		fmt.Fprintln(g.Stdout, plural.Of(n, "piece"))
		return err
	})
}

// RentalSentBackCmd notes that an order is on its way back.
type RentalSentBackCmd struct {
	Order string `arg:""`
}

// Run notes it.
func (c *RentalSentBackCmd) Run(g *Globals) error {
	return g.rentalAct("sent_back", c.Order, func(k *rental.Keeper, tx *store.Tx, now time.Time) error {
		n, err := k.SentBack(g.Ctx, tx, c.Order, people.Console, now)
		fmt.Fprintln(g.Stdout, plural.Of(n, "piece"))
		return err
	})
}

// RentalCarrierCmd takes in what a carrier says of a bag.
type RentalCarrierCmd struct {
	Bag   string `arg:"" help:"Its SSCC, or the number of its waybill."`
	Event string `arg:"" enum:"delivered,sent_back" help:"delivered or sent_back."`
}

// Run takes it in.
func (c *RentalCarrierCmd) Run(g *Globals) error {
	return g.rentalAct("carrier", c.Bag, func(k *rental.Keeper, tx *store.Tx, now time.Time) error {
		return k.Carried(g.Ctx, tx, c.Bag, rental.CarrierEvents[c.Event], people.Console, now)
	})
}

// RentalRetireCmd retires a piece.
type RentalRetireCmd struct {
	Item   string `arg:""`
	Reason string `help:"Why." required:""`
}

// Run retires it.
func (c *RentalRetireCmd) Run(g *Globals) error {
	return g.rentalStep(c.Item, protocol.StepRetire, c.Reason)
}

func (g *Globals) rentalStep(item string, step protocol.Step, reason string) error {
	id, err := pieceID(item)
	if err != nil {
		return err
	}
	return g.rentalAct(rental.StepName(step), id, func(k *rental.Keeper, tx *store.Tx, now time.Time) error {
		return k.Step(g.Ctx, tx, id, step, people.Console, reason, now)
	})
}

// ReturnFlags say who is told that a customer's rental order has come back, so that the next styling can begin.
type ReturnFlags struct {
	ReturnWebhook           string `help:"Tell this address of returns of rental orders, by signed JSON: https://HOST/PATH." env:"MEGURI_RETURN_WEBHOOK" placeholder:"URL"`
	ReturnWebhookSecretFile string `help:"File with the secret that it is signed with; else the variable MEGURI_RETURN_WEBHOOK_SECRET." env:"MEGURI_RETURN_WEBHOOK_SECRET_FILE" type:"existingfile"`
}

// config reads the secret and says what is wrong.
func (f *ReturnFlags) config() (w rental.Webhook, err error) {
	if f.ReturnWebhook == "" {
		return w, nil
	}
	w.URL = f.ReturnWebhook
	if w.Hook.Secret, err = secret(f.ReturnWebhookSecretFile, "MEGURI_RETURN_WEBHOOK_SECRET"); err != nil {
		return w, fmt.Errorf("--return-webhook-secret-file: %w", err)
	}
	recipient := alarm.Recipient{Channel: alarm.Webhook, To: w.URL, Language: "en"}
	if err := notify.CheckRecipients([]alarm.Recipient{recipient}, w.Hook, notify.Post{}); err != nil {
		return w, fmt.Errorf("--return-webhook: %w", err)
	}
	return w, nil
}
