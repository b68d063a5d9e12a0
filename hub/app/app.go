// Package app joins the hub: its store, the services of rules, the broker and the link to devices, the API and the pages.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"meguri/hub/api"
	"meguri/hub/broker"
	"meguri/hub/effect"
	"meguri/hub/link"
	"meguri/hub/live"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/hub/web"
	"meguri/internal/clock"
	"meguri/internal/version"
)

// Config is what a hub needs to know. It listens where it is told and nowhere else.
type Config struct {
	Database string // sqlite:FILE or postgres://…
	HTTP     string // HOST:PORT of the API and the pages
	TLSCert  string // files; both empty for plain HTTP
	TLSKey   string

	// The embedded broker listens at Broker. With BrokerURL an external one is used instead, as BrokerUser.
	Broker         string
	BrokerURL      string
	BrokerUser     string
	BrokerPassword string

	Clock  clock.Clock
	Zone   *time.Location // of the times that people read
	Logger *slog.Logger
	// Ready is told the addresses once everything answers; nil for nobody.
	Ready func(http, broker net.Addr)
}

// stopWithin is how long requests under way may take when the hub is told to stop.
const stopWithin = 5 * time.Second

// Run runs a hub until ctx ends, and returns nil then.
func Run(ctx context.Context, c Config) (err error) {
	secure, err := certificate(c)
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, c.Database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()

	listener, err := net.Listen("tcp", c.HTTP)
	if err != nil {
		return fmt.Errorf("HTTP: %w", err)
	}
	defer func() { _ = listener.Close() }() // the server has closed it, if it came to that

	ctx, cancel := context.WithCancel(ctx) // of those who listen to the feed, when the start fails
	defer cancel()
	feed := live.New()
	plans := plan.NewMaker(s, feed, c.Clock, c.Logger)
	receiver := link.NewReceiver(link.Config{Store: s, Effects: &effect.Effects{Touch: plans.Touch}, Owns: effect.Owns, Clock: c.Clock,
		Logger: c.Logger, Changed: feed.Changed, Greeted: plans.Touch})

	g, ctx := errgroup.WithContext(ctx)
	mqtt, brokerAddr, closeBroker, err := joinBroker(ctx, c, s, receiver, feed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeBroker()) }()
	server, err := newServer(ctx, c, s, feed)
	if err != nil {
		return err
	}
	server.TLSConfig = secure
	d := &day{store: s, plans: plans, feed: feed, clock: c.Clock, logger: c.Logger}
	g.Go(func() error { return plans.Run(ctx) })
	g.Go(func() error { return mqtt.Run(ctx) })
	g.Go(func() error { return d.run(ctx) })
	g.Go(func() error { return serve(ctx, server, listener, c.Logger) })
	c.Logger.Info("hub runs", "http", listener.Addr().String(), "broker", brokerName(c, brokerAddr), "version", version.Text())
	if c.Ready != nil {
		c.Ready(listener.Addr(), brokerAddr)
	}
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	c.Logger.Info("hub was told to stop, and does")
	return nil
}

// brokerName says where devices have to go.
func brokerName(c Config, embedded net.Addr) string {
	if c.BrokerURL != "" {
		return c.BrokerURL
	}
	return embedded.String()
}

// joinBroker starts the embedded broker, or names the external one, and makes the hub's side of it.
func joinBroker(ctx context.Context, c Config, s *store.Store, r *link.Receiver, f *live.Feed) (*link.MQTT, net.Addr, func() error, error) {
	cfg := link.MQTTConfig{Receiver: r, URL: c.BrokerURL, User: c.BrokerUser, Password: c.BrokerPassword,
		Wake: f.Subscribe(ctx), Logger: c.Logger}
	if c.BrokerURL != "" {
		return link.NewMQTT(cfg), nil, func() error { return nil }, nil
	}
	b := broker.New(broker.Config{Auth: link.Authenticator(s), Logger: c.Logger})
	if err := b.Listen(c.Broker); err != nil {
		return nil, nil, nil, errors.Join(err, b.Close())
	}
	cfg.URL, cfg.User, cfg.Password, cfg.Dial, cfg.Kick = "tcp://embedded", broker.HubUser, b.HubPassword(), b.Dial, b.Kick
	return link.NewMQTT(cfg), b.Addr(), b.Close, nil
}

func newServer(ctx context.Context, c Config, s *store.Store, f *live.Feed) (*http.Server, error) {
	a, router, err := api.New(api.Config{Store: s, Orders: order.NewService(s.Orders()), People: people.New(s.People()), Feed: f,
		Clock: c.Clock, Logger: c.Logger, TLS: c.TLSCert != "", Version: version.Text()})
	if err != nil {
		return nil, err
	}
	if _, err := web.Register(router, web.Config{API: a, Zone: c.Zone}); err != nil {
		return nil, err
	}
	return api.Server(ctx, router, c.Logger), nil
}

// certificate reads the certificate before anything is opened; nil for plain HTTP.
func certificate(c Config) (*tls.Config, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("TLS: certificate %s with key %s: %w", c.TLSCert, c.TLSKey, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

func serve(ctx context.Context, server *http.Server, l net.Listener, logger *slog.Logger) error {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		if err := server.Shutdown(bounded); err != nil {
			logger.Warn("requests under way were cut off", "error", errors.Join(err, server.Close()))
		}
	}()
	var err error
	if server.TLSConfig != nil {
		err = server.ServeTLS(l, "", "")
	} else {
		err = server.Serve(l)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("HTTP: %w", err)
	}
	<-stopped
	return nil
}
