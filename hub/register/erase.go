package register

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"meguri/hub/people"
)

// Section is one kind of what is held about a person: rows with named values.
type Section struct {
	Name string
	Rows []map[string]any
}

// Holdings is all that is held about a person.
type Holdings struct {
	ID       string    `json:"id"`
	Made     time.Time `json:"made_at"`
	Contact  *Contact  `json:"contact"` // nil where the register has none
	Sections []Section `json:"-"`
}

// Export gives all that is held about a customer, by pseudonym, or somebody who works here, by person id. It is kept as looked at.
func (s *Service) Export(ctx context.Context, id string, act Act) (h Holdings, err error) {
	if act.Reason, err = checkReason(act.Reason); err != nil {
		return h, err
	}
	if s.Vault == nil {
		return h, people.ErrNoKey
	}
	err = s.Store.Change(ctx, func(tx Tx) error {
		if err := reaches(ctx, tx, id, act); err != nil {
			return err
		}
		h = Holdings{ID: id, Made: act.At.UTC()}
		row, err := tx.Contact(ctx, id)
		if err == nil {
			var c Contact
			if c, err = row.Open(s.Vault); errors.Is(err, people.ErrSealed) { // all else is known
				c, err = Contact{Name: people.Sealed}, nil
			}
			if err == nil {
				h.Contact = &c
			}
		}
		if err != nil && !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrErased) {
			return err
		}
		unknown := errors.Is(err, ErrUnknown)
		if h.Sections, err = tx.Holdings(ctx, id); err != nil {
			return err
		}
		if unknown && len(h.Sections) == 0 {
			return ErrUnknown
		}
		return tx.AddLooks(ctx, act.look(id, "export"))
	})
	return h, err
}

// Erase makes a person nobody, by somebody's order. What they did stays with the pseudonym, so that orders, goods and money add up.
// While something open needs them it is an *OpenError, and nothing has happened; nor where it is people.ErrSealed, since a name that may be
// theirs does not open with this hub's key, and would stay.
func (s *Service) Erase(ctx context.Context, id, orderedBy string, act Act) (err error) {
	if act.Reason, err = checkReason(act.Reason); err != nil {
		return err
	}
	if !slices.Contains(OrderedBy(), orderedBy) {
		return &people.FieldError{Field: "ordered_by", Want: "one of " + strings.Join(OrderedBy(), ", ")}
	}
	e := Erasure{ID: id, At: act.At, OrderedBy: orderedBy, Reason: act.Reason, By: act.By}
	noted := false
	err = s.Store.Change(ctx, func(tx Tx) error {
		if err := reaches(ctx, tx, id, act); err != nil {
			return err
		}
		if e.Kind, err = kindOf(ctx, tx, id); err != nil {
			return err
		}
		needs, err := tx.NeedsPerson(ctx, id)
		if err != nil {
			return err
		}
		if len(needs) > 0 {
			return &OpenError{needs}
		}
		if err := tx.CanForget(ctx, id); err != nil && !s.LostKey {
			return err
		}
		// Before it is committed: what is noted and not done is done when the hub starts anew, and the other way round it never would be.
		if s.Note != nil && !noted {
			if err := s.Note(e); err != nil {
				return err
			}
			noted = true
		}
		return erase(ctx, tx, e)
	})
	if err != nil {
		return err
	}
	return s.Store.Forget(ctx)
}

func erase(ctx context.Context, tx Tx, e Erasure) error {
	if err := tx.Erase(ctx, e); err != nil {
		return err
	}
	return tx.RecordAct(ctx, people.NewAct(e.At, e.By, "person.erase", e.ID, "by order of: "+e.OrderedBy+"; "+e.Reason))
}

// kindOf says what somebody is; ErrUnknown for an id that the hub does not know, ErrErased after that.
func kindOf(ctx context.Context, tx Tx, id string) (string, error) {
	row, err := tx.Contact(ctx, id)
	switch {
	case err == nil && len(row.Wrapped) == 0:
		return "", ErrErased
	case err == nil:
		return row.Kind, nil
	case !errors.Is(err, ErrUnknown):
		return "", err
	}
	p, err := tx.Person(ctx, id)
	switch {
	case err == nil && p.Name == people.Erased:
		return "", ErrErased
	case err == nil:
		return Staff, nil
	case !errors.Is(err, people.ErrNoPerson):
		return "", err
	}
	held, err := tx.Holdings(ctx, id)
	if err != nil {
		return "", err
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(held, func(s Section) bool { return slices.Contains(names, s.Name) })
	}
	switch {
	case has("erasure"):
		return "", ErrErased
	case !has(ofCustomers...):
		return "", ErrUnknown // things have acts as well
	}
	return Customer, nil
}

// ofCustomers are kinds of what is held that only customers have, by pseudonym.
var ofCustomers = []string{"account", "orders", "notices", "rental_orders", "rental_notices"}

// Reapply erases again whoever is in the list and is not erased in the database, which was put back from a backup of before. It
// asks nothing: the order was given and carried out already.
func (s *Service) Reapply(ctx context.Context, all []Erasure) (again int, err error) {
	for _, e := range all {
		done := false
		err := s.Store.Change(ctx, func(tx Tx) error {
			done = false
			if row, err := tx.Contact(ctx, e.ID); err == nil && row.Entered.After(e.At) {
				return nil // somebody else by now, or the same person anew: nobody has ordered that
			}
			_, err := kindOf(ctx, tx, e.ID)
			if errors.Is(err, ErrErased) || errors.Is(err, ErrUnknown) {
				return nil
			}
			if err != nil {
				return err
			}
			done = true
			return erase(ctx, tx, e)
		})
		if err != nil {
			return again, err
		}
		if done {
			again++
		}
	}
	return again, nil
}

// rewrapAtOnce is how many rows change their wrapping in one transaction, so that others can write between.
const rewrapAtOnce = 500

// Rewrap puts everything that opens under the newest of the hub's keys, and says how many rows it was, and how many do not open and stay
// as they are: under a key that is lost. It may be cut off and begun again. Keys that
// sign access tokens are not put under it but end: whoever has the old key and a copy of the database has them as well. The hub makes a
// new one when it next gives a token.
func (s *Service) Rewrap(ctx context.Context, now time.Time) (rows, unreadable int, err error) {
	if s.Vault == nil {
		return 0, 0, people.ErrNoKey
	}
	if err := s.Store.Change(ctx, func(tx Tx) error {
		names, err := tx.UnreadableNames(ctx)
		secrets, failed := s.resealSecrets(ctx, tx)
		unreadable = names + secrets
		return errors.Join(tx.EndSigningKeys(ctx, now), failed, err)
	}); err != nil {
		return 0, 0, err
	}
	for {
		n := 0
		err := s.Store.Change(ctx, func(tx Tx) (err error) {
			n, err = tx.RewrapNames(ctx)
			return err
		})
		if err != nil {
			return rows, unreadable, err
		}
		if n == 0 {
			break
		}
		rows += n
	}
	for after := ""; ; { // a row that is entered meanwhile is under the newest key
		n, sealed, last := 0, 0, after
		err := s.Store.Change(ctx, func(tx Tx) error {
			some, err := tx.ToRewrap(ctx, s.Vault.KeyID(), after, rewrapAtOnce)
			n, sealed = len(some), 0
			for _, r := range some {
				if err != nil {
					return err
				}
				var next Row
				last = r.ID
				if next, err = r.Rewrap(s.Vault); errors.Is(err, people.ErrSealed) {
					sealed, err = sealed+1, nil
				} else if err == nil {
					err = tx.SaveContact(ctx, next, r.Revision)
				}
			}
			return err
		})
		if err != nil || n == 0 {
			return rows, unreadable, err
		}
		rows, unreadable, after = rows+n-sealed, unreadable+sealed, last
	}
}

// resealSecrets seals authenticators' secrets anew, and says how many do not open.
func (s *Service) resealSecrets(ctx context.Context, tx Tx) (unreadable int, err error) {
	all, err := tx.SealedSecrets(ctx)
	for _, t := range all {
		for _, sealed := range []*[]byte{&t.Secret, &t.Pending} {
			if *sealed == nil {
				continue
			}
			secret, failed := s.Vault.Open(*sealed, t.Person)
			if failed != nil {
				unreadable++
				continue
			}
			*sealed = s.Vault.Seal(secret, t.Person)
		}
		if err == nil {
			err = tx.SaveTOTP(ctx, t)
		}
	}
	return unreadable, err
}
