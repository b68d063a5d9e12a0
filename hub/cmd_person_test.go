package main

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/password"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

func TestPersonsAreLookedAfterFromTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	g := &Globals{Ctx: t.Context(), DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hub.db")}
	_, err := runHub(t, g, "person", "add", "--name", "Aoki", "--role", "driver", "--place", "route-1")
	require.ErrorContains(t, err, `place: want the id of a route of the imported network, and "route-1" is none`)
	network, err := g.OpenStore()
	require.NoError(t, err)
	defer func() { require.NoError(t, network.Close()) }()
	storetest.Import(t, network, storetest.Network(t))

	out, err := runHub(t, g, "person", "add", "--name", "Aoki", "--role", "driver", "--place", "route-1", "--url", "https://hub.example")
	require.NoError(t, err)
	link, err := url.Parse(strings.TrimSpace(out))
	require.NoError(t, err)
	require.Equal(t, "https://hub.example/login", link.Scheme+"://"+link.Host+link.Path)

	s, err := g.OpenStore()
	require.NoError(t, err)
	_, err = g.names(s)
	require.NoError(t, err)
	in, err := people.New(s.People()).Login(t.Context(), link.Query().Get("code"), people.From{}, time.Now())
	require.NoError(t, err)
	require.NoError(t, s.Close())
	who := in.Person
	require.Equal(t, "Aoki", who.Name)

	out, err = runHub(t, g, "admin", "link")
	require.NoError(t, err)
	require.Contains(t, out, "http://127.0.0.1:8080/login?code=")
	out, err = runHub(t, g, "person", "link", who.ID)
	require.NoError(t, err)
	require.Contains(t, out, "/login?code=")
	_, err = runHub(t, g, "person", "role", who.ID, "driver")
	require.ErrorContains(t, err, "place: want the id of the driver's route")
	_, err = runHub(t, g, "person", "role", who.ID, "dispatcher", "--place", "route-1")
	require.ErrorContains(t, err, "place: want nothing: the role dispatcher is for the whole business")
	_, err = runHub(t, g, "person", "role", who.ID, "dispatcher")
	require.NoError(t, err)
	out, err = runHub(t, g, "person", "reset", who.ID)
	require.NoError(t, err)
	require.Contains(t, out, "/login?code=")
	out, err = runHub(t, g, "person", "acts", who.ID)
	require.NoError(t, err)
	require.Regexp(t, `(?m)console +person.role .* driver route-1 -> dispatcher`, out)
	require.Regexp(t, `(?m)console +person.reset`, out)
	_, err = runHub(t, g, "person", "role", who.ID, "driver", "--place", "route-1")
	require.NoError(t, err)
	_, err = runHub(t, g, "person", "remove", who.ID)
	require.NoError(t, err)
	_, err = runHub(t, g, "person", "link", who.ID)
	require.ErrorIs(t, err, people.ErrNoPerson)
	out, err = runHub(t, g, "person", "list")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^`+who.ID+`  Aoki .* driver .* route-1 .* console`, out)
	_, err = runHub(t, g, "person", "add", "--name", "A", "--role", "king")
	require.ErrorContains(t, err, "role: want one of")
	_, err = runHub(t, g, "person", "add", "--name", "A", "--role", "quality", "--place", "route-1")
	require.ErrorContains(t, err, "place: want nothing: the role quality is for the whole business")
	_, err = runHub(t, g, "person", "add", "--name", "A", "--role", "warehouse", "--place", "route-1")
	require.ErrorContains(t, err, `place: want the id of a warehouse of the imported network, and "route-1" is none`)
	_, err = runHub(t, g, "admin", "link", "--url", "hub")
	require.ErrorContains(t, err, `--url "hub"`)
}

// A command makes no key, and takes none of another hub, where names are not sealed yet or are with the hub's key: the hub could read none.
func TestNoCommandSealsNamesWithAKeyThatTheHubDoesNotHave(t *testing.T) {
	dir := t.TempDir()
	g := &Globals{Ctx: t.Context(), DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hub.db")}
	s, err := g.MakeStore()
	require.NoError(t, err)
	require.NoError(t, s.Close())
	storetest.Break(t, g.Database, "INSERT INTO persons (id, name, role, place, added_at, added_by) VALUES ('p-1', 'Aoki', 'support', '', 0, '')")
	names := func() [][]any { return storetest.Rows(t, g.Database, "SELECT name FROM persons") }
	was := names()
	key := filepath.Join(g.pkiDir(), password.KeyFile)
	_, err = runHub(t, g, "person", "list")
	require.ErrorContains(t, err, "start the hub once with its key")
	require.NoFileExists(t, key)
	require.Equal(t, was, names())

	t.Setenv("MEGURI_PEOPLE_KEY", storetest.PeopleKey())
	_, err = runHub(t, g, "person", "list")
	require.NoError(t, err)
	t.Setenv("MEGURI_PEOPLE_KEY", store.StageKey("another"))
	storetest.Break(t, g.Database, "INSERT INTO persons (id, name, role, place, added_at, added_by) VALUES ('p-2', 'Mori', 'support', '', 0, '')")
	was = names()
	_, err = runHub(t, g, "person", "add", "--name", "Sato", "--role", "support")
	require.ErrorIs(t, err, people.ErrOtherKey)
	require.Equal(t, was, names())

	g.LostKey = true // by choice
	_, err = runHub(t, g, "person", "name", "p-1", "Aoki Ren")
	require.NoError(t, err)
	g.LostKey = false
	out, err := runHub(t, g, "person", "list")
	require.NoError(t, err, "a name is sealed with the new key: from now on it is the hub's")
	require.Contains(t, out, "Aoki Ren")
}
