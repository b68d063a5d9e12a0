package people

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
)

// Company is what a company's own login (OpenID Connect) says of somebody, and what their groups are here.
type Company struct {
	Issuer, Subject string // who it is: never a name or a mail address, which go from one person to another
	Name            string
	Role            Role      // of the first of their groups that has one; empty for none
	Place           string    // that goes with the role
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

// companyPerson finds or adds the person, in the role of today.
func companyPerson(ctx context.Context, tx Tx, c Company, now time.Time) (Person, error) {
	id, err := tx.Identity(ctx, c.Issuer, c.Subject)
	if errors.Is(err, ErrNoPerson) {
		return newFromCompany(ctx, tx, c, now)
	}
	if err != nil {
		return Person{}, err
	}
	who, err := active(ctx, tx, id)
	switch {
	case err != nil:
		return Person{}, err
	case c.Role == "":
		return who, ErrGroup
	case who.Role == c.Role && who.Place == c.Place:
		return who, nil
	}
	before := string(who.Role) + " " + who.Place
	who.Role, who.Place = c.Role, c.Place
	if err := errors.Join(who.check(), placed(ctx, tx, who)); err != nil {
		return Person{}, err
	}
	if err := tx.SetRole(ctx, who.ID, who.Role, who.Place); err != nil {
		return Person{}, err
	}
	if err := tx.EndAll(ctx, who.ID, "", now); err != nil {
		return Person{}, err
	}
	return who, tx.RecordAct(ctx, NewAct(now, string(ByCompany), "person.role", who.ID, before+" -> "+string(who.Role)+" "+who.Place))
}

func newFromCompany(ctx context.Context, tx Tx, c Company, now time.Time) (Person, error) {
	if c.Role == "" {
		return Person{}, ErrGroup
	}
	who := Person{ID: NewID("p"), Name: companyName(c), Role: c.Role, Place: c.Place, Added: now, AddedBy: string(ByCompany),
		Business: MainBusiness}
	if err := errors.Join(who.check(), placed(ctx, tx, who)); err != nil {
		return Person{}, err
	}
	if err := tx.AddPerson(ctx, who); err != nil {
		return Person{}, err
	}
	if err := tx.AddIdentity(ctx, c.Issuer, c.Subject, who.ID, now); err != nil {
		return Person{}, err
	}
	return who, tx.RecordAct(ctx, NewAct(now, string(ByCompany), "person.add", who.ID, string(who.Role)+" "+who.Place))
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
