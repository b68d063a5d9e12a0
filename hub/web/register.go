package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"meguri/hub/api"
	"meguri/hub/people"
	"meguri/hub/register"
	"meguri/hub/retention"
	"meguri/hub/store"
)

// customersView is the page on which support looks up who stands behind a pseudonym, and who has looked.
type customersView struct {
	May     bool // look
	MayAll  bool // see who has looked at anybody
	Wrong   string
	ID      string
	Contact *register.Contact // nil until somebody has given a reason
	Looks   []register.Look
	People  map[string]string // names of those who looked
}

// customers shows the form and, of the pseudonym in the address, who has looked. It shows nobody's data.
func (w *Web) customers(c echo.Context) error {
	return w.showCustomers(c, http.StatusOK, customersView{ID: strings.TrimSpace(c.QueryParam("id"))})
}

func (w *Web) showCustomers(c echo.Context, status int, v customersView) error {
	var err error
	v.May, v.MayAll = w.mayAct(api.Who(c), "POST /customers"), w.mayOpen(api.Who(c), "/customers/exposures")
	if v.ID != "" {
		if v.Looks, err = w.Looks(c.Request().Context(), v.ID); err != nil {
			return err
		}
		err = w.Store.Read(c.Request().Context(), func(tx *store.Tx) error {
			v.People, err = names(c, tx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return w.render(c, status, "customers", chooseLang(c).text("customers.title"), "", v)
}

// lookUp shows a contact by pseudonym, phone number or e-mail address, and a reason.
func (w *Web) lookUp(c echo.Context) error {
	l, ctx, act := chooseLang(c), c.Request().Context(), w.Act(c, c.FormValue("reason"))
	id := strings.TrimSpace(c.FormValue("id"))
	phone, email := c.FormValue("phone"), c.FormValue("email")
	var err error
	if id == "" {
		var ids []string
		if ids, err = w.Register.Find(ctx, phone, email, act); err == nil {
			err = register.ErrUnknown
			if len(ids) > 0 {
				id, err = ids[0], nil
			}
		}
	}
	v := customersView{ID: id}
	if err == nil {
		var contact register.Contact
		if contact, err = w.Register.Show(ctx, id, act); err == nil {
			v.Contact = &contact
			return w.showCustomers(c, http.StatusOK, v)
		}
	}
	var field *people.FieldError
	switch {
	case errors.As(err, &field):
		v.Wrong = l.text("customers.wrong")
		return w.showCustomers(c, http.StatusUnprocessableEntity, v)
	case errors.Is(err, register.ErrUnknown):
		v.Wrong = l.text("customers.none")
		return w.showCustomers(c, http.StatusNotFound, v)
	case errors.Is(err, register.ErrErased):
		v.Wrong = l.text("customers.erased")
		return w.showCustomers(c, http.StatusGone, v)
	case errors.Is(err, people.ErrSealed), errors.Is(err, people.ErrNoKey):
		v.Wrong = l.text("customers.nokey")
		return w.showCustomers(c, http.StatusServiceUnavailable, v)
	}
	return err
}

// retention shows how long which data are kept.
func (w *Web) retention(c echo.Context) error {
	all, err := w.Store.Retention().Retained(c.Request().Context())
	if err != nil {
		return err
	}
	return w.render(c, http.StatusOK, "retention", chooseLang(c).text("retention.title"), "", struct{ Classes []retention.Status }{all})
}
