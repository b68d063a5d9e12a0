package main

import (
	"fmt"

	"meguri/hub/admission"
	"meguri/hub/pki"
	"meguri/hub/store"
)

// CACmd is `hub ca`: what a broker other than the embedded one needs of the hub's certificate authority.
type CACmd struct {
	Broker CABrokerCmd `cmd:"" help:"Write a certificate and key for a broker."`
	CRL    CACRLCmd    `cmd:"" name:"crl" help:"Write the list of revoked certificates anew and print where it is."`
}

// CABrokerCmd is `hub ca broker`.
type CABrokerCmd struct {
	Name []string `help:"Host name or address by which devices and hub reach the broker." required:"" placeholder:"HOST"`
	Out  string   `help:"Directory for broker.pem, broker.key and ca.pem." required:"" type:"path" placeholder:"DIR"`
}

// Run writes the files.
func (c *CABrokerCmd) Run(g *Globals) error {
	authority, err := pki.Open(g.pkiDir())
	if err != nil {
		return err
	}
	issued, err := authority.Broker(c.Name)
	if err != nil {
		return err
	}
	return authority.Save(c.Out, "broker", issued)
}

// CACRLCmd is `hub ca crl`.
type CACRLCmd struct{}

// Run writes the list. A hub that runs does so by itself, and so do the commands that revoke.
func (c *CACRLCmd) Run(g *Globals) error {
	authority, err := pki.Open(g.pkiDir())
	if err != nil {
		return err
	}
	if err := withStore(g, func(s *store.Store) error { return admission.WriteCRL(g.Ctx, s, authority) }); err != nil {
		return err
	}
	_, err = fmt.Fprintln(g.Stdout, authority.CRLPath())
	return err
}
