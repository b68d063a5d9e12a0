package people_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/password"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

func post(business string, role people.Role, place string) people.Post {
	return people.Post{Business: people.Business{ID: business}, Role: role, Place: place}
}

// ofCompany is a service in which a person of a company has a session that has just begun, and a password.
func ofCompany(t *testing.T, role people.Role) (svc *people.Service, c people.Company, in people.In, at time.Time) {
	t.Helper()
	svc = people.New(storetest.Open(t, storetest.SQLite(t)).People())
	svc.Passwords = password.New(password.Parameters{MemoryKiB: 64, Passes: 1, Lanes: 1})
	at = time.Now()
	c = people.Company{Issuer: "https://idp", Subject: "s-1", Name: "Aoki", Posts: []people.Post{post(people.MainBusiness, role, "")},
		Of: []string{people.MainBusiness}, Shown: at, State: "1"}
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
		c.Posts, c.State = nil, "2"
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

// At each sign-in somebody is in each business what their groups say; where the company says nothing of anybody, what they are stays.
func TestGroupsGiveAndTakeRolesInEachBusiness(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := storetest.Open(t, empty())
		storetest.Import(t, s, storetest.Network(t))
		svc, ctx, at, n := people.New(s.People()), t.Context(), time.Now(), 0
		for _, id := range []string{"boutique", "cafe"} {
			require.NoError(t, svc.AddBusiness(ctx, people.Console, people.Business{ID: id, Name: id}, at))
		}
		signIn := func(posts ...people.Post) (people.In, error) {
			n++
			at = at.Add(time.Minute)
			return svc.CompanyLogin(ctx, people.Company{Issuer: "https://idp", Subject: "s-1", Name: "Aoki", Posts: posts,
				Of: []string{people.MainBusiness, "boutique"}, Shown: at, State: strconv.Itoa(n)}, people.From{}, at)
		}
		now := func(id string) (all []string) {
			posts, err := svc.Posts(ctx, id)
			require.NoError(t, err)
			for _, p := range posts {
				all = append(all, strings.TrimSpace(p.Business.ID+" "+string(p.Role)+" "+p.Place))
			}
			return all
		}
		in, err := signIn(post("boutique", people.Warehouse, ""), post(people.MainBusiness, people.Shop, "shop-a"))
		require.NoError(t, err)
		id := in.Person.ID
		require.Equal(t, []string{"main shop shop-a", "boutique warehouse"}, now(id))
		require.Equal(t, "boutique", in.Session.Business, "that of the first row")
		require.NoError(t, svc.GivePost(ctx, people.Console, id, "cafe", people.Support, "", at))

		in, err = signIn(post("boutique", people.Warehouse, ""), post(people.MainBusiness, people.Support, ""))
		require.NoError(t, err)
		require.Equal(t, []string{"main support", "boutique warehouse", "cafe support"}, now(id))
		again, err := signIn(post("boutique", people.Warehouse, ""), post(people.MainBusiness, people.Support, ""))
		require.NoError(t, err)
		_, _, err = svc.Session(ctx, in.Token, at)
		require.NoError(t, err, "nothing is another, and the session goes on")

		in, err = signIn(post(people.MainBusiness, people.Support, ""))
		require.NoError(t, err)
		require.Equal(t, []string{"main support", "cafe support"}, now(id))
		require.NotEqual(t, "boutique", in.Session.Business)
		_, _, err = svc.Session(ctx, again.Token, at)
		require.ErrorIs(t, err, people.ErrNoSession, "what they were in the boutique ends with its sessions")

		for want, wrong := range map[string]people.Post{`business: want the id of a business, and "none" is none`: post("none", people.Support, ""),
			`and "shop-a" is none`: post("boutique", people.Shop, "shop-a")} { // it is a shop of the other business
			_, err = signIn(post(people.MainBusiness, people.Support, ""), wrong)
			require.ErrorContains(t, err, want)
		}
		require.Equal(t, []string{"main support", "cafe support"}, now(id), "nothing of it is half done")
		var acts []string
		require.NoError(t, s.Read(ctx, func(tx *store.Tx) error {
			all, err := tx.Acts(ctx, id, 100)
			for _, a := range all {
				if a.Act == "person.role" && a.Person == string(people.ByCompany) {
					acts = append(acts, a.Detail)
				}
			}
			return err
		}))
		require.ElementsMatch(t, []string{"main: none -> shop shop-a", "main: shop shop-a -> support", "boutique: warehouse -> none"}, acts)
	})
}
