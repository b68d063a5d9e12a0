package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/api"
	"meguri/hub/dispatch"
	"meguri/hub/order"
	"meguri/hub/payment"
	"meguri/hub/people"
	"meguri/hub/store"
)

// choice is a page on which somebody chooses what to look at.
type choice struct {
	Date    string
	HasDate bool
	Dates   []string
	Items   []choiceItem
	Preview dispatch.Preview
}

type choiceItem struct{ ID, Name string }

const maxDates = 60

// choices reads dates and what there is to choose on one.
func (w *Web) choices(ctx context.Context, asked string, items func(tx *store.Tx, date string) ([]choiceItem, error)) (v choice, d store.DateView, err error) {
	err = w.read(ctx, func(tx *store.Tx) error {
		if d, v.HasDate, err = w.dateOf(ctx, tx, asked); err != nil {
			return err
		}
		v.Date = d.Date
		if v.Dates, err = tx.Dates(ctx, maxDates); err != nil {
			return err
		}
		if v.HasDate {
			if v.Preview, err = tx.Preview(ctx, v.Date, w.Clock.Now()); err != nil {
				return err
			}
		}
		v.Items, err = items(tx, v.Date)
		return err
	})
	return v, d, err
}

// packingView is a shop's packing list, or with no shop the choice of one.
type packingView struct {
	choice
	Chosen bool
	List   dispatch.PackingList
	Pass   *dispatch.Pass // with which the shop opens its collection spot; nil when there is none
}

func (w *Web) packing(c echo.Context) error {
	l, ctx, shop := chooseLang(c), c.Request().Context(), c.QueryParam("shop")
	var v packingView
	ch, _, err := w.choices(ctx, c.QueryParam("date"), func(tx *store.Tx, date string) (items []choiceItem, err error) {
		if shop != "" && date != "" {
			v.List, err = tx.PackingList(ctx, date, shop)
			v.Chosen = true
			if err != nil {
				return nil, err
			}
			p, err := tx.ShopPass(ctx, shop, date, w.Clock.Now())
			if errors.Is(err, store.ErrNotFound) {
				return nil, nil
			}
			v.Pass = &p
			return nil, err
		}
		shops, err := tx.ShopsOfDate(ctx, date)
		for _, s := range shops {
			items = append(items, choiceItem(s))
		}
		return items, err
	})
	if err != nil {
		return err
	}
	v.choice = ch
	return w.render(c, http.StatusOK, "packing", l.text("packing.title"), "", v)
}

// sheetView is a driver's sheet, or with no route the choice of one.
type sheetView struct {
	choice
	Chosen  bool
	Sheet   dispatch.Sheet
	Now     time.Time
	SeeCode bool
	Version sheetVersion
	Outs    []store.OutOfService
}

func (w *Web) sheet(c echo.Context) error {
	l, ctx, route := chooseLang(c), c.Request().Context(), c.QueryParam("route")
	v := sheetView{Now: w.Clock.Now(), SeeCode: api.Who(c).Role.SeesCourierCode()}
	ch, _, err := w.choices(ctx, c.QueryParam("date"), func(tx *store.Tx, date string) (items []choiceItem, err error) {
		if route == "" || date == "" {
			routes, err := tx.RoutesOfDate(ctx, date)
			for _, r := range routes {
				items = append(items, choiceItem{r, r})
			}
			return items, err
		}
		run, err := tx.RunOfRoute(ctx, route, date)
		if err != nil {
			return nil, err
		}
		v.Chosen = true
		if v.Sheet, err = tx.Sheet(ctx, run); err != nil {
			return nil, err
		}
		if v.Outs, err = tx.OutOfRun(ctx, v.Sheet.Run); err != nil {
			return nil, err
		}
		v.Version, err = w.versionOf(c, tx, v.Sheet.Run)
		return nil, err
	})
	if err != nil {
		return err
	}
	v.choice = ch
	return w.render(c, http.StatusOK, "sheet", l.text("sheet.title"), "", v)
}

// orderView is one order.
type orderView struct {
	order.Order
	Location string // name
	Products map[string]string
	Groups   []itemGroup
	Pickups  []store.PickupView
	Notices  []store.Notice
	By       string // name of who placed it
	Refusal  string
	Bill     *billView // nil when it is not paid here
	Codes    []dispatch.Revocation
	Waits    bool              // money may wait for one of them
	People   map[string]string // names
	Wrong    string
}

// CodeUsed says whether a code of the order that was taken back has opened a door.
func (v orderView) CodeUsed() bool {
	return slices.ContainsFunc(v.Codes, func(r dispatch.Revocation) bool { return r.State() == dispatch.GrantUsed })
}

// itemGroup is what one container holds of an order.
type itemGroup struct {
	Container, GRAI, FridgeID, SlotID, ShipperID, AddressID string
	Products                                                []groupedProduct
}

type groupedProduct struct {
	ID           string
	Units, Short int
}

func (g *itemGroup) add(i order.Item) {
	at := slices.IndexFunc(g.Products, func(p groupedProduct) bool { return p.ID == i.ProductID })
	if at < 0 {
		at = len(g.Products)
		g.Products = append(g.Products, groupedProduct{ID: i.ProductID})
	}
	g.Products[at].Units++
	if i.Short {
		g.Products[at].Short++
	}
}

func (w *Web) order(c echo.Context) error { return w.showOrder(c, http.StatusOK, "") }

func (w *Web) showOrder(c echo.Context, status int, wrong string) error {
	l, ctx := chooseLang(c), c.Request().Context()
	o, err := w.Orders.Get(ctx, api.Param(c, "id"))
	if err != nil {
		return err
	}
	v := orderView{Order: o, Products: map[string]string{}, Groups: groupItems(o.Items), Wrong: wrong}
	if o.State == order.Refused {
		v.Refusal = l.text("limit."+string(o.Limit), o.What)
	}
	err = w.read(ctx, func(tx *store.Tx) error {
		loc, err := tx.LocationView(ctx, o.LocationID)
		if err != nil {
			return err
		}
		v.Location = loc.Name
		products, err := tx.Products(ctx)
		if err != nil {
			return err
		}
		for _, p := range products {
			v.Products[p.ID] = p.Name
		}
		if v.Bill, err = readBill(ctx, tx, o.ID); err != nil {
			return err
		}
		if v.Pickups, err = tx.PickupViews(ctx, o.ID); err != nil {
			return err
		}
		if v.Notices, err = tx.NoticesOfOrder(ctx, o.ID); err != nil {
			return err
		}
		if err := w.codesOf(c, tx, &v); err != nil {
			return err
		}
		who, err := tx.Person(ctx, o.PlacedBy)
		if v.By = who.Name; errors.Is(err, people.ErrNoPerson) {
			v.By, err = o.PlacedBy, nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return w.render(c, status, "order", l.text("order")+" "+o.ID, "", v)
}

func groupItems(items []order.Item) []itemGroup {
	var groups []itemGroup
	for _, i := range items {
		at := slices.IndexFunc(groups, func(g itemGroup) bool { return g.Container == i.ContainerID })
		if at < 0 {
			at = len(groups)
			groups = append(groups, itemGroup{i.ContainerID, i.GRAI, i.FridgeID, i.SlotID, i.ShipperID, i.AddressID, nil})
		}
		groups[at].add(i)
	}
	return groups
}

// workView is the list of work.
type workView struct {
	Items  []workLine
	Total  int
	MaySee bool // the pages of single orders
}

type workLine struct {
	store.WorkView
	IsOrder bool // the subject is an order
}

func (w *Web) work(c echo.Context) error {
	l, ctx := chooseLang(c), c.Request().Context()
	var items []store.WorkView
	var counts []store.WorkCount
	err := w.read(ctx, func(tx *store.Tx) (err error) {
		if counts, err = tx.WorkCounts(ctx); err != nil {
			return err
		}
		items, err = tx.Work(ctx, false, maxRows)
		return err
	})
	if err != nil {
		return err
	}
	v := workView{MaySee: w.mayOpen(api.Who(c), "/orders/:id")}
	for _, n := range counts {
		v.Total += n.Items
	}
	for _, i := range items {
		isOrder := slices.Contains([]string{"shortage", "left_over", "undelivered", payment.WorkUncollected, payment.WorkRefundFailed, payment.WorkMismatch,
			store.WorkCodeUsed}, i.Kind)
		v.Items = append(v.Items, workLine{i, isOrder})
	}
	return w.render(c, http.StatusOK, "work", l.text("work.title"), "", v)
}

func (w *Web) closeWork(c echo.Context) error {
	err := w.CloseWork(c.Request().Context(), api.Who(c), api.Param(c, "id"))
	if waits := new(store.MoneyWaits); errors.As(err, &waits) && w.mayOpen(api.Who(c), "/orders/:id") {
		return c.Redirect(http.StatusSeeOther, "/orders/"+url.PathEscape(waits.Order)+"#codes") // where the money is decided about
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/work-items")
}
