package storetest_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/dispatch"
	"meguri/hub/fleet"
	"meguri/hub/password"
	"meguri/hub/people"
	"meguri/hub/register"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

var namedAt = time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)

// named is a hub on which a person works who has a password, for whom there is a pass, and who stood at a door.
func named(t *testing.T, s *store.Store) (person string, svc *people.Service) {
	t.Helper()
	ctx := t.Context()
	storetest.Import(t, s, storetest.Network(t))
	svc = people.New(s.People())
	svc.Passwords = password.New(password.Parameters{MemoryKiB: 64, Passes: 1, Lanes: 1})
	p, code, err := svc.Add(ctx, people.Console, people.Person{Name: "Umlaufbahn Ichiro", Role: people.Support}, namedAt)
	require.NoError(t, err)
	in, err := svc.Login(ctx, code, people.From{}, namedAt)
	require.NoError(t, err)
	require.NoError(t, svc.SetPassword(ctx, in.Token, "", "Ichiro.Umlauf", "a long enough one", namedAt))
	require.NoError(t, s.Change(ctx, func(tx *store.Tx) error {
		for id, name := range map[string]string{"pass-1": "Umlaufbahn Ichiro", "pass-2": "Zwicky"} {
			if err := tx.AddPass(ctx, dispatch.Pass{ID: id, PlaceID: "loc-1", Holder: dispatch.Staff, Name: name, Reason: "the lamp", From: namedAt,
				Until: namedAt.Add(time.Hour), IssuedAt: namedAt}); err != nil {
				return err
			}
		}
		if err := tx.AddDevice(ctx, fleet.Device{ID: "lock-1", Role: fleet.Station, Place: "loc-1", AddedAt: namedAt}); err != nil {
			return err
		}
		c := fleet.Command{ID: "c-1", Device: "lock-1", Kind: 1, Target: "loc-1-f1", AskedBy: p.ID, AskedAt: namedAt, Deadline: namedAt.Add(time.Hour)}
		if _, err := tx.AddCommand(ctx, c); err != nil {
			return err
		}
		o := fleet.Opening{ID: "o-1", Fridge: "loc-1-f1", Device: "lock-1", Reason: "the keypad", AskedBy: p.ID, AskedAt: namedAt, Until: namedAt.Add(time.Hour),
			State: fleet.OpeningAsked, ShowCommand: "c-1"}
		if err := tx.AddOpening(ctx, o); err != nil {
			return err
		}
		o.AtDoor = "Umlaufbahn Ichiro"
		return tx.SaveOpening(ctx, o)
	}))
	return p.ID, svc
}

// who is what the store tells of the person, the passes, and who stood at the door.
func who(t *testing.T, s *store.Store, person string) (name, login string, passes []string, atDoor string) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, s.Read(ctx, func(tx *store.Tx) error {
		p, err := tx.Person(ctx, person)
		require.NoError(t, err)
		has, err := tx.HasMeans(ctx, person)
		require.NoError(t, err)
		all, err := tx.PassesAt(ctx, "loc-1", namedAt)
		require.NoError(t, err)
		for _, p := range all {
			passes = append(passes, p.Name)
		}
		o, err := tx.Opening(ctx, "o-1")
		name, login, atDoor = p.Name, has.Login, o.AtDoor
		return err
	}))
	return name, login, passes, atDoor
}

// dump is all texts and bytes of the tables that have anything to do with names.
func dump(t *testing.T, url string) string {
	t.Helper()
	var all bytes.Buffer
	for _, table := range []string{"persons", "passwords", "passes", "door_openings", "names", "acts"} {
		for _, row := range storetest.Rows(t, url, "SELECT * FROM "+table) {
			for _, v := range row {
				if raw, ok := v.([]byte); ok {
					all.Write(raw)
				} else if text, ok := v.(string); ok {
					all.WriteString(text)
				}
				all.WriteByte('\n')
			}
		}
	}
	return all.String()
}

func requireSealed(t *testing.T, url string) {
	t.Helper()
	for _, name := range []string{"Umlauf", "umlauf", "Ichiro", "ichiro", "Zwicky"} {
		require.NotContains(t, dump(t, url), name)
		if file, is := strings.CutPrefix(url, "sqlite:"); is {
			for _, end := range []string{"", "-wal"} {
				data, err := os.ReadFile(file + end)
				require.True(t, err == nil || os.IsNotExist(err), err)
				require.False(t, bytes.Contains(data, []byte(name)), "%s in the file%s", name, end)
			}
		}
	}
}

// What staff and visitors are called can be read with the hub's key only, and a login name is found without being there.
func TestNamesOfStaffAndVisitorsAreSealed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		url, ctx := empty(), t.Context()
		s := storetest.Open(t, url)
		id, svc := named(t, s)
		requireSealed(t, url)
		name, login, passes, atDoor := who(t, s, id)
		require.Equal(t, []string{"Umlaufbahn Ichiro", "ichiro.umlauf", "Umlaufbahn Ichiro"}, []string{name, login, atDoor})
		require.ElementsMatch(t, []string{"Umlaufbahn Ichiro", "Zwicky"}, passes)
		_, err := svc.PasswordLogin(ctx, "ICHIRO.umlauf", "a long enough one", people.From{}, namedAt)
		require.NoError(t, err)
		_, err = svc.PasswordLogin(ctx, "ichiro.umlau", "a long enough one", people.From{}, namedAt)
		require.ErrorIs(t, err, people.ErrPassword)

		_, code, err := svc.Add(ctx, people.Console, people.Person{Name: "Other", Role: people.Support}, namedAt)
		require.NoError(t, err)
		in, err := svc.Login(ctx, code, people.From{}, namedAt)
		require.NoError(t, err)
		require.ErrorIs(t, svc.SetPassword(ctx, in.Token, "", "ichiro.umlauf", "another long one", namedAt), people.ErrLoginTaken)

		h, err := (&register.Service{Store: s.Register(), Vault: storetest.Vault(t)}).Export(ctx, id, register.Act{By: "p", Reason: "asked", At: namedAt, Staff: true})
		require.NoError(t, err)
		told := map[string]any{}
		for _, section := range h.Sections {
			told[section.Name] = section.Rows[0]
		}
		require.Equal(t, "Umlaufbahn Ichiro", told["account"].(map[string]any)["name"])
		require.Equal(t, "ichiro.umlauf", told["login"].(map[string]any)["login"])

		other := stageVault(t, 9)
		require.ErrorIs(t, s.SealNames(ctx, other), people.ErrOtherKey, "and a hub whose key was lost goes on by choice")
		name, login, _, atDoor = who(t, s, id)
		require.Equal(t, []string{people.Sealed, people.Sealed, people.Sealed}, []string{name, login, atDoor})
		require.NoError(t, s.Read(ctx, func(tx *store.Tx) error {
			n, err := tx.UnreadableNames(ctx)
			require.Equal(t, 6, n)
			return err
		}))
	})
}

// A database of before has names in plain: the first hub with the key seals them, and nothing is different for anybody.
func TestNamesFromBeforeTheyWereSealedAreSealedAtTheStart(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		url, ctx := empty(), t.Context()
		s := storetest.Open(t, url)
		id, svc := named(t, s)
		// More than are sealed at once; the passes are those of before, too.
		many := []string{"DELETE FROM names", "UPDATE persons SET name = 'Umlaufbahn Ichiro'", "UPDATE passwords SET login_mark = 'ichiro.umlauf'",
			"UPDATE passes SET name = CASE WHEN id = 'pass-1' THEN 'Umlaufbahn Ichiro' ELSE 'Zwicky' END", "UPDATE door_openings SET at_door = 'Umlaufbahn Ichiro'",
			`INSERT INTO persons (id, name, role, place, added_at, added_by, removed_at) VALUES ('p-gone', 'erased', 'support', '', 0, '', 1)`,
			`INSERT INTO persons (id, name, role, place, added_at, added_by) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
			SELECT 'p-' || i, 'Zwicky', 'support', '', 0, '' FROM n`}
		storetest.Break(t, url, many...)
		require.NoError(t, s.SealNames(ctx, storetest.Vault(t)))
		requireSealed(t, url)
		name, login, passes, atDoor := who(t, s, id)
		require.Equal(t, []string{"Umlaufbahn Ichiro", "ichiro.umlauf", "Umlaufbahn Ichiro"}, []string{name, login, atDoor})
		require.ElementsMatch(t, []string{"Umlaufbahn Ichiro", "Zwicky"}, passes)
		_, err := svc.PasswordLogin(ctx, "ichiro.umlauf", "a long enough one", people.From{}, namedAt)
		require.NoError(t, err)
		gone, _, _, _ := who(t, s, "p-gone")
		require.Equal(t, people.Erased, gone)
		was := dump(t, url)
		require.NoError(t, s.SealNames(ctx, storetest.Vault(t)), "and once only")
		require.Equal(t, was, dump(t, url))
	})
}

// Erasing loses the key of the name and of the login name, and of passes and openings that were given to that name.
func TestErasingLosesTheNameWhereverItStands(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		url, ctx := empty(), t.Context()
		s := storetest.Open(t, url)
		id, svc := named(t, s)
		require.NoError(t, svc.Remove(ctx, people.Console, id, namedAt))
		reg := &register.Service{Store: s.Register(), Vault: storetest.Vault(t)}
		require.NoError(t, reg.Erase(ctx, id, "person", register.Act{By: people.Console, Reason: "has left", At: namedAt, Staff: true}))
		name, login, passes, atDoor := who(t, s, id)
		require.Equal(t, []string{people.Erased, "", ""}, []string{name, login, atDoor})
		require.ElementsMatch(t, []string{"", "Zwicky"}, passes)
		left := storetest.Rows(t, url, "SELECT owner_id FROM names")
		require.Len(t, left, 1, "that of who is not erased")
	})
}

// A change of the hub's key takes names along, and nobody's login name is lost between the two.
func TestNamesGoUnderANewKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		url, ctx := empty(), t.Context()
		s := storetest.Open(t, url)
		id, svc := named(t, s)
		both, err := people.NewVault(bytes.Repeat([]byte{9}, people.VaultKey), bytes.Repeat([]byte{7}, people.VaultKey))
		require.NoError(t, err)
		require.NoError(t, s.SealNames(ctx, both))
		login := func(ctx context.Context) error {
			_, err := svc.PasswordLogin(ctx, "ichiro.umlauf", "a long enough one", people.From{}, namedAt)
			return err
		}
		require.NoError(t, login(ctx), "under the old key, with the new one there")
		_, code, err := svc.Add(ctx, people.Console, people.Person{Name: "Other", Role: people.Support}, namedAt)
		require.NoError(t, err)
		in, err := svc.Login(ctx, code, people.From{}, namedAt)
		require.NoError(t, err)
		require.ErrorIs(t, svc.SetPassword(ctx, in.Token, "", "ichiro.umlauf", "another long one", namedAt), people.ErrLoginTaken, "also under the old key")
		rows, unreadable, err := (&register.Service{Store: s.Register(), Vault: both}).Rewrap(ctx, namedAt)
		require.NoError(t, err)
		require.Equal(t, []int{5, 0}, []int{rows, unreadable})
		require.NoError(t, s.SealNames(ctx, stageVault(t, 9)), "the old key is gone")
		name, _, passes, _ := who(t, s, id)
		require.Equal(t, "Umlaufbahn Ichiro", name)
		require.Len(t, passes, 2)
		require.NoError(t, login(ctx))
	})
}

// plainAgain is what a hub of before writes, or has left.
var plainAgain = []string{"UPDATE persons SET name = 'Umlaufbahn Ichiro'", "UPDATE passwords SET login_mark = 'ichiro.umlauf'",
	"UPDATE passes SET name = CASE WHEN id = 'pass-1' THEN 'Umlaufbahn Ichiro' ELSE 'Zwicky' END", "UPDATE door_openings SET at_door = 'Umlaufbahn Ichiro'"}

// With another key than all that is sealed nothing is sealed, nor is a login name found by another mark.
func TestAnotherKeyThanTheHubsSealsNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		url, ctx := empty(), t.Context()
		s := storetest.Open(t, url)
		id, svc := named(t, s)
		storetest.Break(t, url, append([]string{"DELETE FROM names WHERE owner_id <> 'pass-2'"}, plainAgain...)...)
		was := dump(t, url)
		require.ErrorIs(t, s.SealNames(ctx, stageVault(t, 9)), people.ErrOtherKey)
		require.ErrorIs(t, s.SealPlain(ctx), people.ErrOtherKey)
		require.Equal(t, was, dump(t, url))
		require.NoError(t, s.SealNames(ctx, storetest.Vault(t)))
		requireSealed(t, url)
		_, login, _, _ := who(t, s, id)
		require.Equal(t, "ichiro.umlauf", login)
		_, err := svc.PasswordLogin(ctx, "ichiro.umlauf", "a long enough one", people.From{}, namedAt)
		require.NoError(t, err)

		storetest.Break(t, url, "DELETE FROM names")
		storetest.Break(t, url, plainAgain...)
		_, err = (&register.Service{Store: s.Register(), Vault: storetest.Vault(t)}).Add(ctx, "m-1", register.Contact{Name: "Sato"}, "x", namedAt)
		require.NoError(t, err)
		require.ErrorIs(t, s.SealNames(ctx, stageVault(t, 9)), people.ErrOtherKey, "contacts are sealed with the hub's key, too")
	})
}

// Somebody whose name cannot be found everywhere is not erased, and can be when the key is back.
func TestErasingWithAnotherKeyIsRefusedBeforeAnythingIsNoted(t *testing.T) {
	for what, unreadable := range map[string]func(s *store.Store) error{
		"all": func(s *store.Store) error { return nil },
		"the person can be read": func(s *store.Store) error {
			return s.Change(t.Context(), func(tx *store.Tx) error {
				all, err := tx.Persons(t.Context(), 10)
				if err != nil {
					return err
				}
				return tx.SetName(t.Context(), all[0].ID, "Umlaufbahn Ichiro")
			})
		},
	} {
		t.Run(what, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, empty func() string) {
				url, ctx := empty(), t.Context()
				s := storetest.Open(t, url)
				id, svc := named(t, s)
				require.NoError(t, svc.Remove(ctx, people.Console, id, namedAt))
				require.ErrorIs(t, s.SealNames(ctx, stageVault(t, 9)), people.ErrOtherKey)
				require.NoError(t, unreadable(s))
				was, noted := dump(t, url), 0
				reg := &register.Service{Store: s.Register(), Vault: stageVault(t, 9), Note: func(register.Erasure) error { noted++; return nil }}
				act := register.Act{By: people.Console, Reason: "has left", At: namedAt, Staff: true}
				require.ErrorIs(t, reg.Erase(ctx, id, "person", act), people.ErrSealed)
				require.Zero(t, noted)
				require.Equal(t, was, dump(t, url))

				both, err := people.NewVault(bytes.Repeat([]byte{7}, people.VaultKey), bytes.Repeat([]byte{9}, people.VaultKey))
				require.NoError(t, err)
				require.NoError(t, s.SealNames(ctx, both))
				require.NoError(t, reg.Erase(ctx, id, "person", act))
				require.Equal(t, 1, noted)
				name, login, passes, atDoor := who(t, s, id)
				require.Equal(t, []string{people.Erased, "", ""}, []string{name, login, atDoor})
				require.ElementsMatch(t, []string{"", "Zwicky"}, passes)
			})
		})
	}
}

// Where the key is lost for good, and somebody says so, an order to erase is carried out.
func TestErasingAfterTheKeyWasLostForGood(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		url, ctx := empty(), t.Context()
		s := storetest.Open(t, url)
		id, svc := named(t, s)
		require.NoError(t, svc.Remove(ctx, people.Console, id, namedAt))
		require.ErrorIs(t, s.SealNames(ctx, stageVault(t, 9)), people.ErrOtherKey)
		reg := &register.Service{Store: s.Register(), Vault: stageVault(t, 9), LostKey: true}
		require.NoError(t, reg.Erase(ctx, id, "person", register.Act{By: people.Console, Reason: "has left", At: namedAt, Staff: true}))
		name, login, _, _ := who(t, s, id)
		require.Equal(t, []string{people.Erased, ""}, []string{name, login})
	})
}

// A hub of before that runs on the database erases what it knows of: the sealed names go with it, and none comes back.
func TestWhoAHubOfBeforeHasErasedStaysErased(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		url, ctx := empty(), t.Context()
		s := storetest.Open(t, url)
		id, _ := named(t, s)
		storetest.Break(t, url, "UPDATE persons SET name = 'erased', removed_at = 1", "DELETE FROM passwords")
		require.NoError(t, s.SealPlain(ctx))
		name, login, passes, atDoor := who(t, s, id)
		require.Equal(t, []string{people.Erased, "", ""}, []string{name, login, atDoor})
		require.ElementsMatch(t, []string{"", "Zwicky"}, passes)
		require.Len(t, storetest.Rows(t, url, "SELECT owner_id FROM names"), 1, "that of who is not erased")
	})
}

// After the hub's key was lost, what still opens goes under a new key, exports and copies for development are made, and a name is entered again.
func TestAHubGoesOnAfterItsKeyWasLost(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		url, ctx := empty(), t.Context()
		s := storetest.Open(t, url)
		id, svc := named(t, s)
		was := &register.Service{Store: s.Register(), Vault: storetest.Vault(t)}
		_, err := was.Add(ctx, "m-1", register.Contact{Name: "Sato Hanako"}, "x", namedAt)
		require.NoError(t, err)
		require.ErrorIs(t, s.SealNames(ctx, stageVault(t, 9)), people.ErrOtherKey)
		other, _, err := svc.Add(ctx, people.Console, people.Person{Name: "Other", Role: people.Support}, namedAt)
		require.NoError(t, err)
		vault, err := people.NewVault(bytes.Repeat([]byte{8}, people.VaultKey), bytes.Repeat([]byte{9}, people.VaultKey))
		require.NoError(t, err)
		require.NoError(t, s.SealNames(ctx, vault))
		reg := &register.Service{Store: s.Register(), Vault: vault}

		rows, unreadable, err := reg.Rewrap(ctx, namedAt)
		require.NoError(t, err)
		require.Equal(t, []int{1, 6}, []int{rows, unreadable}, "five names and a contact")
		require.NoError(t, s.SealNames(ctx, stageVault(t, 8)))
		name, _, _, _ := who(t, s, other.ID)
		require.Equal(t, "Other", name)

		reg.Vault = stageVault(t, 8)
		act := register.Act{By: "p", Reason: "asked", At: namedAt, Staff: true}
		h, err := reg.Export(ctx, id, act)
		require.NoError(t, err)
		for _, section := range h.Sections {
			if section.Name == "account" {
				require.Equal(t, people.Sealed, section.Rows[0]["name"])
			}
		}
		h, err = reg.Export(ctx, "m-1", act)
		require.NoError(t, err)
		require.Equal(t, people.Sealed, h.Contact.Name)

		_, err = s.Stage(ctx, filepath.Join(t.TempDir(), "hub.db"), "seed", reg.Vault, stageVault(t, 5))
		require.NoError(t, err)

		require.NoError(t, svc.Rename(ctx, people.Console, id, " Umlaufbahn Ichiro ", namedAt))
		name, _, _, _ = who(t, s, id)
		require.Equal(t, "Umlaufbahn Ichiro", name)
		require.NotContains(t, dump(t, url), "Umlauf", "nor in the act")
		var field *people.FieldError
		require.ErrorAs(t, svc.Rename(ctx, people.Console, id, " ", namedAt), &field)
		require.Equal(t, "name", field.Field)
		require.ErrorIs(t, svc.Rename(ctx, people.Console, "p-nobody", "A", namedAt), people.ErrNoPerson)
		require.NoError(t, svc.Remove(ctx, people.Console, id, namedAt))
		require.NoError(t, (&register.Service{Store: s.Register(), Vault: reg.Vault, LostKey: true}).Erase(ctx, id, "person", act))
		require.ErrorIs(t, svc.Rename(ctx, people.Console, id, "Back", namedAt), people.ErrNoPerson, "who is erased stays so")
	})
}
