package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"meguri/hub/alarm"
	"meguri/hub/bearer"
	"meguri/hub/capacity"
	"meguri/hub/check"
	"meguri/hub/disruption"
	"meguri/hub/door"
	"meguri/hub/fleet"
	"meguri/hub/order"
	"meguri/hub/payment"
	"meguri/hub/people"
	"meguri/hub/register"
	"meguri/hub/store"
)

// Problem is an error as programs read it (RFC 9457).
type Problem struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail,omitempty"`
	Errors []ProblemField `json:"errors,omitempty"`
	Err    error          `json:"-"` // what it was made of
}

// Types of problems that a program can do something about by itself.
const (
	TypeConfirm = "urn:meguri:confirm"       // POST /v1/me/confirm, then again
	TypeSecond  = "urn:meguri:second-factor" // POST /v1/me/confirm with a code, then again
)

// ProblemField names a wrong field and what was expected of it.
type ProblemField struct {
	Field string `json:"field"`
	Want  string `json:"want"`
}

// invalid is a request that does not fit the OpenAPI document.
type invalid struct{ fields []ProblemField }

func (i *invalid) Error() string {
	var all []string
	for _, f := range i.fields {
		all = append(all, f.Field+": "+f.Want)
	}
	return strings.Join(all, "; ")
}

// statuses is the one table that turns errors into status codes.
var statuses = []struct {
	err    error
	status int
}{
	{people.ErrNoSession, http.StatusUnauthorized},
	{people.ErrLink, http.StatusForbidden},
	{people.ErrPassword, http.StatusForbidden},
	{people.ErrCode, http.StatusForbidden},
	{people.ErrSecond, http.StatusForbidden},
	{people.ErrConfirm, http.StatusForbidden},
	{people.ErrOldLink, http.StatusForbidden},
	{people.ErrLoginTaken, http.StatusConflict},
	{people.ErrNoTOTP, http.StatusConflict},
	{people.ErrPasskey, http.StatusForbidden},
	{people.ErrPasskeyCopied, http.StatusForbidden},
	{people.ErrNoPasskeys, http.StatusConflict},
	{people.ErrLastMeans, http.StatusConflict},
	{people.ErrGroup, http.StatusForbidden},
	{people.ErrByCompany, http.StatusForbidden},
	{people.ErrState, http.StatusForbidden},
	{people.ErrCompany, http.StatusForbidden},
	{people.ErrCompanyDown, http.StatusServiceUnavailable},
	{people.ErrNoPasswords, http.StatusConflict},
	{people.ErrBusy, http.StatusServiceUnavailable},
	{people.ErrSealed, http.StatusServiceUnavailable},
	{people.ErrNoKey, http.StatusServiceUnavailable},
	{bearer.ErrNoKeys, http.StatusServiceUnavailable},
	{people.ErrNoPerson, http.StatusNotFound},
	{people.ErrLastAdmin, http.StatusConflict},
	{people.ErrOtherBusinesses, http.StatusConflict},
	{people.ErrNoBusiness, http.StatusNotFound},
	{errForbidden, http.StatusForbidden},
	{errUnavailable, http.StatusServiceUnavailable},
	{fleet.ErrUnknownDevice, http.StatusNotFound},
	{fleet.ErrRevoked, http.StatusConflict},
	{fleet.ErrNotCommissioning, http.StatusNotFound},
	{fleet.ErrNotRunning, http.StatusConflict},
	{fleet.ErrChecksMissing, http.StatusConflict},
	{fleet.ErrNoEngineer, http.StatusForbidden},
	{fleet.ErrStolen, http.StatusConflict},
	{fleet.ErrTooManyCommands, http.StatusConflict},
	{order.ErrNotFound, http.StatusNotFound},
	{order.ErrNoDelivery, http.StatusNotFound},
	{order.ErrConflict, http.StatusConflict},
	{order.ErrAfterCutoff, http.StatusConflict},
	{alarm.ErrOldRevision, http.StatusConflict},
	{alarm.ErrAlready, http.StatusConflict},
	{alarm.ErrNotYet, http.StatusConflict},
	{alarm.ErrOver, http.StatusConflict},
	{check.ErrChanged, http.StatusConflict},
	{order.ErrBusy, http.StatusServiceUnavailable},
	{payment.ErrNotFound, http.StatusNotFound},
	{payment.ErrNotPaid, http.StatusConflict},
	{payment.ErrTooMuch, http.StatusConflict},
	{payment.ErrNothingLeft, http.StatusConflict},
	{payment.ErrConflict, http.StatusConflict},
	{errPaidHere, http.StatusConflict},
	{errNotCovered, http.StatusConflict},
	{errNotPaidHere, http.StatusConflict},
	{ErrBadEvent, http.StatusBadRequest},
	{register.ErrUnknown, http.StatusNotFound},
	{register.ErrErased, http.StatusGone},
	{register.ErrThere, http.StatusConflict},
	{register.ErrChanged, http.StatusConflict},
	{order.ErrExpired, http.StatusConflict},
	{order.ErrEnded, http.StatusConflict},
	{order.ErrKeyReused, http.StatusUnprocessableEntity},
	{store.ErrNotFound, http.StatusNotFound},
	{store.ErrTaken, http.StatusConflict},
	{store.ErrOldVersion, http.StatusConflict},
	{disruption.ErrNotFrozen, http.StatusConflict},
	{disruption.ErrChanged, http.StatusConflict},
	{disruption.ErrAlready, http.StatusConflict},
	{disruption.ErrOver, http.StatusConflict},
	{door.ErrNothingWaits, http.StatusConflict},
	{fleet.ErrWrongNumber, http.StatusForbidden},
	{fleet.ErrOpeningOver, http.StatusConflict},
	{fleet.ErrOpeningsMany, http.StatusConflict},
	{fleet.ErrShowsNoNumbers, http.StatusConflict},
	{context.DeadlineExceeded, http.StatusServiceUnavailable},
	{context.Canceled, http.StatusServiceUnavailable},
}

// ProblemOf is what an error means to who asked. Of an error that nobody expected it tells nothing.
func ProblemOf(err error) Problem {
	p := Problem{Type: typeOf(err), Status: http.StatusInternalServerError, Err: err}
	var wrong *invalid
	var orderField *order.FieldError
	var refused *capacity.Refused
	var broken *capacity.BrokenError
	var personField *people.FieldError
	var payField *payment.FieldError
	var alarmField *alarm.FieldError
	var doorField *door.FieldError
	var waits *store.MoneyWaits
	var needed *register.OpenError
	var tooLarge *http.MaxBytesError
	var throttled *people.ThrottledError
	var ofEcho *echo.HTTPError
	switch {
	case errors.As(err, &wrong):
		p.Status, p.Errors = http.StatusBadRequest, wrong.fields
	case errors.As(err, &orderField):
		p.Status, p.Errors = http.StatusUnprocessableEntity, []ProblemField{{orderField.Field, orderField.Want}}
	case errors.As(err, &needed):
		p.Status, p.Detail = http.StatusConflict, needed.Error()
	case errors.As(err, &refused):
		p.Status, p.Detail = http.StatusConflict, err.Error()
	case errors.As(err, &broken): // asking again does not help: somebody has to repair it
		p.Status, p.Detail = http.StatusConflict, broken.Error()
	case errors.As(err, &personField):
		p.Status, p.Errors = http.StatusUnprocessableEntity, []ProblemField{{personField.Field, personField.Want}}
	case errors.As(err, &payField):
		p.Status, p.Errors = http.StatusUnprocessableEntity, []ProblemField{{payField.Field, payField.Want}}
	case errors.As(err, &alarmField):
		p.Status, p.Errors = http.StatusUnprocessableEntity, []ProblemField{{alarmField.Field, alarmField.Want}}
	case errors.As(err, &doorField):
		p.Status, p.Errors = http.StatusUnprocessableEntity, []ProblemField{{doorField.Field, doorField.Want}}
	case errors.As(err, &waits):
		p.Status, p.Detail = http.StatusConflict, waits.Error()
	case errors.As(err, &tooLarge):
		p.Status = http.StatusRequestEntityTooLarge
		p.Detail = fmt.Sprintf("the body of the request is too large: want at most %d bytes", tooLarge.Limit)
	case errors.As(err, &throttled):
		p.Status, p.Detail = http.StatusTooManyRequests, throttled.Error()
	case errors.As(err, &ofEcho):
		p.Status = ofEcho.Code
		if p.Status == http.StatusBadRequest { // of a body that the handler could not decode
			p.Errors = []ProblemField{{"body", "JSON of the fields that /openapi.yaml names"}}
		}
	}
	d, ok := disrupted(err)
	if !ok {
		d, ok = qualityProblem(err)
	}
	if !ok {
		d, ok = rentalProblem(err)
	}
	if !ok {
		d, _, ok = tokenProblem(err)
	}
	if ok {
		p.Status, p.Detail, p.Errors = d.Status, d.Detail, d.Errors
	}
	for _, s := range statuses {
		if errors.Is(err, s.err) {
			p.Status, p.Detail = s.status, err.Error()
			break
		}
	}
	if p.Detail == "" && p.Errors != nil {
		p.Detail = err.Error()
	}
	if p.Status == http.StatusServiceUnavailable && !errors.Is(err, people.ErrSealed) && !errors.Is(err, people.ErrNoKey) { // those wait for somebody
		p.Detail = "ask again in a moment"
	}
	p.Title = http.StatusText(p.Status)
	return p
}

func typeOf(err error) string {
	switch {
	case errors.Is(err, people.ErrConfirm):
		return TypeConfirm
	case errors.Is(err, people.ErrSecond):
		return TypeSecond
	}
	return "about:blank"
}

// writeError answers a request that failed: programs get a problem, people a page if package web has set one.
func (a *API) writeError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	p := ProblemOf(err)
	a.challenge(c, err, p.Status)
	switch p.Status {
	case http.StatusServiceUnavailable:
		c.Response().Header().Set("Retry-After", "2")
	case http.StatusTooManyRequests:
		if throttled := new(people.ThrottledError); errors.As(err, &throttled) {
			c.Response().Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(throttled.Wait.Seconds()))))
		}
	}
	if page, ok := c.Get(errorPageKey).(ErrorPage); ok && page(c, p) == nil {
		return
	}
	body, _ := json.Marshal(p) // strings and numbers
	_ = c.Blob(p.Status, "application/problem+json", body)
}

// ErrorPage shows a problem to a person.
type ErrorPage func(c echo.Context, p Problem) error

const errorPageKey = "error page"

// ShowErrors makes requests of browsers for pages get page for an error.
func ShowErrors(e *echo.Echo, page ErrorPage) {
	e.Pre(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			if !strings.HasPrefix(r.URL.Path, "/v1/") && strings.Contains(r.Header.Get("Accept"), "text/html") {
				c.Set(errorPageKey, page)
			}
			return next(c)
		}
	})
}
