package people

import (
	"context"
	"fmt"
	"hash/maphash"
	"strings"
	"sync/atomic"
	"time"
)

// Store keeps persons, links, sessions and acts.
type Store interface {
	// Change runs fn in one transaction; it may run it twice.
	Change(ctx context.Context, fn func(Tx) error) error
	// Read runs fn on one consistent view.
	Read(ctx context.Context, fn func(Tx) error) error
}

// Tx is what a transaction offers.
type Tx interface {
	// Person is ErrNoPerson for an unknown id; a removed person is found.
	Person(ctx context.Context, id string) (Person, error)
	// Persons lists persons in the order in which they were added, the removed ones too.
	Persons(ctx context.Context, most int) ([]Person, error)
	AddPerson(ctx context.Context, p Person) error
	// HasOwn says whether a business has the place that is to be a person's own: a driver's route, a shop, a warehouse.
	HasOwn(ctx context.Context, business string, kind Kind, place string) (bool, error)
	// SetName gives a person another name.
	SetName(ctx context.Context, id, name string) error
	RemovePerson(ctx context.Context, id string, at time.Time) error
	AddLink(ctx context.Context, l Link) error
	// HasLink says whether there is an unused link that has not expired at now.
	HasLink(ctx context.Context, hash string, now time.Time) (bool, error)
	// UseLink marks an unused link that has not expired at now as used and gives its person; ErrLink for any other.
	UseLink(ctx context.Context, hash string, now time.Time) (l Link, err error)
	// Session is ErrNoSession for an unknown hash.
	Session(ctx context.Context, hash string) (Session, error)
	AddSession(ctx context.Context, s Session) error
	SeeSession(ctx context.Context, hash string, at time.Time) error
	EndSession(ctx context.Context, hash string, at time.Time) error
	// EndAll ends the sessions of a person but the one with the hash keep, and spends their links.
	EndAll(ctx context.Context, person, keep string, at time.Time) error
	RecordAct(ctx context.Context, a Act) error
	accountTx
	secondTx
	passkeyTx
	companyTx
	clientTx
	businessTx
}

// accountTx is what a transaction offers for accounts.
type accountTx interface {
	// SetRole changes what a person is here for.
	SetRole(ctx context.Context, id string, role Role, place string) error
	// Account is ErrNoAccount for a person without a password.
	Account(ctx context.Context, person string) (Account, error)
	// AccountOf is ErrNoAccount for a login name that nobody has.
	AccountOf(ctx context.Context, login string) (Account, error)
	// SaveAccount stores a password; ErrLoginTaken when somebody else has the login name.
	SaveAccount(ctx context.Context, a Account) error
	// HasMeans says what a person has to show that it is they.
	HasMeans(ctx context.Context, person string) (Has, error)
	// Sessions lists up to most sessions of a person that neither ended nor expired, the newest first.
	Sessions(ctx context.Context, person string, now time.Time, most int) ([]Session, error)
	// ConfirmSession notes that the person has shown that it is they; whole once no second factor is owed, which stays so. From then on the
	// session has the token of the hash next, which may be the one that it has.
	ConfirmSession(ctx context.Context, hash, next string, by Means, whole bool, at time.Time) error
	// EndSessionOf ends a living session of a person by its id, and says whether there was one.
	EndSessionOf(ctx context.Context, person, id string, at time.Time) (bool, error)
	// ForgetMeans takes away what a person has to show that it is they.
	ForgetMeans(ctx context.Context, person string) error
}

// Service is what can be done with persons. Its times are the machine's, not those of a demonstration's clock.
type Service struct {
	// Passwords hashes passwords; a service without it takes none.
	Passwords Hasher
	// Vault seals what must not stand in the database as it is; a service without it takes no authenticators (ErrNoKey) and marks no browsers.
	Vault *Vault
	// Keys judges passkeys; a service without it takes none (ErrNoPasskeys).
	Keys Keys

	store    Store
	recent   recent
	throttle throttle
	several  atomic.Bool  // there is more than one business
	asked    atomic.Int64 // when that was asked last, in nanoseconds
}

// New makes the service.
func New(s Store) *Service { return &Service{store: s, throttle: throttle{seed: maphash.MakeSeed()}} }

// Add adds a person and gives the code of their one-time login link, valid for LinkEnd. by is who does it. A wrong field is
// a *FieldError.
func (s *Service) Add(ctx context.Context, by string, p Person, now time.Time) (added Person, code string, err error) {
	return s.add(ctx, by, p, false, now)
}

// AddWhole is Add at the console with a link that counts for both factors, valid for AdminLinkEnd.
func (s *Service) AddWhole(ctx context.Context, p Person, now time.Time) (added Person, code string, err error) {
	return s.add(ctx, Console, p, true, now)
}

func (s *Service) add(ctx context.Context, by string, p Person, whole bool, now time.Time) (added Person, code string, err error) {
	p.ID, p.Added, p.AddedBy, p.Removed, p.Business = NewID("p"), now, by, time.Time{}, businessOrMain(ctx)
	p.Name, p.Place = strings.TrimSpace(p.Name), strings.TrimSpace(p.Place)
	if err := p.check(); err != nil {
		return Person{}, "", err
	}
	code = newToken()
	err = s.store.Change(ctx, func(tx Tx) error { return addWithLink(ctx, tx, by, p, code, whole, now) })
	if err != nil {
		return Person{}, "", fmt.Errorf("add person: %w", err)
	}
	return p, code, nil
}

func addWithLink(ctx context.Context, tx Tx, by string, p Person, code string, whole bool, now time.Time) error {
	if err := there(ctx, tx, p.Business); err != nil {
		return err
	}
	if err := placed(ctx, tx, p); err != nil {
		return err
	}
	if err := tx.AddPerson(ctx, p); err != nil {
		return err
	}
	if err := tx.RecordAct(ctx, NewAct(now, by, "person.add", p.ID, string(p.Role)+" "+p.Place)); err != nil {
		return err
	}
	return link(ctx, tx, by, p.ID, code, whole, now)
}

// placed refuses a person whose place is not in the network: they would find nothing of their own. A customer's pseudonym is no
// place: nobody here knows which there are.
func placed(ctx context.Context, tx Tx, p Person) error {
	kind := p.Role.Own().Kind
	if p.Place == "" || kind == "" || kind == ACustomer {
		return nil
	}
	has, err := tx.HasOwn(ctx, p.Business, kind, p.Place)
	if err == nil && !has {
		return &FieldError{"place", fmt.Sprintf("the id of a %s of the imported network, and %q is none", kind, p.Place)}
	}
	return err
}

// link makes the login link of a code; a whole one counts for both factors, and not for long.
func link(ctx context.Context, tx Tx, by, person, code string, whole bool, now time.Time) error {
	valid := LinkEnd
	detail := "valid for "
	if whole {
		valid, detail = AdminLinkEnd, "for both factors, valid for "
	}
	err := tx.AddLink(ctx, Link{Hash: hashToken(code), Person: person, Made: now, Expires: now.Add(valid), Console: whole})
	if err != nil {
		return err
	}
	return tx.RecordAct(ctx, NewAct(now, by, "person.link", person, detail+valid.String()))
}

// Link makes a new one-time login link for a person, valid for LinkEnd. The error is ErrNoPerson for one who is not there.
func (s *Service) Link(ctx context.Context, by, person string, now time.Time) (code string, err error) {
	return s.linkFor(ctx, by, person, false, now)
}

// LinkWhole is Link at the console that counts for both factors, valid for AdminLinkEnd.
func (s *Service) LinkWhole(ctx context.Context, person string, now time.Time) (code string, err error) {
	return s.linkFor(ctx, Console, person, true, now)
}

func (s *Service) linkFor(ctx context.Context, by, person string, whole bool, now time.Time) (code string, err error) {
	code = newToken()
	err = s.store.Change(ctx, func(tx Tx) error {
		if _, err := active(ctx, tx, person); err != nil {
			return err
		}
		if err := hereOnly(ctx, tx, person); err != nil {
			return err
		}
		return link(ctx, tx, by, person, code, whole, now)
	})
	if err != nil {
		return "", fmt.Errorf("login link for %s: %w", person, err)
	}
	return code, nil
}

func active(ctx context.Context, tx Tx, id string) (Person, error) {
	p, err := tx.Person(ctx, id)
	if err == nil && !p.Active() {
		err = ErrNoPerson
	}
	return p, err
}

// AdminLink gives the code of a one-time login link, valid for AdminLinkEnd, for the administrator that was added first, and
// adds one if there is none. It is for whoever has the data directory, who could change the database anyway.
func (s *Service) AdminLink(ctx context.Context, now time.Time) (admin Person, code string, err error) {
	code = newToken()
	err = s.store.Change(ctx, func(tx Tx) error {
		admins, err := activeAdmins(ctx, tx, MainBusiness)
		if err != nil {
			return err
		}
		if len(admins) > 0 {
			admin = admins[0]
			return link(ctx, tx, Console, admin.ID, code, true, now)
		}
		admin = Person{ID: NewID("p"), Name: "Administrator", Role: Admin, Added: now, AddedBy: Console, Business: MainBusiness}
		return addWithLink(ctx, tx, Console, admin, code, true, now)
	})
	if err != nil {
		return Person{}, "", fmt.Errorf("administrator's login link: %w", err)
	}
	return admin, code, nil
}

// activeAdmins are those who administer a business. Only those whose own business it is count where all are seen: none is missing, for
// who administers several is one of the first.
func activeAdmins(ctx context.Context, tx Tx, business string) ([]Person, error) {
	all, err := tx.Persons(ctx, maxPersonList)
	if err != nil {
		return nil, err
	}
	var admins []Person
	for _, p := range all {
		if p.Active() && p.Role == Admin && p.Business == business {
			admins = append(admins, p)
		}
	}
	return admins, nil
}

// List gives all persons in the order in which they were added, the removed ones too.
func (s *Service) List(ctx context.Context) (all []Person, err error) {
	err = s.store.Read(ctx, func(tx Tx) error {
		all, err = tx.Persons(ctx, maxPersonList)
		return err
	})
	return all, err
}

// Remove takes a person's access away at once: their sessions end and their links are spent. What they did stays recorded.
// The error is ErrNoPerson, or ErrLastAdmin.
func (s *Service) Remove(ctx context.Context, by, person string, now time.Time) error {
	defer s.recent.forget()
	err := s.store.Change(ctx, func(tx Tx) error {
		p, err := active(ctx, tx, person)
		if err != nil {
			return err
		}
		if hereOnly(ctx, tx, person) != nil { // what they are elsewhere is not for this business to end
			return dropPost(ctx, tx, by, p, now)
		}
		if err := notLastAdmin(ctx, tx, p); err != nil {
			return err
		}
		if err := tx.RemovePerson(ctx, person, now); err != nil {
			return err
		}
		if err := tx.EndAll(ctx, person, "", now); err != nil {
			return err
		}
		if err := tx.ForgetMeans(ctx, person); err != nil {
			return err
		}
		return tx.RecordAct(ctx, NewAct(now, by, "person.remove", person, ""))
	})
	if err != nil {
		return fmt.Errorf("remove %s: %w", person, err)
	}
	return nil
}

// Rename gives a person another name, also one who was removed: their name may have been lost with the key that it was sealed with. The
// act does not say what it was, or is. The error is ErrNoPerson, also for who was erased, or a *FieldError.
func (s *Service) Rename(ctx context.Context, by, person, name string, now time.Time) error {
	defer s.recent.forget()
	err := s.store.Change(ctx, func(tx Tx) error {
		p, err := tx.Person(ctx, person)
		if err == nil && p.Name == Erased {
			err = ErrNoPerson
		}
		if err != nil {
			return err
		}
		p.Name = strings.TrimSpace(name)
		if err := p.check(); err != nil {
			return err
		}
		if err := tx.SetName(ctx, person, p.Name); err != nil {
			return err
		}
		return tx.RecordAct(ctx, NewAct(now, by, "person.name", person, ""))
	})
	if err != nil {
		return fmt.Errorf("name of %s: %w", person, err)
	}
	return nil
}

// notLastAdmin refuses what would leave the hub without an administrator.
func notLastAdmin(ctx context.Context, tx Tx, p Person) error {
	if p.Role != Admin {
		return nil
	}
	admins, err := activeAdmins(ctx, tx, p.Business)
	if err == nil && len(admins) == 1 {
		err = ErrLastAdmin
	}
	return err
}

// SignOut ends the session of a token. A token without a session is no error: its owner is signed out.
func (s *Service) SignOut(ctx context.Context, person, token string, now time.Time) error {
	defer s.recent.forget()
	return s.store.Change(ctx, func(tx Tx) error {
		if err := tx.EndSession(ctx, hashToken(token), now); err != nil {
			return err
		}
		return tx.RecordAct(ctx, NewAct(now, person, "logout", person, ""))
	})
}
