package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
	_ "time/tzdata" // a bare machine has no time zones

	"meguri/hub/app"
)

// ServeCmd runs the hub.
type ServeCmd struct {
	HTTP           string `help:"Where the API and the pages listen." default:"127.0.0.1:8080" env:"MEGURI_HTTP" name:"http"`
	TLSCert        string `help:"Certificate file, to serve HTTPS." env:"MEGURI_TLS_CERT" type:"existingfile"`
	TLSKey         string `help:"Key file of the certificate." env:"MEGURI_TLS_KEY" type:"existingfile"`
	Broker         string `help:"Where the embedded MQTT broker listens." default:"127.0.0.1:1883" env:"MEGURI_BROKER"`
	BrokerURL      string `help:"Use this MQTT broker instead of the embedded one: tcp://HOST:PORT or ssl://HOST:PORT." env:"MEGURI_BROKER_URL"`
	BrokerUser     string `help:"The hub's user at that broker." default:"_hub" env:"MEGURI_BROKER_USER"`
	TimeZone       string `help:"Time zone of the times that pages show." default:"Asia/Tokyo" env:"MEGURI_TIME_ZONE"`
	BrokerPassword string `help:"File with the hub's password at that broker." env:"MEGURI_BROKER_PASSWORD_FILE" type:"existingfile" name:"broker-password-file"`
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
	if c.BrokerURL != "" && c.BrokerPassword == "" {
		return errors.New("--broker-url needs --broker-password-file")
	}
	return nil
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
	password := ""
	if c.BrokerPassword != "" {
		b, err := os.ReadFile(c.BrokerPassword)
		if err != nil {
			return err
		}
		password = strings.TrimSpace(string(b))
	}
	return app.Run(g.Ctx, app.Config{
		Database: g.Database, HTTP: c.HTTP, TLSCert: c.TLSCert, TLSKey: c.TLSKey,
		Broker: c.Broker, BrokerURL: c.BrokerURL, BrokerUser: c.BrokerUser, BrokerPassword: password,
		Clock: g.Clock, Zone: zone, Logger: g.Logger,
	})
}
