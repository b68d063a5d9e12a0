package main

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/people"
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
