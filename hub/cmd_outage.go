package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"meguri/hub/dispatch"
	"meguri/hub/disruption"
	"meguri/hub/live"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/internal/config"
	"meguri/internal/plural"
)

// Disrupting is what all commands share that change what was promised: they look first, and do it with --apply.
type Disrupting struct {
	Reason string `help:"Why: customers and drivers are told." required:""`
	Apply  bool   `help:"Do it. Without, it is only shown what would come of it."`
	Expect string `help:"With --apply: do it only if just that comes of it which was shown with this mark." placeholder:"MARK"`
}

// run opens the database, lets fn change it, prints what came of it, and makes the plans of the devices concerned.
func (d Disrupting) run(g *Globals, fn func(s *disruption.Service, act disruption.Act) (disruption.Result, error)) error {
	if d.Expect != "" && !d.Apply {
		return config.Usage(errors.New("--expect goes with --apply"))
	}
	return withStore(g, func(s *store.Store) error {
		var touched []string
		service := &disruption.Service{Store: s, Touch: func(place string) { touched = append(touched, place) }}
		r, err := fn(service, disruption.Act{By: people.Console, Reason: d.Reason, At: g.Clock.Now(), Apply: d.Apply,
			Expect: d.Expect})
		var reason *disruption.ReasonError
		if errors.As(err, &reason) {
			return config.Usage(fmt.Errorf("--reason: %w", err))
		}
		if err != nil {
			return err
		}
		if err := printResult(g.Stdout, r); err != nil {
			return err
		}
		maker := plan.NewMaker(s, live.New(), g.Clock, g.Logger)
		for _, place := range touched {
			err = errors.Join(err, maker.Make(g.Ctx, place))
		}
		return err
	})
}

// printResult says what came of a change, or would.
func printResult(w io.Writer, r disruption.Result) error {
	will := map[bool]string{true: "", false: "would be "}[r.Applied]
	if r.Frozen {
		fmt.Fprintf(w, "%s is frozen: this is an exception, and nothing else is numbered anew.\n", r.Date)
	}
	if len(r.Moved) > 0 || !r.Frozen {
		fmt.Fprintf(w, "%s %smoved%s\n", plural.Of(len(r.Moved), "container"), will, listed(r.Moved))
	}
	if len(r.Through) > 0 {
		fmt.Fprintf(w, "%s must not be loaded before a hub exception move%s\n", plural.Of(len(r.Through), "container"), listed(r.Through))
	}
	units := 0
	for _, o := range r.CalledOff {
		units += o.Units
	}
	fmt.Fprintf(w, "%s %scalled off, %s\n", plural.Of(len(r.CalledOff), "order"), will, plural.Of(units, "unit"))
	for _, o := range r.CalledOff {
		fmt.Fprintf(w, "  %s for %s, %s\n", o.OrderID, o.LocationID, plural.Of(o.Units, "unit"))
	}
	for _, o := range r.Withdrawn {
		fmt.Fprintf(w, "  %s goes without %d of %s\n", o.OrderID, o.Units, o.ProductID)
	}
	has := map[bool]string{true: "has version %d now", false: "would have version %d"}[r.Applied]
	for _, e := range r.Editions {
		fmt.Fprintf(w, "%s %s "+has+"\n", e.Kind, e.ThingID, e.Version)
	}
	if !r.Applied {
		_, err := fmt.Fprintf(w, "Nothing was changed. To do just this, add --apply --expect %s\n", r.Mark())
		return err
	}
	return nil
}

func listed(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return ": " + strings.Join(ids, ", ")
}

// OutageCmd is `hub outage`.
type OutageCmd struct {
	Add  OutageAddCmd  `cmd:"" help:"Put something out of service on a date; before cutoff all is numbered anew without it."`
	List OutageListCmd `cmd:"" help:"List what is out of service on a date, and limits that were set for it."`
	End  OutageEndCmd  `cmd:"" help:"Put something back into service. Orders that were called off stay so."`
}

// Thing names what breaks.
type Thing struct {
	Date     string `help:"Delivery date, YYYY-MM-DD." required:""`
	Slot     string `help:"A slot of a fridge." xor:"thing" required:"" placeholder:"ID"`
	Fridge   string `help:"A fridge, with all its slots or addresses." xor:"thing" required:"" placeholder:"ID"`
	Address  string `help:"A collection address." xor:"thing" required:"" placeholder:"ID"`
	Shipper  string `help:"A shipper." xor:"thing" required:"" placeholder:"ID"`
	Run      string `help:"A run, ROUTE@DATE, as when its vehicle broke." xor:"thing" required:"" placeholder:"ID"`
	Location string `help:"A location." xor:"thing" required:"" placeholder:"ID"`
}

// check refuses what can name nothing.
func (t Thing) check() error {
	out := t.out()
	switch {
	case out.ID == "":
		return config.Usage(errors.New("want the id of a slot, fridge, address, shipper, run or location"))
	case out.Kind == order.OutRun && !strings.Contains(out.ID, "@"):
		return config.Usage(fmt.Errorf("--run %q: want ROUTE@DATE, such as %s@%s", out.ID, out.ID, t.Date))
	}
	return checkDate(t.Date)
}

func (t Thing) out() order.Out {
	for kind, id := range map[order.OutKind]string{order.OutSlot: t.Slot, order.OutFridge: t.Fridge, order.OutAddress: t.Address,
		order.OutShipper: t.Shipper, order.OutRun: t.Run, order.OutLocation: t.Location} {
		if id != "" {
			return order.Out{Kind: kind, ID: id}
		}
	}
	return order.Out{}
}

// OutageChange is what hub outage add and end share.
type OutageChange struct {
	Thing
	Disrupting
}

func (c *OutageChange) do(g *Globals, verb func(*disruption.Service, context.Context, string, order.Out, disruption.Act) (disruption.Result,
	error)) error {
	if err := c.check(); err != nil {
		return err
	}
	return c.run(g, func(s *disruption.Service, act disruption.Act) (disruption.Result, error) {
		return verb(s, g.Ctx, c.Date, c.out(), act)
	})
}

// OutageAddCmd is `hub outage add`.
type OutageAddCmd struct{ OutageChange }

// Help is shown by hub outage add --help.
func (*OutageAddCmd) Help() string {
	return `Whoever was accepted first keeps the place: orders that no longer fit are called off, the latest first, whole. They are told,
and their money goes back. After cutoff nothing moves by itself: the containers concerned must not be loaded, the sheets get a
new version, and a person moves them with hub exception move.`
}

// Run puts it out of service.
func (c *OutageAddCmd) Run(g *Globals) error { return c.do(g, (*disruption.Service).TakeOut) }

// OutageEndCmd is `hub outage end`.
type OutageEndCmd struct{ OutageChange }

// Run puts it back.
func (c *OutageEndCmd) Run(g *Globals) error { return c.do(g, (*disruption.Service).PutBack) }

// OutageListCmd is `hub outage list`.
type OutageListCmd struct {
	Date string `help:"Delivery date, YYYY-MM-DD." required:""`
}

// Run lists what is out of service.
func (c *OutageListCmd) Run(g *Globals) error {
	return g.readDate(c.Date, func(tx *store.Tx) error {
		outs, err := tx.OutOfService(g.Ctx, c.Date)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', 0)
		for _, o := range outs {
			fmt.Fprintf(w, "%s\t%s\t%s\tby %s\t%s\n", o.Kind, o.ID, o.Reason, o.SetBy, o.SetAt.Format(time.RFC3339))
		}
		limits, err := tx.DateLimits(g.Ctx, c.Date)
		if err != nil {
			return err
		}
		var products []string
		for id := range limits {
			products = append(products, id)
		}
		slices.Sort(products)
		for _, id := range products {
			l := limits[id]
			fmt.Fprintf(w, "limit\t%s\t%d\tby %s\t%s\n", id, l.Limit, l.SetBy, l.SetAt.Format(time.RFC3339))
		}
		if len(outs)+len(products) == 0 {
			fmt.Fprintf(w, "nothing is out of service on %s, and no limit is set for it\n", c.Date)
		}
		return w.Flush()
	})
}

// LimitCmd is `hub limit`.
type LimitCmd struct {
	Date     string `help:"Delivery date, YYYY-MM-DD." required:""`
	Product  string `help:"Id of the product." required:""`
	Limit    int64  `help:"Units that are sold for the date at most; it may be less than what is sold." required:""`
	Withdraw bool   `help:"Take what is sold above the limit off the latest orders, since the shop cannot deliver it."`
	Disrupting
}

// Run sets the limit.
func (c *LimitCmd) Run(g *Globals) error {
	if c.Limit < 0 {
		return config.Usage(fmt.Errorf("--limit %d: want 0 or more", c.Limit))
	}
	if err := checkDate(c.Date); err != nil {
		return err
	}
	return c.run(g, func(s *disruption.Service, act disruption.Act) (disruption.Result, error) {
		return s.Limit(g.Ctx, c.Date, c.Product, c.Limit, c.Withdraw, act)
	})
}

// CallOffCmd is `hub calloff`.
type CallOffCmd struct {
	Date     string `help:"Delivery date, YYYY-MM-DD." required:""`
	Location string `help:"A location's whole delivery." xor:"what" required:"" placeholder:"ID"`
	OfRun    string `name:"run" help:"A run, ROUTE@DATE." xor:"what" required:"" placeholder:"ID"`
	Disrupting
}

// Run calls it off.
func (c *CallOffCmd) Run(g *Globals) error {
	if err := checkDate(c.Date); err != nil {
		return err
	}
	out := order.Out{Kind: order.OutLocation, ID: c.Location}
	if c.OfRun != "" {
		out = order.Out{Kind: order.OutRun, ID: c.OfRun}
	}
	return c.run(g, func(s *disruption.Service, act disruption.Act) (disruption.Result, error) {
		return s.CallOff(g.Ctx, c.Date, out, act)
	})
}

// ExceptionCmd is `hub exception`: what changes after cutoff.
type ExceptionCmd struct {
	Move     ExceptionMoveCmd `cmd:"" help:"Give a container another free slot, shipper or address."`
	TakeOff  TakeOffCmd       `cmd:"" help:"Take an order off: it is called off, its customer told."`
	KeepBack KeepBackCmd      `cmd:"" help:"Say that a container must not be loaded."`
	LetGo    LetGoCmd         `cmd:"" help:"Say that a container that was kept back may be loaded."`
}

// Help is shown by hub exception --help.
func (*ExceptionCmd) Help() string {
	return `After cutoff numbering is frozen. Each change is an exception: recorded with person and reason, and a new version of the sheets
and packing lists concerned, which the driver confirms.`
}

// ExceptionMoveCmd is `hub exception move`.
type ExceptionMoveCmd struct {
	Container string `arg:"" help:"Id of the container."`
	Slot      string `help:"Another slot at its location." placeholder:"ID"`
	Address   string `help:"Another address at its collection spot." placeholder:"ID"`
	Shipper   string `help:"Another shipper, with --run." placeholder:"ID"`
	ToRun     string `name:"run" help:"The run that the shipper is aboard, ROUTE@DATE." placeholder:"ID"`
	Disrupting
}

// Run moves it.
func (c *ExceptionMoveCmd) Run(g *Globals) error {
	to := dispatch.Where{SlotID: c.Slot, AddressID: c.Address, ShipperID: c.Shipper, RunID: c.ToRun}
	return c.run(g, func(s *disruption.Service, act disruption.Act) (disruption.Result, error) {
		return s.Move(g.Ctx, c.Container, to, act)
	})
}

// TakeOffCmd is `hub exception take-off`.
type TakeOffCmd struct {
	Order string `arg:"" help:"Id of the order."`
	Disrupting
}

// Run takes it off.
func (c *TakeOffCmd) Run(g *Globals) error {
	return c.run(g, func(s *disruption.Service, act disruption.Act) (disruption.Result, error) {
		return s.TakeOff(g.Ctx, c.Order, act)
	})
}

// ContainerMark is what hub exception keep-back and let-go share.
type ContainerMark struct {
	Container string `arg:"" help:"Id of the container."`
	Disrupting
}

func (c *ContainerMark) do(g *Globals, verb func(*disruption.Service, context.Context, string, disruption.Act) (disruption.Result,
	error)) error {
	return c.run(g, func(s *disruption.Service, act disruption.Act) (disruption.Result, error) {
		return verb(s, g.Ctx, c.Container, act)
	})
}

// KeepBackCmd is `hub exception keep-back`.
type KeepBackCmd struct{ ContainerMark }

// Run keeps it back.
func (c *KeepBackCmd) Run(g *Globals) error { return c.do(g, (*disruption.Service).KeepBack) }

// LetGoCmd is `hub exception let-go`.
type LetGoCmd struct{ ContainerMark }

// Run lets it go.
func (c *LetGoCmd) Run(g *Globals) error { return c.do(g, (*disruption.Service).LetGo) }
