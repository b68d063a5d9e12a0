// Package web makes the hub's pages: a live dashboard, a page for each location, lists to print, and what people need to get
// in. Pages are made on the server and work without scripts; with scripts they follow what happens by server-sent events.
package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/alarm"
	"meguri/hub/api"
	"meguri/hub/people"
	"meguri/hub/store"
)

//go:embed static/*
var staticFiles embed.FS

// Config is what the pages work with, beside the API.
type Config struct {
	API  *api.API
	Zone *time.Location // of the times that people read; nil is the machine's
}

// Web makes the pages.
type Web struct {
	*api.API
	zone      *time.Location
	pages     pages
	rights    people.Table
	static    map[string]asset
	snapshots snapshots
	streams   chan struct{} // a place for each stream
}

// asset is a file that browsers load, and its content's hash.
type asset struct {
	body []byte
	kind string
	hash string
}

// Register adds the pages to the router of the API.
func Register(e *echo.Echo, c Config) (*Web, error) {
	w := &Web{API: c.API, zone: c.Zone, rights: people.NewTable(people.Rights()), streams: make(chan struct{}, maxStreams)}
	if w.zone == nil {
		w.zone = time.Local
	}
	var err error
	if w.static, err = loadStatic(); err != nil {
		return nil, fmt.Errorf("static files: %w", err)
	}
	if w.pages, err = w.parsePages(); err != nil {
		return nil, fmt.Errorf("page templates: %w", err)
	}
	api.ShowErrors(e, w.errorPage)
	e.GET("/static/*", w.serveStatic)
	e.GET("/login", w.loginPage)
	e.POST("/login", w.login)
	e.POST("/logout", w.logout)
	e.GET("/", w.board)
	e.GET("/live", w.boardStream)
	e.GET("/locations/:id", w.location)
	e.GET("/locations/:id/live", w.locationStream)
	e.GET("/locations/:id/chart.json", w.chart)
	e.GET("/readings", w.readings)
	e.GET("/devices", w.devices)
	e.GET("/devices/:id", w.device)
	e.GET("/packing", w.packing)
	e.GET("/sheet", w.sheet)
	e.GET("/orders/:id", w.order)
	e.POST("/orders/:id/risk", w.takeRisk)
	e.POST("/devices/:id/stolen", w.stolen)
	e.GET("/devices/:id/commissioning", w.commissioning)
	e.POST("/devices/:id/commissioning", w.commission)
	e.GET("/doors/:id", w.door)
	e.POST("/doors/:id", w.openDoor)
	e.GET("/payments", w.payments)
	e.GET("/payments/live", w.paymentsStream)
	e.GET("/history", w.history)
	e.GET("/outages", w.outages)
	e.POST("/outages", w.changeOutages)
	e.GET("/exceptions", w.exception)
	e.POST("/exceptions", w.makeException)
	e.POST("/sheet/:id/confirm", w.confirmSheet)
	e.GET("/quality", w.quality)
	e.POST("/quality", w.changeQuality)
	e.GET("/rental", w.rental)
	e.GET("/rental/items/:id", w.piece)
	w.rentalRoutes(e)
	e.GET("/work-items", w.work)
	e.POST("/work-items/:id/close", w.closeWork)
	e.GET("/check", w.check)
	e.POST("/check/:id/repair", w.repair)
	e.GET("/alarms", w.alarms)
	e.GET("/alarms/:id", w.alarm)
	e.POST("/maintenance", w.maintain)
	for _, verb := range []alarm.Verb{alarm.Acknowledge, alarm.Confirm, alarm.PutOnShelf, alarm.TakeOff, alarm.ResetLatch} {
		e.POST("/alarms/:id/"+string(verb), w.alarmVerb(verb))
	}
	e.GET("/people", w.people)
	e.GET("/rights", w.showRights)
	e.POST("/people", w.addPerson)
	e.POST("/people/colleagues", w.addColleague)
	e.POST("/people/:id/link", w.linkPerson)
	e.POST("/people/:id/remove", w.removePerson)
	e.POST("/people/:id/role", w.setRole)
	e.POST("/people/:id/reset", w.resetPerson)
	e.GET("/customers", w.customers)
	e.POST("/customers", w.lookUp)
	e.GET("/customers/exposures", w.exposures)
	e.GET("/audit", w.trail)
	e.GET("/retention", w.retention)
	e.GET("/me", w.me)
	e.GET("/account", w.account)
	e.POST("/account/confirm", w.confirmAccount)
	e.POST("/account/password", w.setPassword)
	e.POST("/account/totp", w.enrol)
	e.POST("/account/recovery", w.newRecovery)
	e.POST("/account/sessions", w.endSessions)
	w.registerEntry(e)
	w.businessRoutes(e)
	return w, nil
}

func loadStatic() (map[string]asset, error) {
	files := map[string]asset{}
	err := fs.WalkDir(staticFiles, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := staticFiles.ReadFile(name)
		if err != nil {
			return err
		}
		kind := mime.TypeByExtension(path.Ext(name))
		if kind == "" {
			kind = "text/plain; charset=utf-8"
		}
		hash := sha256.Sum256(body)
		files["/"+name] = asset{body, kind, hex.EncodeToString(hash[:6])}
		return nil
	})
	return files, err
}

// serveStatic serves a file of ours. Pages name it with its hash, so that it may be kept for ever.
func (w *Web) serveStatic(c echo.Context) error {
	f, ok := w.static[c.Request().URL.Path]
	if !ok {
		return echo.ErrNotFound
	}
	if c.QueryParam("v") == f.hash {
		c.Response().Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	return c.Blob(http.StatusOK, f.kind, f.body)
}

// assetURL is the address of a static file with its hash.
func (w *Web) assetURL(name string) string {
	return "/static/" + name + "?v=" + w.static["/static/"+name].hash
}

// view is what every page gets.
type view struct {
	Lang   lang
	Other  string // address of this page in the other language
	Title  string
	Person *people.Person // nil before login
	// Business is what they work for now, for who works for several; else empty.
	Business string
	Nav      []navItem
	Home     string
	Page     string
	Live     string // address of the event stream; empty for a page that stands still
	Refresh  bool   // reload now and then where no script runs
	Now      time.Time
	Data     any
}

type navItem struct {
	Key, Href, Icon string
	Here            bool
}

var navigation = []struct{ key, href, icon string }{
	{"nav.today", "/", "home"}, {"nav.alarms", "/alarms", "bell"}, {"nav.work", "/work-items", "work"}, {"nav.quality", "/quality", "cold"}, {"nav.packing", "/packing", "box"}, {"nav.sheet", "/sheet", "truck"},
	{"nav.outages", "/outages", "warn"}, {"nav.check", "/check", "check"}, {"nav.payments", "/payments", "yen"},
	{"nav.history", "/history", "past"}, {"nav.rental", "/rental", "box"},
	{"nav.devices", "/devices", "device"}, {"nav.customers", "/customers", "people"}, {"nav.retention", "/retention", "past"}, {"nav.people", "/people", "people"}, {"nav.me", "/me", "me"},
}

// render answers with a page.
func (w *Web) render(c echo.Context, status int, page, title string, live string, data any) error {
	l := chooseLang(c)
	v := view{Lang: l, Other: otherLang(c, l), Title: title, Page: page, Live: live, Refresh: live != "", Now: w.Clock.Now(),
		Data: data, Home: "/login"}
	if who := w.Caller(c); who.ID != "" {
		v.Person, v.Home, v.Business = &who.Person, "/account", w.businessName(c.Request().Context(), who.Person)
		if who.Whole {
			v.Nav, v.Home = w.navFor(who.Person, c.Path()), w.home(who.Person)
		}
	}
	var b bytes.Buffer
	if err := w.pages[l][page].ExecuteTemplate(&b, "layout", v); err != nil {
		return fmt.Errorf("page %s: %w", page, err)
	}
	return c.HTMLBlob(status, b.Bytes())
}

func (w *Web) navFor(who people.Person, here string) []navItem {
	var items []navItem
	for _, n := range navigation {
		if w.mayOpen(who, n.href) {
			items = append(items, navItem{n.key, n.href, n.icon, n.href == here})
		}
	}
	return items
}

// mayOpen says whether a person may open a page, at least for what is their own.
func (w *Web) mayOpen(who people.Person, path string) bool {
	return w.mayAct(who, "GET "+path)
}

// mayAct says whether a person may use a route, at least for what is their own.
func (w *Web) mayAct(who people.Person, route string) bool {
	call := people.Call{Param: func(string) string { return who.Place }}
	return w.rights.Judge(route, &people.Caller{Person: who, Whole: true, Fresh: true}, call) == people.Allowed
}

// home is the page that a person begins with.
func (w *Web) home(who people.Person) string {
	for _, n := range navigation {
		if w.mayOpen(who, n.href) {
			if own := w.rights["GET "+n.href].Own[who.Role]; own != "" {
				return n.href + "?" + own + "=" + url.QueryEscape(who.Place)
			}
			return n.href
		}
	}
	return "/me"
}

// read runs fn on one consistent view of the data.
func (w *Web) read(ctx context.Context, fn func(tx *store.Tx) error) error {
	return w.Store.Read(ctx, fn)
}

// dateOf is the delivery date that a page is asked for, or the current one. Found is false when there is none at all.
func (w *Web) dateOf(ctx context.Context, tx *store.Tx, asked string) (d store.DateView, found bool, err error) {
	if asked != "" {
		d, err = tx.DateView(ctx, asked)
		return d, err == nil, err
	}
	d, err = tx.CurrentDate(ctx, w.Clock.Now())
	if errors.Is(err, store.ErrNotFound) {
		return d, false, nil
	}
	return d, err == nil, err
}

// errorPage shows a person what went wrong.
func (w *Web) errorPage(c echo.Context, p api.Problem) error {
	if p.Status == http.StatusUnauthorized && c.Request().Method == http.MethodGet {
		return c.Redirect(http.StatusSeeOther, "/login")
	}
	if errors.Is(p.Err, people.ErrSecond) {
		return c.Redirect(http.StatusSeeOther, "/account")
	}
	if errors.Is(p.Err, people.ErrConfirm) && c.Request().Method == http.MethodPost {
		return w.askAgain(c, p)
	}
	key := "error.other"
	switch p.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		key = fmt.Sprintf("error.%d", p.Status)
	}
	l := chooseLang(c)
	return w.render(c, p.Status, "error", l.text(key), "", struct {
		Text    string
		Problem api.Problem
	}{l.text(key), p})
}
