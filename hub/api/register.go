package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/people"
	"meguri/hub/register"
	"meguri/hub/retention"
	"meguri/hub/store"
)

// registerRoutes are those of the register of persons.
func (a *API) registerRoutes(e *echo.Echo) {
	check := a.document.check
	e.POST("/v1/customers", check(a.addCustomer))
	e.POST("/v1/customers/search", check(a.findCustomers))
	e.GET("/v1/customers/:id", check(a.getCustomer))
	e.PUT("/v1/customers/:id", check(a.changeCustomer))
	e.GET("/v1/customers/:id/looks", check(a.listLooks))
	e.GET("/v1/customers/:id/export", check(a.exportPerson))
	e.POST("/v1/customers/:id/erasure", check(a.erasePerson))
	e.GET("/v1/exposures", check(a.listExposures))
	e.GET("/v1/retention", check(a.listRetention))
}

// Act is that whoever asks does something for a reason. Support and programs look after customers, administrators after those who work
// here as well.
func (a *API) Act(c echo.Context, reason string) register.Act {
	return register.Act{By: Who(c).ID, Reason: reason, At: a.RealNow(), Staff: Who(c).Role == people.Admin}
}

// reasonHeader is where requests without a body say why: addresses stand in the logs of all that they pass, and people write names there.
const reasonHeader = "Reason"

// reasonOf is why a request without a body is made.
func reasonOf(c echo.Context) (string, error) {
	reason, err := url.PathUnescape(c.Request().Header.Get(reasonHeader))
	if err != nil {
		return "", &invalid{[]ProblemField{{reasonHeader, "a text in which what is not ASCII, and the percent sign, is written with percent signs"}}}
	}
	return reason, nil
}

type customerJSON struct {
	CustomerID string `json:"customer_id"`
	register.Contact
}

func (a *API) addCustomer(c echo.Context) error {
	var in customerJSON
	if err := c.Bind(&in); err != nil {
		return err
	}
	id, err := a.Register.Add(c.Request().Context(), in.CustomerID, in.Contact, Who(c).ID, a.RealNow())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, map[string]string{"customer_id": id})
}

// findCustomers takes a body, so that no phone number stands in an address that is logged somewhere on the way.
func (a *API) findCustomers(c echo.Context) error {
	var in struct {
		Phone  string `json:"phone"`
		Email  string `json:"email"`
		Reason string `json:"reason"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	ids, err := a.Register.Find(c.Request().Context(), in.Phone, in.Email, a.Act(c, in.Reason))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string][]string{"customer_ids": append([]string{}, ids...)})
}

func (a *API) getCustomer(c echo.Context) error {
	id := Param(c, "id")
	reason, err := reasonOf(c)
	if err != nil {
		return err
	}
	contact, err := a.Register.Show(c.Request().Context(), id, a.Act(c, reason))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, customerJSON{id, contact})
}

func (a *API) changeCustomer(c echo.Context) error {
	var in struct {
		Reason string `json:"reason"`
		register.Contact
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	err := a.Register.Change(c.Request().Context(), Param(c, "id"), func(to *register.Contact) { *to = in.Contact }, a.Act(c, in.Reason))
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

type seenJSON struct {
	At       time.Time `json:"at"`
	PersonID string    `json:"person_id"`
	What     string    `json:"what"`
	Reason   string    `json:"reason"`
}

// maxLooks is how many are listed.
const maxLooks = 1000

// Looks lists who looked at a person's data, the newest first.
func (a *API) Looks(ctx context.Context, id string) (all []register.Look, err error) {
	err = a.Store.Read(ctx, func(tx *store.Tx) error {
		all, err = tx.LooksAt(ctx, id, maxLooks)
		return err
	})
	return all, err
}

func (a *API) listLooks(c echo.Context) error {
	all, err := a.Looks(c.Request().Context(), Param(c, "id"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"looks": each(all, func(l register.Look) seenJSON { return seenJSON{l.At, l.By, l.What, l.Reason} })})
}

func (a *API) exportPerson(c echo.Context) error {
	reason, err := reasonOf(c)
	if err != nil {
		return err
	}
	h, err := a.Register.Export(c.Request().Context(), Param(c, "id"), a.Act(c, reason))
	if err != nil {
		return err
	}
	out := map[string]any{"id": h.ID, "made_at": h.Made, "contact": h.Contact}
	for _, s := range h.Sections {
		out[s.Name] = s.Rows
	}
	return c.JSON(http.StatusOK, out)
}

func (a *API) erasePerson(c echo.Context) error {
	var in struct {
		OrderedBy string `json:"ordered_by"`
		Reason    string `json:"reason"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	if err := a.Register.Erase(c.Request().Context(), Param(c, "id"), in.OrderedBy, a.Act(c, in.Reason)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

type exposureJSON struct {
	ID       string    `json:"id"`
	PersonID string    `json:"person_id"`
	What     string    `json:"what"`
	Times    int       `json:"times"`
	First    time.Time `json:"first_at"`
	Last     time.Time `json:"last_at"`
}

func (a *API) listExposures(c echo.Context) error {
	from, err := time.Parse(time.RFC3339, c.QueryParam("from"))
	if err != nil {
		return &invalid{[]ProblemField{{"from", "a time"}}}
	}
	until, err := time.Parse(time.RFC3339, c.QueryParam("to"))
	if err != nil {
		return &invalid{[]ProblemField{{"to", "a time"}}}
	}
	var all []register.Exposure
	err = a.read(c, func(ctx context.Context, tx *store.Tx) (err error) {
		all, err = tx.Exposed(ctx, register.Question{From: from, Until: until, By: c.QueryParam("by")})
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"exposures": each(all, func(e register.Exposure) exposureJSON {
		return exposureJSON{e.Subject, e.By, e.What, e.Count, e.First, e.Last}
	})})
}

type retentionJSON struct {
	Class   string     `json:"class"`
	Days    int        `json:"days,omitempty"` // none: for ever
	Oldest  *time.Time `json:"oldest_at,omitempty"`
	Ran     *time.Time `json:"last_run_at,omitempty"`
	Deleted int        `json:"deleted"`
}

func (a *API) listRetention(c echo.Context) error {
	all, err := a.Store.Retention().Retained(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"classes": each(all, func(s retention.Status) retentionJSON {
		r := retentionJSON{s.Name, s.Kept, optional(s.Oldest), optional(s.Ran), s.Deleted}
		if s.Endless {
			r.Days = 0
		}
		return r
	})})
}

// newRegister makes the register's service, with the vault of the service of people.
func newRegister(c Config) *register.Service {
	var vault *people.Vault
	if c.People != nil {
		vault = c.People.Vault
	}
	return &register.Service{Store: c.Store.Register(), Vault: vault, Note: c.NoteErased}
}
