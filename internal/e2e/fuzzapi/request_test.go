package fuzzapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// operation is what may be asked, as the document has it.
type operation struct {
	method, path string
	item         *openapi3.PathItem
	spec         *openapi3.Operation
}

func (o operation) String() string { return o.method + " " + o.path }

func operations(doc *openapi3.T) (all []operation) {
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		item := doc.Paths.Value(path)
		for _, method := range slices.Sorted(maps.Keys(item.Operations())) {
			all = append(all, operation{method, path, item, item.GetOperation(method)})
		}
	}
	return all
}

// place is the path of which an operation's {id} names a thing.
func (o operation) place() string {
	before, _, _ := strings.Cut(o.path, "/{id}")
	return before
}

// request is one that is to be sent.
type request struct {
	of      operation
	method  string
	id      string // escaped, for the place of {id}
	query   []string
	header  http.Header
	body    any    // of JSON; nil for none
	raw     []byte // instead of body
	spoiled []string
}

// drawRequest draws a request that fits the document.
func (s *source) drawRequest(o operation) *request {
	r := &request{of: o, method: o.method, header: http.Header{}}
	for _, p := range o.spec.Parameters {
		if !p.Value.Required && s.IntN(2) == 0 {
			continue
		}
		v := fmt.Sprint(s.value(p.Value.Name, o.place(), p.Value.Schema.Value, 0))
		switch p.Value.In {
		case "path":
			r.id = url.PathEscape(v)
		case "query":
			r.query = append(r.query, url.QueryEscape(p.Value.Name)+"="+url.QueryEscape(v))
		case "header":
			if p.Value.Name == "Reason" { // which holds any text
				v = url.PathEscape(v)
			}
			r.header.Set(p.Value.Name, v)
		}
	}
	s.drawBody(r)
	return r
}

func (s *source) drawBody(r *request) {
	body := r.of.spec.RequestBody
	if body == nil || !body.Value.Required && s.IntN(3) == 0 {
		return
	}
	kinds := slices.Sorted(maps.Keys(body.Value.Content))
	kind := kinds[s.IntN(len(kinds))]
	v := s.value("", r.of.place(), body.Value.Content[kind].Schema.Value, 0)
	r.header.Set("Content-Type", kind)
	fields, object := v.(map[string]any)
	if kind == "application/x-www-form-urlencoded" && object {
		form := url.Values{}
		for name, value := range fields {
			form.Set(name, fmt.Sprint(value))
		}
		r.raw = []byte(form.Encode())
		return
	}
	r.body = v
}

// text is the body as it is sent.
func (r *request) text() []byte {
	if r.raw != nil || r.body == nil {
		return r.raw
	}
	text, err := json.Marshal(r.body)
	if err != nil {
		panic(err) // drawn values are JSON's own
	}
	return text
}

func (r *request) target() string {
	target := strings.ReplaceAll(r.of.path, "{id}", r.id)
	if len(r.query) > 0 {
		target += "?" + strings.Join(r.query, "&")
	}
	return target
}

// http makes the request for a hub at base.
func (r *request) http(base string) (*http.Request, error) {
	made, err := http.NewRequest(r.method, base+r.target(), bytes.NewReader(r.text()))
	if err != nil {
		return nil, err
	}
	maps.Copy(made.Header, r.header)
	return made, nil
}

// spoilers each break one thing of a request, and say what; false when it has no such thing.
var spoilers = []struct {
	what string
	do   func(s *source, r *request) bool
}{
	{"a node of the body is something else", spoilNode},
	{"a node of the body is something else", spoilNode},
	{"a node of the body is something else", spoilNode},
	{"a field of the body is missing", spoilMissing},
	{"a field of the body is unknown", spoilUnknown},
	{"a field of the body comes twice", spoilTwice},
	{"the body is no JSON", spoilText},
	{"the content type is another", spoilType},
	{"a parameter is missing", func(s *source, r *request) bool {
		if len(r.query) == 0 {
			return false
		}
		at := s.IntN(len(r.query))
		r.query = slices.Delete(r.query, at, at+1)
		return true
	}},
	{"a parameter is something else", func(s *source, r *request) bool {
		if len(r.query) == 0 {
			return false
		}
		at := s.IntN(len(r.query))
		name, _, _ := strings.Cut(r.query[at], "=")
		r.query[at] = name + "=" + []string{"", "%00", "%ff", "%zz", "-1", "2026-13-45", "%", "a;b", url.QueryEscape(s.words()), strings.Repeat("9", 400)}[s.IntN(10)]
		return true
	}},
	{"a parameter comes twice", func(s *source, r *request) bool {
		if len(r.query) == 0 {
			return false
		}
		r.query = append(r.query, r.query[s.IntN(len(r.query))])
		return true
	}},
	{"a parameter is unknown", func(s *source, r *request) bool {
		r.query = append(r.query, []string{"nothing=1", "=", "a%ff=1", "order_id=x", "id=x"}[s.IntN(5)])
		return true
	}},
	{"the id is odd", func(s *source, r *request) bool {
		if r.id == "" {
			return false
		}
		r.id = []string{"", "%00", "%FF%FE", "..", "%2e%2e%2f", "a%2Fb", strings.Repeat("a", 201), strings.Repeat("%E9%95%B7", 90), ".", "%20", "a%0Ab", "*", ":id", "{id}",
			url.PathEscape(s.words())}[s.IntN(15)]
		return true
	}},
	{"the method is another", func(s *source, r *request) bool {
		r.method = []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "PROPFIND", "X"}[s.IntN(9)]
		return true
	}},
	{"a header is odd", func(s *source, r *request) bool {
		h := [][2]string{{"Idempotency-Key", ""}, {"Idempotency-Key", strings.Repeat("k", 256)}, {"Idempotency-Key", "a b"}, {"Accept", "text/html"}, {"Accept-Encoding", "br"},
			{"Content-Encoding", "gzip"}, {"X-HTTP-Method-Override", "DELETE"}, {"Range", "bytes=0-1"}, {"If-None-Match", "*"}, {"Expect", "100-continue"},
			{"X-Forwarded-For", "x, 1.2.3.4, ::"}, {"X-Forwarded-Proto", "https"}, {"Accept-Language", "xx-\xff"}, {"Cookie", "meguri_session=\"; meguri_device=x"}}[s.IntN(14)]
		r.header.Set(h[0], h[1])
		return true
	}},
}

// spoil breaks one thing of a request.
func (s *source) spoil(r *request) {
	for {
		at := s.IntN(len(spoilers))
		if spoilers[at].do(s, r) {
			r.spoiled = append(r.spoiled, spoilers[at].what)
			return
		}
	}
}

// node is a place in a body, with what puts another value there.
type node struct {
	in  map[string]any
	key string
	set func(any)
}

func nodes(v any, set func(any), into []node) []node {
	into = append(into, node{set: set})
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			before := len(into)
			into = nodes(v[key], func(other any) { v[key] = other }, into)
			into[before].in, into[before].key = v, key
		}
	case []any:
		for i := range v {
			into = nodes(v[i], func(other any) { v[i] = other }, into)
		}
	}
	return into
}

func spoilNode(s *source, r *request) bool {
	if r.body == nil || r.raw != nil {
		return false
	}
	all := nodes(r.body, func(v any) { r.body = v }, nil)
	deep := any("x")
	for range 200 {
		deep = []any{deep}
	}
	others := []any{json.RawMessage("null"), true, -1, 0, 1.5, json.RawMessage("9223372036854775808"), json.RawMessage("-9223372036854775809"), json.RawMessage("1e400"),
		json.RawMessage("1e3"), 1 << 53, "", "1",
		[]any{}, map[string]any{}, []any{nil}, map[string]any{"": nil}, deep, strings.Repeat("x", 1001), strings.Repeat("長", 5000), "2026-13-45",
		"2026-12-01T25:00:00Z", s.words(), int64(1) << 62, -1 << 62}
	all[s.IntN(len(all))].set(others[s.IntN(len(others))])
	return true
}

func spoilMissing(s *source, r *request) bool {
	if r.body == nil || r.raw != nil {
		return false
	}
	all := slices.DeleteFunc(nodes(r.body, func(any) {}, nil), func(n node) bool { return n.in == nil })
	if len(all) == 0 {
		return false
	}
	n := all[s.IntN(len(all))]
	delete(n.in, n.key)
	return true
}

func spoilUnknown(s *source, r *request) bool {
	fields, ok := r.body.(map[string]any)
	if !ok || r.raw != nil {
		return false
	}
	fields[[]string{"nothing", "", "ID", "__proto__", s.words()}[s.IntN(5)]] = s.words()
	return true
}

func spoilTwice(s *source, r *request) bool {
	fields, ok := r.body.(map[string]any)
	if !ok || r.raw != nil || len(fields) == 0 {
		return false
	}
	names := slices.Sorted(maps.Keys(fields))
	name := names[s.IntN(len(names))]
	text := r.text()
	again, err := json.Marshal(map[string]any{name: s.words()})
	if err != nil {
		return false
	}
	r.raw = slices.Concat(text[:len(text)-1], []byte(","), again[1:])
	return true
}

func spoilText(s *source, r *request) bool {
	if r.of.spec.RequestBody == nil {
		r.header.Set("Content-Type", "application/json") // a body where none is wanted
	}
	text := r.text()
	r.raw = [][]byte{text[:len(text)/2], append(slices.Clone(text), '}'), append([]byte("\xef\xbb\xbf"), text...), []byte("\xff\xfe\x00"), []byte("null"), []byte(" "),
		[]byte(strings.Repeat("[", 20000)), []byte(strings.Repeat(`{"a":`, 5000)), bytes.Repeat([]byte("x"), 300<<10), []byte(`"text"`), []byte("NaN"), []byte("{}{}"),
		bytes.ReplaceAll(text, []byte(`"`), []byte(`'`)), {}}[s.IntN(14)]
	return true
}

func spoilType(s *source, r *request) bool {
	if r.header.Get("Content-Type") == "" {
		return false
	}
	r.header.Set("Content-Type", []string{"", "text/plain", "application/json; charset=latin1", "multipart/form-data", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded",
		"application/xml", "json", ";", "application/json;;", "application/*"}[s.IntN(11)])
	return true
}
