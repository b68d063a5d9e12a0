package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/labstack/echo/v4"

	"meguri/hub/people"
)

//go:embed openapi.yaml
var documentText []byte

// document is the OpenAPI document, which requests are checked against.
type document struct {
	spec *openapi3.T
	json []byte
}

func loadDocument() (*document, error) {
	loader := openapi3.NewLoader()
	spec, err := loader.LoadFromData(documentText)
	if err != nil {
		return nil, err
	}
	if err := spec.Validate(loader.Context); err != nil {
		return nil, err
	}
	nameScopes(spec)
	text, err := spec.MarshalJSON()
	return &document{spec, text}, err
}

// nameScopes writes into each operation what a token has to be for, as the table of rights has it.
func nameScopes(spec *openapi3.T) {
	table := people.NewTable(people.Rights())
	for path, item := range spec.Paths.Map() {
		for method, operation := range item.Operations() {
			right, known := table[method+" "+routePath(path)]
			if !known || right.Public {
				continue
			}
			need := openapi3.SecurityRequirements{{"session": {}}, {"cookie": {}}}
			if right.Scope != "" {
				need = append(need, openapi3.SecurityRequirement{"token": {right.Scope}})
			}
			operation.Security = &need
		}
	}
}

// routePath writes OpenAPI's /orders/{id} as echo's /orders/:id.
func routePath(path string) string { return strings.NewReplacer("{", ":", "}", "").Replace(path) }

func (d *document) serveJSON(c echo.Context) error {
	return c.Blob(http.StatusOK, "application/json", d.json)
}

func (d *document) serveYAML(c echo.Context) error {
	return c.Blob(http.StatusOK, "application/yaml", documentText)
}

// Dates and times have to be some: the library's patterns let the 31st of February pass.
var (
	dates = openapi3.WithStringFormatValidator("date", formatted(time.DateOnly))
	times = openapi3.WithStringFormatValidator("date-time", formatted(time.RFC3339))
)

func formatted(layout string) openapi3.StringFormatValidator {
	return openapi3.NewCallbackValidator(func(text string) error {
		_, err := time.Parse(layout, text)
		return err
	})
}

// operation finds what the document says about a route, nil when it says nothing.
func (d *document) operation(method, route string) *routers.Route {
	path := documentPath(route)
	item := d.spec.Paths.Value(path)
	if item == nil || item.GetOperation(method) == nil {
		return nil
	}
	return &routers.Route{Spec: d.spec, Path: path, PathItem: item, Method: method, Operation: item.GetOperation(method)}
}

// documentPath writes echo's /orders/:id as OpenAPI's /orders/{id}.
func documentPath(route string) string {
	parts := strings.Split(route, "/")
	for i, p := range parts {
		if name, ok := strings.CutPrefix(p, ":"); ok {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

// check refuses a request that does not fit the document.
func (d *document) check(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		in := d.input(c)
		if in == nil {
			return echo.ErrNotFound
		}
		if err := d.checkQuery(in); err != nil {
			return err
		}
		if err := nothingBehind(c.Request()); err != nil {
			return err
		}
		if err := openapi3filter.ValidateRequest(c.Request().Context(), in); err != nil {
			return explain(err)
		}
		return next(c)
	}
}

func (d *document) input(c echo.Context) *openapi3filter.RequestValidationInput {
	route := d.operation(c.Request().Method, c.Path())
	if route == nil {
		return nil
	}
	params := map[string]string{}
	for _, name := range c.ParamNames() {
		params[name] = Param(c, name)
	}
	return &openapi3filter.RequestValidationInput{Request: c.Request(), PathParams: params, Route: route,
		Options: &openapi3filter.Options{MultiError: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
			SchemaValidationOptions: []openapi3.SchemaValidationOption{dates, times}}}
}

// checkQuery refuses a parameter that is misspelt or given twice, which would change the answer without a word.
func (d *document) checkQuery(in *openapi3filter.RequestValidationInput) error {
	var wrong invalid
	for name, values := range in.GetQueryParams() {
		switch {
		case name == "":
			wrong.fields = append(wrong.fields, ProblemField{"query", "parameters that have names"})
		case in.Route.Operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil:
			wrong.fields = append(wrong.fields, ProblemField{name, "no such parameter"})
		case len(values) > 1:
			wrong.fields = append(wrong.fields, ProblemField{name, "given once"})
		}
	}
	if wrong.fields == nil {
		return nil
	}
	slices.SortFunc(wrong.fields, func(a, b ProblemField) int { return strings.Compare(a.Field, b.Field) })
	return &wrong
}

// nothingBehind refuses a JSON body with anything behind its value. Decoders of a stream stop at the value's end and others do not, so
// what one of them lets in another may have judged as something else.
func nothingBehind(r *http.Request) error {
	if !strings.HasPrefix(r.Header.Get(echo.HeaderContentType), echo.MIMEApplicationJSON) {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
	var value json.RawMessage
	in := json.NewDecoder(bytes.NewReader(body))
	if err != nil || in.Decode(&value) != nil {
		return nil // the document has the word on it
	}
	at := in.InputOffset()
	if len(bytes.Trim(body[at:], " \t\r\n")) == 0 {
		return nil
	}
	return &invalid{[]ProblemField{{"body", fmt.Sprintf("one JSON value and nothing behind it: it ends at byte %d of %d", at, len(body))}}}
}

// explain gives the fields that do not fit, and what was expected of each.
func explain(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return tooLarge
	}
	var wrong invalid
	collect(err, "", &wrong)
	if wrong.fields == nil {
		wrong.fields = []ProblemField{{"body", err.Error()}}
	}
	slices.SortFunc(wrong.fields, func(a, b ProblemField) int { return strings.Compare(a.Field+a.Want, b.Field+b.Want) })
	wrong.fields = slices.Compact(wrong.fields)
	return &wrong
}

func collect(err error, field string, wrong *invalid) {
	switch e := err.(type) {
	case openapi3.MultiError:
		for _, one := range e {
			collect(one, field, wrong)
		}
	case *openapi3filter.RequestError:
		name := "body"
		if e.Parameter != nil {
			name = e.Parameter.Name
		}
		if e.Err == nil || isPlain(e.Err) {
			wrong.fields = append(wrong.fields, ProblemField{name, reason(e)})
			return
		}
		collect(e.Err, name, wrong)
	case *openapi3.SchemaError:
		wrong.fields = append(wrong.fields, ProblemField{fieldName(field, e.JSONPointer()), expected(e.Reason)})
	default:
		wrong.fields = append(wrong.fields, ProblemField{field, err.Error()})
	}
}

// expected leaves out what the validator puts before a reason: the address of a schema that is nobody's, and a pointer that
// the field's name says already.
func expected(reason string) string {
	if _, at, ok := strings.Cut(reason, "\n- at '"); ok && strings.HasPrefix(reason, "jsonschema") {
		if _, want, ok := strings.Cut(at, "': "); ok {
			want, _, _ = strings.Cut(want, "\n")
			return want
		}
	}
	return reason
}

// isPlain says whether err has no parts that name fields.
func isPlain(err error) bool {
	var schema *openapi3.SchemaError
	var multi openapi3.MultiError
	return !errors.As(err, &schema) && !errors.As(err, &multi)
}

func reason(e *openapi3filter.RequestError) string {
	switch {
	case errors.Is(e.Err, openapi3filter.ErrInvalidRequired):
		return "is required"
	case e.RequestBody != nil && e.Err != nil:
		return "readable JSON: " + e.Err.Error()
	case e.Err != nil:
		return e.Err.Error()
	}
	return e.Reason
}

// fieldName writes a pointer into the body as lines[2].quantity.
func fieldName(name string, pointer []string) string {
	if len(pointer) == 0 {
		return name
	}
	var b strings.Builder
	for i, p := range pointer {
		switch {
		case p != "" && strings.Trim(p, "0123456789") == "":
			b.WriteString("[" + p + "]")
		case i > 0:
			b.WriteString("." + p)
		default:
			b.WriteString(p)
		}
	}
	return b.String()
}
