package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"meguri/hub/app"
	"meguri/hub/payment/fakepay"
	"meguri/hub/payment/intents"
)

// PaymentFlags say how orders are paid. Secrets come from files or the environment, never from the command line, which others on
// the machine can read.
type PaymentFlags struct {
	Payments           string `help:"Who takes payments: https://HOST of a provider with Stripe's PaymentIntents, or fake for one inside the hub that moves no money." env:"MEGURI_PAYMENTS" placeholder:"URL|fake"`
	PaymentsKeyFile    string `help:"File with the provider's secret key; else the variable MEGURI_PAYMENTS_KEY." env:"MEGURI_PAYMENTS_KEY_FILE" type:"existingfile"`
	PaymentsSecretFile string `help:"File with the secrets that the provider's events are signed with, one a line; else the variable MEGURI_PAYMENTS_SECRET." env:"MEGURI_PAYMENTS_SECRET_FILE" type:"existingfile"`
}

func (f *PaymentFlags) check() error {
	if f.Payments == "" || f.Payments == app.PaymentsFake {
		return nil
	}
	return intents.CheckURL(f.Payments)
}

// payments reads the secrets.
func (f *PaymentFlags) payments(dataDir string) (p app.Payments, err error) {
	p.Provider = f.Payments
	if p.Provider == "" || p.Provider == app.PaymentsFake {
		p.FakeFile = filepath.Join(dataDir, "fake-payments.jsonl")
		return p, nil
	}
	if p.Key, err = secret(f.PaymentsKeyFile, "MEGURI_PAYMENTS_KEY"); err != nil {
		return p, err
	}
	if p.Key == "" {
		return p, errors.New("--payments: the provider's secret key is missing: --payments-key-file, or the variable MEGURI_PAYMENTS_KEY")
	}
	secrets, err := secret(f.PaymentsSecretFile, "MEGURI_PAYMENTS_SECRET")
	if secrets != "" {
		p.Secrets = strings.Split(secrets, "\n")
	}
	return p, err
}

// secret reads a secret from a file, or from the environment when none is named.
func secret(file, variable string) (string, error) {
	if file == "" {
		return strings.TrimSpace(os.Getenv(variable)), nil
	}
	text, err := os.ReadFile(file)
	return strings.TrimSpace(string(text)), err
}

// PayCmd is for trying out payments: `hub pay fake`.
type PayCmd struct {
	Fake PayFakeCmd `cmd:"" help:"Serve a payment provider that moves no money, on this machine."`
}

// PayFakeCmd is `hub pay fake`.
type PayFakeCmd struct {
	Listen  string        `help:"Where it listens, on loopback." default:"127.0.0.1:12111"`
	Webhook string        `help:"Where it sends its events." default:"http://127.0.0.1:8080/v1/payments/webhook"`
	File    string        `help:"File that it remembers payments in; without it they are gone when it ends." type:"path"`
	Slow    time.Duration `help:"How long slow answers take." default:"3s"`
	Faults  int           `help:"So many of a thousand calls and events go wrong in some way." default:"0"`
	Seed    uint64        `help:"Which of them, and how." default:"1"`
}

// Help is shown by hub pay fake --help.
func (*PayFakeCmd) Help() string {
	return `Speaks the protocol of Stripe's PaymentIntents. A hub uses it with
  MEGURI_PAYMENTS_KEY=sk_fake MEGURI_PAYMENTS_SECRET=whsec_fake hub serve --payments http://127.0.0.1:12111

The token of the payment method says what happens: pm_fake_ok, pm_fake_declined, pm_fake_funds, pm_fake_slow, pm_fake_timeout (it is
done and nobody is told), pm_fake_late (it is done later), pm_fake_cut, pm_fake_error, pm_fake_busy, pm_fake_lost (the bank takes its word
back), pm_fake_norefund; and with words added _twice, _latehook, _nohook for its events. GET /ledger says what it knows.`
}

// Validate is asked by the command line. It has no TLS and a key that everybody knows.
func (c *PayFakeCmd) Validate() error {
	host, _, err := net.SplitHostPort(c.Listen)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("--listen %q: want HOST:PORT on loopback", c.Listen)
	}
	return nil
}

// Run serves until it is told to stop.
func (c *PayFakeCmd) Run(g *Globals) (err error) {
	fake, err := fakepay.New(fakepay.Config{Key: app.FakeKey, Secret: app.FakeSecret, WebhookURL: c.Webhook, Slow: c.Slow, File: c.File, Logger: g.Logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fake.Close()) }()
	fake.SetFaults(c.Faults, c.Seed)
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: fake, ReadHeaderTimeout: 5 * time.Second}
	stopped := context.AfterFunc(g.Ctx, func() { _ = server.Close() })
	defer stopped()
	g.Logger.Info("a fake provider of payments runs: no money moves", "at", "http://"+l.Addr().String(), "key", app.FakeKey, "secret", app.FakeSecret)
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
