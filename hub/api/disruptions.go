package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/dispatch"
	"meguri/hub/disruption"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/store"
)

// doJSON is what all requests share that change what was promised: without apply it is only said what would come of it.
type doJSON struct {
	Reason string `json:"reason"`
	Apply  bool   `json:"apply"`
	Expect string `json:"expect"`
}

func (a *API) act(c echo.Context, in doJSON) disruption.Act {
	return disruption.Act{By: Who(c).ID, Reason: in.Reason, At: a.Clock.Now(), Apply: in.Apply, Expect: in.Expect}
}

type resultJSON struct {
	DeliveryDate string          `json:"delivery_date"`
	Exception    bool            `json:"exception"`
	Applied      bool            `json:"applied"`
	Mark         string          `json:"mark"`
	Moved        []string        `json:"containers_moved"`
	Through      []string        `json:"containers_not_to_load"`
	CalledOff    []goneJSON      `json:"orders_called_off"`
	Withdrawn    []withdrawnJSON `json:"units_withdrawn"`
	Versions     []madeJSON      `json:"new_versions"`
}

type goneJSON struct {
	OrderID    string `json:"order_id"`
	LocationID string `json:"location_id"`
	Units      int    `json:"units"`
}

type withdrawnJSON struct {
	OrderID   string `json:"order_id"`
	ProductID string `json:"product_id"`
	Units     int    `json:"units"`
}

type madeJSON struct {
	Kind    dispatch.EditionKind `json:"kind"`
	ID      string               `json:"id"`
	Version int                  `json:"version"`
}

// changed answers with what came of a change, or would.
func (a *API) changed(c echo.Context, r disruption.Result, err error) error {
	if err != nil {
		return err
	}
	if r.Applied {
		a.Feed.Changed()
	}
	out := resultJSON{DeliveryDate: r.Date, Exception: r.Frozen, Applied: r.Applied, Mark: r.Mark(), Moved: append([]string{}, r.Moved...),
		Through: append([]string{}, r.Through...), CalledOff: each(r.CalledOff, func(g disruption.Gone) goneJSON { return goneJSON(g) }),
		Withdrawn: each(r.Withdrawn, func(w disruption.Withdrawn) withdrawnJSON { return withdrawnJSON(w) }),
		Versions:  each(r.Editions, func(e dispatch.Edition) madeJSON { return madeJSON{e.Kind, e.ThingID, e.Version} })}
	return c.JSON(http.StatusOK, out)
}

type outageJSON struct {
	Kind   order.OutKind `json:"kind"`
	ID     string        `json:"id"`
	Reason string        `json:"reason"`
	SetBy  string        `json:"set_by"`
	SetAt  time.Time     `json:"set_at"`
}

type dateLimitJSON struct {
	ProductID string    `json:"product_id"`
	Limit     int64     `json:"limit"`
	SetBy     string    `json:"set_by"`
	SetAt     time.Time `json:"set_at"`
}

func (a *API) listOutages(c echo.Context) error {
	var out struct {
		Outages []outageJSON    `json:"outages"`
		Limits  []dateLimitJSON `json:"limits"`
	}
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		outs, err := tx.OutOfService(ctx, c.QueryParam("date"))
		if err != nil {
			return err
		}
		out.Outages = each(outs, func(o store.OutOfService) outageJSON { return outageJSON{o.Kind, o.ID, o.Reason, o.SetBy, o.SetAt} })
		limits, err := tx.DateLimits(ctx, c.QueryParam("date"))
		out.Limits = []dateLimitJSON{}
		for _, l := range limits {
			out.Limits = append(out.Limits, dateLimitJSON(l))
		}
		slices.SortFunc(out.Limits, func(a, b dateLimitJSON) int { return strings.Compare(a.ProductID, b.ProductID) })
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

func (a *API) addOutage(c echo.Context) error {
	var in struct {
		doJSON
		Date string        `json:"delivery_date"`
		Kind order.OutKind `json:"kind"`
		ID   string        `json:"id"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	r, err := a.Disruptions.TakeOut(c.Request().Context(), in.Date, order.Out{Kind: in.Kind, ID: in.ID}, a.act(c, in.doJSON))
	return a.changed(c, r, err)
}

// endOutage puts a thing back into service. There is nothing to look at first: nobody loses anything.
func (a *API) endOutage(c echo.Context) error {
	out := order.Out{Kind: order.OutKind(c.QueryParam("kind")), ID: c.QueryParam("id")}
	reason, err := reasonOf(c)
	if err != nil {
		return err
	}
	act := a.act(c, doJSON{Reason: reason, Apply: true})
	r, err := a.Disruptions.PutBack(c.Request().Context(), c.QueryParam("date"), out, act)
	return a.changed(c, r, err)
}

func (a *API) callOff(c echo.Context) error {
	var in struct {
		doJSON
		Date     string `json:"delivery_date"`
		Location string `json:"location_id"`
		Run      string `json:"run_id"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	out := order.Out{Kind: order.OutLocation, ID: in.Location}
	switch {
	case (in.Location == "") == (in.Run == ""):
		return &invalid{[]ProblemField{{"location_id", "a location or a run"}}}
	case in.Run != "":
		out = order.Out{Kind: order.OutRun, ID: in.Run}
	}
	r, err := a.Disruptions.CallOff(c.Request().Context(), in.Date, out, a.act(c, in.doJSON))
	return a.changed(c, r, err)
}

func (a *API) setLimit(c echo.Context) error {
	var in struct {
		doJSON
		Date     string `json:"delivery_date"`
		Limit    int64  `json:"limit"`
		Withdraw bool   `json:"withdraw"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	product := Param(c, "id")
	if err := a.ownProduct(c, product); err != nil {
		return err
	}
	r, err := a.Disruptions.Limit(c.Request().Context(), in.Date, product, in.Limit, in.Withdraw, a.act(c, in.doJSON))
	return a.changed(c, r, err)
}

// ownProduct keeps a shop to its own products: of others it is not to know even whether there are any.
func (a *API) ownProduct(c echo.Context, product string) error {
	who := Who(c)
	if who.Role != people.Shop {
		return nil
	}
	var shop string
	err := a.read(c, func(ctx context.Context, tx *store.Tx) (err error) {
		shop, err = tx.ShopOfProduct(ctx, product)
		return err
	})
	if err == nil && shop != who.Place {
		err = fmt.Errorf("product %.80s: %w", product, store.ErrNotFound)
	}
	return err
}

func (a *API) addException(c echo.Context) error {
	var in struct {
		doJSON
		Kind      string `json:"kind"`
		Container string `json:"container_id"`
		Order     string `json:"order_id"`
		Slot      string `json:"slot_id"`
		Run       string `json:"run_id"`
		Shipper   string `json:"shipper_id"`
		Address   string `json:"address_id"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	ctx, act := c.Request().Context(), a.act(c, in.doJSON)
	var r disruption.Result
	err := error(&invalid{[]ProblemField{{"container_id", "the container, or with take_off the order_id"}}})
	switch {
	case (in.Kind == "take_off") != (in.Order != "") || (in.Kind == "take_off") != (in.Container == ""):
	case in.Kind == "take_off":
		r, err = a.Disruptions.TakeOff(ctx, in.Order, act)
	case in.Kind == "keep_back":
		r, err = a.Disruptions.KeepBack(ctx, in.Container, act)
	case in.Kind == "let_go":
		r, err = a.Disruptions.LetGo(ctx, in.Container, act)
	default:
		to := dispatch.Where{SlotID: in.Slot, RunID: in.Run, ShipperID: in.Shipper, AddressID: in.Address}
		r, err = a.Disruptions.Move(ctx, in.Container, to, act)
	}
	return a.changed(c, r, err)
}

type versionsJSON struct {
	RunID       string        `json:"run_id"`
	ConfirmedBy string        `json:"confirmed_by,omitempty"`
	ConfirmedAt *time.Time    `json:"confirmed_at,omitempty"`
	Due         bool          `json:"confirmation_due"`
	Versions    []versionJSON `json:"versions"`
}

type versionJSON struct {
	Version int                   `json:"version"`
	MadeAt  time.Time             `json:"made_at"`
	MadeBy  string                `json:"made_by"`
	Reason  string                `json:"reason"`
	Changes []sheetDifferenceJSON `json:"changes"`
}

type sheetDifferenceJSON struct {
	ContainerID string `json:"container_id,omitempty"`
	Field       string `json:"field"`
	Was         string `json:"was"`
	Is          string `json:"is"`
}

// maxVersions is how many versions of a sheet are shown.
const maxVersions = 20

func (a *API) listVersions(c echo.Context) error {
	run := Param(c, "id")
	route, date, _ := strings.Cut(run, "@")
	if who := Who(c); who.Role == people.Driver && who.Place != route {
		return fmt.Errorf("run %.80s: %w", run, store.ErrNotFound) // that there is one is not theirs to know
	}
	out := versionsJSON{RunID: run, Versions: []versionJSON{}}
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.Editions(ctx, dispatch.OfRun, run, date, maxVersions)
		if err == nil && len(all) == 0 {
			err = fmt.Errorf("versions of the sheet of run %.80s: %w", run, store.ErrNotFound)
		}
		if err != nil {
			return err
		}
		for i, e := range all {
			v := versionJSON{e.Version, e.MadeAt, e.MadeBy, e.Reason, []sheetDifferenceJSON{}}
			if i+1 < len(all) {
				v.Changes = each(e.Content.Since(all[i+1].Content), func(d dispatch.Difference) sheetDifferenceJSON { return sheetDifferenceJSON(d) })
			}
			out.Versions = append(out.Versions, v)
		}
		confirmed, err := tx.Confirmations(ctx, date)
		for _, f := range confirmed {
			if f.RunID == run {
				out.ConfirmedBy, out.ConfirmedAt, out.Due = f.ConfirmedBy, optional(f.ConfirmedAt), f.Due()
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

func (a *API) confirmSheet(c echo.Context) error {
	var in struct {
		Version int `json:"version"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	if err := a.ConfirmSheet(c.Request().Context(), Who(c), Param(c, "id"), in.Version); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// ConfirmSheet notes that the driver of a run has seen a version of its sheet.
func (a *API) ConfirmSheet(ctx context.Context, who people.Person, run string, version int) error {
	if route, _, _ := strings.Cut(run, "@"); who.Role == people.Driver && who.Place != route {
		return fmt.Errorf("run %.80s: %w", run, store.ErrNotFound)
	}
	now := a.Clock.Now()
	err := a.Store.Change(ctx, func(tx *store.Tx) error {
		if err := tx.ConfirmSheet(ctx, run, version, who.ID, now); err != nil {
			return err
		}
		return tx.RecordAct(ctx, people.NewAct(now, who.ID, "sheet.confirm", run, fmt.Sprintf("version %d", version)))
	})
	if err == nil {
		a.Feed.Changed()
	}
	return err
}

type noticeJSON struct {
	Number     int64              `json:"number"`
	OrderID    string             `json:"order_id"`
	CustomerID string             `json:"customer_id"`
	Kind       store.NoticeKind   `json:"kind"`
	Reason     string             `json:"reason"`
	Products   []noticedUnitsJSON `json:"products"`
	MadeAt     time.Time          `json:"made_at"`
}

type noticedUnitsJSON struct {
	ProductID string `json:"product_id"`
	Name      string `json:"name"`
	Units     int    `json:"units"`
}

// mostNotices is how many notices are given at once.
const mostNotices = 500

// listNotices is the feed for the program that tells customers. A customer sees their own.
func (a *API) listNotices(c echo.Context) error {
	var after int64
	if text := c.QueryParam("after"); text != "" {
		if _, err := fmt.Sscan(text, &after); err != nil {
			return &invalid{[]ProblemField{{"after", "the number of the last notice that was read"}}}
		}
	}
	customer := ""
	if who := Who(c); who.Role == people.Customer {
		customer = who.Place
	}
	var out struct {
		Notices []noticeJSON `json:"notices"`
	}
	err := a.read(c, func(ctx context.Context, tx *store.Tx) error {
		all, err := tx.Notices(ctx, after, customer, mostNotices)
		out.Notices = each(all, func(n store.Notice) noticeJSON {
			return noticeJSON{n.Number, n.OrderID, n.CustomerID, n.Kind, n.Parameters.Reason,
				each(n.Parameters.Products, func(p store.NoticedUnits) noticedUnitsJSON { return noticedUnitsJSON(p) }), n.MadeAt}
		})
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, out)
}

// disrupted says what an error of a disruption means to who asked, if it is one.
func disrupted(err error) (Problem, bool) {
	var reason *disruption.ReasonError
	var illegal *dispatch.IllegalMove
	switch {
	case errors.As(err, &reason):
		return Problem{Status: http.StatusUnprocessableEntity, Errors: []ProblemField{{"reason", fmt.Sprintf("%d to %d characters", dispatch.MinReason, dispatch.MaxReason)}},
			Detail: err.Error()}, true
	case errors.As(err, &illegal):
		return Problem{Status: http.StatusConflict, Detail: err.Error()}, true
	}
	return Problem{}, false
}
