package fuzzapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/api/apitest"
	"meguri/hub/app"
	"meguri/hub/bulk"
	"meguri/hub/dispatch"
	"meguri/hub/fleet"
	"meguri/hub/payment/intents"
	"meguri/hub/people"
	"meguri/hub/rental"
	"meguri/hub/store"
	"meguri/internal/gs1"
	"meguri/protocol"
)

// errand makes of a drawn request one that should be taken, by doing first what has to have been done. It says who asks, with which
// token; no role when it could not be done by now, and no token for any of the role's.
type errand func(c *campaign, t *testing.T, r *request) (who identity, token string)

// errands are of operations that drawn values hardly ever reach: what they need is made by another request, is a secret, or is over
// as soon as it was used.
var errands = map[string]errand{
	"DELETE /v1/me/sessions/{id}":         (*campaign).ownSession,
	"POST /v1/me/business":                (*campaign).business,
	"POST /v1/me/confirm":                 (*campaign).password,
	"POST /v1/devices/{id}/commissioning": (*campaign).check,
	"POST /v1/rental/orders/{id}/release": (*campaign).promise,
	"POST /v1/outages":                    (*campaign).breakdown,
	"DELETE /v1/outages":                  (*campaign).outage,
	"POST /v1/alarms/{id}/acknowledge":    (*campaign).alarm,
	"POST /v1/alarms/{id}/confirm":        (*campaign).remedy,
	"POST /v1/exceptions":                 (*campaign).exception,
	"POST /v1/alarms/{id}/reset":          (*campaign).latch,
	"POST /v1/openings/{id}/confirm":      (*campaign).opening,
	"PUT /v1/orders/{id}/lines":           (*campaign).lines,
	"POST /v1/orders/{id}/refunds":        (*campaign).refund,
	"POST /v1/orders/{id}/risk":           (*campaign).risk,
	"POST /v1/payments/webhook":           (*campaign).event,
	"POST /v1/quality/holds":              (*campaign).hold,
	"POST /v1/quality/decisions":          (*campaign).decision,
	"POST /v1/rental/bags/{id}/carrier":   (*campaign).bag,
	"POST /v1/sheets/{id}/confirm":        (*campaign).sheet,
	"POST /v1/devices/{id}/commands":      nil,
}

var dispatcher = identity{people.Dispatcher, false}

// say asks the hub rightly, and gives what it answered; ok is whether it was taken.
func (c *campaign) say(t *testing.T, who identity, method, target string, body any) (got map[string]any, ok bool) {
	text, err := json.Marshal(body)
	require.NoError(t, err)
	for range 2 { // a session may have been ended by what was drawn
		r, err := http.NewRequest(method, c.base+target, strings.NewReader(string(text)))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+c.token(t, c.tokens, who))
		r.Header.Set("X-Forwarded-For", address(c.Rand))
		a, err := c.send(r)
		require.NoError(t, err)
		if a.status == http.StatusUnauthorized {
			delete(c.tokens, who)
			continue
		}
		if len(a.body) > 0 {
			require.NoError(t, json.Unmarshal(a.body, &got), "%s", a.body)
		}
		return got, a.status < 300
	}
	return nil, false
}

// change is what the hub is told by others than those who ask it: devices, and time.
func (c *campaign) change(t *testing.T, do func(tx *store.Tx) error) {
	require.NoError(t, c.data.Store.Change(t.Context(), do))
}

func (c *campaign) fresh(kind string) string { return fmt.Sprintf("%s-%08x", kind, c.Uint32()) }

// order places one for a date to come, and gives its id; empty when the hub does not take it, for a drawn request has put the place
// out of service, or all is sold.
func (c *campaign) order(t *testing.T, more map[string]any) string {
	ask := map[string]any{"order_id": c.fresh("o"), "delivery_date": dates[1+c.IntN(3)], "location_id": fmt.Sprintf("loc-%03d", 1+c.IntN(3)), "customer_id": "member-0001",
		"lines": []any{map[string]any{"product_id": fmt.Sprintf("prod-%03d", 1+c.IntN(7)), "quantity": 2}}}
	for name, value := range more {
		ask[name] = value
	}
	got, ok := c.say(t, dispatcher, "POST", "/v1/orders", ask)
	if !ok || got["state"] == "refused" {
		return ""
	}
	return ask["order_id"].(string)
}

func (c *campaign) ownSession(t *testing.T, r *request) (identity, string) {
	in, err := c.data.People.Login(t.Context(), c.data.Code(t, people.Shop), people.From{}, c.data.RealNow())
	require.NoError(t, err)
	r.id = in.Session.ID()
	return identity{people.Shop, false}, in.Token
}

func (c *campaign) business(t *testing.T, r *request) (identity, string) {
	r.body = map[string]any{"business_id": "main"}
	return identity{people.Shop, false}, c.data.Token(t, people.Shop)
}

// password is set by somebody who logs in for the first time, and shown then.
func (c *campaign) password(t *testing.T, r *request) (identity, string) {
	who, shop := identity{people.Shop, false}, c.tokens
	c.tokens = wallet{who: c.data.Token(t, people.Shop)}
	defer func() { c.tokens = shop }()
	const secret = "a horse, a staple and a battery"
	if _, ok := c.say(t, who, "PUT", "/v1/me/password", map[string]any{"login": c.fresh("login"), "password": secret}); !ok {
		return identity{}, ""
	}
	r.body = map[string]any{"password": secret}
	return who, c.tokens[who]
}

// check is begun of a board that is being put into service.
func (c *campaign) check(t *testing.T, r *request) (identity, string) {
	r.id = c.fresh("station")
	c.data.Replace(t, "station-loc-001", r.id)
	r.body = map[string]any{"do": "begin", "step": []string{"probe", "door"}[c.IntN(2)], "fridge_id": fmt.Sprintf("loc-001-fridge-%d", 1+c.IntN(2))}
	return identity{people.Kitting, false}, ""
}

// slot is one that breaks on a date.
func (c *campaign) slot() map[string]any {
	return map[string]any{"delivery_date": dates[1+c.IntN(3)], "kind": "slot", "reason": "the hinge is broken", "apply": true,
		"id": fmt.Sprintf("loc-%03d-fridge-%d-slot-%d", 1+c.IntN(3), 1+c.IntN(2), 1+c.IntN(5))}
}

func (c *campaign) breakdown(_ *testing.T, r *request) (identity, string) {
	r.body = c.slot()
	return dispatcher, ""
}

func (c *campaign) outage(t *testing.T, r *request) (identity, string) {
	out := c.slot()
	if _, ok := c.say(t, dispatcher, "POST", "/v1/outages", out); !ok {
		return identity{}, "" // it is out already
	}
	r.query = []string{"date=" + out["delivery_date"].(string), "kind=slot", "id=" + out["id"].(string), "reason=mended"}
	return dispatcher, ""
}

// promise is that of a new piece to a new order.
func (c *campaign) promise(t *testing.T, r *request) (identity, string) {
	lead := identity{people.Warehouse, false}
	r.id = c.fresh("r")
	files := fstest.MapFS{
		bulk.RentalItemsFile:  {Data: []byte("item,warehouse_id,shelf_id,grade\n(01)09520001000010(21)" + r.id + ",w-1,A-1,A\n")},
		bulk.RentalOrdersFile: {Data: []byte("order_id,customer_id,warehouse_id,ship_date,gtin\n" + r.id + ",member-1,w-1,2026-12-04,9520001000010\n")},
	}
	done, err := (&rental.Keeper{}).Import(t.Context(), c.data.Store, bulk.ReadRental(files), "test", c.data.Clock.Now())
	require.NoError(t, err)
	require.Zero(t, done.Refuse)
	got, ok := c.say(t, lead, "POST", "/v1/rental/orders/"+r.id+"/allocate", map[string]any{})
	if !ok {
		return identity{}, ""
	}
	r.body = map[string]any{"item_id": got["lines"].([]any)[0].(map[string]any)["item_id"], "reason": "a wish"}
	return lead, ""
}

// alarm is raised of a place that nobody knows, so that none like it is there.
func (c *campaign) alarm(t *testing.T, r *request) (identity, string) {
	r.id = c.fresh("a")
	c.change(t, func(tx *store.Tx) error {
		return tx.RaiseAlarm(t.Context(), r.id, "temperature", r.id, "", apitest.Now)
	})
	r.body = map[string]any{"revision": 1}
	return identity{people.Quality, false}, ""
}

// remedy is what an alarm asks for; it is done, and by somebody who has seen the alarm.
func (c *campaign) remedy(t *testing.T, r *request) (identity, string) {
	who, _ := c.alarm(t, r)
	_, ok := c.say(t, who, "POST", "/v1/alarms/"+r.id+"/acknowledge", r.body)
	require.True(t, ok)
	return who, ""
}

func (c *campaign) exception(_ *testing.T, r *request) (identity, string) {
	r.body = map[string]any{"kind": []string{"keep_back", "let_go"}[c.IntN(2)], "container_id": c.container(), "reason": "it leaks", "apply": c.IntN(2) == 0}
	return dispatcher, ""
}

// container is one of the day's.
func (c *campaign) container() string { return fmt.Sprintf("C-20261201-%04d", 1+c.IntN(12)) }

func (c *campaign) latch(t *testing.T, r *request) (identity, string) {
	id := c.fresh("a")
	c.change(t, func(tx *store.Tx) error {
		if err := tx.RaiseAlarm(t.Context(), id, "door_uncommanded", "loc-001-fridge-1", "", apitest.Now); err != nil {
			return err
		}
		return tx.ClearAlarmOf(t.Context(), id, apitest.Now.Add(time.Second))
	})
	if _, ok := c.say(t, dispatcher, "POST", "/v1/alarms/"+id+"/acknowledge", map[string]any{"revision": 1}); !ok {
		return identity{}, "" // one like it is there, and goes on instead
	}
	r.id = id
	return dispatcher, ""
}

// opening puts a board of its own to a door, so that there is one that was heard of just now.
func (c *campaign) opening(t *testing.T, r *request) (identity, string) {
	board, location := c.fresh("station"), 2+c.IntN(2)
	c.change(t, func(tx *store.Tx) error {
		d := fleet.Device{ID: board, Place: fmt.Sprintf("loc-%03d", location), Role: fleet.Station, AddedAt: c.data.Clock.Now(), AddedBy: "test"}
		if err := tx.AddDevice(t.Context(), d); err != nil {
			return err
		}
		d = d.Greet(fleet.Greeting{Incarnation: fmt.Sprintf("%032x", c.Uint64()), Boot: 1, Session: 1, Software: "test", Revision: 4}, false, apitest.Now)
		d.Online = true
		return tx.SaveDevice(t.Context(), d)
	})
	asked, ok := c.say(t, dispatcher, "POST", fmt.Sprintf("/v1/fridges/loc-%03d-fridge-%d/openings", location, 1+c.IntN(2)), map[string]any{"reason": "the keypad is broken"})
	if !ok {
		return identity{}, "" // it was asked for too often
	}
	r.id = asked["opening_id"].(string)
	var o fleet.Opening
	require.NoError(t, c.data.Store.Read(t.Context(), func(tx *store.Tx) (err error) {
		o, err = tx.Opening(t.Context(), r.id)
		return err
	}))
	r.body = map[string]any{"number": o.Number, "at_door": "Sato Hanako"}
	return dispatcher, ""
}

func (c *campaign) lines(t *testing.T, r *request) (identity, string) {
	r.id = c.order(t, nil)
	if r.id == "" {
		return identity{}, ""
	}
	r.body = map[string]any{"lines": []any{map[string]any{"product_id": fmt.Sprintf("prod-%03d", 1+c.IntN(8)), "quantity": 1}}}
	return dispatcher, ""
}

func (c *campaign) refund(t *testing.T, r *request) (identity, string) {
	r.id = c.order(t, map[string]any{"payment": map[string]any{"method": "pm_fake_ok"}})
	if r.id == "" || !c.paid(t, r.id) {
		return identity{}, ""
	}
	r.body = map[string]any{"refund_id": c.fresh("r"), "reason": "it leaked"}
	if c.IntN(2) == 0 {
		r.body.(map[string]any)["lines"] = []any{map[string]any{"line": 1, "units": 1}}
	}
	return dispatcher, ""
}

// paid waits until the fake provider has been asked, which is done beside what is asked here.
func (c *campaign) paid(t *testing.T, order string) bool {
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); {
		got, ok := c.say(t, dispatcher, "GET", "/v1/orders/"+order, nil)
		payment, _ := got["payment"].(map[string]any)
		if ok && payment["state"] == "captured" {
			return true
		}
		if !ok || got["state"] == "cancelled" {
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("order %s is not paid in 30 s", order)
	return false
}

// risk cancels an order whose code has opened a door before.
func (c *campaign) risk(t *testing.T, r *request) (identity, string) {
	r.id = c.order(t, map[string]any{"location_id": "loc-001"})
	if r.id == "" {
		return identity{}, ""
	}
	now := c.data.Clock.Now()
	c.change(t, func(tx *store.Tx) error {
		g := dispatch.Grant{ID: "order-" + r.id, DeliveryDate: dates[1], LocationID: "loc-001", Holder: dispatch.Customer, OrderID: r.id, PIN: fmt.Sprintf("%011d", c.Int64N(1e11)), From: now, Until: now.Add(5 * time.Hour)}
		if err := tx.AddGrant(t.Context(), g); err != nil {
			return err
		}
		return tx.GrantUsed(t.Context(), g.ID, g.LocationID, "loc-001-fridge-1", now, now)
	})
	if _, ok := c.say(t, dispatcher, "POST", "/v1/orders/"+r.id+"/cancel", map[string]any{}); !ok {
		return identity{}, ""
	}
	r.body = map[string]any{"reason": "the fridge is empty"}
	return dispatcher, ""
}

// event is one of the payment provider, signed as it signs.
func (c *campaign) event(t *testing.T, r *request) (identity, string) {
	kind := []string{"payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.canceled", "charge.refunded", "customer.created"}[c.IntN(5)]
	r.body = map[string]any{"id": c.fresh("evt"), "type": kind, "data": map[string]any{"object": map[string]any{"id": c.fresh("pi"), "object": "payment_intent",
		"status": "succeeded", "metadata": map[string]any{"meguri_reference": c.fresh("pay")}}}}
	r.header.Set("Content-Type", "application/json")
	r.header.Set(intents.SignatureHeader, intents.SignatureText([]byte(app.FakeSecret), time.Now(), r.text()))
	return identity{people.System, false}, ""
}

func (c *campaign) hold(_ *testing.T, r *request) (identity, string) {
	r.body = map[string]any{"scope": "container", "id": c.container(), "reason": "it smells"}
	return dispatcher, ""
}

func (c *campaign) decision(t *testing.T, r *request) (identity, string) {
	quality := identity{people.Quality, false}
	of := map[string]any{"scope": "container", "id": c.container(), "reason": "it smells"}
	got, ok := c.say(t, quality, "POST", "/v1/quality/holds", of)
	if !ok {
		return identity{}, ""
	}
	of["decision"] = []string{"released", "released", "condemned"}[c.IntN(3)]
	if c.IntN(2) == 0 {
		var ids []any
		for _, h := range got["holds"].([]any) {
			ids = append(ids, h.(map[string]any)["hold_id"])
		}
		of["holds"] = ids
	}
	r.body = of
	return quality, ""
}

// bag ships a bag, of which a carrier has something to say then.
func (c *campaign) bag(t *testing.T, r *request) (identity, string) {
	number := fmt.Sprintf("0952%013d", c.Int64N(1e13))
	bag, k, now := number+string(gs1.CheckDigit(number)), &rental.Keeper{}, c.data.Clock.Now()
	c.change(t, func(tx *store.Tx) error {
		source := rental.Source{Device: store.DeviceLife("scanner-w-1", bag), Number: 1, Warehouse: "w-1", At: now, Within: time.Second, Recorded: now}
		return k.Bag(t.Context(), tx, source, protocol.BagScanned{Bag: bag, Step: protocol.StepShip, Operator: "op-1", Order: "r-1", Waybill: "W" + bag[8:], Verdict: protocol.VerdictAccept})
	})
	r.id = []string{bag, "W" + bag[8:]}[c.IntN(2)]
	r.body = map[string]any{"event": []string{"delivered", "sent_back"}[c.IntN(2)]}
	return identity{people.Warehouse, false}, ""
}

// sheet reads the sheet of a run, and confirms the version that was read.
func (c *campaign) sheet(t *testing.T, r *request) (identity, string) {
	driver := identity{people.Driver, false}
	got, ok := c.say(t, driver, "GET", "/v1/sheets?"+url.Values{"date": {apitest.Date}, "route": {"route-01"}}.Encode(), nil)
	if !ok {
		return identity{}, ""
	}
	r.id, r.body = "route-01@"+apitest.Date, map[string]any{"version": got["version"]}
	return driver, ""
}
