package people

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Business is one of several that share a hub. Nothing of one is seen or changed from another.
type Business struct {
	ID    string
	Name  string // empty for the first as long as nobody gave it one
	Since time.Time
}

// Title is what people call the business.
func (b Business) Title() string {
	if b.Name == "" {
		return b.ID
	}
	return b.Name
}

// MainBusiness is the one that a hub begins with. It is all that most hubs have, and then nobody hears of businesses.
const MainBusiness = "main"

const maxBusinesses = 100

// Post is what a person is here for in a business.
type Post struct {
	Business Business
	Role     Role
	Place    string
}

// Errors of businesses.
var (
	// ErrNoBusiness is returned for a business that is not there, or in which the person has no role.
	ErrNoBusiness = errors.New("no such business, or no role in it")
	// ErrBusinessTaken is returned for the id of a business that is there.
	ErrBusinessTaken = errors.New("a business has this id")
	// ErrOtherBusinesses is returned where an administrator would change what lets somebody into other businesses too.
	ErrOtherBusinesses = errors.New("this person works for other businesses, too: whoever runs the hub does this at its console")
)

// businessTx is what a transaction offers for businesses.
type businessTx interface {
	// Businesses lists all in the order in which they were added.
	Businesses(ctx context.Context) ([]Business, error)
	AddBusiness(ctx context.Context, b Business) error
	// RenameBusiness is ErrNoBusiness for one that is not there.
	RenameBusiness(ctx context.Context, id, name string) error
	// Posts are those of a person in all businesses, in the order in which these were added.
	Posts(ctx context.Context, person string) ([]Post, error)
	// SetPost gives a person a role in a business, or another one there.
	SetPost(ctx context.Context, person, business string, role Role, place, by string, at time.Time) error
	// DropPost takes a person's role in a business away; they have another one in another.
	DropPost(ctx context.Context, person, business string) error
	// EnterBusiness has a session go on in another business.
	EnterBusiness(ctx context.Context, session, business string) error
}

type boundsKey struct{}

// bounds is what is seen of all.
type bounds struct{ business, warehouse string }

// InBusiness has all that is done in ctx see one business and nothing of others. It goes by the context so that nothing that a request
// asks can forget it, whichever service does that.
func InBusiness(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, boundsKey{}, bounds{business: id})
}

// InWarehouse is InBusiness, and of what warehouses have only what this one has is seen.
func InWarehouse(ctx context.Context, business, warehouse string) context.Context {
	return context.WithValue(ctx, boundsKey{}, bounds{business, warehouse})
}

// BusinessOf is the business that ctx is in; empty for what sees all of them: the hub's own work, and its console.
func BusinessOf(ctx context.Context) string {
	b, _ := ctx.Value(boundsKey{}).(bounds)
	return b.business
}

// WarehouseOf is the warehouse that ctx is bound to; empty for what sees all of its business.
func WarehouseOf(ctx context.Context) string {
	b, _ := ctx.Value(boundsKey{}).(bounds)
	return b.warehouse
}

// businessOrMain is where what is made in ctx belongs.
func businessOrMain(ctx context.Context) string {
	if id := BusinessOf(ctx); id != "" {
		return id
	}
	return MainBusiness
}

var businessName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// IsBusinessID says whether a text can be the id of a business.
func IsBusinessID(text string) bool { return businessName.MatchString(text) }

func (b Business) check() error {
	switch name := strings.TrimSpace(b.Name); {
	case !businessName.MatchString(b.ID):
		return &FieldError{"id", "1 to 40 of a-z, 0-9 and -, not - first"}
	case name == "" || utf8.RuneCountInString(name) > maxName || strings.ContainsFunc(name, unicode.IsControl) || !utf8.ValidString(name):
		return &FieldError{"name", fmt.Sprintf("1 to %d characters, no control characters", maxName)}
	}
	return nil
}

// AddBusiness adds a business. The error is a *FieldError, or ErrBusinessTaken.
func (s *Service) AddBusiness(ctx context.Context, by string, b Business, now time.Time) error {
	b.Since = now
	if err := b.check(); err != nil {
		return err
	}
	err := s.store.Change(ctx, func(tx Tx) error {
		all, err := tx.Businesses(ctx)
		switch {
		case err != nil:
			return err
		case slices.ContainsFunc(all, func(o Business) bool { return o.ID == b.ID }):
			return ErrBusinessTaken
		case len(all) >= maxBusinesses:
			return &FieldError{"id", fmt.Sprintf("at most %d businesses", maxBusinesses)}
		}
		if err := tx.AddBusiness(ctx, b); err != nil {
			return err
		}
		return tx.RecordAct(ctx, NewAct(now, by, "business.add", b.ID, ""))
	})
	if err != nil {
		return fmt.Errorf("add business %s: %w", b.ID, err)
	}
	s.several.Store(true)
	return nil
}

// RenameBusiness gives a business another name. The error is a *FieldError, or ErrNoBusiness.
func (s *Service) RenameBusiness(ctx context.Context, by, id, name string, now time.Time) error {
	b := Business{ID: id, Name: strings.TrimSpace(name)}
	if err := b.check(); err != nil {
		return err
	}
	return s.store.Change(ctx, func(tx Tx) error {
		if err := tx.RenameBusiness(ctx, b.ID, b.Name); err != nil {
			return err
		}
		return tx.RecordAct(ctx, NewAct(now, by, "business.name", b.ID, ""))
	})
}

// severalFor is for how long it is taken for granted that a hub has one business only.
const severalFor = time.Second

// Businesses lists all in the order in which they were added.
func (s *Service) Businesses(ctx context.Context) (all []Business, err error) {
	err = s.store.Read(ctx, func(tx Tx) error {
		all, err = tx.Businesses(ctx)
		return err
	})
	return all, err
}

// Several says whether the hub has more than one business. One that was added on another hub, or at the console, is known within a second;
// it is empty until then.
func (s *Service) Several(ctx context.Context, now time.Time) (bool, error) {
	if s.several.Load() { // none is ever taken away
		return true, nil
	}
	asked := time.Unix(0, s.asked.Load())
	if ago := now.Sub(asked); ago >= 0 && ago < severalFor {
		return false, nil
	}
	all, err := s.Businesses(ctx)
	if err != nil {
		return false, err
	}
	s.several.Store(len(all) > 1)
	s.asked.Store(now.UnixNano())
	return len(all) > 1, nil
}

// Posts are those of a person in all businesses.
func (s *Service) Posts(ctx context.Context, person string) (all []Post, err error) {
	err = s.store.Read(ctx, func(tx Tx) error {
		all, err = tx.Posts(ctx, person)
		return err
	})
	return all, err
}

// Enter has the session of a token go on in another business of its person. The error is ErrNoBusiness or ErrNoSession.
func (s *Service) Enter(ctx context.Context, token, business string, now time.Time) error {
	defer s.recent.forget()
	return s.store.Change(ctx, func(tx Tx) error {
		who, session, err := living(ctx, tx, hashToken(token), now)
		if err != nil {
			return err
		}
		posts, err := tx.Posts(ctx, who.ID)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(posts, func(p Post) bool { return p.Business.ID == business }) {
			return ErrNoBusiness
		}
		if err := tx.EnterBusiness(ctx, session.Hash, business); err != nil {
			return err
		}
		return tx.RecordAct(ctx, NewAct(now, who.ID, "business.enter", business, ""))
	})
}

// atPost is the person in the role that they have in the business of a session; ErrNoSession when they have none there any more.
func atPost(ctx context.Context, tx Tx, who Person, business string) (Person, error) {
	if who.Business == business {
		return who, nil
	}
	posts, err := tx.Posts(ctx, who.ID)
	if err != nil {
		return who, err
	}
	for _, p := range posts {
		if p.Business.ID == business {
			who.Role, who.Place, who.Business = p.Role, p.Place, business
			return who, nil
		}
	}
	return who, ErrNoSession
}

// GivePost gives a person a role in a business beside those that they have in others, or another one there. Their sessions end. The error
// is a *FieldError, ErrNoPerson, ErrNoBusiness or ErrLastAdmin.
func (s *Service) GivePost(ctx context.Context, by, person, business string, role Role, place string, now time.Time) error {
	defer s.recent.forget()
	ctx = InBusiness(ctx, business) // the place has to be one of it
	err := s.store.Change(ctx, func(tx Tx) error { return givePost(ctx, tx, by, person, business, role, place, now) })
	if err != nil {
		return fmt.Errorf("role of %s in %s: %w", person, business, err)
	}
	return nil
}

// there refuses a business that is not there.
func there(ctx context.Context, tx Tx, business string) error {
	all, err := tx.Businesses(ctx)
	if err == nil && !slices.ContainsFunc(all, func(b Business) bool { return b.ID == business }) {
		err = ErrNoBusiness
	}
	return err
}

func givePost(ctx context.Context, tx Tx, by, person, business string, role Role, place string, now time.Time) error {
	if err := there(ctx, tx, business); err != nil {
		return err
	}
	posts, err := tx.Posts(ctx, person)
	if err == nil && len(posts) == 0 { // removed, or nobody
		err = ErrNoPerson
	}
	if err != nil {
		return err
	}
	var before Post
	for _, p := range posts {
		if p.Business.ID == business {
			before = p
		}
	}
	p := Person{ID: person, Name: "any", Role: role, Place: strings.TrimSpace(place), Business: business}
	if err := p.check(); err != nil {
		return err
	}
	if err := placed(ctx, tx, p); err != nil {
		return err
	}
	if before.Role == Admin && p.Role != Admin {
		if err := notLastAdmin(ctx, tx, Person{ID: person, Role: Admin, Business: business}); err != nil {
			return err
		}
	}
	if err := tx.SetPost(ctx, person, business, p.Role, p.Place, by, now); err != nil {
		return err
	}
	if err := tx.EndAll(ctx, person, "", now); err != nil {
		return err
	}
	return tx.RecordAct(ctx, postAct(now, by, person, before, Post{Business{ID: business}, p.Role, p.Place}))
}

// text is the role and its place; empty for none.
func (p Post) text() string { return strings.TrimSpace(string(p.Role) + " " + p.Place) }

// postAct is that a person's role in a business became another one.
func postAct(now time.Time, by, person string, before, after Post) Act {
	detail := fmt.Sprintf("%s: %s -> %s", after.Business.ID, cmp.Or(before.text(), "none"), cmp.Or(after.text(), "none"))
	return NewAct(now, by, "person.role", person, detail).From(before.text(), after.text())
}

// Colleague is somebody who works for another business that an administrator administers, too, and not for theirs.
type Colleague struct {
	Person
	Of Business
}

// Colleagues are those to whom an administrator may give a role in the business that they are in.
func (s *Service) Colleagues(ctx context.Context, admin Person) (all []Colleague, err error) {
	posts, err := s.Posts(ctx, admin.ID)
	if err != nil {
		return nil, err
	}
	for _, post := range posts {
		if post.Role != Admin || post.Business.ID == admin.Business {
			continue
		}
		there, err := s.List(InBusiness(ctx, post.Business.ID))
		if err != nil {
			return nil, err
		}
		for _, p := range there {
			if p.Active() && !slices.ContainsFunc(all, func(c Colleague) bool { return c.ID == p.ID }) {
				all = append(all, Colleague{p, post.Business})
			}
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	here, err := s.List(InBusiness(ctx, admin.Business))
	isHere := func(c Colleague) bool { return slices.ContainsFunc(here, func(p Person) bool { return p.ID == c.ID }) }
	return slices.DeleteFunc(all, isHere), err
}

// GiveColleague has an administrator give somebody a role in the business that they are in who has one in another that they administer, too.
// Their sessions end. The error is a *FieldError, or ErrNoPerson for whoever is no colleague.
func (s *Service) GiveColleague(ctx context.Context, admin Person, person string, role Role, place string, now time.Time) error {
	defer s.recent.forget()
	ctx = InBusiness(ctx, admin.Business)
	err := s.store.Change(ctx, func(tx Tx) error {
		mine, err := tx.Posts(ctx, admin.ID)
		if err != nil {
			return err
		}
		theirs, err := tx.Posts(ctx, person)
		if err != nil {
			return err
		}
		in := func(posts []Post, business string) bool {
			return slices.ContainsFunc(posts, func(p Post) bool { return p.Business.ID == business })
		}
		colleague := slices.ContainsFunc(mine, func(p Post) bool { return p.Role == Admin && in(theirs, p.Business.ID) })
		if !colleague || in(theirs, admin.Business) {
			return ErrNoPerson
		}
		return givePost(ctx, tx, admin.ID, person, admin.Business, role, place, now)
	})
	if err != nil {
		return fmt.Errorf("role of %s in %s: %w", person, admin.Business, err)
	}
	return nil
}

// DropPost takes a person's role in a business away. Their sessions end. Who has a role in no other business is removed (Remove). The
// error is ErrNoPerson, ErrNoBusiness or ErrLastAdmin.
func (s *Service) DropPost(ctx context.Context, by, person, business string, now time.Time) error {
	posts, err := s.Posts(ctx, person)
	if err != nil {
		return err
	}
	if len(posts) == 1 && posts[0].Business.ID == business {
		return s.Remove(ctx, by, person, now)
	}
	defer s.recent.forget()
	ctx = InBusiness(ctx, business)
	return s.store.Change(ctx, func(tx Tx) error {
		p, err := active(ctx, tx, person)
		if err != nil {
			return err
		}
		return dropPost(ctx, tx, by, p, now)
	})
}

// dropPost takes the role away that p has in its business.
func dropPost(ctx context.Context, tx Tx, by string, p Person, now time.Time) error {
	if err := notLastAdmin(ctx, tx, p); err != nil {
		return err
	}
	if err := tx.DropPost(ctx, p.ID, p.Business); err != nil {
		return err
	}
	if err := tx.EndAll(ctx, p.ID, "", now); err != nil {
		return err
	}
	at := Business{ID: p.Business}
	return tx.RecordAct(ctx, postAct(now, by, p.ID, Post{at, p.Role, p.Place}, Post{Business: at}))
}

// hereOnly refuses what an administrator of one business would do to the account of somebody who has a role in others: with a link for
// them they could enter there. Whoever runs the hub may, at its console.
func hereOnly(ctx context.Context, tx Tx, person string) error {
	if BusinessOf(ctx) == "" {
		return nil
	}
	posts, err := tx.Posts(ctx, person)
	if err == nil && len(posts) > 1 {
		err = ErrOtherBusinesses
	}
	return err
}
