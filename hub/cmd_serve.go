package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"time"
	_ "time/tzdata" // a bare machine has no time zones

	"meguri/hub/app"
)

// ServeCmd runs the hub.
type ServeCmd struct {
	HTTP       string         `help:"Where the API and the pages listen." default:"127.0.0.1:8080" env:"MEGURI_HTTP" name:"http"`
	TLSCert    string         `help:"Certificate file, to serve HTTPS." env:"MEGURI_TLS_CERT" type:"existingfile"`
	TLSKey     string         `help:"Key file of the certificate." env:"MEGURI_TLS_KEY" type:"existingfile"`
	Broker     string         `help:"Where the embedded MQTT broker listens, over TLS." default:"127.0.0.1:8883" env:"MEGURI_BROKER"`
	BrokerName []string       `help:"Host name or address by which devices reach the embedded broker; for its certificate." env:"MEGURI_BROKER_NAME" placeholder:"HOST"`
	BrokerURL  string         `help:"Use this MQTT broker instead of the embedded one: tls://HOST:PORT. See deploy/mosquitto." env:"MEGURI_BROKER_URL"`
	TrustProxy []netip.Prefix `help:"Addresses of proxies that are believed for whom, and whether over TLS, they forward, as CIDR." env:"MEGURI_TRUST_PROXY" placeholder:"CIDR"`
	ConnectionFlags
	EntryFlags
	PaymentFlags
	BackupFlags
	AlarmFlags
	ReturnFlags
	ProgramFlags
	TimeZone string `help:"Time zone of the times that pages show." default:"Asia/Tokyo" env:"MEGURI_TIME_ZONE"`
}

// Validate is asked by the command line.
func (c *ServeCmd) Validate() error {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key go together")
	}
	for flag, address := range map[string]string{"--http": c.HTTP, "--broker": c.Broker} {
		// Without this an empty one, from an empty variable for example, would listen at every address of the machine.
		if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
			return fmt.Errorf("%s %q: want HOST:PORT", flag, address)
		}
	}
	if u, err := url.Parse(c.BrokerURL); c.BrokerURL != "" && (err != nil || u.Scheme != "tls" || u.Hostname() == "" || u.Port() == "") {
		return fmt.Errorf("--broker-url %q: want tls://HOST:PORT", c.BrokerURL)
	}
	if err := checkNames("--broker-name", c.BrokerName); err != nil {
		return err
	}
	if c.BrokerURL != "" && len(c.BrokerName) > 0 {
		return errors.New("--broker-name is for the embedded broker; with --broker-url it is hub ca broker that takes the name")
	}
	return errors.Join(c.ConnectionFlags.check(), c.EntryFlags.check(), c.PaymentFlags.check(), c.BackupFlags.check())
}

// Run serves until it is told to stop.
func (c *ServeCmd) Run(g *Globals) error {
	if err := os.MkdirAll(g.DataDir, 0o700); err != nil {
		return err
	}
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return fmt.Errorf("--time-zone: %w", err)
	}
	payments, err := c.payments(g.DataDir)
	if err != nil {
		return err
	}
	peopleKey, err := g.peopleKey()
	if err != nil {
		return err
	}
	company, err := c.EntryFlags.company()
	if err != nil {
		return err
	}
	alarms, err := c.AlarmFlags.config()
	if err != nil {
		return err
	}
	returns, err := c.ReturnFlags.config()
	if err != nil {
		return err
	}
	programs, err := c.ProgramFlags.config()
	if err != nil {
		return err
	}
	return app.Run(g.Ctx, app.Config{
		Database: g.Database, HTTP: c.HTTP, TLSCert: c.TLSCert, TLSKey: c.TLSKey, Proxies: c.TrustProxy, MaxConnections: c.MaxConnections, MaxConnectionsPerAddress: c.MaxConnectionsPerAddress,
		PKI: g.pkiDir(), PeopleKey: peopleKey, LostKey: g.LostKey, PublicAddress: c.PublicAddress, Company: company, Broker: c.Broker, BrokerNames: c.BrokerName, BrokerURL: c.BrokerURL,
		Returns: returns, Alarms: alarms, Payments: payments, Programs: programs, Backups: c.schedule(), SafeAfterBackup: c.SafeAfterBackup,
		Clock: g.Clock, Zone: zone, Logger: g.Logger,
	})
}
