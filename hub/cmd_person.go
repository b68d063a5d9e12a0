package main

import (
	"fmt"
	"net/url"
	"text/tabwriter"
	"time"

	"meguri/hub/people"
)

// PersonCmd looks after persons: `hub person add|list|link|remove`.
type PersonCmd struct {
	Add    PersonAddCmd    `cmd:"" help:"Add a person and print their one-time login link."`
	List   PersonListCmd   `cmd:"" help:"List persons."`
	Link   PersonLinkCmd   `cmd:"" help:"Print a new one-time login link for a person."`
	Remove PersonRemoveCmd `cmd:"" help:"Take a person's access away at once."`
}

// AdminCmd is `hub admin link`.
type AdminCmd struct {
	Link AdminLinkCmd `cmd:"" help:"Print a one-time login link for the administrator, valid for an hour; add one if there is none."`
}

// address is where the hub answers, for links.
type address struct {
	URL string `help:"Where the hub answers." default:"http://127.0.0.1:8080" env:"MEGURI_URL" name:"url"`
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
	return fn(people.New(s.People()), time.Now())
}

// PersonAddCmd is `hub person add`.
type PersonAddCmd struct {
	address
	Name  string `help:"Their name." required:""`
	Role  string `help:"What they are here for (admin, dispatcher, quality, warehouse, driver, shop, kitting, support, customer, system)." required:"" placeholder:"ROLE"`
	Place string `help:"What is their own: a shop's id, a driver's route, a customer's pseudonym." placeholder:"ID"`
}

// Run adds the person.
func (c *PersonAddCmd) Run(g *Globals) error {
	return withPeople(g, func(svc *people.Service, now time.Time) error {
		_, code, err := svc.Add(g.Ctx, people.Console, people.Person{Name: c.Name, Role: people.Role(c.Role), Place: c.Place}, now)
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
	ID string `arg:"" help:"The person's id, from hub person list."`
}

// Run makes the link.
func (c *PersonLinkCmd) Run(g *Globals) error {
	return withPeople(g, func(svc *people.Service, now time.Time) error {
		code, err := svc.Link(g.Ctx, people.Console, c.ID, now)
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
