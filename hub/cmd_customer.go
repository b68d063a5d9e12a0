package main

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"meguri/hub/password"
	"meguri/hub/people"
	"meguri/hub/register"
	"meguri/hub/register/erased"
	"meguri/hub/store"
)

// CustomerCmd looks after customers in the register: `hub customer add|import|show|find|change`.
type CustomerCmd struct {
	Add    CustomerAddCmd    `cmd:"" help:"Enter a customer and print the pseudonym."`
	Import CustomerImportCmd `cmd:"" help:"Enter customers from a CSV file; each row has its own outcome, and running it again changes nothing."`
	Show   CustomerShowCmd   `cmd:"" help:"Print who stands behind a pseudonym; that you looked is kept, with the reason."`
	Find   CustomerFindCmd   `cmd:"" help:"Print the pseudonyms of a phone number or an e-mail address."`
	Change CustomerChangeCmd `cmd:"" help:"Change a customer's contact, or enter or change that of somebody who works here."`
}

// register makes the service of the register on an open database.
func (g *Globals) register(s *store.Store) (*register.Service, error) {
	vault, err := g.names(s)
	return &register.Service{Store: s.Register(), Vault: vault, LostKey: g.LostKey,
		Note: func(e register.Erasure) error { return erased.Note(g.pkiDir(), e) }}, err
}

// names has the store read and write names of those who work here and of visitors, by the hub's key of people's secrets. Where they stand
// in plain it makes no key: the hub may have another one.
func (g *Globals) names(s *store.Store) (*people.Vault, error) {
	given, err := g.peopleKey()
	if err != nil {
		return nil, err
	}
	var sealed, plain bool
	err = s.Read(g.Ctx, func(tx *store.Tx) (err error) {
		if sealed, err = tx.HasSealed(g.Ctx); err == nil {
			plain, err = tx.HasPlain(g.Ctx)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if own, err := g.ownKey(); plain && own == nil {
		return nil, cmp.Or(err, fmt.Errorf("names stand in plain yet, and there is no key here to seal them with: start the hub once with its key, or bring %s, or say by --people-key-file or MEGURI_PEOPLE_KEY where the key is",
			filepath.Join(g.pkiDir(), password.KeyFile)))
	}
	vault, err := password.Vault(given, g.pkiDir(), sealed)
	if err != nil {
		return nil, err
	}
	if err = s.SealNames(g.Ctx, vault); g.LostKey && errors.Is(err, people.ErrOtherKey) {
		err = nil
	}
	return vault, err
}

// ownKey is the vault of the keys that are here; nil where there are none. It makes none.
func (g *Globals) ownKey() (*people.Vault, error) {
	given, err := g.peopleKey()
	if err != nil || given == "" && !isThere(filepath.Join(g.pkiDir(), password.KeyFile)) {
		return nil, err
	}
	return password.Vault(given, g.pkiDir(), true)
}

// peopleKey is the key that was given; empty where it is people.key beside the others.
func (g *Globals) peopleKey() (string, error) { return secret(g.PeopleKeyFile, "MEGURI_PEOPLE_KEY") }

// withNames is withStore for what deals with names.
func withNames(g *Globals, fn func(*store.Store) error) error {
	return withStore(g, func(s *store.Store) error {
		if _, err := g.names(s); err != nil {
			return err
		}
		return fn(s)
	})
}

// withRegister runs fn with the register; the machine's clock is the one for it.
func withRegister(g *Globals, fn func(*register.Service, time.Time) error) error {
	return withStore(g, func(s *store.Store) error {
		svc, err := g.register(s)
		if err != nil {
			return err
		}
		return fn(svc, time.Now())
	})
}

// why is the reason for looking at somebody's data.
type why struct {
	Reason string `help:"Why you look; it is kept with who and when." required:"" placeholder:"TEXT"`
}

func (w why) act(now time.Time) register.Act {
	return register.Act{By: people.Console, Reason: w.Reason, At: now, Staff: true}
}

// contactFlags are the fields of a contact.
type contactFlags struct {
	Name     *string `help:"Name."`
	Phone    *string `help:"Phone number."`
	Email    *string `help:"E-mail address."`
	Postcode *string `help:"Postcode."`
	Address  *string `help:"Address."`
	Language *string `help:"ja or en."`
}

// put changes the fields that were given.
func (f contactFlags) put(c *register.Contact) {
	for _, p := range []struct {
		to    *string
		given *string
	}{{&c.Name, f.Name}, {&c.Phone, f.Phone}, {&c.Email, f.Email}, {&c.Postcode, f.Postcode}, {&c.Address, f.Address}, {&c.Language, f.Language}} {
		if p.given != nil {
			*p.to = *p.given
		}
	}
}

// CustomerAddCmd is `hub customer add`.
type CustomerAddCmd struct {
	contactFlags
	ID string `help:"Pseudonym that orders carry already; one is drawn without it." placeholder:"PSEUDONYM"`
}

// Run enters the customer.
func (c *CustomerAddCmd) Run(g *Globals) error {
	return withRegister(g, func(svc *register.Service, now time.Time) error {
		var contact register.Contact
		c.put(&contact)
		id, err := svc.Add(g.Ctx, c.ID, contact, people.Console, now)
		if err == nil {
			_, err = fmt.Fprintln(g.Stdout, id)
		}
		return err
	})
}

// CustomerShowCmd is `hub customer show`.
type CustomerShowCmd struct {
	why
	ID string `arg:"" help:"Pseudonym, or the person id of somebody who works here."`
}

// Run prints the contact.
func (c *CustomerShowCmd) Run(g *Globals) error {
	return withRegister(g, func(svc *register.Service, now time.Time) error {
		contact, err := svc.Show(g.Ctx, c.ID, c.act(now))
		if err != nil {
			return fmt.Errorf("%s: %w", c.ID, err)
		}
		return printJSON(g.Stdout, contact)
	})
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// CustomerFindCmd is `hub customer find`.
type CustomerFindCmd struct {
	why
	Phone string `help:"Phone number, whole." xor:"by" required:""`
	Email string `help:"E-mail address, whole." xor:"by" required:""`
}

// Run prints pseudonyms.
func (c *CustomerFindCmd) Run(g *Globals) error {
	return withRegister(g, func(svc *register.Service, now time.Time) error {
		ids, err := svc.Find(g.Ctx, c.Phone, c.Email, c.act(now))
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return register.ErrUnknown
		}
		_, err = fmt.Fprintln(g.Stdout, strings.Join(ids, "\n"))
		return err
	})
}

// CustomerChangeCmd is `hub customer change`.
type CustomerChangeCmd struct {
	why
	contactFlags
	ID string `arg:"" help:"Pseudonym, or the person id of somebody who works here."`
}

// Run changes the contact.
func (c *CustomerChangeCmd) Run(g *Globals) error {
	return withRegister(g, func(svc *register.Service, now time.Time) error {
		if err := svc.Change(g.Ctx, c.ID, c.put, c.act(now)); err != nil {
			return fmt.Errorf("%s: %w", c.ID, err)
		}
		return nil
	})
}

// CustomerImportCmd is `hub customer import`.
type CustomerImportCmd struct {
	File    string `arg:"" help:"CSV with the columns name, and any of customer_id, phone, email, postcode, address, language." type:"existingfile"`
	Outcome string `help:"New file for the outcome of each row; it holds no names." type:"path"`
}

// importColumns are what a file may have.
var importColumns = []string{"customer_id", "name", "phone", "email", "postcode", "address", "language"}

// Run enters the rows. What is wrong with one does not keep the others out.
func (c *CustomerImportCmd) Run(g *Globals) error {
	people, err := readCustomers(c.File)
	if err != nil {
		return err
	}
	return withRegister(g, func(svc *register.Service, now time.Time) error {
		outcomes, err := svc.Import(g.Ctx, people, c.File, now)
		counts := map[string]int{}
		for _, o := range outcomes {
			counts[o.What]++
		}
		if c.Outcome != "" {
			err = errors.Join(err, writeOutcomes(c.Outcome, outcomes))
		}
		fmt.Fprintf(g.Stdout, "%d entered, %d there already, %d refused\n", counts["entered"], counts["there"], counts["refused"])
		for _, o := range outcomes {
			if err == nil && o.What == "refused" {
				err = fmt.Errorf("row %d: %s; %d in all, see --outcome", o.Row, o.Problem, counts["refused"])
			}
		}
		return err
	})
}

func readCustomers(file string) (rows []register.ImportRow, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r := csv.NewReader(f)
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for i, column := range head {
		head[i] = strings.TrimPrefix(column, "\ufeff")
		if !slices.Contains(importColumns, head[i]) {
			return nil, fmt.Errorf("%s: column %q: want %s", file, column, strings.Join(importColumns, ", "))
		}
	}
	for number := 2; ; number++ {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		v := map[string]string{}
		for i, column := range head {
			v[column] = cells[i]
		}
		rows = append(rows, register.ImportRow{Number: number, ID: strings.TrimSpace(v["customer_id"]), Contact: register.Contact{Name: v["name"], Phone: v["phone"],
			Email: v["email"], Postcode: v["postcode"], Address: v["address"], Language: v["language"]}})
	}
}

func writeOutcomes(file string, all []register.ImportOutcome) (err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := csv.NewWriter(f)
	_ = w.Write([]string{"row", "customer_id", "outcome", "problem"})
	for _, o := range all {
		_ = w.Write([]string{strconv.Itoa(o.Row), o.ID, o.What, o.Problem}) // the error is told by w.Error
	}
	w.Flush()
	return w.Error()
}

// table makes what prints columns.
func table(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }
