package register

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meguri/hub/people"
)

// ImportRow is a customer in a file.
type ImportRow struct {
	Number  int // in the file, from 2 on
	ID      string
	Contact Contact
}

// ImportOutcome is what became of a row.
type ImportOutcome struct {
	Row     int
	ID      string // pseudonym
	What    string // entered, there, refused
	Problem string // of a refused one; it repeats nothing of the row
}

// importAtOnce is how many rows are entered in one transaction, so that others can write between.
const importAtOnce = 200

// Import enters the rows of a file. Who is there already, by pseudonym or else by phone number or e-mail address, is left as they are.
func (s *Service) Import(ctx context.Context, rows []ImportRow, file string, now time.Time) (all []ImportOutcome, err error) {
	if s.Vault == nil {
		return nil, people.ErrNoKey
	}
	for len(rows) > 0 {
		some := rows[:min(importAtOnce, len(rows))]
		rows = rows[len(some):]
		var outcomes []ImportOutcome
		err := s.Store.Change(ctx, func(tx Tx) (err error) {
			outcomes, err = s.importSome(ctx, tx, some, now)
			return err
		})
		if err != nil {
			return all, fmt.Errorf("%s from row %d: %w", file, some[0].Number, err)
		}
		all = append(all, outcomes...)
	}
	return all, s.Store.Change(ctx, func(tx Tx) error {
		return tx.RecordAct(ctx, people.NewAct(now, people.Console, "customer.import", "", fmt.Sprintf("%d rows", len(all))))
	})
}

func (s *Service) importSome(ctx context.Context, tx Tx, some []ImportRow, now time.Time) (all []ImportOutcome, err error) {
	for _, r := range some {
		o := ImportOutcome{Row: r.Number, ID: r.ID, What: "there"}
		if r.ID == "" {
			if o.ID, err = s.thereBy(ctx, tx, r.Contact.Normal()); err != nil {
				return nil, err
			}
		}
		if r.ID != "" || o.ID == "" {
			row, wrong := s.newRow(r.ID, Customer, r.Contact, now)
			if wrong != nil {
				o.What, o.Problem = "refused", wrong.Error()
			} else if err = tx.AddContact(ctx, row); err == nil {
				o.ID, o.What = row.ID, "entered"
			} else if !errors.Is(err, ErrThere) {
				return nil, err
			}
		}
		all = append(all, o)
	}
	return all, nil
}

// thereBy is the pseudonym of whoever has the phone number or the e-mail address already; empty for nobody.
func (s *Service) thereBy(ctx context.Context, tx Tx, c Contact) (string, error) {
	var marks []string
	if c.Phone != "" {
		marks = append(marks, s.Vault.Lookups("phone", c.Phone)...)
	}
	if c.Email != "" {
		marks = append(marks, s.Vault.Lookups("email", c.Email)...)
	}
	ids, err := tx.FindContacts(ctx, marks)
	if err != nil || len(ids) == 0 {
		return "", err
	}
	return ids[0], nil
}
