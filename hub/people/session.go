package people

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// From is where somebody logs in from.
type From struct {
	Address string // of the connection
	Device  string // what an earlier login with a password gave the browser to keep; empty for a new one
	Agent   string // what the browser calls itself
}

// In is a login that worked.
type In struct {
	Person  Person
	Token   string // the session's secret, of which only the hash is stored
	Session Session
	Device  string // for the browser to keep; empty when it is to keep what it has
}

// Login exchanges the code of a one-time link for a new session. The error is ErrLink for a code that does not let anybody in.
//
// A link that whoever runs the hub has made at its console for that (`hub admin link`, `--whole`) counts for both factors and as the
// person's word for ConfirmFor: whoever has the data directory could write anything into the database anyway, so asking for more there
// would protect nothing, and it is the way back in for who has lost everything. What is done on it says so ("console link"). Any other
// link counts for one: it lets a new person in to enrol, and nobody act for a dispatcher.
func (s *Service) Login(ctx context.Context, code string, from From, now time.Time) (in In, err error) {
	var has bool
	err = s.store.Read(ctx, func(tx Tx) error { // first, for codes that strangers make up are no reason to write
		has, err = tx.HasLink(ctx, hashToken(code), now)
		return err
	})
	if err == nil && !has {
		err = ErrLink
	}
	if err != nil {
		return In{}, fmt.Errorf("login: %w", err)
	}
	err = s.store.Change(ctx, func(tx Tx) error {
		used, err := tx.UseLink(ctx, hashToken(code), now)
		if err != nil {
			return err
		}
		who, err := active(ctx, tx, used.Person)
		if err != nil {
			return fmt.Errorf("%w (%w)", ErrLink, err)
		}
		by := ByLink
		if used.Console {
			by = ByConsole
		}
		in, err = begin(ctx, tx, who, by, from, now)
		return err
	})
	if err != nil {
		return In{}, fmt.Errorf("login: %w", err)
	}
	return in, nil
}

// begin makes the session of a person who has shown by what it is they.
func begin(ctx context.Context, tx Tx, who Person, by Means, from From, now time.Time) (In, error) {
	if err := notByCompany(ctx, tx, who.ID, by); err != nil {
		return In{}, err
	}
	has, err := tx.HasMeans(ctx, who.ID)
	if err != nil {
		return In{}, err
	}
	needs, err := needsSecond(ctx, tx, who)
	if err != nil {
		return In{}, err
	}
	token := newToken()
	session := Session{Hash: hashToken(token), Person: who.ID, Made: now, Seen: now, Expires: now.Add(AbsoluteEnd), By: by, Agent: agent(from.Agent),
		Whole: by == ByConsole || by == ByPasskey || !needs && !has.Second(), Business: who.Business}
	if by != ByLink && by != ByCompany { // who has only a link may have it from anybody who read the mail; of the other see CompanyLogin
		session.Confirmed, session.ConfirmedBy = now, by
	}
	if err := tx.AddSession(ctx, session); err != nil {
		return In{}, err
	}
	return In{Person: who, Token: token, Session: session}, tx.RecordAct(ctx, NewAct(now, who.ID, "login", who.ID, string(by)))
}

// needsSecond says whether a person logs in with two factors: for any of their roles, since a session goes from one business to another.
func needsSecond(ctx context.Context, tx Tx, who Person) (bool, error) {
	posts, err := tx.Posts(ctx, who.ID)
	return who.Role.NeedsSecond() || slices.ContainsFunc(posts, func(p Post) bool { return p.Role.NeedsSecond() }), err
}

// agent is what is kept of a browser's own name: printable, and not long.
func agent(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	for len(text) > maxAgent {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

// Session gives the person whose session has the token, and notes that it was used. The error is ErrNoSession for a token
// that nobody may use, or not any more.
func (s *Service) Session(ctx context.Context, token string, now time.Time) (Person, Session, error) {
	hash := hashToken(token)
	was, fresh, round := s.recent.get(hash, now)
	if fresh {
		return was.who, was.session, nil
	}
	u := use{at: now}
	err := s.store.Read(ctx, func(tx Tx) (err error) {
		u.who, u.session, err = living(ctx, tx, hash, now)
		return err
	})
	if err != nil {
		return Person{}, Session{}, fmt.Errorf("session: %w", err)
	}
	s.recent.put(round, u)
	if now.Sub(u.session.Seen) >= seenStep {
		err = s.store.Change(ctx, func(tx Tx) error { return tx.SeeSession(ctx, hash, now) })
	}
	return u.who, u.session, err
}

// living gives a session that may be used at now, with its person; else ErrNoSession.
func living(ctx context.Context, tx Tx, hash string, now time.Time) (Person, Session, error) {
	session, err := tx.Session(ctx, hash)
	if err != nil {
		return Person{}, session, err
	}
	if !session.lives(now) {
		return Person{}, session, ErrNoSession
	}
	who, err := active(ctx, tx, session.Person)
	if errors.Is(err, ErrNoPerson) {
		err = ErrNoSession
	}
	if err == nil {
		who, err = atPost(ctx, tx, who, session.Business)
	}
	return who, session, err
}

// Sessions lists where a person is logged in now, the newest login first.
func (s *Service) Sessions(ctx context.Context, person string, now time.Time) (all []Session, err error) {
	err = s.store.Read(ctx, func(tx Tx) error {
		all, err = tx.Sessions(ctx, person, now, maxSessions)
		return err
	})
	living := all[:0]
	for _, session := range all {
		if session.lives(now) {
			living = append(living, session)
		}
	}
	return living, err
}

// EndSession ends one session of a person by its id. The error is ErrNoSession when there is none.
func (s *Service) EndSession(ctx context.Context, person, id string, now time.Time) error {
	defer s.recent.forget()
	return s.store.Change(ctx, func(tx Tx) error {
		was, err := tx.EndSessionOf(ctx, person, id, now)
		if err == nil && !was {
			err = ErrNoSession
		}
		if err != nil {
			return err
		}
		return tx.RecordAct(ctx, NewAct(now, person, "session.end", person, id))
	})
}

// SignOutOthers ends all sessions of a session's person but it, and spends their links.
func (s *Service) SignOutOthers(ctx context.Context, token string, now time.Time) error {
	defer s.recent.forget()
	return s.store.Change(ctx, func(tx Tx) error {
		who, session, err := living(ctx, tx, hashToken(token), now)
		if err != nil {
			return err
		}
		if err := tx.EndAll(ctx, who.ID, session.Hash, now); err != nil {
			return err
		}
		return tx.RecordAct(ctx, NewAct(now, who.ID, "logout.others", who.ID, ""))
	})
}

// SignOutEverywhere ends all sessions of a person, and spends their links.
func (s *Service) SignOutEverywhere(ctx context.Context, person string, now time.Time) error {
	defer s.recent.forget()
	return s.store.Change(ctx, func(tx Tx) error {
		if err := tx.EndAll(ctx, person, "", now); err != nil {
			return err
		}
		return tx.RecordAct(ctx, NewAct(now, person, "logout.everywhere", person, ""))
	})
}
