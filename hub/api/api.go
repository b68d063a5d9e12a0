// Package api is the hub's door for people's browsers and for other programs: it decodes, asks the services, and encodes.
// Package web adds the pages to the same router, behind the same middleware.
package api

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"meguri/hub/alarm"
	"meguri/hub/bearer"
	"meguri/hub/disruption"
	"meguri/hub/door"
	"meguri/hub/live"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/quality"
	"meguri/hub/register"
	"meguri/hub/report"
	"meguri/hub/store"
	"meguri/internal/clock"
	"meguri/protocol"
)

// Config is what the API works with.
type Config struct {
	Store  *store.Store
	Orders *order.Service
	People *people.Service
	Feed   *live.Feed
	Paying Paying // its Service is nil for a hub that takes no payments
	// Sign signs a token that opens a door; nil for a hub that hands out none.
	Sign    func(ctx context.Context, tx *store.Tx, t protocol.Token, now time.Time) (string, error)
	Quality *quality.Service
	Tokens  *bearer.Checker    // of programs and of customers' apps; nil for a hub that takes none
	Reports *report.Printer    // nil for a hub that makes none
	Touch   func(place string) // of each place whose devices may need another plan; nil for nobody
	Clock   clock.Clock        // of the business: cutoffs, days, alarms
	RealNow func() time.Time   // the machine's, for sessions; nil is time.Now
	Logger  *slog.Logger
	// Told says that somebody is told of alarms that nobody acknowledges.
	Told bool
	// TLS says that people reach the hub over TLS, so that cookies are never sent without.
	TLS bool
	// Proxies are the addresses of which the headers X-Forwarded-For and X-Forwarded-Proto are believed; of nobody when there are none.
	Proxies []netip.Prefix
	// NoteErased keeps outside of the database that a person is erased; nil for nowhere.
	NoteErased func(register.Erasure) error
	// Company signs people in by a company's own login; nil for a hub without one.
	Company Company
	// Version of the program, for the health page.
	Version string
}

// API is the API with what its handlers need.
type API struct {
	Config
	Disruptions *disruption.Service
	Doors       *door.Service
	Register    *register.Service
	rights      people.Table
	limits      *bearer.Limiter
	warned      sync.Once // of somebody who forwards and is not trusted
	document    *document
}

const (
	maxBody        = 256 << 10
	requestTimeout = 15 * time.Second
)

// New makes a router with all routes of the API. Pages may be added to it; a route that is not in people.Rights answers
// nobody.
func New(c Config) (*API, *echo.Echo, error) {
	if c.RealNow == nil {
		c.RealNow = time.Now
	}
	if c.Quality == nil {
		c.Quality = &quality.Service{Store: c.Store, Touch: c.Touch}
	}
	doc, err := loadDocument()
	if err != nil {
		return nil, nil, fmt.Errorf("OpenAPI document: %w", err)
	}
	a := &API{Config: c, Disruptions: &disruption.Service{Store: c.Store, Touch: c.Touch},
		Doors: &door.Service{Store: c.Store, Touch: c.Touch}, Register: newRegister(c), rights: people.NewTable(people.Rights()), document: doc,
		limits: bearer.NewLimiter(bearer.MaxBuckets)}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = a.addressOf()
	e.HTTPErrorHandler = a.writeError
	e.Use(a.logged, a.headers, a.forwarded, a.bounded, a.sameOrigin, a.authorised)
	a.routes(e)
	return a, e, nil
}

func (a *API) routes(e *echo.Echo) {
	e.GET("/healthz", a.health)
	e.GET("/openapi.json", a.document.serveJSON)
	e.GET("/openapi.yaml", a.document.serveYAML)
	e.POST("/oauth/token", a.giveToken)
	e.GET("/.well-known/oauth-authorization-server", a.metadata)
	e.GET("/.well-known/jwks.json", a.keySet)

	// No echo group: with middleware it would answer paths that nobody registered.
	get := func(path string, h echo.HandlerFunc) { e.GET("/v1"+path, a.document.check(h)) }
	post := func(path string, h echo.HandlerFunc) { e.POST("/v1"+path, a.document.check(h)) }
	post("/login", a.login)
	post("/logout", a.logout)
	get("/me", a.me)
	post("/me/confirm", a.confirmMe)
	post("/me/business", a.chooseBusiness)
	e.PUT("/v1/me/password", a.document.check(a.setPassword))
	get("/me/sessions", a.listSessions)
	e.DELETE("/v1/me/sessions", a.document.check(a.endSessions))
	e.DELETE("/v1/me/sessions/:id", a.document.check(a.endSession))
	e.POST("/v1/orders", a.document.checkUnless(plainOrder, a.placeOrder))
	get("/orders/:id", a.getOrder)
	post("/orders/:id/refunds", a.refundOrder)
	post("/orders/:id/risk", a.takeRisk)
	get("/payments", a.listPayments)
	e.POST("/v1/payments/webhook", a.paymentEvent) // not checked by the document: its signature is of the bytes
	e.POST("/v1/orders/:id/confirm", a.document.checkUnless(plainID, a.confirmOrder))
	post("/orders/:id/cancel", a.cancelOrder)
	e.PUT("/v1/orders/:id/lines", a.document.check(a.changeOrder))
	get("/locations", a.listLocations)
	get("/products", a.listProducts)
	get("/deliveries", a.listDeliveries)
	get("/capacity", a.getCapacity)
	get("/packing", a.getPacking)
	get("/sheets", a.getSheet)
	get("/history", a.getHistory)
	get("/outages", a.listOutages)
	post("/outages", a.addOutage)
	e.DELETE("/v1/outages", a.document.check(a.endOutage))
	post("/calloffs", a.callOff)
	e.PUT("/v1/products/:id/limit", a.document.check(a.setLimit))
	post("/exceptions", a.addException)
	get("/sheets/:id/versions", a.listVersions)
	post("/sheets/:id/confirm", a.confirmSheet)
	get("/notices", a.listNotices)
	get("/quality/holds", a.listHolds)
	post("/quality/holds", a.addHold)
	post("/quality/decisions", a.decideHolds)
	post("/probings", a.probe)
	get("/containers/:id/coldchain", a.getColdChain)
	get("/devices", a.listDevices)
	get("/devices/:id", a.getDevice)
	get("/devices/:id/completeness", a.getCompleteness)
	post("/devices/:id/commands", a.commandDevice)
	post("/devices/:id/stolen", a.deviceStolen)
	get("/devices/:id/commissioning", a.getCommissioning)
	post("/devices/:id/commissioning", a.commission)
	get("/fridges/:id/openings", a.listOpenings)
	post("/fridges/:id/openings", a.askOpening)
	post("/openings/:id/confirm", a.confirmOpening)
	get("/readings", a.listReadings)
	get("/readings/chart", a.chartReadings)
	get("/readings/csv", a.exportReadings)
	get("/containers/:id/report", a.reportJourney)
	get("/events", a.listEvents)
	get("/alarms", a.listAlarms)
	get("/alarms/:id", a.getAlarm)
	for _, verb := range []alarm.Verb{alarm.Acknowledge, alarm.Confirm, alarm.PutOnShelf, alarm.TakeOff, alarm.ResetLatch} {
		post("/alarms/:id/"+string(verb), a.alarmVerb(verb))
	}
	get("/maintenance", a.listMaintenance)
	post("/maintenance", a.addMaintenance)
	e.DELETE("/v1/maintenance", a.document.check(a.endMaintenance))
	get("/work-items", a.listWork)
	post("/work-items/:id/close", a.closeWork)
	a.registerRoutes(e)
	get("/rental/items/:id", a.getPiece)
	get("/rental/stages", a.getStages)
	get("/rental/today", a.getRentalToday)
	get("/rental/orders", a.listRentalOrders)
	post("/rental/orders", a.addRentalOrder)
	get("/rental/orders/:id", a.getRentalOrder)
	post("/rental/orders/:id/allocate", a.allocateRental)
	post("/rental/orders/:id/release", a.releaseRental)
	post("/rental/orders/:id/deliver", a.deliverRental)
	get("/rental/bags", a.listBags)
	post("/rental/bags/:id/carrier", a.carrierRental)
	post("/rental/orders/:id/end", a.endRentalOrder)
	post("/rental/items/:id/end", a.endPiece)
	get("/rental/batches", a.listBatches)
	post("/rental/batches", a.changeBatch)
	get("/rental/repairs", a.listRepairs)
	post("/rental/repairs", a.changeRepair)
	get("/findings", a.listFindings)
	get("/summary", a.getSummary)
}

// Server is an HTTP server for the router with bounds on every connection. Requests that run on, such as the pages' event
// streams, end with ctx; listen and shut down as with any server.
func Server(ctx context.Context, h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		// Deadlines of a connection do not end a stream of HTTP/2 whose reader takes nothing.
		HTTP2:       &http.HTTP2Config{MaxConcurrentStreams: 100, SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second, WriteByteTimeout: 30 * time.Second},
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}

func (a *API) health(c echo.Context) error {
	if err := a.Store.Read(c.Request().Context(), func(*store.Tx) error { return nil }); err != nil {
		return fmt.Errorf("%w: database: %w", errUnavailable, err)
	}
	return c.JSON(http.StatusOK, map[string]string{"status": "ok", "version": a.Version})
}
