package people

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Company is what a company's own login (OpenID Connect) says of somebody, and what their groups are here.
type Company struct {
	Issuer, Subject string // who it is: never a name or a mail address, which go from one person to another
	Name            string
	Posts           []Post    // by their groups, one in each business; none for who is nothing here
	Of              []string  // businesses in which the company's groups say who is what; a role in others is not theirs to give or take
	Both            bool      // two factors were shown to the company's login
	Shown           time.Time // when they showed there that it is they; zero where it does not say
	State           string    // of the sign-in, good once
}

// companyTx is what a transaction offers for companies' logins.
type companyTx interface {
	// Identity is ErrNoPerson for a subject that nobody is bound to.
	Identity(ctx context.Context, issuer, subject string) (person string, err error)
	AddIdentity(ctx context.Context, issuer, subject, person string, at time.Time) error
	// OfCompany says whether a person is bound to an issuer.
	OfCompany(ctx context.Context, person string) (bool, error)
}

// CompanyFor is how long a sign-in by the company's login may take.
const CompanyFor = 10 * time.Minute

// CompanyLogin makes a new session for somebody whom a company's login lets in. The first time it adds the person; every time the role
// follows the groups: with another role the sessions of before end, and without one all do and nobody is let in (ErrGroup). A person that
// was removed here stays so (ErrNoPerson). The error may also be ErrState for a sign-in that was ended before, or a *FieldError.
func (s *Service) CompanyLogin(ctx context.Context, c Company, from From, now time.Time) (in In, err error) {
	defer s.recent.forget()
	var refused error // and yet stored: that the sessions end
	err = s.store.Change(ctx, func(tx Tx) error {
		refused = nil
		first, err := tx.UseChallenge(ctx, hashToken("state "+c.State), now.Add(CompanyFor), now)
		if err == nil && !first {
			err = ErrState
		}
		if err != nil {
			return err
		}
		who, err := companyPerson(ctx, tx, c, now)
		if errors.Is(err, ErrGroup) && who.ID != "" {
			refused = err
			return outOfGroups(ctx, tx, who, now)
		}
		if err != nil {
			return err
		}
		in, err = beginByCompany(ctx, tx, who, c, from, now)
		return err
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return In{}, err
	}
	return in, nil
}

// companyPerson finds or adds the person, in the roles of today.
func companyPerson(ctx context.Context, tx Tx, c Company, now time.Time) (Person, error) {
	id, err := tx.Identity(ctx, c.Issuer, c.Subject)
	if errors.Is(err, ErrNoPerson) {
		return newFromCompany(ctx, tx, c, now)
	}
	if err != nil {
		return Person{}, err
	}
	who, err := active(ctx, tx, id)
	if err == nil && len(c.Posts) == 0 {
		err = ErrGroup
	}
	if err != nil {
		return who, err
	}
	had, err := tx.Posts(ctx, id)
	if err != nil {
		return Person{}, err
	}
	changed, err := followGroups(ctx, tx, c, who, had, now)
	if err != nil || !changed {
		return who, err
	}
	if err := tx.EndAll(ctx, id, "", now); err != nil {
		return Person{}, err
	}
	return active(ctx, tx, id) // the business of before may be theirs no longer
}

// followGroups gives a person the roles that their groups have, and takes those of before that they have no longer.
func followGroups(ctx context.Context, tx Tx, c Company, who Person, had []Post, now time.Time) (changed bool, err error) {
	in := func(business string) func(Post) bool { return func(p Post) bool { return p.Business.ID == business } }
	for _, p := range c.Posts {
		var before Post
		if n := slices.IndexFunc(had, in(p.Business.ID)); n >= 0 {
			before = had[n]
		}
		if before.Role == p.Role && before.Place == p.Place {
			continue
		}
		changed = true
		if err := companyPost(ctx, tx, who.Name, p); err != nil {
			return changed, err
		}
		if err := tx.SetPost(ctx, who.ID, p.Business.ID, p.Role, p.Place, string(ByCompany), now); err != nil {
			return changed, err
		}
		if err := tx.RecordAct(ctx, postAct(now, string(ByCompany), who.ID, before, p)); err != nil {
			return changed, err
		}
	}
	for _, p := range had {
		if !slices.Contains(c.Of, p.Business.ID) || slices.ContainsFunc(c.Posts, in(p.Business.ID)) {
			continue
		}
		changed = true
		if err := tx.DropPost(ctx, who.ID, p.Business.ID); err != nil {
			return changed, err
		}
		if err := tx.RecordAct(ctx, postAct(now, string(ByCompany), who.ID, p, Post{Business: p.Business})); err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// companyPost refuses a role of a group that nobody can have here.
func companyPost(ctx context.Context, tx Tx, name string, p Post) error {
	who := Person{Name: name, Role: p.Role, Place: p.Place, Business: p.Business.ID}
	if err := errors.Join(who.check(), placed(ctx, tx, who)); err != nil {
		return err
	}
	if err := there(ctx, tx, p.Business.ID); errors.Is(err, ErrNoBusiness) {
		return &FieldError{"business", fmt.Sprintf("the id of a business, and %q is none", p.Business.ID)}
	} else {
		return err
	}
}

func newFromCompany(ctx context.Context, tx Tx, c Company, now time.Time) (Person, error) {
	if len(c.Posts) == 0 {
		return Person{}, ErrGroup
	}
	first := c.Posts[0]
	who := Person{ID: NewID("p"), Name: companyName(c), Role: first.Role, Place: first.Place, Added: now, AddedBy: string(ByCompany),
		Business: first.Business.ID}
	if err := companyPost(ctx, tx, who.Name, first); err != nil {
		return Person{}, err
	}
	if err := tx.AddPerson(ctx, who); err != nil {
		return Person{}, err
	}
	if err := tx.AddIdentity(ctx, c.Issuer, c.Subject, who.ID, now); err != nil {
		return Person{}, err
	}
	if err := tx.RecordAct(ctx, NewAct(now, string(ByCompany), "person.add", who.ID, string(who.Role)+" "+who.Place)); err != nil {
		return Person{}, err
	}
	_, err := followGroups(ctx, tx, c, who, []Post{first}, now)
	return who, err
}

// companyName is a name as persons have one, whatever the company's login says.
func companyName(c Company) string {
	name := strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(c.Name, "")))
	if name == "" {
		name = "company login"
	}
	if all := []rune(name); len(all) > maxName {
		name = strings.TrimSpace(string(all[:maxName]))
	}
	return name
}

// outOfGroups ends what a person has here whose groups have no role any more: sessions, links, and what they had to show.
func outOfGroups(ctx context.Context, tx Tx, who Person, now time.Time) error {
	if err := tx.ForgetMeans(ctx, who.ID); err != nil {
		return err
	}
	if err := tx.EndAll(ctx, who.ID, "", now); err != nil {
		return err
	}
	return tx.RecordAct(ctx, NewAct(now, string(ByCompany), "login.refused", who.ID, "no group with a role"))
}

// notByCompany refuses a person whom a company lets in a session by anything else: the company could not end it, and what it says of them
// would not be asked. A password, authenticator or passkey of theirs here confirms in a session that the company has begun. The console
// is no way around the company: whoever has the data directory could unbind the person.
func notByCompany(ctx context.Context, tx Tx, person string, by Means) error {
	if by == ByCompany || by == ByConsole {
		return nil
	}
	of, err := tx.OfCompany(ctx, person)
	if err == nil && of {
		err = ErrByCompany
	}
	return err
}

// beginByCompany makes the session. It counts as the person's word only from when they showed that it is they: a company's login
// remembers people for days, and lets them in without asking.
func beginByCompany(ctx context.Context, tx Tx, who Person, c Company, from From, now time.Time) (In, error) {
	in, err := begin(ctx, tx, who, ByCompany, from, now)
	if err != nil {
		return in, err
	}
	shown := c.Shown
	if shown.After(now) { // its clock is before ours
		shown = now
	}
	if in.Session.Whole = in.Session.Whole || c.Both; c.Both || !shown.IsZero() {
		in.Session.Confirmed, in.Session.ConfirmedBy = shown, ByCompany
		err = tx.ConfirmSession(ctx, in.Session.Hash, in.Session.Hash, ByCompany, in.Session.Whole, shown)
	}
	return in, err
}
