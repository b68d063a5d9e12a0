package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"meguri/hub/api"
	"meguri/hub/live"
	"meguri/hub/order"
	"meguri/hub/payment"
	"meguri/hub/payment/fakepay"
	"meguri/hub/payment/intents"
	"meguri/hub/payment/settle"
	"meguri/hub/store"
)

// Payments says how orders are paid.
type Payments struct {
	// Provider is https://HOST of a provider, PaymentsFake for one inside the hub that moves no money, or empty for none.
	Provider string
	Key      string   // the provider's secret key
	Secrets  []string // that its events are signed with; none when it sends none
	FakeFile string   // what the fake provider remembers over a restart; empty for nothing
}

// PaymentsFake is the provider inside the hub.
const PaymentsFake = "fake"

// till is what takes payments; nothing is in it when the hub takes none.
type till struct {
	paying api.Paying
	worker *settle.Worker
	fake   *fakepay.Server
	server *http.Server
	at     net.Listener
}

// FakeKey and FakeSecret are no secrets: the fake provider listens on loopback and moves no money.
const FakeKey, FakeSecret = "sk_fake", "whsec_fake"

// openTill makes what takes payments.
func openTill(c Config, s *store.Store, orders *order.Service, feed *live.Feed) (*till, error) {
	t := &till{}
	if c.Payments.Provider == "" {
		return t, nil
	}
	p := c.Payments
	if p.Provider == PaymentsFake {
		if err := t.startFake(c); err != nil {
			return nil, err
		}
		p.Provider, p.Key, p.Secrets = "http://"+t.at.Addr().String(), FakeKey, []string{FakeSecret}
		c.Logger.Warn("payments go to a fake provider: no money moves", "at", p.Provider)
	}
	provider, err := intents.New(intents.Config{URL: p.Provider, Key: p.Key})
	if err != nil {
		return nil, errors.Join(err, t.close())
	}
	t.paying.Service = payment.NewService(s.Payments(), func() { t.worker.Wake() })
	t.worker = settle.New(settle.Config{Service: t.paying.Service, Provider: provider, Orders: settle.OfService(orders), Clock: c.Clock,
		Logger: c.Logger, Changed: feed.Changed})
	if len(p.Secrets) > 0 {
		w, err := intents.NewWebhook(p.Secrets)
		if err != nil {
			return nil, errors.Join(err, t.close())
		}
		t.paying.Events = func(h http.Header, body []byte, now time.Time) (payment.Event, error) {
			return w.Read(h.Get(intents.SignatureHeader), body, now)
		}
	}
	return t, nil
}

func (t *till) startFake(c Config) (err error) {
	t.fake, err = fakepay.New(fakepay.Config{Key: FakeKey, Secret: FakeSecret, File: c.Payments.FakeFile, Logger: c.Logger})
	if err != nil {
		return fmt.Errorf("fake provider of payments: %w", err)
	}
	if t.at, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return errors.Join(fmt.Errorf("fake provider of payments: %w", err), t.fake.Close())
	}
	t.server = &http.Server{Handler: t.fake, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = t.server.Serve(t.at) }() // ends with close
	return nil
}

// run works until ctx ends. The fake provider tells the hub at its address, unless it listens with TLS: then the hub looks.
func (t *till) run(ctx context.Context, g *errgroup.Group, c Config, hub net.Addr) {
	if t.worker == nil {
		return
	}
	if t.fake != nil && c.TLSCert == "" {
		t.fake.SetWebhook("http://" + hub.String() + "/v1/payments/webhook")
	}
	g.Go(func() error { return t.worker.Run(ctx) })
}

func (t *till) close() error {
	if t.fake == nil {
		return nil
	}
	return errors.Join(t.server.Close(), t.fake.Close())
}
