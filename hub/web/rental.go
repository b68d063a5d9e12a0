package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/api"
	"meguri/hub/bulk"
	"meguri/hub/rental"
	"meguri/hub/store"
	rules "meguri/internal/rental"
)

// rentalView is a rental warehouse now: what must be done to ship what is due, where pieces wait, and what the round costs.
type rentalView struct {
	Warehouse  string
	Warehouses []string
	Todo       rental.Todo
	Steps      []rentalStep
	Lines      []rentalTodo
	More       int // lines that are not shown
	Stages     []rentalStage
	Cycles     []rentalTurn
	Rates      store.RentalRates
	Days       int
}

type rentalStep struct {
	Do     string
	Pieces int
}

type rentalTodo struct {
	store.ToShip
	Do   string
	Link string
}

type rentalStage struct {
	store.StageCount
	Name   string
	Longer time.Duration
}

type rentalTurn struct {
	store.StageTurn
	Name string
}

// Percent is a rate as people read it.
func (rentalView) Percent(rate float64) float64 { return rate * 100 }

// rentalDays is how many days cycle times and rates are of.
const rentalDays = 30

func (w *Web) rental(c echo.Context) error {
	l, ctx, now := chooseLang(c), c.Request().Context(), w.Clock.Now()
	v := rentalView{Warehouse: c.QueryParam("warehouse"), Days: rentalDays}
	err := w.read(ctx, func(tx *store.Tx) error {
		v.Warehouses, v.Steps, v.Lines, v.Stages, v.Cycles = nil, nil, nil, nil, nil
		known, err := tx.Warehouses(ctx)
		if err != nil {
			return err
		}
		v.Warehouses = slices.Sorted(maps.Keys(known))
		if v.Todo, err = rental.TodoUntil(ctx, tx, v.Warehouse, rental.Tomorrow(now, w.zone)); err != nil {
			return err
		}
		stages, err := tx.Stages(ctx, v.Warehouse, now)
		if err != nil {
			return err
		}
		for _, s := range stages {
			v.Stages = append(v.Stages, rentalStage{s, rental.CustodyName(s.Custody), now.Sub(s.Oldest)})
		}
		turns, err := tx.StageTurns(ctx, v.Warehouse, now.AddDate(0, 0, -rentalDays))
		if err != nil {
			return err
		}
		for _, s := range turns {
			v.Cycles = append(v.Cycles, rentalTurn{s, rental.CustodyName(s.Custody)})
		}
		v.Rates, err = tx.Rates(ctx, v.Warehouse, now.AddDate(0, 0, -rentalDays))
		return err
	})
	if err != nil {
		return err
	}
	for _, do := range []string{rental.DoAllocate, rental.DoFind, rental.DoPick, rental.DoPack} {
		v.Steps = append(v.Steps, rentalStep{do, v.Todo.Steps[do]})
	}
	for _, line := range v.Todo.Lines[:min(len(v.Todo.Lines), maxRows)] {
		v.Lines = append(v.Lines, rentalTodo{line, rental.NextFor(line), pieceLink(line.Piece)})
	}
	v.More = len(v.Todo.Lines) - len(v.Lines)
	return w.render(c, http.StatusOK, "rental", l.text("rental.title"), "", v)
}

func pieceLink(id string) string {
	if id == "" {
		return ""
	}
	return "/rental/items/" + url.PathEscape(id)
}

// pieceView is a piece's whole life.
type pieceView struct {
	rental.Life
	Custody   string
	Promised  string
	Available bool
	Moments   []pieceMoment
	Ends      []string // what a person may decide about it
	Wrong     string
}

type pieceMoment struct {
	rental.Moment
	Step, After string
	Where       string // place, bag, order and batch
	Rule        string // that it broke
	Effect      string
	Legal       []string // steps that would have been
	Doubt       bool
}

// ruleKeys are the rules as messages name them.
var ruleKeys = map[rules.Rule]string{
	rules.UnknownStep:   "unknown_step",
	rules.Unregistered:  "unregistered",
	rules.Again:         "again",
	rules.WrongState:    "wrong_state",
	rules.NotFit:        "not_fit",
	rules.NotOnShelf:    "not_on_shelf",
	rules.OffShelf:      "off_shelf",
	rules.Promised:      "promised",
	rules.PickedTwice:   "picked_twice",
	rules.OtherOrder:    "other_order",
	rules.NoOrder:       "no_order",
	rules.NoBag:         "no_bag",
	rules.OtherBag:      "other_bag",
	rules.OtherBatch:    "other_batch",
	rules.StillDirty:    "still_dirty",
	rules.StillDamaged:  "still_damaged",
	rules.SamePerson:    "same_person",
	rules.NothingBroken: "nothing_broken",
	rules.Gone:          "gone",
	rules.Elsewhere:     "elsewhere",
	rules.StillOut:      "still_out",
	rules.StepSkipped:   "step_skipped",
}

var effectKeys = map[rules.Effect]string{rules.Told: "told", rules.Ignored: "ignored", rules.Held: "held"}

// rentalWords are the messages of states, steps, rules and effects of the round.
func rentalWords() map[string]message {
	all := map[string]message{}
	for c, t := range rental.Custodies {
		all["custody."+rental.CustodyName(c)] = message{t.EN, t.JA}
	}
	for s, t := range rental.Steps {
		all["rentalstep."+rental.StepName(s)] = message{t.EN, t.JA}
	}
	for a, t := range rental.Acts {
		all["rentalstep."+rental.ActName(a)] = message{t.EN, t.JA}
	}
	for r, key := range ruleKeys {
		t := rental.RuleText(r)
		all["rentalrule."+key] = message{t.EN, t.JA}
	}
	for e, key := range effectKeys {
		t := rental.Effects[e]
		all["rentaleffect."+key] = message{t.EN, t.JA}
	}
	return all
}

// say adds what is wrong with an occurrence.
func (m *pieceMoment) say() {
	if m.Broken == nil {
		m.Doubt = m.Breach == rental.Doubt
		return
	}
	m.Rule, m.Effect = ruleKeys[m.Broken.Rule], effectKeys[m.Broken.Effect]
	for _, s := range m.Broken.Next {
		m.Legal = append(m.Legal, rental.StepName(s))
	}
}

func (w *Web) piece(c echo.Context) error { return w.showPiece(c, http.StatusOK, "") }

func (w *Web) showPiece(c echo.Context, status int, wrong string) error {
	ctx := c.Request().Context()
	id, _, err := bulk.SGTIN(api.Param(c, "id"))
	if err != nil {
		return echo.NewHTTPError(http.StatusNotFound)
	}
	v := pieceView{Wrong: wrong}
	err = w.read(ctx, func(tx *store.Tx) (err error) {
		v.Life, err = rental.LifeOf(ctx, tx, id)
		return err
	})
	if err != nil {
		return err
	}
	v.Custody, v.Promised = rental.CustodyName(v.Item.Custody), v.Item.Commitment.Order
	v.Available = v.Item.Available(w.Clock.Now())
	for i := len(v.Events) - 1; i >= 0; i-- { // the newest first: that is what is asked for
		m := v.Events[i]
		step := rental.StepName(m.Step)
		if m.Act != 0 {
			step = rental.ActName(m.Act)
		}
		var where []string
		for _, one := range []string{m.Place, m.Bag, m.Order, m.Batch, m.Reason} {
			if one != "" {
				where = append(where, one)
			}
		}
		one := pieceMoment{Moment: m, Step: step, After: rental.CustodyName(m.After), Where: strings.Join(where, " · ")}
		one.say()
		v.Moments = append(v.Moments, one)
	}
	if w.mayAct(api.Who(c), "POST /rental/items/:id") {
		v.Ends = endsOf(v.Item)
	}
	return w.render(c, status, "piece", v.Item.ID, "", v)
}
