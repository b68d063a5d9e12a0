package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"meguri/hub/bulk"
	"meguri/hub/capacity"
	"meguri/hub/people"
	"meguri/hub/store"
)

// maxNamed bounds how many texts a request may name things by, on a hub with several businesses.
const maxNamed = 2000

// freeText are the fields whose texts name nothing, and colleague, who is to be of another business and is judged where they are given a role.
// All others are looked at, also those of a route that is yet to be written.
var freeText = []string{"reason", "note", "name", "why", "detail", "comment", "text", "password", "present", "login", "code", "device_name", "colleague",
	ProofPassword, ProofCode, ProofPasskey}

// enterBounds has what the request does from now on see the business that its person is in, and nothing of others; for whoever leads one
// warehouse, of what warehouses have only that. On a hub with one business it changes nothing for others.
func (a *API) enterBounds(c echo.Context) (bound bool, err error) {
	several, err := a.People.Several(c.Request().Context(), a.RealNow())
	who, ctx := Who(c), c.Request().Context()
	switch warehouse := who.Warehouse(); {
	case err != nil:
		return false, err
	case warehouse != "":
		ctx = people.InWarehouse(ctx, who.Business, warehouse)
	case several:
		ctx = people.InBusiness(ctx, who.Business)
	default:
		return false, nil
	}
	c.SetRequest(c.Request().WithContext(ctx))
	return true, nil
}

// elsewhere gives a function that says whether the request names what its person does not see: what belongs to another business, or to
// another warehouse than theirs. What goes wrong is put into failed.
func (a *API) elsewhere(c echo.Context, failed *error) func() bool {
	return func() (elsewhere bool) {
		texts, err := named(c)
		if err == nil {
			err = a.Store.Read(c.Request().Context(), func(tx *store.Tx) error {
				elsewhere, err = tx.Elsewhere(c.Request().Context(), texts)
				return err
			})
		}
		*failed = err
		return elsewhere || err != nil
	}
}

// named are all texts of a request that may name something: of its path, its query and its body.
func named(c echo.Context) ([]string, error) {
	var all []string
	for _, name := range c.ParamNames() {
		all = append(all, Param(c, name))
	}
	for name, values := range c.QueryParams() {
		if !slices.Contains(freeText, name) {
			all = append(all, values...)
		}
	}
	body, err := bodyTexts(c)
	if all = append(all, body...); err == nil && len(all) > maxNamed {
		err = echo.NewHTTPError(http.StatusRequestEntityTooLarge, fmt.Sprintf("want at most %d texts in a request", maxNamed))
	}
	for _, text := range all {
		all = append(all, otherForms(text)...)
	}
	return all, err
}

// otherForms are what else a text may be read as by whoever it is handed to: without the blanks around it, and the piece that a barcode of it names.
func otherForms(text string) (all []string) {
	plain := strings.TrimSpace(text)
	if plain != text {
		all = append(all, plain)
	}
	if piece, _, err := bulk.SGTIN(plain); err == nil && piece != plain {
		all = append(all, piece)
	}
	return all
}

// bodyTexts are the texts of a body, which stays to be read.
func bodyTexts(c echo.Context) ([]string, error) {
	r := c.Request()
	if r.Method == http.MethodGet {
		return nil, nil
	}
	if !ofAPI(c) {
		form, err := c.FormParams()
		var all []string
		for name, values := range form {
			if !slices.Contains(freeText, name) {
				all = append(all, values...)
			}
		}
		return all, err
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
	var value any
	if err != nil || json.Unmarshal(body, &value) != nil {
		return nil, nil // the handler says what is wrong with it
	}
	return textsIn(value, nil), nil
}

// textsIn adds the texts of a JSON value. How deep it is nested is bounded by the decoder.
func textsIn(value any, all []string) []string {
	switch v := value.(type) {
	case string:
		return append(all, v)
	case []any:
		for _, one := range v {
			all = textsIn(one, all)
		}
	case map[string]any:
		for name, one := range v {
			if !slices.Contains(freeText, name) {
				all = textsIn(one, all)
			}
		}
	}
	return all
}

type postJSON struct {
	Business string      `json:"business_id"`
	Name     string      `json:"name"`
	Role     people.Role `json:"role"`
	Place    string      `json:"place"`
}

// addPosts says which businesses somebody works for, who works for several.
func (a *API) addPosts(c echo.Context, me *meJSON) error {
	posts, err := a.People.Posts(c.Request().Context(), Who(c).ID)
	if err == nil && len(posts) > 1 {
		me.Business = Who(c).Business
		me.Posts = each(posts, func(p people.Post) postJSON { return postJSON{p.Business.ID, p.Business.Name, p.Role, p.Place} })
	}
	return err
}

// chooseBusiness has the session of who asks go on in another business of theirs.
func (a *API) chooseBusiness(c echo.Context) error {
	var in struct {
		Business string `json:"business_id"`
	}
	if err := c.Bind(&in); err != nil {
		return err
	}
	err := a.People.Enter(c.Request().Context(), Token(c), in.Business, a.RealNow())
	if errors.Is(err, people.ErrNoBusiness) {
		return echo.ErrNotFound // whether there is such a business is not for them to know
	}
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// leftHere is what is left of the things of the business that the request is in. A date's owner knows those of all.
func (a *API) leftHere(c echo.Context, left capacity.Remaining) (capacity.Remaining, error) {
	err := a.Store.Read(c.Request().Context(), func(tx *store.Tx) error {
		here, err := tx.InBusiness(c.Request().Context())
		if err != nil {
			return err
		}
		left.Products = slices.DeleteFunc(left.Products, func(u capacity.UnitsLeft) bool { return !here(u.Product) })
		left.Locations = slices.DeleteFunc(left.Locations, func(l capacity.LocationLeft) bool { return !here(l.Location) })
		left.Shippers = slices.DeleteFunc(left.Shippers, func(s capacity.ShipperLeft) bool { return !here(s.Run) })
		left.Spots = slices.DeleteFunc(left.Spots, func(s capacity.SpotLeft) bool { return !here(s.Spot) })
		return nil
	})
	return left, err
}
