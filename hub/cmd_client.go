package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"meguri/hub/app"
	"meguri/hub/bearer"
	"meguri/hub/people"
	"meguri/hub/store"
)

// ClientCmd looks after programs that get tokens of the hub.
type ClientCmd struct {
	Add     ClientAddCmd     `cmd:"" help:"Register a program and print its secret, once."`
	List    ClientListCmd    `cmd:"" help:"List programs."`
	Rotate  ClientRotateCmd  `cmd:"" help:"Give a program another secret and print it, once."`
	Revoke  ClientRevokeCmd  `cmd:"" help:"Take a program's access away at once, with the tokens it has."`
	Scopes  ClientScopesCmd  `cmd:"" help:"List the scopes, with the routes that each opens."`
	Keys    ClientKeysCmd    `cmd:"" help:"List the keys that sign access tokens."`
	DropKey ClientDropKeyCmd `cmd:"" help:"Take no tokens of a key from now on, because somebody may have it."`
	Check   ClientCheckCmd   `cmd:"" help:"Say whether a file of trusted issuers can be read, and what it says."`
}

// ClientAddCmd is `hub client add`.
type ClientAddCmd struct {
	Name  string   `arg:"" help:"Its name, which is its client_id: a-z, 0-9 and -."`
	Scope []string `help:"What it may do; hub client scopes lists them." required:"" placeholder:"SCOPE"`
	Role  string   `help:"system, or shop for a shop's own program." default:"system"`
	Place string   `help:"The shop." placeholder:"ID"`
	Rate  int      `help:"Requests that it may send in a minute." default:"600" placeholder:"N"`
	inBusiness
}

// Run registers it.
func (c *ClientAddCmd) Run(g *Globals) error {
	return withPeople(g, func(svc *people.Service, now time.Time) error {
		secret, err := svc.AddClient(c.ctx(g), people.Console, people.Client{ID: c.Name, Role: people.Role(c.Role), Place: c.Place, Scopes: c.Scope,
			PerMinute: c.Rate}, now)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(g.Stdout, "client_id %s\nclient_secret %s\n", c.Name, secret)
		return err
	})
}

// ClientListCmd is `hub client list`.
type ClientListCmd struct{}

// Run lists clients as a table.
func (c *ClientListCmd) Run(g *Globals) error {
	return withPeople(g, func(svc *people.Service, _ time.Time) error {
		all, err := svc.Clients(g.Ctx)
		if err != nil {
			return err
		}
		rows := [][]string{{"NAME", "ROLE", "PLACE", "PER MINUTE", "ADDED", "REVOKED", "SCOPES"}}
		for _, one := range all {
			revoked := ""
			if !one.Revoked.IsZero() {
				revoked = one.Revoked.Format(time.RFC3339)
			}
			rows = append(rows, []string{one.ID, string(one.Role), one.Place, fmt.Sprint(one.PerMinute), one.Added.Format(time.RFC3339), revoked,
				strings.Join(one.Scopes, " ")})
		}
		return writeColumns(g.Stdout, rows)
	})
}

// ClientRotateCmd is `hub client rotate`.
type ClientRotateCmd struct {
	Name string        `arg:"" help:"Its name."`
	Keep time.Duration `help:"How long the secret that it has is good; 0s for one that somebody may have." default:"24h"`
}

// Validate is asked by the command line.
func (c *ClientRotateCmd) Validate() error {
	if longest := 30 * 24 * time.Hour; c.Keep < 0 || c.Keep > longest {
		return fmt.Errorf("--keep %s: want 0s to %s", c.Keep, longest)
	}
	return nil
}

// Run makes the secret.
func (c *ClientRotateCmd) Run(g *Globals) error {
	return withPeople(g, func(svc *people.Service, now time.Time) error {
		secret, err := svc.RotateClient(g.Ctx, people.Console, c.Name, c.Keep, now)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(g.Stdout, "client_id %s\nclient_secret %s\n", c.Name, secret)
		return err
	})
}

// ClientRevokeCmd is `hub client revoke`.
type ClientRevokeCmd struct {
	Name string `arg:"" help:"Its name."`
}

// Run revokes it.
func (c *ClientRevokeCmd) Run(g *Globals) error {
	return withPeople(g, func(svc *people.Service, now time.Time) error {
		return svc.RevokeClient(g.Ctx, people.Console, c.Name, now)
	})
}

// ClientScopesCmd is `hub client scopes`.
type ClientScopesCmd struct{}

// Run lists scopes, which needs no database.
func (c *ClientScopesCmd) Run(g *Globals) error {
	rows := [][]string{{"SCOPE", "ROUTE", "ROLES"}}
	for _, s := range people.Scopes() {
		for _, r := range people.Rights() {
			if r.Scope != s {
				continue
			}
			var roles []string
			for _, role := range r.Roles {
				if role == people.System || role == people.Shop || role == people.Customer {
					roles = append(roles, string(role))
				}
			}
			rows = append(rows, []string{s, r.Route, strings.Join(roles, " ")})
		}
	}
	return writeColumns(g.Stdout, rows)
}

// ClientKeysCmd is `hub client keys`.
type ClientKeysCmd struct{}

// Run lists the keys.
func (c *ClientKeysCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		return s.Read(g.Ctx, func(tx *store.Tx) error {
			all, err := tx.SigningKeys(g.Ctx, time.Now())
			w := tabwriter.NewWriter(g.Stdout, 0, 8, 2, ' ', 0)
			fmt.Fprintln(w, "KEY\tSIGNS FROM\tTAKEN UNTIL")
			for _, k := range all {
				ends := "-"
				if !k.Ends.IsZero() {
					ends = k.Ends.Format(time.RFC3339)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\n", k.ID, k.SignsFrom.Format(time.RFC3339), ends)
			}
			return errors.Join(err, w.Flush())
		})
	})
}

// ClientDropKeyCmd is `hub client drop-key`.
type ClientDropKeyCmd struct {
	ID string `arg:"" help:"The key's id, from hub client keys."`
}

// Run drops it. The hub makes another when a client asks for a token next.
func (c *ClientDropKeyCmd) Run(g *Globals) error {
	return withStore(g, func(s *store.Store) error {
		return s.Change(g.Ctx, func(tx *store.Tx) error {
			now := time.Now()
			was, err := tx.EndSigningKey(g.Ctx, c.ID, now)
			if err == nil && !was {
				err = fmt.Errorf("no key %q: hub client keys lists them", c.ID)
			}
			if err != nil {
				return err
			}
			return tx.RecordAct(g.Ctx, people.NewAct(now, people.Console, "client.dropkey", c.ID, ""))
		})
	})
}

// ClientCheckCmd is `hub client check`.
type ClientCheckCmd struct {
	File string `arg:"" help:"The file of issuers, as for hub serve --issuers." type:"path"`
}

// Run reads the file.
func (c *ClientCheckCmd) Run(g *Globals) error {
	all, err := bearer.ReadIssuers(c.File)
	if err != nil {
		return err
	}
	for _, i := range all {
		fmt.Fprintf(g.Stdout, "%s: %s for %s may %s, %d requests a minute each; its keys are kept for %s%s\n", i.Name, i.URL, i.Role,
			strings.Join(i.Scopes, " "), i.PerMinute, i.Keep, ofBusinesses(i.Businesses))
	}
	return nil
}

// ofBusinesses tells of businesses where an issuer's tokens are not simply for the first.
func ofBusinesses(all []string) string {
	if len(all) == 1 && all[0] == people.MainBusiness {
		return ""
	}
	return "; for the businesses " + strings.Join(all, ", ")
}

// ProgramFlags say whose tokens the hub takes. They hold no secret.
type ProgramFlags struct {
	PublicURL string `help:"Where programs reach the hub, which names it in their tokens: https://HOST (default: the address of --http)." env:"MEGURI_URL" name:"public-url" placeholder:"URL"`
	Issuers   string `help:"File of other issuers whose tokens are taken; see the README." env:"MEGURI_ISSUERS" type:"path" placeholder:"FILE"`
}

// config reads the file and says what is wrong.
func (f *ProgramFlags) config() (p app.Programs, err error) {
	if f.PublicURL != "" {
		u, err := url.Parse(f.PublicURL)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return p, fmt.Errorf("--public-url %q: want https://HOST", f.PublicURL)
		}
	}
	p.URL = strings.TrimSuffix(f.PublicURL, "/")
	if f.Issuers != "" {
		if p.Issuers, err = bearer.ReadIssuers(f.Issuers); err != nil {
			return p, fmt.Errorf("--issuers: %w", err)
		}
	}
	return p, nil
}
