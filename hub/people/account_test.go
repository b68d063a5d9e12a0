package people_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/password"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

const secretWord = "correct horse battery"

var cheap = password.Parameters{MemoryKiB: 32, Passes: 1, Lanes: 1}

// TestAccounts runs every rule of accounts on both engines, on one database each.
func TestAccounts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := storetest.Open(t, empty())
		storetest.Import(t, s, storetest.Network(t))
		for _, rule := range []struct {
			name string
			test func(*testing.T, *store.Store)
		}{
			{"A person logs in with a password", aPersonLogsInWithAPassword},
			{"A name that nobody has costs as much as a wrong password", aNameThatNobodyHasCostsAsMuchAsAWrongPassword},
			{"A password has a length and no other rule", aPasswordHasALengthAndNoOtherRule},
			{"A login name is one persons", aLoginNameIsOnePersons},
			{"A hash of older parameters is made anew at login", aHashOfOlderParametersIsMadeAnewAtLogin},
			{"A stranger who guesses locks nobody out", aStrangerWhoGuessesLocksNobodyOut},
			{"A known browser is not kept out by its address", aKnownBrowserIsNotKeptOutByItsAddress},
			{"A login name that cannot be one is nobodys", aLoginNameThatCannotBeOneIsNobodys},
			{"Who has nothing yet sets the first of it soon after a link", whoHasNothingYetSetsTheFirstOfItSoonAfterALink},
			{"A new password ends the other sessions and links", aNewPasswordEndsTheOtherSessionsAndLinks},
			{"A person sees and ends their sessions", aPersonSeesAndEndsTheirSessions},
			{"A new role ends what went on by the old one", aNewRoleEndsWhatWentOnByTheOldOne},
			{"A login that races with the end of its right leaves no session", aLoginThatRacesWithTheEndOfItsRightLeavesNoSession},
			{"A dispatcher owes a second factor unless the link says otherwise", aDispatcherOwesASecondFactorUnlessTheLinkSaysOtherwise},
			{"An authenticator is enrolled and pays the second factor", anAuthenticatorIsEnrolledAndPaysTheSecondFactor},
			{"No code is taken twice", noCodeIsTakenTwice},
			{"A password alone changes nothing beside an authenticator", aPasswordAloneChangesNothingBesideAnAuthenticator},
			{"A hub without its key lets people in by recovery codes", aHubWithoutItsKeyLetsPeopleInByRecoveryCodes},
			{"Codes cannot be tried out", codesCannotBeTriedOut},
			{"Another authenticator counts once it has given a code", anotherAuthenticatorCountsOnceItHasGivenACode},
			{"A secret is not in the database as it is", aSecretIsNotInTheDatabaseAsItIs},
		} {
			t.Run(rule.name, func(t *testing.T) {
				rule.test(t, s)
				leave(t, s)
			})
		}
	})
}

// leave removes all persons, so that the next one may have their login names.
func leave(t *testing.T, s *store.Store) {
	t.Helper()
	require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error {
		all, err := tx.Persons(t.Context(), 1000)
		require.NoError(t, err)
		for _, p := range all {
			require.NoError(t, tx.RemovePerson(t.Context(), p.ID, start))
			require.NoError(t, tx.ForgetMeans(t.Context(), p.ID))
		}
		return nil
	}))
}

// withAccounts is a service that takes passwords and authenticators, on a database.
func withAccounts(t *testing.T, s *store.Store) *people.Service {
	t.Helper()
	svc := people.New(s.People())
	svc.Passwords = password.New(cheap)
	var err error
	svc.Vault, err = password.Vault("", t.TempDir(), false)
	require.NoError(t, err)
	return svc
}

// enrolled adds a person, by a link of an administrator's, with a password.
func enrolled(t *testing.T, svc *people.Service, role people.Role, login string) (people.Person, string) {
	t.Helper()
	p, code, err := svc.Add(t.Context(), "p-admin", people.Person{Name: "Aoki " + login, Role: role}, start)
	require.NoError(t, err)
	in, err := svc.Login(t.Context(), code, people.From{}, start)
	require.NoError(t, err)
	require.NoError(t, svc.SetPassword(t.Context(), in.Token, "", login, secretWord, start))
	return p, in.Token
}

func linkFor(t *testing.T, svc *people.Service, person string) string {
	t.Helper()
	code, err := svc.Link(t.Context(), people.Console, person, start)
	require.NoError(t, err)
	return code
}

// authenticated adds a second factor to the person of a session and gives its secret and the recovery codes. The session goes on with the
// token that token then is.
func authenticated(t *testing.T, svc *people.Service, token *string, at time.Time) (secret string, recovery []string) {
	t.Helper()
	require.NoError(t, confirmed(t, svc, *token, people.Proof{Password: secretWord}, at))
	e, err := svc.BeginTOTP(t.Context(), *token, at)
	require.NoError(t, err)
	recovery, *token, err = svc.ConfirmTOTP(t.Context(), *token, people.CodeAt(e.Secret, at), at)
	require.NoError(t, err)
	return e.Secret, recovery
}

func aPersonLogsInWithAPassword(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	p, _ := enrolled(t, svc, people.Support, "aoki")
	in, err := svc.PasswordLogin(t.Context(), " Aoki ", secretWord, people.From{Address: "192.0.2.1", Agent: "Browser\n" + strings.Repeat("é", 200)}, start)
	require.NoError(t, err)
	require.Equal(t, p, in.Person)
	require.True(t, in.Session.Whole)
	require.NotEmpty(t, in.Device)
	who, session, err := svc.Session(t.Context(), in.Token, start)
	require.NoError(t, err)
	require.Equal(t, p, who)
	require.Equal(t, people.ByPassword, session.By)
	require.True(t, session.Fresh(start.Add(people.ConfirmFor-time.Millisecond)))
	require.False(t, session.Fresh(start.Add(people.ConfirmFor)))
	require.Equal(t, "Browser"+strings.Repeat("é", 56), session.Agent)
	for _, wrong := range [][2]string{{"aoki", "correct horse batterz"}, {"aoki", ""}, {"baba", secretWord}, {"", ""}, {strings.Repeat("x", 1000), "x"},
		{"aoki", strings.Repeat("x", 1000)}} {
		_, err := svc.PasswordLogin(t.Context(), wrong[0], wrong[1], people.From{}, start)
		require.ErrorIs(t, err, people.ErrPassword)
		require.Equal(t, people.ErrPassword.Error(), err.Error(), "nothing tells a name that exists from one that does not")
	}
}

// counting is the real hasher, counted.
type counting struct {
	people.Hasher
	verified atomic.Int64
}

func (c *counting) Verify(ctx context.Context, hash, password string, known bool) (bool, bool, error) {
	c.verified.Add(1)
	return c.Hasher.Verify(ctx, hash, password, known)
}

func aNameThatNobodyHasCostsAsMuchAsAWrongPassword(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	p, _ := enrolled(t, svc, people.Support, "aoki")
	c := &counting{Hasher: svc.Passwords}
	svc.Passwords = c
	_, err := svc.PasswordLogin(t.Context(), "aoki", "wrong password", people.From{}, start)
	require.ErrorIs(t, err, people.ErrPassword)
	require.EqualValues(t, 1, c.verified.Load())
	_, err = svc.PasswordLogin(t.Context(), "nobody", "wrong password", people.From{}, start)
	require.ErrorIs(t, err, people.ErrPassword)
	require.EqualValues(t, 2, c.verified.Load())
	require.NoError(t, svc.Remove(t.Context(), people.Console, p.ID, start))
	_, err = svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{}, start)
	require.ErrorIs(t, err, people.ErrPassword)
	require.EqualValues(t, 3, c.verified.Load())
}

func aPasswordHasALengthAndNoOtherRule(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	_, token := enrolled(t, svc, people.Support, "aoki")
	require.NoError(t, confirmed(t, svc, token, people.Proof{Password: secretWord}, start))
	present := secretWord
	for password, ok := range map[string]bool{"12345678901": false, "123456789012": true, strings.Repeat("あ", 12): true, strings.Repeat("あ", 128): true,
		strings.Repeat("あ", 129): false, "\xff" + secretWord: false, strings.Repeat("e\u0301", 11): false, strings.Repeat("e\u0301", 12): true} {
		err := svc.SetPassword(t.Context(), token, present, "aoki", password, start)
		if ok {
			require.NoError(t, err, password)
			present = password
		} else {
			require.ErrorContains(t, err, "password: want 12 to 128 characters")
		}
	}
	for _, login := range []string{"", "ab", "-aoki", "ao ki", "青木青木", strings.Repeat("a", 65)} {
		require.ErrorContains(t, svc.SetPassword(t.Context(), token, "", login, secretWord, start), "login: want 3 to 64", login)
	}
	svc.Passwords = nil
	require.ErrorIs(t, svc.SetPassword(t.Context(), token, "", "aoki", secretWord, start), people.ErrNoPasswords)
	_, err := svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{}, start)
	require.ErrorIs(t, err, people.ErrNoPasswords)
}

func aLoginNameIsOnePersons(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	_, code, err := svc.Add(t.Context(), people.Console, people.Person{Name: "Baba", Role: people.Support}, start)
	require.NoError(t, err)
	enrolled(t, svc, people.Support, "aoki")
	in, err := svc.Login(t.Context(), code, people.From{}, start)
	require.NoError(t, err)
	require.ErrorIs(t, svc.SetPassword(t.Context(), in.Token, "", "AOKI", secretWord, start), people.ErrLoginTaken)
	require.NoError(t, svc.SetPassword(t.Context(), in.Token, "", "baba", secretWord, start))
}

func aHashOfOlderParametersIsMadeAnewAtLogin(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	p, _ := enrolled(t, svc, people.Support, "aoki")
	hash := func() (text string) {
		require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) error {
			a, err := tx.Account(t.Context(), p.ID)
			text = a.Hash
			return err
		}))
		return text
	}
	require.Contains(t, hash(), "m=32,t=1")
	svc.Passwords = password.New(password.Parameters{MemoryKiB: 64, Passes: 2, Lanes: 1})
	_, err := svc.PasswordLogin(t.Context(), "aoki", "wrong password", people.From{}, start)
	require.ErrorIs(t, err, people.ErrPassword)
	require.Contains(t, hash(), "m=32,t=1", "only who knows it")
	for range 2 {
		_, err = svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{}, start)
		require.NoError(t, err)
		require.Contains(t, hash(), "m=64,t=2")
	}
}

func aStrangerWhoGuessesLocksNobodyOut(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	p, _ := enrolled(t, svc, people.Support, "aoki")
	mine, err := svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{Address: "192.0.2.1"}, start)
	require.NoError(t, err)
	var throttled *people.ThrottledError
	guess := func(from people.From) error {
		_, err := svc.PasswordLogin(t.Context(), "aoki", "wrong password", from, start)
		return err
	}
	for n := 0; !errors.As(guess(people.From{Address: "198.51.100.7"}), &throttled); n++ {
		require.Less(t, n, 100)
	}
	_, err = svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{Address: "198.51.100.8"}, start)
	require.ErrorAs(t, err, &throttled, "also the right one, from a browser that nobody knows, from wherever")
	_, err = svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{Address: "192.0.2.1", Device: "d-made.up"}, start)
	require.ErrorAs(t, err, &throttled)

	in, err := svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{Address: "192.0.2.1", Device: mine.Device}, start)
	require.NoError(t, err, "the person's own browser")
	require.Empty(t, in.Device)
	code, err := svc.Link(t.Context(), "p-admin", p.ID, start)
	require.NoError(t, err)
	_, err = svc.Login(t.Context(), code, people.From{Address: "198.51.100.7"}, start)
	require.NoError(t, err, "a link")
	for n := 0; !errors.As(guess(people.From{Address: "192.0.2.9", Device: mine.Device}), &throttled); n++ {
		require.Less(t, n, 100, "a stolen browser is slowed down, too")
	}
	_, err = svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{Address: "192.0.2.1"}, start.Add(time.Hour))
	require.NoError(t, err, "and all that is forgotten in an hour")
}

func aKnownBrowserIsNotKeptOutByItsAddress(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	enrolled(t, svc, people.Support, "aoki")
	mine, err := svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{Address: "192.0.2.1"}, start)
	require.NoError(t, err)
	var throttled *people.ThrottledError
	for n := 0; !errors.As(err, &throttled); n++ { // somebody behind the same proxy
		require.Less(t, n, 100)
		_, err = svc.PasswordLogin(t.Context(), fmt.Sprint("nobody", n), "wrong password", people.From{Address: "192.0.2.1"}, start)
	}
	_, err = svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{Address: "192.0.2.1"}, start)
	require.ErrorAs(t, err, &throttled)
	_, err = svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{Address: "192.0.2.1", Device: mine.Device}, start)
	require.NoError(t, err)
}

func aLoginNameThatCannotBeOneIsNobodys(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	c := &counting{Hasher: svc.Passwords}
	svc.Passwords = c
	for i, login := range []string{"ao\x00ki", "ao\xffki", "青木", "-", "ao ki"} { // PostgreSQL takes no text with the first two
		_, err := svc.PasswordLogin(t.Context(), login, "wrong password", people.From{}, start)
		require.ErrorIs(t, err, people.ErrPassword, "%q", login)
		require.EqualValues(t, i+1, c.verified.Load(), "and costs as much")
	}
}

// A cookie of a person without means is no word for setting a password with which to pass for them.
func whoHasNothingYetSetsTheFirstOfItSoonAfterALink(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	for _, by := range []string{people.Console, "p-admin"} {
		_, code, err := svc.Add(t.Context(), by, people.Person{Name: "Aoki", Role: people.Support}, start)
		require.NoError(t, err)
		in, err := svc.Login(t.Context(), code, people.From{}, start)
		require.NoError(t, err)
		late := start.Add(people.EnrolFor + time.Millisecond)
		require.ErrorIs(t, svc.SetPassword(t.Context(), in.Token, "", "aoki", secretWord, late), people.ErrOldLink)
		_, err = svc.BeginTOTP(t.Context(), in.Token, late)
		require.ErrorIs(t, err, people.ErrOldLink)
		e, err := svc.BeginTOTP(t.Context(), in.Token, start.Add(people.EnrolFor))
		require.NoError(t, err)
		_, _, err = svc.ConfirmTOTP(t.Context(), in.Token, people.CodeAt(e.Secret, late), late)
		require.ErrorIs(t, err, people.ErrOldLink)
		_, err = svc.MayChange(t.Context(), in.Token, late)
		require.ErrorIs(t, err, people.ErrOldLink)
	}
}

func aNewPasswordEndsTheOtherSessionsAndLinks(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	p, token := enrolled(t, svc, people.Support, "aoki")
	other, err := svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{}, start)
	require.NoError(t, err)
	code, err := svc.Link(t.Context(), people.Console, p.ID, start)
	require.NoError(t, err)

	require.ErrorIs(t, svc.SetPassword(t.Context(), token, "", "aoki", "another horse battery", start), people.ErrConfirm, "a link is nobody's word")
	require.ErrorIs(t, svc.SetPassword(t.Context(), "made-up", "", "aoki", "another horse battery", start), people.ErrNoSession)
	require.ErrorIs(t, confirmed(t, svc, token, people.Proof{Password: "wrong password"}, start), people.ErrPassword)
	require.NoError(t, confirmed(t, svc, token, people.Proof{Password: secretWord}, start))
	require.ErrorIs(t, svc.SetPassword(t.Context(), token, "", "aoki", "another horse battery", start), people.ErrPassword, "nor a session that was left open")
	require.NoError(t, svc.SetPassword(t.Context(), token, secretWord, "aoki", "another horse battery", start))
	_, _, err = svc.Session(t.Context(), other.Token, start)
	require.ErrorIs(t, err, people.ErrNoSession)
	_, err = svc.Login(t.Context(), code, people.From{}, start)
	require.ErrorIs(t, err, people.ErrLink)
	_, _, err = svc.Session(t.Context(), token, start)
	require.NoError(t, err)
	_, err = svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{}, start)
	require.ErrorIs(t, err, people.ErrPassword)
	_, err = svc.PasswordLogin(t.Context(), "aoki", "another horse battery", people.From{}, start)
	require.NoError(t, err)
}

func aPersonSeesAndEndsTheirSessions(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	p, first := enrolled(t, svc, people.Support, "aoki")
	second, err := svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{Agent: "Phone"}, start.Add(time.Hour))
	require.NoError(t, err)
	stranger, _ := enrolled(t, svc, people.Support, "baba")
	at := start.Add(2 * time.Hour)
	list := func(at time.Time) []people.Session {
		all, err := svc.Sessions(t.Context(), p.ID, at)
		require.NoError(t, err)
		return all
	}
	all := list(at)
	require.Len(t, all, 2)
	require.Equal(t, "Phone", all[0].Agent)
	require.Equal(t, second.Session.ID(), all[0].ID())
	require.Empty(t, list(start.Add(people.IdleEnd+2*time.Hour)), "nobody used them")

	require.ErrorIs(t, svc.EndSession(t.Context(), stranger.ID, all[0].ID(), at), people.ErrNoSession, "another's")
	require.ErrorIs(t, svc.EndSession(t.Context(), p.ID, "", at), people.ErrNoSession)
	require.NoError(t, svc.EndSession(t.Context(), p.ID, all[0].ID(), at))
	require.ErrorIs(t, svc.EndSession(t.Context(), p.ID, all[0].ID(), at), people.ErrNoSession)
	_, _, err = svc.Session(t.Context(), second.Token, at)
	require.ErrorIs(t, err, people.ErrNoSession)
	require.Len(t, list(at), 1)
	require.NoError(t, svc.SignOutEverywhere(t.Context(), p.ID, at))
	_, _, err = svc.Session(t.Context(), first, at)
	require.ErrorIs(t, err, people.ErrNoSession)
	require.Empty(t, list(at))
}

func aNewRoleEndsWhatWentOnByTheOldOne(t *testing.T, s *store.Store) {
	svc := people.New(s.People())
	admin, _, err := svc.AdminLink(t.Context(), start)
	require.NoError(t, err)
	p, code, err := svc.Add(t.Context(), admin.ID, people.Person{Name: "Aoki", Role: people.Support}, start)
	require.NoError(t, err)
	in, err := svc.Login(t.Context(), code, people.From{}, start)
	require.NoError(t, err)
	_, _, err = svc.Session(t.Context(), in.Token, start)
	require.NoError(t, err)

	require.NoError(t, svc.SetRole(t.Context(), admin.ID, p.ID, people.Driver, " route-1 ", start))
	_, _, err = svc.Session(t.Context(), in.Token, start)
	require.ErrorIs(t, err, people.ErrNoSession)
	in, err = svc.Login(t.Context(), linkFor(t, svc, p.ID), people.From{}, start)
	require.NoError(t, err)
	require.Equal(t, people.Driver, in.Person.Role)
	require.Equal(t, "route-1", in.Person.Place)

	var field *people.FieldError
	require.ErrorAs(t, svc.SetRole(t.Context(), admin.ID, p.ID, people.Driver, "nope", start), &field)
	require.ErrorAs(t, svc.SetRole(t.Context(), admin.ID, p.ID, "king", "", start), &field)
	require.ErrorIs(t, svc.SetRole(t.Context(), admin.ID, "p-none", people.Support, "", start), people.ErrNoPerson)
	require.ErrorIs(t, svc.SetRole(t.Context(), admin.ID, admin.ID, people.Support, "", start), people.ErrLastAdmin)
	require.NoError(t, svc.SetRole(t.Context(), admin.ID, admin.ID, people.Admin, "", start))
}

// Of a login and what takes the right away at the same time, the session that is left is none that may go on.
func aLoginThatRacesWithTheEndOfItsRightLeavesNoSession(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	p, _ := enrolled(t, svc, people.Support, "aoki")
	var wg sync.WaitGroup
	tokens := make(chan string, 6)
	for range cap(tokens) {
		wg.Go(func() {
			if in, err := svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{}, start); err == nil {
				tokens <- in.Token
			}
		})
	}
	wg.Go(func() { require.NoError(t, svc.Reset(t.Context(), people.Console, p.ID, start)) })
	wg.Wait()
	close(tokens)
	for token := range tokens {
		_, _, err := svc.Session(t.Context(), token, start)
		require.ErrorIs(t, err, people.ErrNoSession)
	}
	_, err := svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{}, start)
	require.ErrorIs(t, err, people.ErrPassword)
}
