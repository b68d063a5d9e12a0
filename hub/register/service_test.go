package register_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/register"
	"meguri/hub/register/erased"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

var now = time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)

var hana = register.Contact{Name: "佐藤 花子", Phone: "090-1234-5678", Email: "Hana.Sato@example.jp", Postcode: "110-0001", Address: "東京都台東区谷中七丁目", Language: "ja"}

func vault(t *testing.T, fills ...byte) *people.Vault {
	t.Helper()
	var keys [][]byte
	for _, fill := range fills {
		keys = append(keys, bytes.Repeat([]byte{fill}, people.VaultKey))
	}
	v, err := people.NewVault(keys...)
	require.NoError(t, err)
	return v
}

func each(t *testing.T, test func(t *testing.T, s *store.Store, svc *register.Service)) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := storetest.Open(t, empty())
		require.NoError(t, s.SealNames(t.Context(), vault(t, 1)))
		test(t, s, &register.Service{Store: s.Register(), Vault: vault(t, 1)})
	})
}

func act(reason string) register.Act {
	return register.Act{By: "p-support", Reason: reason, At: now, Staff: true}
}

func looks(t *testing.T, s *store.Store, id string) (all []register.Look) {
	t.Helper()
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) (err error) {
		all, err = tx.LooksAt(t.Context(), id, 100)
		return err
	}))
	return all
}

func TestAPersonIsFoundShownAndChangedAndEachLookIsKept(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, svc *register.Service) {
		ctx := t.Context()
		id, err := svc.Add(ctx, "", hana, "p-support", now)
		require.NoError(t, err)
		for _, phone := range []string{"09012345678", "+81 90-1234-5678", "０９０－１２３４－５６７８"} {
			ids, err := svc.Find(ctx, strings.ReplaceAll(phone, "－", "-"), "", act("called"))
			require.NoError(t, err)
			require.Equal(t, []string{id}, ids, phone)
		}
		ids, err := svc.Find(ctx, "", "hana.sato@EXAMPLE.jp", act("wrote"))
		require.NoError(t, err)
		require.Equal(t, []string{id}, ids)
		require.NoError(t, svc.Change(ctx, id, func(c *register.Contact) { c.Phone = "080 1111 2222" }, act("moved")))
		ids, err = svc.Find(ctx, "09012345678", "", act("called"))
		require.NoError(t, err)
		require.Empty(t, ids, "the old number finds nobody")
		_, err = svc.Find(ctx, "+81 90 1234 5678", "", act("called again"))
		require.NoError(t, err)
		_, err = svc.Find(ctx, "", "hana.sato@example.com", act("wrote"))
		require.NoError(t, err)
		require.NoError(t, s.Read(ctx, func(tx *store.Tx) error {
			tried, err := tx.Exposed(ctx, register.Question{From: now, Until: now.Add(time.Hour)})
			require.NoError(t, err)
			tried = slices.DeleteFunc(tried, func(e register.Exposure) bool { return !strings.HasPrefix(e.Subject, register.Nobody) })
			require.Len(t, tried, 2, "who was searched for and not found: a number, and an address")
			require.ElementsMatch(t, []int{1, 2}, []int{tried[0].Count, tried[1].Count}, "the same number is seen to be the same")
			for _, e := range tried {
				require.Equal(t, []string{"p-support", "find"}, []string{e.By, e.What})
				require.NotRegexp(t, "1234|hana|sato", e.Subject)
			}
			return nil
		}))
		c, err := svc.Show(ctx, id, act("about order 1"))
		require.NoError(t, err)
		require.Equal(t, "08011112222", c.Phone)
		require.Equal(t, hana.Name, c.Name)
		require.Len(t, looks(t, s, id), 6)
		require.Equal(t, "p-support", looks(t, s, id)[0].By)

		_, err = svc.Show(ctx, id, act(" "))
		require.ErrorContains(t, err, "reason: want why")
		_, err = svc.Show(ctx, "c-nobody", act("called"))
		require.ErrorIs(t, err, register.ErrUnknown)
		_, err = svc.Add(ctx, id, hana, "p-support", now)
		require.ErrorIs(t, err, register.ErrThere)
	})
}

func TestWhatIsWrongWithAContactIsNamed(t *testing.T) {
	svc := &register.Service{Vault: vault(t, 1)}
	for _, c := range []struct {
		id, field string
		contact   register.Contact
	}{
		{"", "name", register.Contact{}},
		{"", "phone", register.Contact{Name: "A", Phone: "ring me"}},
		{"", "email", register.Contact{Name: "A", Email: "a@b@c.jp"}},
		{"", "language", register.Contact{Name: "A", Language: "fr"}},
		{"", "address", register.Contact{Name: "A", Address: strings.Repeat("x", 201)}},
		{"a/b", "customer_id", register.Contact{Name: "A"}},
		{"m-09012345678", "customer_id", hana},
		{"Hana", "customer_id", register.Contact{Name: "hana"}},
	} {
		_, err := svc.Add(t.Context(), c.id, c.contact, "x", now)
		var field *people.FieldError
		require.ErrorAs(t, err, &field, "%+v", c)
		require.Equal(t, c.field, field.Field)
	}
}

// Of those who change one row at once, each change is made after the other or refused, and none is lost silently.
func TestConcurrentChangesOfAContactAreNotLost(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, svc *register.Service) {
		id, err := svc.Add(t.Context(), "", hana, "x", now)
		require.NoError(t, err)
		var all sync.WaitGroup
		failed := make([]error, 6)
		for i := range failed {
			all.Go(func() {
				failed[i] = svc.Change(t.Context(), id, func(c *register.Contact) { c.Address += fmt.Sprint(" ", i) }, act("race"))
			})
		}
		all.Wait()
		c, err := svc.Show(t.Context(), id, act("look"))
		require.NoError(t, err)
		for i, err := range failed {
			if err == nil {
				require.Contains(t, c.Address, fmt.Sprint(" ", i))
			}
		}
	})
}

// stored is all bytes of a SQLite database's files.
func stored(t *testing.T, url string) (all []byte) {
	t.Helper()
	files, err := filepath.Glob(strings.TrimPrefix(url, "sqlite:") + "*")
	require.NoError(t, err)
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		all = append(all, text...)
	}
	return all
}

func TestTheDatabaseHoldsNothingThatCanBeReadAndARowOpensInNoOthersPlace(t *testing.T) {
	url := storetest.SQLite(t)
	s := storetest.Open(t, url)
	svc := &register.Service{Store: s.Register(), Vault: vault(t, 1)}
	id, err := svc.Add(t.Context(), "", hana, "x", now)
	require.NoError(t, err)
	for _, original := range []string{"佐藤", "花子", "0901234", "1234-5678", "ana.sato", "谷中", "110-0001"} {
		require.NotContains(t, string(stored(t, url)), original)
	}
	var row register.Row
	require.NoError(t, s.Read(t.Context(), func(tx *store.Tx) (err error) {
		row, err = tx.Contact(t.Context(), id)
		return err
	}))
	_, err = row.Open(vault(t, 2))
	require.ErrorIs(t, err, people.ErrSealed, "another key")
	moved, later := row, row
	moved.ID, later.Revision = "c-other", 2
	_, err = moved.Open(svc.Vault)
	require.ErrorIs(t, err, people.ErrSealed, "another row")
	_, err = later.Open(svc.Vault)
	require.ErrorIs(t, err, people.ErrSealed, "another revision")
}

func TestAllGoesUnderTheNewestKeyAndTheOldOneIsNotNeededThen(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, svc *register.Service) {
		ctx := t.Context()
		id, err := svc.Add(ctx, "", hana, "x", now)
		require.NoError(t, err)
		svc.Vault = vault(t, 2, 1)
		ids, err := svc.Find(ctx, hana.Phone, "", act("called"))
		require.NoError(t, err)
		require.Equal(t, []string{id}, ids, "found while it is under the old key")
		n, _, err := svc.Rewrap(ctx, now)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		n, _, err = svc.Rewrap(ctx, now)
		require.NoError(t, err)
		require.Zero(t, n)
		svc.Vault = vault(t, 2)
		c, err := svc.Show(ctx, id, act("called"))
		require.NoError(t, err)
		require.Equal(t, hana.Name, c.Name)
		ids, err = svc.Find(ctx, hana.Phone, "", act("called"))
		require.NoError(t, err)
		require.Equal(t, []string{id}, ids)
		svc.Vault = vault(t, 1)
		_, err = svc.Show(ctx, id, act("called"))
		require.ErrorIs(t, err, people.ErrSealed)
	})
}

func TestAFileIsEnteredRowByRowAndOnce(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, svc *register.Service) {
		rows := []register.ImportRow{{2, "m-1", hana}, {3, "", register.Contact{Name: "B", Email: "b@example.jp"}}, {4, "m-3", register.Contact{Phone: "x"}}}
		first, err := svc.Import(t.Context(), rows, "f.csv", now)
		require.NoError(t, err)
		second, err := svc.Import(t.Context(), rows, "f.csv", now)
		require.NoError(t, err)
		for i, want := range []string{"entered", "entered", "refused"} {
			require.Equal(t, want, first[i].What)
			require.Equal(t, first[i].ID, second[i].ID)
		}
		require.Equal(t, "there", second[0].What)
		require.Equal(t, "there", second[1].What)
		require.Contains(t, first[2].Problem, "name: want 1 to 80 characters")
	})
}

// withOrder puts a store with a network and an order of the customer m-1.
func withOrder(t *testing.T, s *store.Store) {
	t.Helper()
	storetest.Import(t, s, storetest.Network(t))
	svc := order.NewService(s.Orders())
	o, err := svc.Place(t.Context(), order.Request{ID: "o-1", DeliveryDate: "2026-12-01", LocationID: "loc-1", CustomerID: "m-1",
		Lines: []order.Line{{ProductID: "a-cold", Quantity: 1}}}, now, "p-support")
	require.NoError(t, err)
	require.True(t, o.Accepted())
}

func TestErasingWaitsForWhatIsOpenAndThenNobodyCanBeNamed(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, svc *register.Service) {
		ctx := t.Context()
		dir := t.TempDir()
		svc.Note = func(e register.Erasure) error { return erased.Note(dir, e) }
		_, err := svc.Add(ctx, "m-1", hana, "x", now)
		require.NoError(t, err)
		withOrder(t, s)
		var open *register.OpenError
		require.ErrorAs(t, svc.Erase(ctx, "m-1", "person", act("letter")), &open)
		require.Equal(t, []string{"order o-1 is not over"}, open.Needs)
		list, err := erased.List(dir)
		require.NoError(t, err)
		require.Empty(t, list, "what is refused is not noted")

		_, err = order.NewService(s.Orders()).Cancel(ctx, "o-1", "p-support", "", now)
		require.NoError(t, err)
		h, err := svc.Export(ctx, "m-1", act("asked for all"))
		require.NoError(t, err)
		require.Equal(t, hana.Name, h.Contact.Name)
		require.Equal(t, "orders", h.Sections[0].Name)
		require.Equal(t, "o-1", h.Sections[0].Rows[0]["id"])

		require.ErrorContains(t, svc.Erase(ctx, "m-1", "somebody", act("letter")), "ordered_by: want one of person")
		require.NoError(t, svc.Erase(ctx, "m-1", "person", act("letter")))
		require.ErrorIs(t, svc.Erase(ctx, "m-1", "person", act("letter")), register.ErrErased)
		_, err = svc.Show(ctx, "m-1", act("called"))
		require.ErrorIs(t, err, register.ErrErased)
		ids, err := svc.Find(ctx, hana.Phone, "", act("called"))
		require.NoError(t, err)
		require.Empty(t, ids)
		// What happened to things stays, with the pseudonym.
		h, err = svc.Export(ctx, "m-1", act("what is left"))
		require.NoError(t, err)
		require.Nil(t, h.Contact)
		require.Equal(t, "o-1", h.Sections[0].Rows[0]["id"])
		text, err := json.Marshal(h.Sections)
		require.NoError(t, err)
		require.NotContains(t, string(text), "花子")
		list, err = erased.List(dir)
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, "person", list[0].OrderedBy)
	})
}

// A backup of before, put back, has the erased person's key again: the list that is kept beside the hub's keys takes it away.
func TestABackupOfBeforeDoesNotBringAnErasedPersonBack(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, svc *register.Service) {
		ctx := t.Context()
		for _, id := range []string{"m-1", "m-2"} {
			_, err := svc.Add(ctx, id, hana, "x", now)
			require.NoError(t, err)
		}
		list := []register.Erasure{{ID: "m-1", Kind: register.Customer, At: now, OrderedBy: "person", Reason: "letter", By: "x"}, {ID: "m-gone", At: now}}
		for _, want := range []int{1, 0} {
			n, err := (&register.Service{Store: s.Register()}).Reapply(ctx, list)
			require.NoError(t, err)
			require.Equal(t, want, n)
		}
		_, err := svc.Show(ctx, "m-1", act("called"))
		require.ErrorIs(t, err, register.ErrErased)
		_, err = svc.Show(ctx, "m-2", act("called"))
		require.NoError(t, err)
	})
}

func TestAnErasedRowsKeyIsNotLeftInTheFile(t *testing.T) {
	url, ctx := storetest.SQLite(t), t.Context()
	s, err := store.Open(ctx, url)
	require.NoError(t, err)
	require.NoError(t, s.SealNames(ctx, vault(t, 1)))
	svc := &register.Service{Store: s.Register(), Vault: vault(t, 1)}
	const rows = 60 // so many that pages are split, and rows move
	wrapped := make([][]byte, rows)
	for i := range rows {
		id := fmt.Sprintf("m-%04d", i*37%rows)
		_, err = svc.Add(ctx, id, hana, "x", now)
		require.NoError(t, err)
		require.NoError(t, s.Read(ctx, func(tx *store.Tx) error {
			row, err := tx.Contact(ctx, id)
			wrapped[i] = bytes.Clone(row.Wrapped)
			return err
		}))
	}
	p, _, err := people.New(s.People()).Add(ctx, people.Console, people.Person{Name: "Zwicky-Umlaufbahn Ichiro", Role: people.Support}, now)
	require.NoError(t, err)
	require.NoError(t, people.New(s.People()).Remove(ctx, people.Console, p.ID, now))
	require.NoError(t, svc.Erase(ctx, p.ID, "person", act("has left")))
	for i := range rows {
		require.NoError(t, svc.Erase(ctx, fmt.Sprintf("m-%04d", i), "person", act("letter")))
	}
	left := func(when string) {
		for _, end := range []string{"", "-wal"} {
			file, err := os.ReadFile(strings.TrimPrefix(url, "sqlite:") + end)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			require.NoError(t, err)
			require.False(t, bytes.Contains(file, []byte("Umlaufbahn")), "%s%s", when, end)
			for _, w := range wrapped {
				require.False(t, bytes.Contains(file, w), "%s%s", when, end)
			}
		}
	}
	left("while the hub runs")
	require.NoError(t, s.Close())
	left("afterwards")
}

func TestWhoWorksHereIsErasedAfterTheyHaveLeftAndTheirNameGoesEverywhere(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, svc *register.Service) {
		ctx := t.Context()
		persons := people.New(s.People())
		p, _, err := persons.Add(ctx, people.Console, people.Person{Name: "Suzuki Ichiro", Role: people.Support}, now)
		require.NoError(t, err)
		require.NoError(t, svc.Change(ctx, p.ID, func(c *register.Contact) { c.Phone = "0312345678" }, act("new here")))
		var open *register.OpenError
		require.ErrorAs(t, svc.Erase(ctx, p.ID, "person", act("has left")), &open)
		require.NoError(t, persons.Remove(ctx, people.Console, p.ID, now))
		require.NoError(t, svc.Erase(ctx, p.ID, "person", act("has left")))
		all, err := persons.List(ctx)
		require.NoError(t, err)
		require.Equal(t, people.Erased, all[0].Name)
		require.ErrorIs(t, svc.Erase(ctx, p.ID, "person", act("has left")), register.ErrErased)
	})
}

func TestWhatABreachExposedIsListedPerPerson(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store, svc *register.Service) {
		ctx := t.Context()
		require.NoError(t, s.Change(ctx, func(tx *store.Tx) error {
			return tx.AddLooks(ctx, register.Look{"l1", now, "p-1", "m-1", "show", "r"}, register.Look{"l2", now.Add(time.Hour), "p-1", "m-1", "show", "r"},
				register.Look{"l3", now, "p-2", "m-2", "export", "r"}, register.Look{"l4", now.Add(-time.Hour), "p-1", "m-3", "show", "r"})
		}))
		exposed := func(by string) (all []register.Exposure) {
			require.NoError(t, s.Read(ctx, func(tx *store.Tx) (err error) {
				all, err = tx.Exposed(ctx, register.Question{From: now, Until: now.Add(2 * time.Hour), By: by})
				return err
			}))
			return all
		}
		require.Len(t, exposed(""), 2)
		require.Equal(t, []register.Exposure{{Subject: "m-1", By: "p-1", What: "show", Count: 2, First: now, Last: now.Add(time.Hour)}}, exposed("p-1"))
	})
}

// FuzzSeal: whatever a contact is, it comes back as it was, or is refused.
func FuzzSeal(f *testing.F) {
	f.Add("佐藤", "090", "a@b.c", "x")
	f.Fuzz(func(t *testing.T, name, phone, email, address string) {
		c := register.Contact{Name: strings.ToValidUTF8(name, ""), Phone: strings.ToValidUTF8(phone, ""), Email: strings.ToValidUTF8(email, ""), Address: strings.ToValidUTF8(address, "")}.Normal()
		v := vault(t, 3)
		row, err := register.Seal(v, "m-1", register.Customer, 1, c, now)
		require.NoError(t, err)
		back, err := row.Open(v)
		require.NoError(t, err)
		require.Equal(t, c, back)
	})
}
