package people

import (
	"context"
	"fmt"
	"strings"
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
	// HasOwn says whether the network has the place that is to be a person's own: a driver's route, a shop.
	HasOwn(ctx context.Context, role Role, place string) (bool, error)
	RemovePerson(ctx context.Context, id string, at time.Time) error
	AddLink(ctx context.Context, l Link) error
	// UseLink marks an unused link that has not expired at now as used and gives its person; ErrLink for any other.
	UseLink(ctx context.Context, hash string, now time.Time) (person string, err error)
	// Session is ErrNoSession for an unknown hash.
	Session(ctx context.Context, hash string) (Session, error)
	AddSession(ctx context.Context, s Session) error
	SeeSession(ctx context.Context, hash string, at time.Time) error
	EndSession(ctx context.Context, hash string, at time.Time) error
	// EndAll ends the sessions of a person and spends their links.
	EndAll(ctx context.Context, person string, at time.Time) error
	RecordAct(ctx context.Context, a Act) error
}

// Service is what can be done with persons. Its times are the machine's, not those of a demonstration's clock.
type Service struct {
	store  Store
	recent recent
}

// New makes the service.
func New(s Store) *Service { return &Service{store: s} }

// Add adds a person and gives the code of their one-time login link, valid for LinkEnd. by is who does it. A wrong field is
// a *FieldError.
func (s *Service) Add(ctx context.Context, by string, p Person, now time.Time) (added Person, code string, err error) {
	p.ID, p.Added, p.AddedBy, p.Removed = NewID("p"), now, by, time.Time{}
	p.Name, p.Place = strings.TrimSpace(p.Name), strings.TrimSpace(p.Place)
	if err := p.check(); err != nil {
		return Person{}, "", err
	}
	code = newToken()
	err = s.store.Change(ctx, func(tx Tx) error { return addWithLink(ctx, tx, by, p, code, LinkEnd, now) })
	if err != nil {
		return Person{}, "", fmt.Errorf("add person: %w", err)
	}
	return p, code, nil
}

func addWithLink(ctx context.Context, tx Tx, by string, p Person, code string, valid time.Duration, now time.Time) error {
	if err := placed(ctx, tx, p); err != nil {
		return err
	}
	if err := tx.AddPerson(ctx, p); err != nil {
		return err
	}
	if err := tx.RecordAct(ctx, NewAct(now, by, "person.add", p.ID, string(p.Role)+" "+p.Place)); err != nil {
		return err
	}
	return link(ctx, tx, by, p.ID, code, valid, now)
}

// placed refuses a person whose place is not in the network: they would find nothing of their own. A customer's pseudonym is no
// place: nobody here knows which there are.
func placed(ctx context.Context, tx Tx, p Person) error {
	kind := map[Role]string{Driver: "route", Shop: "shop"}[p.Role]
	if kind == "" {
		return nil
	}
	has, err := tx.HasOwn(ctx, p.Role, p.Place)
	if err == nil && !has {
		return &FieldError{"place", fmt.Sprintf("the id of a %s of the imported network, and %q is none", kind, p.Place)}
	}
	return err
}

func link(ctx context.Context, tx Tx, by, person, code string, valid time.Duration, now time.Time) error {
	err := tx.AddLink(ctx, Link{Hash: hashToken(code), Person: person, Made: now, Expires: now.Add(valid)})
	if err != nil {
		return err
	}
	return tx.RecordAct(ctx, NewAct(now, by, "person.link", person, "valid for "+valid.String()))
}

// Link makes a new one-time login link for a person, valid for LinkEnd. The error is ErrNoPerson for one who is not there.
func (s *Service) Link(ctx context.Context, by, person string, now time.Time) (code string, err error) {
	code = newToken()
	err = s.store.Change(ctx, func(tx Tx) error {
		if _, err := active(ctx, tx, person); err != nil {
			return err
		}
		return link(ctx, tx, by, person, code, LinkEnd, now)
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
		admins, err := activeAdmins(ctx, tx)
		if err != nil {
			return err
		}
		if len(admins) > 0 {
			admin = admins[0]
			return link(ctx, tx, Console, admin.ID, code, AdminLinkEnd, now)
		}
		admin = Person{ID: NewID("p"), Name: "Administrator", Role: Admin, Added: now, AddedBy: Console}
		return addWithLink(ctx, tx, Console, admin, code, AdminLinkEnd, now)
	})
	if err != nil {
		return Person{}, "", fmt.Errorf("administrator's login link: %w", err)
	}
	return admin, code, nil
}

func activeAdmins(ctx context.Context, tx Tx) ([]Person, error) {
	all, err := tx.Persons(ctx, maxPersonList)
	if err != nil {
		return nil, err
	}
	var admins []Person
	for _, p := range all {
		if p.Active() && p.Role == Admin {
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
		if p.Role == Admin {
			if admins, err := activeAdmins(ctx, tx); err != nil {
				return err
			} else if len(admins) == 1 {
				return ErrLastAdmin
			}
		}
		if err := tx.RemovePerson(ctx, person, now); err != nil {
			return err
		}
		if err := tx.EndAll(ctx, person, now); err != nil {
			return err
		}
		return tx.RecordAct(ctx, NewAct(now, by, "person.remove", person, ""))
	})
	if err != nil {
		return fmt.Errorf("remove %s: %w", person, err)
	}
	return nil
}

// Login exchanges the code of a one-time link for the token of a new session. The error is ErrLink for a code that does not
// let anybody in.
func (s *Service) Login(ctx context.Context, code string, now time.Time) (who Person, token string, ends time.Time, err error) {
	token = newToken()
	ends = now.Add(AbsoluteEnd)
	err = s.store.Change(ctx, func(tx Tx) error {
		person, err := tx.UseLink(ctx, hashToken(code), now)
		if err != nil {
			return err
		}
		if who, err = active(ctx, tx, person); err != nil {
			return fmt.Errorf("%w (%w)", ErrLink, err)
		}
		err = tx.AddSession(ctx, Session{Hash: hashToken(token), Person: person, Made: now, Seen: now, Expires: ends})
		if err != nil {
			return err
		}
		return tx.RecordAct(ctx, NewAct(now, person, "login", person, ""))
	})
	if err != nil {
		return Person{}, "", time.Time{}, fmt.Errorf("login: %w", err)
	}
	return who, token, ends, nil
}

// Session gives the person whose session has the token, and notes that it was used. The error is ErrNoSession for a token
// that nobody may use, or not any more.
func (s *Service) Session(ctx context.Context, token string, now time.Time) (Person, error) {
	hash := hashToken(token)
	who, fresh, round := s.recent.get(hash, now)
	if fresh {
		return who, nil
	}
	var session Session
	err := s.store.Read(ctx, func(tx Tx) (err error) {
		if session, err = tx.Session(ctx, hash); err != nil {
			return err
		}
		if !session.lives(now) {
			return ErrNoSession
		}
		if who, err = tx.Person(ctx, session.Person); err != nil {
			return err
		}
		if !who.Active() {
			return ErrNoSession
		}
		return nil
	})
	if err != nil {
		return Person{}, fmt.Errorf("session: %w", err)
	}
	s.recent.put(round, use{who, session, now})
	if now.Sub(session.Seen) >= seenStep {
		err = s.store.Change(ctx, func(tx Tx) error { return tx.SeeSession(ctx, session.Hash, now) })
	}
	return who, err
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
