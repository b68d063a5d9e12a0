package web

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"meguri/hub/api"
	"meguri/hub/bulk"
	"meguri/hub/rental"
	"meguri/hub/store"
	rules "meguri/internal/rental"
	"meguri/protocol"
)

// rentalRoutes are the pages on which people of a rental warehouse decide what no scan decides.
func (w *Web) rentalRoutes(e *echo.Echo) {
	e.POST("/rental/items/:id", w.endPiece)
	e.GET("/rental/orders", w.rentalOrders)
	e.GET("/rental/orders/:id", w.rentalOrder)
	e.POST("/rental/orders/:id", w.endRentalOrder)
	e.GET("/rental/cleaning", w.cleaning)
	e.POST("/rental/cleaning", w.changeCleaning)
	e.GET("/rental/repairs", w.repairs)
	e.POST("/rental/repairs", w.changeRepairs)
}

// refused is why something was not done, for people; empty for an error that is no answer to them.
func refused(l lang, err error) string {
	var no *rental.Refusal
	why := ""
	switch {
	case errors.As(err, &no) && no.Key != "":
		why = l.text("rentalwhy." + string(no.Key))
	case errors.As(err, &no) && ruleKeys[rules.Rule(no.Reason)] != "":
		why = l.text("rentalrule." + ruleKeys[rules.Rule(no.Reason)])
	case errors.As(err, &no):
		why = no.Reason
	case errors.Is(err, store.ErrNotFound):
		why = l.text("rentalwhy.not_found")
	case errors.Is(err, errCode):
		why = l.text("rentalwhy.code")
	default:
		return ""
	}
	return l.text("rental.wrong", why)
}

var errCode = errors.New("no code of a piece")

// answer shows the page again with what was wrong, or goes to it when it was done.
func answer(c echo.Context, err error, page string, again func(c echo.Context, status int, wrong string) error) error {
	if err == nil {
		return c.Redirect(http.StatusSeeOther, page)
	}
	if wrong := refused(chooseLang(c), err); wrong != "" {
		return again(c, http.StatusConflict, wrong)
	}
	return err
}

// number reads a field of a form; nil is an empty one.
func number(c echo.Context, field string) *int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(c.FormValue(field)), 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

// endsOf are what a person may decide about a piece.
func endsOf(i store.RentalItem) (ends []string) {
	next := rules.Next(i.Item)
	where := i.Custody
	if where == protocol.Missing {
		where = i.Was
	}
	if slices.Contains(next, protocol.StepSell) {
		ends = append(ends, api.RentalSell)
	}
	out := []protocol.Custody{protocol.InTransitOut, protocol.OnRent, protocol.InTransitBack, protocol.ReturnReceived}
	if i.Custody == protocol.Missing && i.Commitment.State != rules.Free || slices.Contains(out, where) {
		ends = append(ends, api.RentalLose)
	}
	if slices.Contains(next, protocol.StepRetire) && i.Commitment.State == rules.Free {
		ends = append(ends, api.RentalRetire)
	}
	return ends
}

func (w *Web) endPiece(c echo.Context) error {
	id := api.Param(c, "id")
	if _, _, err := bulk.SGTIN(id); err != nil {
		return echo.NewHTTPError(http.StatusNotFound)
	}
	err := w.EndRental(c, "", api.RentalEnd{Do: c.FormValue("do"), ItemID: id, Yen: number(c, "yen"), Reason: strings.TrimSpace(c.FormValue("reason"))})
	return answer(c, err, pieceLink(id), w.showPiece)
}

// rentalOrdersView lists orders in a state.
type rentalOrdersView struct {
	State  string
	States []string
	Orders []rentalOrderLine
}

type rentalOrderLine struct {
	store.RentalOrder
	Progress store.Progress
}

var rentalStates = []string{"open", "shipped", "returned", "closed", "cancelled"}

func (w *Web) rentalOrders(c echo.Context) error {
	l, ctx := chooseLang(c), c.Request().Context()
	v := rentalOrdersView{State: c.QueryParam("state"), States: rentalStates}
	if !slices.Contains(rentalStates, v.State) {
		v.State = "open"
	}
	err := w.read(ctx, func(tx *store.Tx) error {
		v.Orders = nil
		all, err := tx.RentalOrders(ctx, v.State, "", maxRows)
		if err != nil {
			return err
		}
		for _, o := range all {
			p, err := tx.RentalProgress(ctx, o.ID)
			if err != nil {
				return err
			}
			v.Orders = append(v.Orders, rentalOrderLine{o, p[o.ID]})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.render(c, http.StatusOK, "rentalorders", l.text("rental.allorders"), "", v)
}

// rentalOrderView is an order with what became of each of its pieces.
type rentalOrderView struct {
	rentalOrderLine
	Lines   []rentalLine
	Charges []store.RentalCharge
	May     bool // decide about it
	MayFind bool // pieces for it
	Wrong   string
}

type rentalLine struct {
	Line                        int
	Garment, Piece, Place, Link string
	Custody, Ended              string
}

func (w *Web) rentalOrder(c echo.Context) error { return w.showRentalOrder(c, http.StatusOK, "") }

func (w *Web) showRentalOrder(c echo.Context, status int, wrong string) error {
	ctx, id, who := c.Request().Context(), api.Param(c, "id"), api.Who(c)
	v := rentalOrderView{Wrong: wrong, May: w.mayAct(who, "POST /rental/orders/:id"), MayFind: w.mayAct(who, "POST /v1/rental/orders/:id/allocate")}
	err := w.read(ctx, func(tx *store.Tx) (err error) {
		if v.RentalOrder, err = tx.RentalOrder(ctx, id); err != nil {
			return err
		}
		progress, err := tx.RentalProgress(ctx, id)
		if err != nil {
			return err
		}
		v.Progress = progress[id]
		if v.Charges, err = tx.RentalCharges(ctx, id); err != nil {
			return err
		}
		lines, err := tx.RentalLines(ctx, id)
		if err != nil {
			return err
		}
		ends, err := tx.RentalEnds(ctx, id)
		if err != nil {
			return err
		}
		garments, err := tx.Garments(ctx)
		v.Lines = rentalLines(lines, ends, garments)
		return err
	})
	if err != nil {
		return err
	}
	return w.render(c, status, "rentalorder", v.ID, "", v)
}

func rentalLines(lines []store.RentalLine, ends []store.Commitment, garments map[string]bulk.Garment) (all []rentalLine) {
	for _, l := range lines {
		g := garments[l.GTIN]
		one := rentalLine{Line: l.Line, Garment: strings.Join(slices.DeleteFunc([]string{g.Name, g.Size, g.Colour}, func(s string) bool { return s == "" }), ", "),
			Piece: l.Piece, Place: l.Place}
		if l.Piece != "" {
			one.Custody = rental.CustodyName(l.Custody)
		}
		for _, e := range ends {
			if e.Line == l.Line && l.Piece == "" {
				one.Piece, one.Ended = e.Item, e.How
			}
		}
		one.Link = pieceLink(one.Piece)
		all = append(all, one)
	}
	return all
}

func (w *Web) endRentalOrder(c echo.Context) error {
	id := api.Param(c, "id")
	page := "/rental/orders/" + url.PathEscape(id)
	if c.FormValue("do") == "allocate" {
		if !w.mayAct(api.Who(c), "POST /v1/rental/orders/:id/allocate") {
			return echo.NewHTTPError(http.StatusForbidden)
		}
		return answer(c, w.FindPieces(c, id), page, w.showRentalOrder)
	}
	err := w.EndRental(c, id, api.RentalEnd{Do: c.FormValue("do"), ItemID: c.FormValue("item"), Reason: strings.TrimSpace(c.FormValue("reason"))})
	return answer(c, err, page, w.showRentalOrder)
}

// cleaningView is the cleaning batches, and what is to be done with them.
type cleaningView struct {
	Batches    []cleaningBatch
	Warehouses []string
	May        bool
	Wrong      string
}

type cleaningBatch struct {
	store.CleaningBatch
	Overdue bool
}

func (w *Web) cleaning(c echo.Context) error { return w.showCleaning(c, http.StatusOK, "") }

func (w *Web) showCleaning(c echo.Context, status int, wrong string) error {
	l, ctx, now := chooseLang(c), c.Request().Context(), w.Clock.Now()
	v := cleaningView{Wrong: wrong, May: w.mayAct(api.Who(c), "POST /rental/cleaning")}
	err := w.read(ctx, func(tx *store.Tx) error {
		v.Batches = nil
		known, err := tx.Warehouses(ctx)
		if err != nil {
			return err
		}
		v.Warehouses = slices.Sorted(maps.Keys(known))
		all, err := tx.CleaningBatches(ctx, c.QueryParam("all") == "true", maxRows)
		for _, b := range all {
			v.Batches = append(v.Batches, cleaningBatch{b, api.Overdue(b, now)})
		}
		return err
	})
	if err != nil {
		return err
	}
	return w.render(c, status, "cleaning", l.text("rental.cleaning"), "", v)
}

func (w *Web) changeCleaning(c echo.Context) error {
	in := api.RentalBatch{Do: c.FormValue("do"), BatchID: strings.TrimSpace(c.FormValue("id")), WarehouseID: c.FormValue("warehouse"),
		Vendor: strings.TrimSpace(c.FormValue("vendor"))}
	if days := number(c, "days"); days != nil {
		in.Days = int(min(max(*days, 0), 365))
	}
	return answer(c, w.ChangeBatch(c, in), "/rental/cleaning", w.showCleaning)
}

// repairsView is the repair work orders.
type repairsView struct {
	Repairs []repairLine
	Badges  []string
	People  map[string]string
	May     bool
	Wrong   string
}

type repairLine struct {
	store.RepairOrder
	Link, Where string
}

func (w *Web) repairs(c echo.Context) error { return w.showRepairs(c, http.StatusOK, "") }

func (w *Web) showRepairs(c echo.Context, status int, wrong string) error {
	l, ctx := chooseLang(c), c.Request().Context()
	v := repairsView{Wrong: wrong, May: w.mayAct(api.Who(c), "POST /rental/repairs")}
	err := w.read(ctx, func(tx *store.Tx) error {
		v.Repairs, v.Badges = nil, nil
		all, err := tx.RepairOrders(ctx, c.QueryParam("all") == "true", maxRows)
		if err != nil {
			return err
		}
		for _, r := range all {
			v.Repairs = append(v.Repairs, repairLine{r, pieceLink(r.Item), rental.CustodyName(r.Custody)})
		}
		badges, err := tx.Operators(ctx, "")
		if err != nil {
			return err
		}
		for _, o := range badges {
			v.Badges = append(v.Badges, o.Badge)
		}
		v.People, err = names(c, tx)
		return err
	})
	if err != nil {
		return err
	}
	return w.render(c, status, "repairs", l.text("rental.repairwork"), "", v)
}

func (w *Web) changeRepairs(c echo.Context) error {
	in := api.RentalRepair{Do: c.FormValue("do"), RepairID: strings.TrimSpace(c.FormValue("id")), ItemID: c.FormValue("item"),
		What: strings.TrimSpace(c.FormValue("what")), Badge: c.FormValue("badge")}
	if cost := number(c, "cost"); cost != nil {
		in.CostYen = *cost
	}
	if _, _, err := bulk.SGTIN(in.ItemID); in.Do == "open" && err != nil {
		return answer(c, errCode, "", w.showRepairs)
	}
	return answer(c, w.ChangeRepair(c, in), "/rental/repairs", w.showRepairs)
}
