package main

import (
	"fmt"
	"path/filepath"

	"meguri/hub/pki"
)

// CACmd is `hub ca`: what a broker other than the embedded one needs of the hub's certificate authority.
type CACmd struct {
	New    CANewCmd    `cmd:"" help:"Make a new certificate authority where all copies of the old one are lost. Each device needs hub device renew then."`
	Broker CABrokerCmd `cmd:"" help:"Write a certificate and key for a broker."`
	CRL    CACRLCmd    `cmd:"" name:"crl" help:"Write the list of revoked certificates anew and print where it is."`
}

// CANewCmd is `hub ca new`.
type CANewCmd struct{}

// Run makes the authority. Where there is one it is left alone: devices trust it.
func (c *CANewCmd) Run(g *Globals) error {
	there, err := pki.Exists(g.pkiDir())
	if err != nil {
		return err
	}
	if there {
		return fmt.Errorf("%s has a certificate authority already", g.pkiDir())
	}
	if _, err := pki.Open(g.pkiDir()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(g.Stdout, "made %s: keep a copy. Devices that were added before need hub device renew\n", g.pkiDir())
	return err
}

// CABrokerCmd is `hub ca broker`.
type CABrokerCmd struct {
	Name []string `help:"Host name or address by which devices and hub reach the broker." required:"" placeholder:"HOST"`
	Out  string   `help:"Directory for broker.pem, broker.key and ca.pem." required:"" type:"path" placeholder:"DIR"`
}

// Validate is asked by the command line.
func (c *CABrokerCmd) Validate() error { return checkNames("--name", c.Name) }

// checkNames says what is wrong with the host names of a broker.
func checkNames(flag string, names []string) error {
	for _, name := range names {
		if err := pki.CheckHost(name); name != "" && err != nil { // an empty variable is none
			return fmt.Errorf("%s %w", flag, err)
		}
	}
	return nil
}

// Run writes the files.
func (c *CABrokerCmd) Run(g *Globals) error {
	authority, err := g.authority()
	if err != nil {
		return err
	}
	issued, err := authority.Broker(c.Name)
	if err != nil {
		return err
	}
	if err := authority.Save(c.Out, "broker", issued); err != nil {
		return err
	}
	return g.wrote(c.Out, "broker", issued)
}

// CACRLCmd is `hub ca crl`.
type CACRLCmd struct{}

// Run writes the list. A hub that runs does so by itself, and so do the commands that revoke.
func (c *CACRLCmd) Run(g *Globals) error {
	if err := g.writeCRL(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(g.Stdout, filepath.Join(g.pkiDir(), pki.CRLFile))
	return err
}
