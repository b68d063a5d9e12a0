package storetest_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/dispatch"
	"meguri/hub/order"
	"meguri/hub/people"
	"meguri/hub/register"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

func stageVault(t *testing.T, fill byte) *people.Vault {
	t.Helper()
	v, err := people.NewVault(bytes.Repeat([]byte{fill}, people.VaultKey))
	require.NoError(t, err)
	return v
}

// A copy for development names nobody: every original value is searched for in all bytes of it. It is whole, and the same again for
// the same seed.
func TestACopyForDevelopmentNamesNobodyAndIsWhole(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		ctx, now := t.Context(), time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
		url := empty()
		s := storetest.Open(t, url)
		storetest.Import(t, s, storetest.Network(t))
		own := storetest.Vault(t)
		reg := &register.Service{Store: s.Register(), Vault: own}
		contact := register.Contact{Name: "佐藤 花子", Phone: "09012345678", Email: "hana.sato@example.jp", Address: "東京都台東区谷中七丁目"}
		for id, c := range map[string]register.Contact{"m-00017": contact, "m-00018": {Name: "Mary Shelley", Phone: "+441632960961"}} {
			_, err := reg.Add(ctx, id, c, "x", now)
			require.NoError(t, err)
		}
		storetest.Accept(t, s, now, order.Request{ID: "o-1", DeliveryDate: "2026-12-01", LocationID: "loc-1", CustomerID: "m-00017",
			Lines: []order.Line{{ProductID: "a-cold", Quantity: 1}}})
		persons := people.New(s.People())
		who, _, err := persons.Add(ctx, people.Console, people.Person{Name: "Suzuki Ichiro", Role: people.Support}, now)
		require.NoError(t, err)
		_, _, err = persons.Add(ctx, people.Console, people.Person{Name: "Mei", Role: people.Quality}, now)
		require.NoError(t, err)
		_, _, err = persons.Add(ctx, people.Console, people.Person{Name: "佐藤 花子", Role: people.Customer, Place: "m-00017"}, now)
		require.NoError(t, err)
		require.NoError(t, s.Change(ctx, func(tx *store.Tx) error {
			if err := tx.RecordAct(ctx, people.NewAct(now, who.ID, "order.place", "m-00017", "for Mary Shelley")); err != nil {
				return err
			}
			if err := tx.OpenWork(ctx, "w-1", "test", "m-00017", "call Mary Shelley at +441632960961", now); err != nil {
				return err
			}
			return tx.AddPass(ctx, dispatch.Pass{ID: "pass-1", PlaceID: "loc-1", Holder: dispatch.Staff, Name: "Suzuki Ichiro", Reason: "let 花子 in", PIN: "8395512270",
				From: now, Until: now.Add(time.Hour), IssuedAt: now})
		}))

		storetest.Break(t, url, "UPDATE orders SET end_reason = 'Tanabe called: ill'", "UPDATE runs SET driver_id = 'Mei'", // shorter than what is searched for
			"UPDATE acts SET was_before = 'Tanabe'", "UPDATE locations SET name = 'house of Tanabe'")

		stage := func() (string, store.Staged) {
			file := filepath.Join(t.TempDir(), "hub.db")
			done, err := s.Stage(ctx, file, "seed", own, stageVault(t, 9))
			require.NoError(t, err)
			return file, done
		}
		file, done := stage()
		require.Equal(t, 2, done.Persons)
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, original := range []string{"佐藤", "花子", "9012345678", "hana.sato", "谷中", "Mary", "Shelley", "1632960961", "Suzuki", "Ichiro", "8395512270", "m-00017", "m-00018", "Tanabe", "Mei"} {
			require.False(t, bytes.Contains(data, []byte(original)), original)
		}
		contacts := func(file string) (all []register.Contact, orders, persons string) {
			c, err := store.Open(ctx, "sqlite:"+file)
			require.NoError(t, err)
			defer func() { require.NoError(t, c.Close()) }()
			require.NoError(t, c.SealNames(ctx, stageVault(t, 9)))
			there := &register.Service{Store: c.Register(), Vault: stageVault(t, 9)}
			require.NoError(t, c.Read(ctx, func(tx *store.Tx) error {
				h, err := tx.Order(ctx, "o-1")
				require.NoError(t, err)
				orders = h.CustomerID
				all, err := tx.Persons(ctx, 10)
				require.NoError(t, err)
				for _, p := range all {
					require.NotContains(t, []string{people.Sealed, people.Erased, "Mei", "Suzuki Ichiro", "佐藤 花子"}, p.Name, "the copy has names of its own")
					if p.Role == people.Customer {
						persons = p.Place
					}
				}
				return nil
			}))
			shown, err := there.Show(ctx, orders, register.Act{By: "dev", Reason: "test", At: now})
			require.NoError(t, err)
			return []register.Contact{shown}, orders, persons
		}
		got, customer, place := contacts(file)
		require.Equal(t, customer, place, "the customer's account is still the customer's")
		require.Regexp(t, `^m-\d{5}$`, customer)
		require.Regexp(t, `^0\d{10}$`, got[0].Phone)
		require.NotContains(t, got[0].Name, "花子")
		again, _ := stage()
		repeated, _, _ := contacts(again)
		require.Equal(t, got, repeated)
		_, err = s.Stage(ctx, file, "seed", own, stageVault(t, 9))
		require.ErrorContains(t, err, "is there already")

		// Who has the copy knows the seed and the program: trying out what was invented for a number that they guess says nothing.
		for _, key := range [][]byte{[]byte("seed"), []byte(store.StageKey("seed")), stageVault(t, 9).Staging("seed")} {
			try := register.NewInventor(key, nil)
			require.NotEqual(t, got[0].Phone, try.Shape("phone", contact.Phone, 1))
			require.NotEqual(t, customer, try.Pseudonym("m-00017"))
		}
		ours := register.NewInventor(own.Staging("seed"), nil)
		require.Equal(t, got[0].Phone, ours.Shape("phone", contact.Phone, 1), "which is how it was made")
	})
}
