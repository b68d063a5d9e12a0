package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/people"
	"meguri/hub/storetest"
)

func TestBusinessesAreAddedAndPeopleGetRolesInEachFromTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	g := &Globals{Ctx: t.Context(), DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hub.db")}
	storetest.Import(t, storetest.Open(t, g.Database), storetest.Network(t))
	run := func(args ...string) string {
		t.Helper()
		out, err := runHub(t, g, args...)
		require.NoError(t, err)
		return out
	}
	run("person", "add", "--name", "Aoki", "--role", "support")
	require.NotContains(t, run("person", "list"), "BUSINESS", "who has one business hears of none")
	_, err := runHub(t, g, "person", "add", "--name", "Mori", "--role", "support", "--business", "boutique")
	require.ErrorIs(t, err, people.ErrNoBusiness)

	run("business", "add", "boutique", "--name", "Boutique Mori")
	run("business", "rename", "main", "Fresh food")
	require.Regexp(t, `(?s)ID +NAME +SINCE\nmain +Fresh food +-\nboutique +Boutique Mori +2\d{3}-`, run("business", "list"))
	_, err = runHub(t, g, "business", "rename", "none", "None")
	require.ErrorIs(t, err, people.ErrNoBusiness)
	run("person", "add", "--name", "Mori", "--role", "admin", "--business", "boutique")
	_, err = runHub(t, g, "person", "add", "--name", "Shop", "--role", "shop", "--place", "shop-a", "--business", "boutique")
	require.ErrorContains(t, err, `"shop-a" is none`, "it is the other business's")
	_, err = runHub(t, g, "client", "add", "cafe", "--scope", "limits:write", "--role", "shop", "--place", "shop-a", "--business", "boutique")
	require.ErrorContains(t, err, `"shop-a" is none`)

	id := strings.Fields(strings.Split(run("person", "list"), "\n")[1])[0]
	run("person", "role", id, "warehouse", "--business", "boutique")
	require.Regexp(t, `(?s)Aoki +main +support.*Aoki +boutique +warehouse.*Mori +boutique +admin`, run("person", "list"))
	run("person", "leave", id, "--business", "boutique")
	require.NotContains(t, run("person", "list"), "warehouse")
}

func TestANetworkIsImportedIntoABusiness(t *testing.T) {
	dir, files := t.TempDir(), write(t, storetest.Files())
	g := &Globals{Ctx: t.Context(), DataDir: dir, Database: "sqlite:" + filepath.Join(dir, "hub.db"), Stdout: &bytes.Buffer{}}
	require.ErrorIs(t, (&ImportCmd{Dir: files, inBusiness: inBusiness{"second"}}).Run(g), people.ErrNoBusiness)
	_, err := runHub(t, g, "business", "add", "second", "--name", "Second")
	require.NoError(t, err)
	require.NoError(t, (&ImportCmd{Dir: files, inBusiness: inBusiness{"second"}}).Run(g))
	require.ErrorContains(t, (&ImportCmd{Dir: files}).Run(g), "belongs to another business")
}
