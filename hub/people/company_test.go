package people_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/password"
	"meguri/hub/people"
	"meguri/hub/storetest"
)

// ofCompany is a service in which a person of a company has a session that has just begun, and a password.
func ofCompany(t *testing.T, role people.Role) (svc *people.Service, c people.Company, in people.In, at time.Time) {
	t.Helper()
	svc = people.New(storetest.Open(t, storetest.SQLite(t)).People())
	svc.Passwords = password.New(password.Parameters{MemoryKiB: 64, Passes: 1, Lanes: 1})
	at = time.Now()
	c = people.Company{Issuer: "https://idp", Subject: "s-1", Name: "Aoki", Role: role, Shown: at, State: "1"}
	in, err := svc.CompanyLogin(t.Context(), c, people.From{}, at)
	require.NoError(t, err)
	require.NoError(t, svc.SetPassword(t.Context(), in.Token, "", "aoki", "correct horse battery", at))
	return svc, c, in, at
}

func TestWhoIsOfACompanyBeginsASessionByItAlone(t *testing.T) {
	svc, _, in, at := ofCompany(t, people.Support)
	ctx := t.Context()
	_, err := svc.PasswordLogin(ctx, "aoki", "correct horse battery", people.From{}, at)
	require.ErrorIs(t, err, people.ErrByCompany)
	_, err = svc.PasswordLogin(ctx, "aoki", "something else entirely", people.From{}, at)
	require.ErrorIs(t, err, people.ErrPassword, "who does not know it learns nothing")
	code, err := svc.Link(ctx, "p-admin", in.Person.ID, at)
	require.NoError(t, err)
	_, err = svc.Login(ctx, code, people.From{}, at)
	require.ErrorIs(t, err, people.ErrByCompany)
	require.NoError(t, confirmed(t, svc, in.Token, people.Proof{Password: "correct horse battery"}, at), "in the company's session it confirms")
	code, err = svc.LinkWhole(ctx, in.Person.ID, at)
	require.NoError(t, err)
	_, err = svc.Login(ctx, code, people.From{}, at)
	require.NoError(t, err, "by the console, while the company's login is down")
}

func TestWhoIsInNoGroupAnyMoreLosesSessionsAndMeans(t *testing.T) {
	for _, role := range []people.Role{people.Support, people.Dispatcher} {
		svc, c, in, at := ofCompany(t, role)
		c.Role, c.State = "", "2"
		_, err := svc.CompanyLogin(t.Context(), c, people.From{}, at.Add(time.Hour))
		require.ErrorIs(t, err, people.ErrGroup)
		_, _, err = svc.Session(t.Context(), in.Token, at.Add(time.Hour))
		require.ErrorIs(t, err, people.ErrNoSession)
		_, err = svc.PasswordLogin(t.Context(), "aoki", "correct horse battery", people.From{}, at.Add(30*24*time.Hour))
		require.ErrorIs(t, err, people.ErrPassword, "there is none any more")
		has, err := svc.Has(t.Context(), in.Person.ID)
		require.NoError(t, err)
		require.True(t, has.None())
	}
}
