package fuzzapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"meguri/hub/api"
	"meguri/hub/people"
)

// answer is what a hub said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// judge says what is wrong with answers, by the document and by the table of rights.
type judge struct {
	doc    *openapi3.T
	rights people.Table
}

func newJudge(doc *openapi3.T) *judge {
	openapi3filter.RegisterBodyDecoder("application/pdf", openapi3filter.FileBodyDecoder)
	return &judge{doc, people.NewTable(people.Rights())}
}

// wrong says what is wrong with the answer to a request by somebody of a role, empty for nobody; token for a program.
func (j *judge) wrong(r *request, who identity, a answer) error {
	if a.status >= 500 {
		return errors.New("the hub failed")
	}
	if a.header.Get("X-Content-Type-Options") != "nosniff" {
		return errors.New("the answer lacks the headers of every answer")
	}
	known := r.of.item.GetOperation(r.method) != nil
	if a.status == http.StatusSeeOther && a.header.Get("Location") == "/login" && browses(r) {
		return nil // a browser that nobody has logged in with: a refusal as well
	}
	if a.status >= 400 || !known {
		if err := j.problem(r, a); err != nil {
			return err
		}
	}
	if !known {
		if a.status < 400 {
			return errors.New("a method that the document does not have is taken")
		}
		return nil
	}
	if err := j.lets(r, who, a.status); err != nil {
		return err
	}
	if err := j.fits(r, a); err != nil {
		return fmt.Errorf("the answer does not fit the document: %w", err)
	}
	if a.status < 400 {
		if err := j.request(r); err != nil {
			return fmt.Errorf("taken, and does not fit the document: %w", err)
		}
	}
	return nil
}

// browses says whether a request is a browser's, and of no place that programs have to themselves.
func browses(r *request) bool {
	return strings.Contains(r.header.Get("Accept"), "text/html") && !strings.HasPrefix(r.of.path, "/v1/")
}

// problem says whether a refusal says what was expected.
func (j *judge) problem(r *request, a answer) error {
	if r.method == http.MethodHead || strings.HasPrefix(r.of.path, "/oauth/") && strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		return nil // RFC 6749's own errors
	}
	if browses(r) {
		return nil // it gets a page
	}
	if kind := a.header.Get("Content-Type"); kind != "application/problem+json" {
		return fmt.Errorf("a refusal of type %q", kind)
	}
	var p api.Problem
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return fmt.Errorf("a refusal that is no problem: %w", err)
	}
	if p.Status != a.status || p.Title == "" || p.Type == "" {
		return fmt.Errorf("a problem of status %d, title %q, type %q", p.Status, p.Title, p.Type)
	}
	if r.of.path == "/v1/payments/webhook" && p.Status == http.StatusBadRequest {
		return nil // whoever cannot sign is told no more than that
	}
	if p.Status == http.StatusBadRequest || p.Status == http.StatusUnprocessableEntity {
		if len(p.Errors) == 0 {
			return errors.New("no field is named")
		}
		for _, e := range p.Errors {
			if e.Field == "" || e.Want == "" {
				return fmt.Errorf("a field %q of which %q is expected", e.Field, e.Want)
			}
		}
	}
	return nil
}

// lets says whether somebody got further than their role may.
func (j *judge) lets(r *request, who identity, status int) error {
	right, ok := j.rights[r.method+" "+strings.ReplaceAll(r.of.path, "{id}", ":id")]
	if !ok || right.Public || r.id == "" && strings.Contains(r.of.path, "{id}") {
		return nil
	}
	switch {
	case who.role == "" && status < 400:
		return errors.New("it answers nobody in particular")
	case who.role != "" && !slices.Contains(right.Roles, who.role) && status < 400:
		return fmt.Errorf("it answers a person of the role %s", who.role)
	}
	return nil
}

func (j *judge) input(r *http.Request, of *request) *openapi3filter.RequestValidationInput {
	return &openapi3filter.RequestValidationInput{Request: r, PathParams: map[string]string{"id": unescaped(of.id)},
		Route:   &routers.Route{Spec: j.doc, Path: of.of.path, PathItem: of.of.item, Method: of.method, Operation: of.of.item.GetOperation(of.method)},
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
}

func (j *judge) fits(r *request, a answer) error {
	asked := httptest.NewRequest(r.method, "/", nil)
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: j.input(asked, r), Status: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true}})
}

// request says whether what was asked fits the document; only the checks of its own that the hub leaves to it.
func (j *judge) request(r *request) error {
	if r.of.path == "/v1/payments/webhook" {
		return nil // its signature decides, of the bytes
	}
	asked, err := r.http("http://hub")
	if err != nil {
		return err
	}
	return openapi3filter.ValidateRequest(context.Background(), j.input(asked, r))
}
