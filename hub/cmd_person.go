package main

import (
	"errors"
	"fmt"
	"net/url"
	"text/tabwriter"
	"time"

	"meguri/hub/people"
	"meguri/hub/store"
)

// PersonCmd looks after persons: `hub person add|list|link|name|remove`, and after their data.
type PersonCmd struct {
	Add    PersonAddCmd    `cmd:"" help:"Add a person and print their one-time login link."`
	List   PersonListCmd   `cmd:"" help:"List persons."`
	Link   PersonLinkCmd   `cmd:"" help:"Print a new one-time login link for a person."`
	Name   PersonNameCmd   `cmd:"" help:"Give a person another name, or enter it again after the key that it was sealed with was lost."`
	Role   PersonRoleCmd   `cmd:"" help:"Change what a person is here for; their sessions end."`
	Leave  PersonLeaveCmd  `cmd:"" help:"Take the role that a person has in one of several businesses away."`
	Reset  PersonResetCmd  `cmd:"" help:"Take a person's password, authenticator and passkeys away, end their sessions, and print a one-time login link."`
	Acts   PersonActsCmd   `cmd:"" help:"List who did what to something, and how they signed it."`
	Remove PersonRemoveCmd `cmd:"" help:"Take a person's access away at once."`
	dataCmds
}

// AdminCmd is `hub admin link`.
type AdminCmd struct {
	Link AdminLinkCmd `cmd:"" help:"Print a one-time login link for the administrator, valid for an hour; add one if there is none."`
}

// address is where the hub answers, for links.
type address struct {
	URL string `help:"Where the hub answers." default:"http://127.0.0.1:8080" env:"MEGURI_URL" name:"url"`
}

// wholeLink says for what a link counts.
type wholeLink struct {
	Whole bool `help:"The link counts for both factors, and is valid for an hour."`
}

// link makes the person's link.
func (w wholeLink) link(g *Globals, svc *people.Service, id string, now time.Time) (code string, err error) {
	if w.Whole {
		return svc.LinkWhole(g.Ctx, id, now)
	}
	return svc.Link(g.Ctx, people.Console, id, now)
}

// print writes the link on a line of its own, so that a program can take it.
func (a address) print(g *Globals, code string) error {
	base, err := url.Parse(a.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return fmt.Errorf("--url %q: want http://HOST or https://HOST", a.URL)
	}
	link := base.JoinPath("login")
	link.RawQuery = url.Values{"code": {code}}.Encode()
	_, err = fmt.Fprintln(g.Stdout, link)
	return err
}

// withPeople runs fn on the database; the machine's clock is the one for links.
func withPeople(g *Globals, fn func(*people.Service, time.Time) error) (err error) {
	s, err := g.MakeStore() // there are persons before there is anything else
	if err != nil {
		return err
	}
	defer func() {
		if closing := s.Close(); err == nil {
			err = closing
		}
	}()
	if _, err := g.names(s); err != nil {
		return err
	}
	return fn(people.New(s.People()), time.Now())
}

// PersonAddCmd is `hub person add`.
type PersonAddCmd struct {
	address
	wholeLink
	Name  string `help:"Their name." required:""`
	Role  string `help:"What they are here for (admin, dispatcher, quality, warehouse, driver, shop, kitting, support, customer, system)." required:"" placeholder:"ROLE"`
	Place string `help:"What is their own: a shop's id, a driver's route, a customer's pseudonym, a warehouse lead's warehouse (all, if none is given)." placeholder:"ID"`
	inBusiness
}

// Run adds the person.
func (c *PersonAddCmd) Run(g *Globals) error {
	return withPeople(g, func(svc *people.Service, now time.Time) error {
		p := people.Person{Name: c.Name, Role: people.Role(c.Role), Place: c.Place}
		var code string
		var err error
		if c.Whole {
			_, code, err = svc.AddWhole(c.ctx(g), p, now)
		} else {
			_, code, err = svc.Add(c.ctx(g), people.Console, p, now)
		}
		if err != nil {
			return err
		}
		return c.print(g, code)
	})
}

// PersonListCmd is `hub person list`.
type PersonListCmd struct{}

// Run lists persons as a table.
func (c *PersonListCmd) Run(g *Globals) error {
	return withPeople(g, func(svc *people.Service, _ time.Time) error {
		all, err := svc.List(g.Ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(g.Stdout, 0, 8, 2, ' ', 0)
		several, err := svc.Several(g.Ctx, time.Now())
		if err != nil {
			return err
		}
		if several {
			return listPosts(g, svc, all)
		}
		fmt.Fprintln(w, "ID\tNAME\tROLE\tPLACE\tADDED\tBY\tREMOVED")
		for _, p := range all {
			removed := ""
			if !p.Active() {
				removed = p.Removed.Format(time.RFC3339)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.ID, p.Name, p.Role, p.Place, p.Added.Format(time.RFC3339), p.AddedBy, removed)
		}
		return w.Flush()
	})
}

// PersonLinkCmd is `hub person link`.
type PersonLinkCmd struct {
	address
	wholeLink
	ID string `arg:"" help:"The person's id, from hub person list."`
}

// Run makes the link.
func (c *PersonLinkCmd) Run(g *Globals) error {
	return withPeople(g, func(svc *people.Service, now time.Time) error {
		code, err := c.link(g, svc, c.ID, now)
		if err != nil {
			return err
		}
		return c.print(g, code)
	})
}

// PersonRemoveCmd is `hub person remove`.
type PersonRemoveCmd struct {
	ID string `arg:"" help:"The person's id, from hub person list."`
}

// Run removes the person.
func (c *PersonRemoveCmd) Run(g *Globals) error {
	return withPeople(g, func(svc *people.Service, now time.Time) error {
		return svc.Remove(g.Ctx, people.Console, c.ID, now)
	})
}

// PersonNameCmd is `hub person name`.
type PersonNameCmd struct {
	ID   string `arg:"" help:"The person's id, from hub person list."`
	Name string `arg:"" help:"Their name from now on."`
}

// Run gives the name.
func (c *PersonNameCmd) Run(g *Globals) error {
	return withPeople(g, func(svc *people.Service, now time.Time) error {
		return svc.Rename(g.Ctx, people.Console, c.ID, c.Name, now)
	})
}

// PersonRoleCmd is `hub person role`.
type PersonRoleCmd struct {
	ID    string `arg:"" help:"The person's id, from hub person list."`
	Role  string `arg:"" help:"What they are here for from now on."`
	Place string `help:"What is their own: a shop's id, a driver's route, a customer's pseudonym, a warehouse lead's warehouse (all, if none is given)." placeholder:"ID"`
	inBusiness
}

// Run changes the role.
func (c *PersonRoleCmd) Run(g *Globals) error {
	return withPeople(g, func(svc *people.Service, now time.Time) error {
		if c.Business != "" {
			return svc.GivePost(g.Ctx, people.Console, c.ID, c.Business, people.Role(c.Role), c.Place, now)
		}
		return svc.SetRole(g.Ctx, people.Console, c.ID, people.Role(c.Role), c.Place, now)
	})
}

// PersonResetCmd is `hub person reset`.
type PersonResetCmd struct {
	address
	wholeLink
	ID string `arg:"" help:"The person's id, from hub person list."`
}

// Run takes away what lets the person in, and prints the link by which they come back.
func (c *PersonResetCmd) Run(g *Globals) error {
	return withPeople(g, func(svc *people.Service, now time.Time) error {
		if err := svc.Reset(g.Ctx, people.Console, c.ID, now); err != nil {
			return err
		}
		code, err := c.link(g, svc, c.ID, now)
		if err != nil {
			return err
		}
		return c.print(g, code)
	})
}

// PersonActsCmd is `hub person acts`.
type PersonActsCmd struct {
	Subject string `arg:"" help:"The id of what it was done to: a fridge, an order, a device, a person."`
	Most    int    `help:"How many, the newest first." default:"100"`
}

// Run lists acts as a table.
func (c *PersonActsCmd) Run(g *Globals) (err error) {
	s, err := g.OpenStore()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var acts []people.Act
	err = s.Read(g.Ctx, func(tx *store.Tx) error {
		acts, err = tx.Acts(g.Ctx, c.Subject, max(1, c.Most))
		return err
	})
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(g.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "AT\tPERSON\tACT\tSIGNED\tDETAIL")
	for _, a := range acts {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", a.At.Format(time.RFC3339), a.Person, a.Act, a.Signed, a.Detail)
	}
	return w.Flush()
}

// AdminLinkCmd is `hub admin link`.
type AdminLinkCmd struct{ address }

// Run makes the link.
func (c *AdminLinkCmd) Run(g *Globals) error {
	return withPeople(g, func(svc *people.Service, now time.Time) error {
		_, code, err := svc.AdminLink(g.Ctx, now)
		if err != nil {
			return err
		}
		return c.print(g, code)
	})
}
