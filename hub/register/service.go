package register

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"meguri/hub/people"
)

// What is expected to go wrong.
var (
	// ErrUnknown is returned for an id of which the register has nothing.
	ErrUnknown = errors.New("the register has nobody of this id")
	// ErrErased is returned for a person who was erased.
	ErrErased = errors.New("this person was erased, and nothing can bring back who it was")
	// ErrThere is returned for a customer who is entered already.
	ErrThere = errors.New("the register has this id already")
	// ErrChanged is returned when somebody else has changed the row meanwhile.
	ErrChanged = errors.New("somebody has changed this contact meanwhile: look again")
)

// OpenError says what still needs a person who is to be erased.
type OpenError struct{ Needs []string }

func (e *OpenError) Error() string {
	return "not erased yet, for this still needs the person: " + strings.Join(e.Needs, "; ")
}

// Look is that somebody looked at a person's data.
type Look struct {
	ID      string
	At      time.Time
	By      string // person id, or people.Console
	Subject string // whose
	What    string // show, find, change, export
	Reason  string
}

// Exposure is what one person looked at of another in a span of time.
type Exposure struct {
	Subject, By, What string
	Count             int
	First, Last       time.Time
}

// Question asks whose data were looked at in a span of time.
type Question struct {
	From, Until time.Time
	By          string // by one person only; empty for anybody
	Of          string // one person's only; empty for everybody's
	Most        int    // so many answers at most; 0 for all
}

// Erasure is that a person was erased.
type Erasure struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`
	At        time.Time `json:"at"`
	OrderedBy string    `json:"ordered_by"` // one of OrderedBy
	Reason    string    `json:"reason"`
	By        string    `json:"by"` // person id, or people.Console
}

// OrderedBy lists on whose order a person may be erased.
func OrderedBy() []string { return []string{"person", "guardian", "authority", "term"} }

// Store keeps the register.
type Store interface {
	// Change runs fn in one transaction; it may run it twice.
	Change(ctx context.Context, fn func(Tx) error) error
	// Forget takes what was deleted out of the database's own files.
	Forget(ctx context.Context) error
}

// Tx is what a transaction offers.
type Tx interface {
	// Contact is ErrUnknown for an id without a row; an erased row is found.
	Contact(ctx context.Context, id string) (Row, error)
	// AddContact is ErrThere for an id that has a row.
	AddContact(ctx context.Context, r Row) error
	// SaveContact puts a row in the place of the one of revision former; ErrChanged when that is not there.
	SaveContact(ctx context.Context, r Row, former int64) error
	// FindContacts gives the ids of rows with one of the marks.
	FindContacts(ctx context.Context, marks []string) ([]string, error)
	// Person is people.ErrNoPerson for an unknown id.
	Person(ctx context.Context, id string) (people.Person, error)
	AddLooks(ctx context.Context, all ...Look) error
	RecordAct(ctx context.Context, a people.Act) error
	// NeedsPerson says what is open that needs a person.
	NeedsPerson(ctx context.Context, id string) ([]string, error)
	// Erase loses the key of a person's row and every name of theirs, and keeps that it was done.
	Erase(ctx context.Context, e Erasure) error
	// Holdings is all that is held about a person but the contact.
	Holdings(ctx context.Context, id string) ([]Section, error)
	// ToRewrap gives up to most rows behind the id after, in order, whose key is not wrapped by the key with this id.
	ToRewrap(ctx context.Context, keyID, after string, most int) ([]Row, error)
	rewrapTx
}

// rewrapTx is what a change of the hub's key needs besides.
type rewrapTx interface {
	// SealedSecrets gives the authenticators with what is sealed of them.
	SealedSecrets(ctx context.Context) ([]people.TOTP, error)
	SaveTOTP(ctx context.Context, t people.TOTP) error
	// RewrapNames puts some of the names that are under an older one of the hub's keys under the newest, and says how many it was.
	RewrapNames(ctx context.Context) (int, error)
	// UnreadableNames counts the names that are sealed with another key than the hub's.
	UnreadableNames(ctx context.Context) (int, error)
	// CanForget is people.ErrSealed where a name that may be the person's does not open with the hub's key.
	CanForget(ctx context.Context, id string) error
	// EndSigningKeys ends every key that signs access tokens, with the tokens that it has signed.
	EndSigningKeys(ctx context.Context, at time.Time) error
}

// Service is what can be done with the register. Its times are the machine's.
type Service struct {
	Store Store
	Vault *people.Vault // nil: ErrNoKey
	// Note keeps outside of the database that a person is erased, before that is done: a backup that is put back is brought up to it.
	Note func(Erasure) error
	// LostKey says that the key that names do not open without is lost for good: who is erased then is, though a name may stay that nobody
	// can read.
	LostKey bool
}

// Act is who does something, and why.
type Act struct {
	By     string // person id, or people.Console
	Reason string
	At     time.Time
	Staff  bool // they may look after those who work here, too, and not only after customers
}

// Add enters a customer and gives the pseudonym: id, or one that is drawn when that is empty. A wrong field is a *people.FieldError.
func (s *Service) Add(ctx context.Context, id string, c Contact, by string, now time.Time) (string, error) {
	if s.Vault == nil {
		return "", people.ErrNoKey
	}
	row, err := s.newRow(id, Customer, c, now)
	if err != nil {
		return "", err
	}
	err = s.Store.Change(ctx, func(tx Tx) error {
		if err := tx.AddContact(ctx, row); err != nil {
			return err
		}
		return tx.RecordAct(ctx, people.NewAct(now, by, "customer.add", row.ID, ""))
	})
	if err != nil {
		return "", fmt.Errorf("enter %s: %w", row.ID, err)
	}
	return row.ID, nil
}

func (s *Service) newRow(id, kind string, c Contact, now time.Time) (Row, error) {
	if c = c.Normal(); id == "" {
		id = people.NewID("c")
	}
	if err := errors.Join(checkID(id, c), c.check()); err != nil {
		return Row{}, err
	}
	return Seal(s.Vault, id, kind, 1, c, now)
}

// Show gives a person's contact, and keeps who looked and why.
func (s *Service) Show(ctx context.Context, id string, act Act) (c Contact, err error) {
	if act.Reason, err = checkReason(act.Reason); err != nil {
		return c, err
	}
	if s.Vault == nil {
		return c, people.ErrNoKey
	}
	err = s.Store.Change(ctx, func(tx Tx) error {
		if err := reaches(ctx, tx, id, act); err != nil {
			return err
		}
		row, err := tx.Contact(ctx, id)
		if err != nil {
			return err
		}
		if c, err = row.Open(s.Vault); err != nil {
			return err
		}
		return tx.AddLooks(ctx, act.look(id, "show"))
	})
	return c, err
}

// reaches refuses somebody who works here to whoever looks after customers only: that there is one is not theirs to know, so it is
// ErrUnknown.
func reaches(ctx context.Context, tx Tx, id string, act Act) error {
	if act.Staff {
		return nil
	}
	row, err := tx.Contact(ctx, id)
	switch {
	case err == nil && row.Kind == Staff:
		return ErrUnknown
	case err == nil:
		return nil
	case errors.Is(err, ErrErased):
		return nil // what is asked for says so
	case !errors.Is(err, ErrUnknown):
		return err
	}
	p, err := tx.Person(ctx, id)
	switch {
	case errors.Is(err, people.ErrNoPerson):
		return nil
	case err == nil && p.Role != people.Customer:
		return ErrUnknown
	}
	return err
}

func (a Act) look(subject, what string) Look {
	return Look{ID: people.NewID("l"), At: a.At, By: a.By, Subject: subject, What: what, Reason: a.Reason}
}

// Nobody begins the subject of a look that found nobody: somebody has tried a number or an address. What follows is the same for the same
// one, so that trying out many is seen, and says nothing of it to who has not the hub's key. No id has a slash in it.
const Nobody = "nobody/"

// nobodyMark is how much of the keyed hash of what was tried is kept.
const nobodyMark = 12

// Find gives the pseudonyms of those who have a phone number or an e-mail address, exactly; what was found is kept as looked at, and
// that nobody was.
func (s *Service) Find(ctx context.Context, phone, email string, act Act) (ids []string, err error) {
	if act.Reason, err = checkReason(act.Reason); err != nil {
		return nil, err
	}
	if s.Vault == nil {
		return nil, people.ErrNoKey
	}
	c := Contact{Phone: phone, Email: email}.Normal()
	if (c.Phone == "") == (c.Email == "") {
		return nil, &people.FieldError{Field: "phone", Want: "a phone number or an e-mail address, not both"}
	}
	marks := s.Vault.Lookups("phone", c.Phone)
	if c.Email != "" {
		marks = s.Vault.Lookups("email", c.Email)
	}
	err = s.Store.Change(ctx, func(tx Tx) error {
		found, err := tx.FindContacts(ctx, marks)
		if err != nil {
			return err
		}
		ids = nil
		var looks []Look
		for _, id := range found {
			if err := reaches(ctx, tx, id, act); errors.Is(err, ErrUnknown) {
				continue
			} else if err != nil {
				return err
			}
			ids = append(ids, id)
			looks = append(looks, act.look(id, "find"))
		}
		if len(ids) == 0 {
			looks = append(looks, act.look(Nobody+marks[0][:nobodyMark], "find"))
		}
		return tx.AddLooks(ctx, looks...)
	})
	return ids, err
}

// Change gives a person another contact. Of somebody who works here, by person id, it is also the first.
func (s *Service) Change(ctx context.Context, id string, change func(*Contact), act Act) (err error) {
	if act.Reason, err = checkReason(act.Reason); err != nil {
		return err
	}
	if s.Vault == nil {
		return people.ErrNoKey
	}
	return s.Store.Change(ctx, func(tx Tx) error {
		if err := reaches(ctx, tx, id, act); err != nil {
			return err
		}
		row, err := tx.Contact(ctx, id)
		if errors.Is(err, ErrUnknown) {
			return s.firstOfStaff(ctx, tx, id, change, act)
		}
		if err != nil {
			return err
		}
		c, err := row.Open(s.Vault)
		if err != nil {
			return err
		}
		change(&c)
		if c = c.Normal(); c.check() != nil {
			return c.check()
		}
		next, err := Seal(s.Vault, id, row.Kind, row.Revision+1, c, act.At)
		if err != nil {
			return err
		}
		if err := tx.SaveContact(ctx, next, row.Revision); err != nil {
			return err
		}
		return s.keepChange(ctx, tx, id, act)
	})
}

func (s *Service) firstOfStaff(ctx context.Context, tx Tx, id string, change func(*Contact), act Act) error {
	p, err := tx.Person(ctx, id)
	if errors.Is(err, people.ErrNoPerson) || err == nil && p.Role == people.Customer {
		return ErrUnknown
	}
	if err != nil {
		return err
	}
	c := Contact{Name: p.Name}
	change(&c)
	row, err := s.newRow(id, Staff, c, act.At)
	if err != nil {
		return err
	}
	if err := tx.AddContact(ctx, row); err != nil {
		return err
	}
	return s.keepChange(ctx, tx, id, act)
}

func (s *Service) keepChange(ctx context.Context, tx Tx, id string, act Act) error {
	if err := tx.AddLooks(ctx, act.look(id, "change")); err != nil {
		return err
	}
	return tx.RecordAct(ctx, people.NewAct(act.At, act.By, "contact.change", id, ""))
}
