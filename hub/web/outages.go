package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"meguri/hub/api"
	"meguri/hub/dispatch"
	"meguri/hub/disruption"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/store"
)

// disruptView is what the pages share on which something is changed that was promised: first it is looked at, then applied.
type disruptView struct {
	Form     map[string]string // what was asked for, to be asked again with apply
	Result   *disruption.Result
	Wrong    string // what kept it from being done
	Products map[string]string
	People   map[string]string
}

// formFields are all fields of the forms, which a look hands on to the one that applies it.
var formFields = []string{"do", "date", "kind", "id", "limit", "withdraw", "reason", "container", "order", "slot", "ride", "address"}

func formOf(c echo.Context) map[string]string {
	f := map[string]string{}
	for _, name := range formFields {
		if v := c.FormValue(name); v != "" {
			f[name] = v
		}
	}
	return f
}

func (w *Web) actOf(c echo.Context) disruption.Act {
	return disruption.Act{By: api.Who(c).ID, Reason: strings.TrimSpace(c.FormValue("reason")), At: w.Clock.Now(),
		Apply: c.FormValue("apply") == "yes", Expect: c.FormValue("expect")}
}

// done notes what came of a form, or what was wrong with it; other errors are returned.
func (v *disruptView) done(w *Web, l lang, r disruption.Result, err error) error {
	if err == nil {
		v.Result = &r
		if r.Applied {
			w.Feed.Changed()
			v.Form = nil
		}
		return nil
	}
	for _, known := range []struct {
		is  error
		key string
	}{
		{disruption.ErrNotFrozen, "disrupt.notfrozen"}, {disruption.ErrChanged, "disrupt.changed"}, {disruption.ErrAlready, "disrupt.already"},
		{disruption.ErrOver, "disrupt.over"}, {store.ErrTaken, "disrupt.taken"}, {store.ErrNotFound, "disrupt.notfound"},
		{order.ErrNotFound, "disrupt.notfound"}, {order.ErrNoDelivery, "disrupt.notfound"},
	} {
		if errors.Is(err, known.is) {
			v.Wrong = l.text(known.key)
			return nil
		}
	}
	var illegal *dispatch.IllegalMove
	switch {
	case errors.As(err, new(*disruption.ReasonError)):
		v.Wrong = l.text("disrupt.noreason")
	case errors.As(err, &illegal):
		v.Wrong = illegal.Error()
	default:
		return err
	}
	return nil
}

// outagesView is what is out of service on a date, with the forms that change it.
type outagesView struct {
	choice
	disruptView
	Frozen        bool
	Outs          []store.OutOfService
	Limits        []store.DateLimit
	Confirmations []dispatch.Confirmation
	Kinds         []order.OutKind
	Locations     []choiceItem
	Runs          []string
	Goods         []choiceItem
}

func (w *Web) outages(c echo.Context) error { return w.showOutages(c, http.StatusOK, outagesView{}) }

func (w *Web) showOutages(c echo.Context, status int, v outagesView) error {
	l, ctx := chooseLang(c), c.Request().Context()
	v.Kinds = []order.OutKind{order.OutSlot, order.OutFridge, order.OutAddress, order.OutShipper, order.OutRun, order.OutLocation}
	ch, d, err := w.choices(ctx, c.FormValue("date"), func(tx *store.Tx, date string) (_ []choiceItem, err error) {
		if v.Outs, err = tx.OutOfService(ctx, date); err != nil {
			return nil, err
		}
		limits, err := tx.DateLimits(ctx, date)
		if err != nil {
			return nil, err
		}
		for _, limit := range limits {
			v.Limits = append(v.Limits, limit)
		}
		slices.SortFunc(v.Limits, func(a, b store.DateLimit) int { return strings.Compare(a.ProductID, b.ProductID) })
		if v.Confirmations, err = tx.Confirmations(ctx, date); err != nil {
			return nil, err
		}
		return nil, w.outageChoices(c, tx, date, &v)
	})
	if err != nil {
		return err
	}
	v.choice, v.Frozen = ch, d.Frozen
	return w.render(c, status, "outages", l.text("outages.title"), "", v)
}

// outageChoices are what the forms offer, and names.
func (w *Web) outageChoices(c echo.Context, tx *store.Tx, date string, v *outagesView) error {
	ctx := c.Request().Context()
	deliveries, err := tx.DeliveriesOfDate(ctx, date)
	if err != nil {
		return err
	}
	for _, d := range deliveries {
		place, err := tx.LocationView(ctx, d.LocationID)
		if err != nil {
			return err
		}
		v.Locations = append(v.Locations, choiceItem{d.LocationID, place.Name})
	}
	if v.Runs, err = tx.RunsOfDate(ctx, date); err != nil {
		return err
	}
	products, err := tx.Products(ctx)
	v.Products = map[string]string{}
	for _, p := range products {
		v.Products[p.ID] = p.Name
		v.Goods = append(v.Goods, choiceItem{p.ID, p.Name})
	}
	if err != nil {
		return err
	}
	v.People, err = names(c, tx)
	return err
}

// names are the names of persons, by id.
func names(c echo.Context, tx *store.Tx) (map[string]string, error) {
	all, err := tx.Persons(c.Request().Context(), store.MaxPage)
	by := map[string]string{people.Console: people.Console}
	for _, p := range all {
		by[p.ID] = p.Name
	}
	return by, err
}

func (w *Web) changeOutages(c echo.Context) error {
	l, ctx, act := chooseLang(c), c.Request().Context(), w.actOf(c)
	date, id := c.FormValue("date"), strings.TrimSpace(c.FormValue("id"))
	var r disruption.Result
	var err error
	switch c.FormValue("do") {
	case "outage":
		r, err = w.Disruptions.TakeOut(ctx, date, order.Out{Kind: order.OutKind(c.FormValue("kind")), ID: id}, act)
	case "calloff":
		r, err = w.Disruptions.CallOff(ctx, date, order.Out{Kind: order.OutKind(c.FormValue("kind")), ID: id}, act)
	case "end":
		act.Apply = true // nobody loses anything by it
		r, err = w.Disruptions.PutBack(ctx, date, order.Out{Kind: order.OutKind(c.FormValue("kind")), ID: id}, act)
	case "limit":
		limit, wrong := strconv.ParseInt(c.FormValue("limit"), 10, 32)
		if wrong != nil || limit < 0 {
			return echo.NewHTTPError(http.StatusBadRequest)
		}
		r, err = w.Disruptions.Limit(ctx, date, id, limit, c.FormValue("withdraw") != "", act)
	default:
		return echo.NewHTTPError(http.StatusBadRequest)
	}
	v := outagesView{disruptView: disruptView{Form: formOf(c)}}
	if err := v.done(w, l, r, err); err != nil {
		return err
	}
	if v.Wrong != "" {
		return w.showOutages(c, http.StatusConflict, v)
	}
	return w.showOutages(c, http.StatusOK, v)
}

// exceptionView is one container, or one order, after cutoff.
type exceptionView struct {
	disruptView
	Container *dispatch.Container
	Orders    []string // in the container
	Free      store.FreePlaces
	Kept      string // why it is kept back
	Order     string
	Asked     string // an id that there is nothing for
}

func (w *Web) exception(c echo.Context) error {
	return w.showException(c, http.StatusOK, exceptionView{})
}

func (w *Web) showException(c echo.Context, status int, v exceptionView) error {
	l, ctx := chooseLang(c), c.Request().Context()
	container := strings.TrimSpace(c.FormValue("container"))
	v.Order = strings.TrimSpace(c.FormValue("order"))
	err := w.read(ctx, func(tx *store.Tx) error {
		products, err := tx.Products(ctx)
		if err != nil {
			return err
		}
		v.Products = map[string]string{}
		for _, p := range products {
			v.Products[p.ID] = p.Name
		}
		if container == "" {
			return nil
		}
		is, err := tx.Container(ctx, container)
		if errors.Is(err, store.ErrNotFound) {
			v.Asked = container
			return nil
		}
		if err != nil {
			return err
		}
		v.Container = &is
		if v.Free, err = tx.FreePlaces(ctx, container); err != nil {
			return err
		}
		kept, err := tx.KeptBack(ctx, is.DeliveryDate)
		if err != nil {
			return err
		}
		v.Kept = kept[container]
		v.Orders, err = tx.OrdersInContainer(ctx, container)
		return err
	})
	if err != nil {
		return err
	}
	return w.render(c, status, "exception", l.text("exception.title"), "", v)
}

func (w *Web) makeException(c echo.Context) error {
	l, ctx, act := chooseLang(c), c.Request().Context(), w.actOf(c)
	container := c.FormValue("container")
	var r disruption.Result
	var err error
	switch c.FormValue("do") {
	case "move":
		run, shipper, _ := strings.Cut(c.FormValue("ride"), " ")
		r, err = w.Disruptions.Move(ctx, container, dispatch.Where{SlotID: c.FormValue("slot"), AddressID: c.FormValue("address"),
			RunID: run, ShipperID: shipper}, act)
	case "take_off":
		r, err = w.Disruptions.TakeOff(ctx, c.FormValue("order"), act)
	case "keep_back":
		r, err = w.Disruptions.KeepBack(ctx, container, act)
	case "let_go":
		r, err = w.Disruptions.LetGo(ctx, container, act)
	default:
		return echo.NewHTTPError(http.StatusBadRequest)
	}
	v := exceptionView{disruptView: disruptView{Form: formOf(c)}}
	if err := v.done(w, l, r, err); err != nil {
		return err
	}
	if v.Wrong != "" {
		return w.showException(c, http.StatusConflict, v)
	}
	return w.showException(c, http.StatusOK, v)
}

// sheetVersion is what the newest version of a run's sheet changed, and whether the driver has seen it.
type sheetVersion struct {
	dispatch.Confirmation
	Known    bool // the run has versions
	Reason   string
	Changes  []dispatch.Difference
	By       string // name of who confirmed
	MayAgree bool   // whoever looks is the one to confirm
}

// maxEditions is how many versions are looked through for the one that was confirmed last.
const maxEditions = 100

func (w *Web) versionOf(c echo.Context, tx *store.Tx, run dispatch.Run) (v sheetVersion, err error) {
	ctx := c.Request().Context()
	all, err := tx.Confirmations(ctx, run.DeliveryDate)
	if err != nil {
		return v, err
	}
	i := slices.IndexFunc(all, func(f dispatch.Confirmation) bool { return f.RunID == run.ID })
	if i < 0 {
		return v, nil
	}
	v.Known, v.Confirmation = true, all[i]
	v.MayAgree = w.mayAct(api.Who(c), "POST /sheet/:id/confirm")
	editions, err := tx.Editions(ctx, dispatch.OfRun, run.ID, run.DeliveryDate, maxEditions)
	if err != nil {
		return v, err
	}
	for _, e := range editions { // all that has changed since the driver last confirmed, not only the last change
		if e.Version == v.Replaces {
			v.Reason, v.Changes = editions[0].Reason, editions[0].Content.Since(e.Content)
		}
	}
	if v.ConfirmedBy != "" {
		who, err := tx.Person(ctx, v.ConfirmedBy)
		if v.By = who.Name; errors.Is(err, people.ErrNoPerson) {
			v.By, err = v.ConfirmedBy, nil
		}
		return v, err
	}
	return v, nil
}

// confirmSheet is the driver's button.
func (w *Web) confirmSheet(c echo.Context) error {
	run := api.Param(c, "id")
	version, err := strconv.Atoi(c.FormValue("version"))
	if err != nil {
		return echo.NewHTTPError(http.StatusBadRequest)
	}
	err = w.ConfirmSheet(c.Request().Context(), api.Who(c), run, version)
	if err != nil && !errors.Is(err, store.ErrOldVersion) { // the page shows the newer one
		return err
	}
	route, date, _ := strings.Cut(run, "@")
	return c.Redirect(http.StatusSeeOther, "/sheet?date="+date+"&route="+route)
}
