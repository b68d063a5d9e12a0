package people_test

import (
	"bytes"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/people"
	"meguri/hub/store"
)

// console logs a person in by a link that counts for both factors.
func console(t *testing.T, svc *people.Service, p people.Person, at time.Time) string {
	t.Helper()
	code, err := svc.LinkWhole(t.Context(), p.ID, at)
	require.NoError(t, err)
	_, err = svc.Login(t.Context(), code, people.From{}, at.Add(people.AdminLinkEnd))
	require.ErrorIs(t, err, people.ErrLink)
	in, err := svc.Login(t.Context(), code, people.From{}, at)
	require.NoError(t, err)
	return in.Token
}

func aDispatcherOwesASecondFactorUnlessTheLinkSaysOtherwise(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	for _, role := range []people.Role{people.Admin, people.Dispatcher, people.Quality, people.Support, people.Kitting, people.System} {
		for _, whole := range []bool{false, true} {
			a := people.Person{Name: "A", Role: role}
			_, code, err := svc.Add(t.Context(), people.Console, a, start)
			if whole {
				_, code, err = svc.AddWhole(t.Context(), a, start)
			}
			require.NoError(t, err)
			in, err := svc.Login(t.Context(), code, people.From{}, start)
			require.NoError(t, err)
			require.Equal(t, whole || !role.NeedsSecond(), in.Session.Whole, "%s", role)
			require.Equal(t, whole, in.Session.Fresh(start), "a link is nobody's word")
		}
	}
	_, code, err := svc.AdminLink(t.Context(), start)
	require.NoError(t, err)
	first, err := svc.Login(t.Context(), code, people.From{}, start)
	require.NoError(t, err)
	require.True(t, first.Session.Whole)
	enrolled(t, svc, people.Dispatcher, "aoki")
	in, err := svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{}, start)
	require.NoError(t, err)
	require.False(t, in.Session.Whole)
}

func anAuthenticatorIsEnrolledAndPaysTheSecondFactor(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	p, token := enrolled(t, svc, people.Dispatcher, "aoki")
	other, err := svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{}, start)
	require.NoError(t, err)
	secret, recovery := authenticated(t, svc, &token, start)
	require.Len(t, recovery, 10)
	_, session, err := svc.Session(t.Context(), token, start)
	require.NoError(t, err)
	require.True(t, session.Whole, "who has enrolled goes on")
	require.Equal(t, people.ByTOTP, session.ConfirmedBy)
	_, _, err = svc.Session(t.Context(), other.Token, start)
	require.ErrorIs(t, err, people.ErrNoSession, "the others begin anew, with both")

	at := start.Add(time.Hour)
	in, err := svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{}, at)
	require.NoError(t, err)
	require.False(t, in.Session.Whole)
	_, err = svc.BeginTOTP(t.Context(), in.Token, at)
	require.ErrorIs(t, err, people.ErrSecond, "a password alone enrols nobody else's authenticator")
	require.ErrorIs(t, svc.SetPassword(t.Context(), in.Token, "", "aoki", secretWord, at), people.ErrSecond)
	require.ErrorIs(t, confirmed(t, svc, in.Token, people.Proof{Code: "000000"}, at), people.ErrCode)
	whole, err := svc.Confirm(t.Context(), in.Token, people.Proof{Code: " " + people.CodeAt(secret, at)[:3] + " " + people.CodeAt(secret, at)[3:]}, at)
	require.NoError(t, err)
	_, _, err = svc.Session(t.Context(), in.Token, at)
	require.ErrorIs(t, err, people.ErrNoSession, "who knew the token of the half session has none that is whole")
	_, session, err = svc.Session(t.Context(), whole, at)
	require.NoError(t, err)
	require.True(t, session.Whole)
	require.Equal(t, in.Session.Expires, session.Expires, "it is the same session")
	later := at.Add(time.Minute)
	same, err := svc.Confirm(t.Context(), whole, people.Proof{Code: people.CodeAt(secret, later)}, later)
	require.NoError(t, err)
	require.Equal(t, whole, same, "what was given out after both factors is good for signing")
	require.True(t, session.Fresh(at))

	has, err := svc.Has(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, people.Has{Login: "aoki", TOTP: true, Recovery: 10}, has)
}

func noCodeIsTakenTwice(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	_, token := enrolled(t, svc, people.Dispatcher, "aoki")
	secret, recovery := authenticated(t, svc, &token, start)
	require.ErrorIs(t, confirmed(t, svc, token, people.Proof{Code: people.CodeAt(secret, start)}, start.Add(time.Second)), people.ErrCode, "the one that enrolled")

	at := start.Add(time.Hour)
	once := func(code string) (taken int64) {
		var n atomic.Int64
		var wg sync.WaitGroup
		for range 6 {
			in, err := svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{}, at)
			require.NoError(t, err)
			wg.Go(func() {
				switch err := confirmed(t, svc, in.Token, people.Proof{Code: code}, at); {
				case err == nil:
					n.Add(1)
				case !errors.Is(err, people.ErrCode):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		return n.Load()
	}
	require.EqualValues(t, 1, once(people.CodeAt(secret, at)), "of six at once")
	at = at.Add(time.Hour)
	require.EqualValues(t, 1, once(recovery[3]))
	at = at.Add(time.Hour)
	require.Zero(t, once(recovery[3]))
	at = at.Add(time.Hour)
	in, err := svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{}, at)
	require.NoError(t, err)
	in.Token, err = svc.Confirm(t.Context(), in.Token, people.Proof{Code: people.CodeAt(secret, at)}, at)
	require.NoError(t, err)
	require.ErrorIs(t, confirmed(t, svc, in.Token, people.Proof{Code: people.CodeAt(secret, at.Add(-30*time.Second))}, at), people.ErrCode,
		"nor an older one than was taken")
}

func codesCannotBeTriedOut(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	_, token := enrolled(t, svc, people.Dispatcher, "aoki")
	secret, recovery := authenticated(t, svc, &token, start)
	var throttled *people.ThrottledError
	tries := 0
	for ; !errors.As(confirmed(t, svc, token, people.Proof{Code: "123456"}, start.Add(time.Hour)), &throttled); tries++ {
		require.Less(t, tries, 50)
	}
	require.Equal(t, 8, tries)
	at := start.Add(time.Hour)
	half := func() string {
		in, err := svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{}, at)
		require.NoError(t, err)
		return in.Token
	}
	require.NoError(t, confirmed(t, svc, half(), people.Proof{Code: people.CodeAt(secret, at)}, at), "a whole session keeps no new one out")
	for tries = 0; !errors.As(confirmed(t, svc, half(), people.Proof{Code: "123456"}, at), &throttled); tries++ {
		require.Less(t, tries, 50)
	}
	require.Equal(t, 8, tries, "in however many sessions")
	at = at.Add(time.Hour)
	for tries = 0; !errors.As(confirmed(t, svc, half(), people.Proof{Code: "123456"}, at), &throttled); tries++ {
		require.Less(t, tries, 50)
	}
	require.NoError(t, confirmed(t, svc, token, people.Proof{Code: people.CodeAt(secret, at)}, at), "half sessions keep no whole one out")
	require.NoError(t, confirmed(t, svc, half(), people.Proof{Code: recovery[0]}, at), "nor the recovery codes")
	require.ErrorIs(t, confirmed(t, svc, half(), people.Proof{Code: recovery[0]}, at), people.ErrCode)
	at = at.Add(10 * time.Minute)
	require.NoError(t, confirmed(t, svc, half(), people.Proof{Code: people.CodeAt(secret, at)}, at))
}

func aPasswordAloneChangesNothingBesideAnAuthenticator(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	p, token := enrolled(t, svc, people.Dispatcher, "aoki")
	secret, recovery := authenticated(t, svc, &token, start)
	at := start.Add(time.Hour)
	const next = "another horse battery"
	require.NoError(t, confirmed(t, svc, token, people.Proof{Password: secretWord}, at), "enough to sign by")
	require.ErrorIs(t, svc.SetPassword(t.Context(), token, secretWord, "aoki", next, at), people.ErrConfirm)
	_, err := svc.BeginTOTP(t.Context(), token, at)
	require.ErrorIs(t, err, people.ErrConfirm)
	_, err = svc.NewRecovery(t.Context(), token, at)
	require.ErrorIs(t, err, people.ErrConfirm)

	code := people.CodeAt(secret, at)
	require.ErrorIs(t, confirmed(t, svc, token, people.Proof{Password: "wrong password", Code: code}, at), people.ErrPassword, "both are looked at")
	require.ErrorIs(t, confirmed(t, svc, token, people.Proof{Password: secretWord, Code: "000000"}, at), people.ErrCode)
	require.NoError(t, confirmed(t, svc, token, people.Proof{Password: secretWord, Code: code}, at))
	require.ErrorIs(t, svc.SetPassword(t.Context(), token, "wrong password", "aoki", next, at), people.ErrPassword)
	require.NoError(t, svc.SetPassword(t.Context(), token, secretWord, "aoki", next, at))

	for _, way := range []string{"recovery", "console"} { // who does not know it any more
		at = at.Add(time.Hour)
		if way == "recovery" {
			require.NoError(t, confirmed(t, svc, token, people.Proof{Code: recovery[0]}, at))
		} else {
			token = console(t, svc, p, at)
		}
		require.NoError(t, svc.SetPassword(t.Context(), token, "", "aoki", next+way, at), way)
		_, err = svc.PasswordLogin(t.Context(), "aoki", next+way, people.From{}, at)
		require.NoError(t, err)
	}
}

func aHubWithoutItsKeyLetsPeopleInByRecoveryCodes(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	_, token := enrolled(t, svc, people.Dispatcher, "aoki")
	_, recovery := authenticated(t, svc, &token, start)
	svc.Vault = nil
	in, err := svc.PasswordLogin(t.Context(), "aoki", secretWord, people.From{Device: "d.x"}, start)
	require.NoError(t, err)
	require.Empty(t, in.Device)
	require.ErrorIs(t, confirmed(t, svc, in.Token, people.Proof{Code: "123456"}, start), people.ErrNoKey)
	require.NoError(t, confirmed(t, svc, in.Token, people.Proof{Code: recovery[0]}, start))
	_, err = svc.BeginTOTP(t.Context(), in.Token, start)
	require.ErrorIs(t, err, people.ErrNoKey)
	_, _, err = svc.ConfirmTOTP(t.Context(), in.Token, "123456", start)
	require.ErrorIs(t, err, people.ErrNoKey)
}

func anotherAuthenticatorCountsOnceItHasGivenACode(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	_, token := enrolled(t, svc, people.Dispatcher, "aoki")
	secret, recovery := authenticated(t, svc, &token, start)
	at := start.Add(time.Hour)
	_, err := svc.BeginTOTP(t.Context(), token, at)
	require.ErrorIs(t, err, people.ErrConfirm)
	_, err = svc.NewRecovery(t.Context(), token, at)
	require.ErrorIs(t, err, people.ErrConfirm)
	require.NoError(t, confirmed(t, svc, token, people.Proof{Code: people.CodeAt(secret, at)}, at))
	next, err := svc.BeginTOTP(t.Context(), token, at)
	require.NoError(t, err)
	at = at.Add(time.Minute)
	require.NoError(t, confirmed(t, svc, token, people.Proof{Code: people.CodeAt(secret, at)}, at), "until then the old one")
	_, _, err = svc.ConfirmTOTP(t.Context(), token, people.CodeAt(secret, at), at)
	require.ErrorIs(t, err, people.ErrCode)
	fresh, _, err := svc.ConfirmTOTP(t.Context(), token, people.CodeAt(next.Secret, at), at)
	require.NoError(t, err)
	at = at.Add(time.Minute)
	require.ErrorIs(t, confirmed(t, svc, token, people.Proof{Code: people.CodeAt(secret, at)}, at), people.ErrCode)
	require.ErrorIs(t, confirmed(t, svc, token, people.Proof{Code: recovery[0]}, at), people.ErrCode, "the codes of the old one are gone")
	require.NoError(t, confirmed(t, svc, token, people.Proof{Code: fresh[0]}, at))
	again, err := svc.NewRecovery(t.Context(), token, at)
	require.NoError(t, err)
	require.ErrorIs(t, confirmed(t, svc, token, people.Proof{Code: fresh[1]}, at), people.ErrCode)
	require.NoError(t, confirmed(t, svc, token, people.Proof{Code: again[1]}, at))
}

func aSecretIsNotInTheDatabaseAsItIs(t *testing.T, s *store.Store) {
	svc := withAccounts(t, s)
	p, token := enrolled(t, svc, people.Dispatcher, "aoki")
	require.NoError(t, confirmed(t, svc, token, people.Proof{Password: secretWord}, start))
	e, err := svc.BeginTOTP(t.Context(), token, start)
	require.NoError(t, err)

	// The same, sealed with a key that this hub does not have.
	other := people.New(s.People())
	other.Vault, err = people.NewVault(bytes.Repeat([]byte{7}, people.VaultKey))
	require.NoError(t, err)
	q, code, err := other.Add(t.Context(), people.Console, people.Person{Name: "B", Role: people.Support}, start)
	require.NoError(t, err)
	in, err := other.Login(t.Context(), code, people.From{}, start)
	require.NoError(t, err)
	e2, err := other.BeginTOTP(t.Context(), in.Token, start)
	require.NoError(t, err)
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) error {
		kept, err := tx.TOTP(t.Context(), q.ID)
		require.NoError(t, err)
		require.NotContains(t, string(kept.Pending), e2.Secret)
		plain, err := other.Vault.Open(kept.Pending, q.ID)
		require.NoError(t, err)
		require.NotContains(t, string(kept.Pending), string(plain))
		return nil
	}))
	other.Vault, err = people.NewVault(bytes.Repeat([]byte{8}, people.VaultKey))
	require.NoError(t, err)
	_, _, err = other.ConfirmTOTP(t.Context(), in.Token, people.CodeAt(e2.Secret, start), start)
	require.ErrorIs(t, err, people.ErrSealed, "a hub without the key says so")

	require.NotEmpty(t, e.URI)
	require.NoError(t, svc.Reset(t.Context(), people.Console, p.ID, start))
	has, err := svc.Has(t.Context(), p.ID)
	require.NoError(t, err)
	require.True(t, has.None())
}

// confirmed takes a proof, and forgets the token with which the session goes on.
func confirmed(t *testing.T, svc *people.Service, token string, p people.Proof, at time.Time) error {
	t.Helper()
	_, err := svc.Confirm(t.Context(), token, p, at)
	return err
}
