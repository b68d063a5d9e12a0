package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"meguri/hub/people"
	"meguri/hub/store"
)

// BusinessCmd looks after the businesses that share the hub: `hub business add|list|rename`.
type BusinessCmd struct {
	Add    BusinessAddCmd    `cmd:"" help:"Add a business beside the one that a hub begins with, which is called main."`
	List   BusinessListCmd   `cmd:"" help:"List businesses."`
	Rename BusinessRenameCmd `cmd:"" help:"Give a business another name."`
}

// inBusiness is the flag of commands that add to one of several businesses.
type inBusiness struct {
	Business string `help:"Which of several businesses it is for (default: the first, main); hub business list tells." placeholder:"ID"`
}

// ctx is that of the business, if one is named.
func (b inBusiness) ctx(g *Globals) context.Context {
	if b.Business == "" {
		return g.Ctx
	}
	return people.InBusiness(g.Ctx, b.Business)
}

// own is ctx for what belongs to one business: of several it is the first where none is named, so that a file cannot change what another has.
func (b inBusiness) own(g *Globals, s *store.Store) (context.Context, error) {
	all, err := people.New(s.People()).Businesses(g.Ctx)
	if err != nil {
		return nil, err
	}
	if len(all) == 1 && b.Business == "" {
		return g.Ctx, nil
	}
	name := cmp.Or(b.Business, people.MainBusiness)
	for _, one := range all {
		if one.ID == name {
			return people.InBusiness(g.Ctx, name), nil
		}
	}
	return nil, fmt.Errorf("--business %s: %w", name, people.ErrNoBusiness)
}

// BusinessAddCmd is `hub business add`.
type BusinessAddCmd struct {
	ID   string `arg:"" help:"Its id: a-z, 0-9 and -."`
	Name string `help:"What people call it." required:"" placeholder:"NAME"`
}

// Run adds it.
func (c *BusinessAddCmd) Run(g *Globals) error {
	return withPeople(g, func(svc *people.Service, now time.Time) error {
		return svc.AddBusiness(g.Ctx, people.Console, people.Business{ID: c.ID, Name: c.Name}, now)
	})
}

// BusinessRenameCmd is `hub business rename`.
type BusinessRenameCmd struct {
	ID   string `arg:"" help:"Its id, from hub business list."`
	Name string `arg:"" help:"What people call it from now on."`
}

// Run renames it.
func (c *BusinessRenameCmd) Run(g *Globals) error {
	return withPeople(g, func(svc *people.Service, now time.Time) error {
		return svc.RenameBusiness(g.Ctx, people.Console, c.ID, c.Name, now)
	})
}

// BusinessListCmd is `hub business list`.
type BusinessListCmd struct{}

// Run lists them as a table.
func (c *BusinessListCmd) Run(g *Globals) error {
	return withPeople(g, func(svc *people.Service, _ time.Time) error {
		all, err := svc.Businesses(g.Ctx)
		if err != nil {
			return err
		}
		rows := [][]string{{"ID", "NAME", "SINCE"}}
		for _, b := range all {
			since := "-"
			if b.Since.Unix() > 0 {
				since = b.Since.Format(time.RFC3339)
			}
			rows = append(rows, []string{b.ID, b.Name, since})
		}
		return writeColumns(g.Stdout, rows)
	})
}

// PersonLeaveCmd is `hub person leave`.
type PersonLeaveCmd struct {
	ID       string `arg:"" help:"The person's id, from hub person list."`
	Business string `help:"The business in which they have no role from now on." required:"" placeholder:"ID"`
}

// Run takes the role away.
func (c *PersonLeaveCmd) Run(g *Globals) error {
	return withPeople(g, func(svc *people.Service, now time.Time) error {
		return svc.DropPost(g.Ctx, people.Console, c.ID, c.Business, now)
	})
}

// listPosts lists persons with a row for each business in which they have a role.
func listPosts(g *Globals, svc *people.Service, all []people.Person) error {
	rows := [][]string{{"ID", "NAME", "BUSINESS", "ROLE", "PLACE", "ADDED", "BY", "REMOVED"}}
	for _, p := range all {
		added := p.Added.Format(time.RFC3339)
		if !p.Active() {
			rows = append(rows, []string{p.ID, p.Name, p.Business, string(p.Role), p.Place, added, p.AddedBy, p.Removed.Format(time.RFC3339)})
			continue
		}
		posts, err := svc.Posts(g.Ctx, p.ID)
		if err != nil {
			return err
		}
		for _, at := range posts {
			rows = append(rows, []string{p.ID, p.Name, at.Business.ID, string(at.Role), at.Place, added, p.AddedBy, ""})
		}
	}
	return writeColumns(g.Stdout, rows)
}
