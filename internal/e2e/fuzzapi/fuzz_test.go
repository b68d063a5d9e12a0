// Package fuzzapi asks a running hub everything that its OpenAPI document has, rightly and wrongly, as everybody, and looks at what it
// says. There is no library in Go that draws requests from a document; those in Python know no roles, and would have to be installed.
package fuzzapi

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/people"
)

var (
	requests = flag.Int("requests", 600, "how many requests are sent")
	seed     = flag.Uint64("seed", 1, "of the first round")
	round    = flag.Int("round", 20000, "requests until another hub is asked, so that what is listed stays short")
)

// campaign is one round against one hub.
type campaign struct {
	*source
	*judge
	*site
	asks     []operation
	who      []identity
	tokens   wallet
	statuses map[string]map[int]int // by operation
	found    []string
	seen     map[string]bool // the kinds of found
}

// told are texts that a person would know who works with the fixture, by the field they are for.
var told = map[string][]string{
	"date": dates[:4], "delivery_date": dates[1:4], "ship_date": dates[:4], "until": dates[1:4],
	"order_id": {"order-0001", "order-0003", "r-1", "r-2"}, "customer_id": {"member-0001", "c-1"}, "container_id": {"C-20261201-0001"},
	"location_id": {"loc-001"}, "fridge_id": {"loc-001-fridge-1", "loc-002-fridge-2"}, "position": {"loc-001-fridge-1"}, "sensor": {"loc-001-fridge-1/air"},
	"shop_id": {"shop-1"}, "product_id": {"prod-001", "prod-004"}, "route_id": {"route-01"}, "run_id": {"route-01@" + apitest.Date},
	"sheet_id": {"route-01@" + apitest.Date, "route-02@" + apitest.Date}, "alarm_id": {"alarm-1"}, "device_id": {"station-loc-001", "station-new"},
	"warehouse_id": {"w-1"}, "gtin": {"09520001000010", "09520001000027"}, "item_id": {apitest.Dress, apitest.Coat, apitest.Shirt, apitest.Torn},
	"login": {"aoki", "sato"}, "password": {"correct horse battery"}, "present_password": {"correct horse battery"}, "scope": {"orders:read"},
	"reason": {"the door was forced"},
}

func newCampaign(s *site, seed uint64) *campaign {
	c := &campaign{source: &source{rand.New(rand.NewPCG(seed, 7)), newKnown()}, judge: newJudge(s.doc), site: s, asks: operations(s.doc), tokens: wallet{}, seen: map[string]bool{},
		statuses: map[string]map[int]int{}, who: []identity{{}, {people.System, true}}}
	for _, role := range people.Roles() {
		c.who = append(c.who, identity{role, false})
	}
	for name, values := range told {
		for _, v := range values {
			c.known.add(c.source, name, v)
		}
	}
	slices.Sort(c.known.all)
	return c
}

// identity draws who asks: mostly somebody who may.
func (c *campaign) identity(o operation) identity {
	right := c.rights[o.method+" "+strings.ReplaceAll(o.path, "{id}", ":id")]
	if len(right.Roles) > 0 && c.IntN(4) > 0 {
		role := right.Roles[c.IntN(len(right.Roles))]
		return identity{role, role == people.System && c.IntN(2) == 0}
	}
	return c.source.pick(c.who)
}

func (s *source) pick(of []identity) identity { return of[s.IntN(len(of))] }

// ask sends one request and judges the answer.
func (c *campaign) ask(t *testing.T, n int) {
	o := c.asks[n%len(c.asks)]
	who := c.identity(o)
	r := c.drawRequest(o)
	token := ""
	if run := errands[o.String()]; run != nil && c.IntN(8) == 0 {
		if by, with := run(c, t, r); by.role != "" {
			who, token = by, with
		} else {
			r = c.drawRequest(o) // it may have been begun
		}
	}
	for range []int{0, 0, 1, 1, 3}[c.IntN(5)] {
		c.spoil(r)
	}
	sent, err := r.http(c.base)
	if err != nil {
		return // no URL: nothing would send it
	}
	if token == "" {
		token = c.token(t, c.tokens, who)
	}
	if token != "" && r.header.Get("Cookie") == "" {
		sent.Header.Set("Authorization", "Bearer "+token)
	}
	sent.Header.Set("X-Forwarded-For", address(c.Rand))
	if o.path == "/oauth/token" && c.IntN(2) == 0 {
		sent.SetBasicAuth(program, c.secret)
	}
	a, err := c.send(sent)
	if err != nil {
		c.report(r, who, a, fmt.Errorf("no answer: %w", err))
		return
	}
	c.count(r, a.status)
	if err := c.wrong(r, who, a); err != nil {
		c.report(r, who, a, err)
	}
	for _, line := range c.log.take() {
		c.report(r, who, a, fmt.Errorf("in the log: %s", line))
	}
	c.learn(r, who, a)
}

// learn keeps what may be asked for later, and forgets a session that has ended.
func (c *campaign) learn(r *request, who identity, a answer) {
	if a.status == http.StatusUnauthorized {
		delete(c.tokens, who)
	}
	if strings.Contains(r.of.path, "session") || strings.Contains(r.of.path, "openapi") || a.status >= 300 {
		return
	}
	var v any
	if json.Unmarshal(a.body, &v) == nil {
		c.known.harvest(c.source, "", r.of.place(), v)
	}
	c.known.harvest(c.source, "", r.of.place(), r.body)
}

func (c *campaign) count(r *request, status int) {
	of := c.statuses[r.of.String()]
	if of == nil {
		of = map[int]int{}
		c.statuses[r.of.String()] = of
	}
	of[status]++
}

func (c *campaign) report(r *request, who identity, a answer, err error) {
	what, _, _ := strings.Cut(err.Error(), "\nSchema:") // a page each
	kind := strings.Trim(what, "0123456789")
	kind = r.of.String() + kind[:min(len(kind), 80)]
	if c.seen[kind] || len(c.found) >= 200 { // one of a kind is enough to work on
		return
	}
	c.seen[kind] = true
	body := r.text()
	c.found = append(c.found, fmt.Sprintf("%s as %q: %s\n  %s %s %v %s\n  %d %s", r.of, who.role, what, r.method, r.target(), r.header, body[:min(len(body), 600)],
		a.status, a.body[:min(len(a.body), 600)]))
}

// tally is how the operations were answered, by status, and how often each with success.
func tally(all map[string]map[int]int) (classes, successes map[string]int, total int) {
	classes, successes = map[string]int{}, map[string]int{}
	for o, statuses := range all {
		successes[o] = 0
		for status, n := range statuses {
			classes[fmt.Sprint(status)] += n
			total += n
			if status < 300 {
				successes[o] += n
			}
		}
	}
	return classes, successes, total
}

// seldom are the operations that had success fewer times than so many, with how often.
func seldom(successes map[string]int, times int) (all []string) {
	for _, o := range slices.Sorted(maps.Keys(successes)) {
		if successes[o] < times {
			all = append(all, fmt.Sprintf("%d×%s", successes[o], o))
		}
	}
	return all
}

// summary is a tally in words.
func summary(all map[string]map[int]int, took time.Duration) string {
	classes, successes, total := tally(all)
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests in %s, %.0f/s, %d operations:", total, took.Round(time.Second), float64(total)/took.Seconds(), len(all))
	for _, status := range slices.Sorted(maps.Keys(classes)) {
		fmt.Fprintf(&b, " %d×%s", classes[status], status)
	}
	fmt.Fprintf(&b, "\nwith fewer than 10 successes: %s", cmp.Or(strings.Join(seldom(successes, 10), ", "), "none"))
	return b.String()
}

// long is from how many requests of each operation on one that was never taken is a finding: what it answers with then was not looked at.
const long = 200

func TestEveryAnswerOfARunningHubFitsItsDocument(t *testing.T) {
	all, found, began := map[string]map[int]int{}, []string{}, time.Now()
	for done := 0; done < *requests; done += *round {
		t.Run(fmt.Sprintf("seed %d", *seed), func(t *testing.T) {
			c := newCampaign(open(t), *seed)
			for n := range min(*round, *requests-done) {
				c.ask(t, n)
			}
			found = append(found, c.found...)
			for o, statuses := range c.statuses {
				if all[o] == nil {
					all[o] = map[int]int{}
				}
				for status, n := range statuses {
					all[o][status] += n
				}
			}
		})
		*seed++
	}
	t.Log(summary(all, time.Since(began)))
	if _, successes, total := tally(all); total >= long*len(all) {
		require.Empty(t, seldom(successes, 1), "these were never taken, so nobody has looked at such an answer: an errand is to make what they need")
	}
	if len(found) > 0 {
		t.Fatalf("%d kinds of findings:\n%s", len(found), strings.Join(found[:min(len(found), 40)], "\n"))
	}
}

func TestWhatIsWrongWithAnAnswerIsFound(t *testing.T) {
	s := open(t)
	c := newCampaign(s, 1)
	o := c.asks[slices.IndexFunc(c.asks, func(o operation) bool { return o.String() == "GET /v1/products" })]
	good := func() *request { return &request{of: o, method: "GET", header: http.Header{}} }
	admin := identity{people.Admin, false}
	for want, spoil := range map[string]struct {
		r    *request
		who  identity
		make func(w http.ResponseWriter)
	}{
		"the hub failed":                       {good(), admin, func(w http.ResponseWriter) { w.WriteHeader(503) }},
		"a refusal of type":                    {good(), admin, func(w http.ResponseWriter) { http.Error(w, "no", 404) }},
		"the answer does not fit":              {&request{of: c.asks[0], method: c.asks[0].method, header: http.Header{}}, admin, say(201, "application/json", `{"keys":[]}`)},
		"does not fit the document":            {good(), admin, say(200, "application/json", `{"products":[],"more":1}`)},
		"response header Content-Type":         {good(), admin, say(200, "text/html", `{"products":[]}`)},
		"no field is named":                    {good(), admin, say(400, "application/problem+json", `{"type":"about:blank","title":"Bad Request","status":400}`)},
		"a problem of status 400":              {good(), admin, say(404, "application/problem+json", `{"type":"about:blank","title":"Bad Request","status":400}`)},
		"a field \"\"":                         {good(), admin, say(422, "application/problem+json", `{"type":"x","title":"x","status":422,"errors":[{"field":"","want":"x"}]}`)},
		"it answers nobody in particular":      {good(), identity{}, say(200, "application/json", `{"products":[]}`)},
		"it answers a person of the role":      {&request{of: confirmed(c), method: "POST", id: "x", header: http.Header{}}, identity{people.Driver, false}, say(200, "application/json", `{}`)},
		"taken, and does not fit the document": {&request{of: o, method: "GET", header: http.Header{}, id: "", query: nil, raw: nil}, admin, nil},
		"a method that the document":           {&request{of: o, method: "HEAD", header: http.Header{}}, admin, say(200, "application/json", ``)},
		"lacks the headers of every answer":    {good(), admin, func(w http.ResponseWriter) { w.Header().Del("X-Content-Type-Options"); w.WriteHeader(200) }},
	} {
		t.Run(want, func(t *testing.T) {
			if spoil.make == nil { // a date that is missing
				at := slices.IndexFunc(c.asks, func(o operation) bool { return o.String() == "GET /v1/deliveries" })
				spoil.r.of, spoil.make = c.asks[at], say(200, "application/json", `{"deliveries":[]}`)
			}
			w := httptest.NewRecorder()
			w.Header().Set("X-Content-Type-Options", "nosniff")
			spoil.make(w)
			require.ErrorContains(t, c.wrong(spoil.r, spoil.who, answer{w.Code, w.Header(), w.Body.Bytes()}), want)
		})
	}
}

func say(status int, kind, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func confirmed(c *campaign) operation {
	return c.asks[slices.IndexFunc(c.asks, func(o operation) bool { return o.String() == "POST /v1/orders/{id}/confirm" })]
}
