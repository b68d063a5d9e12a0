package disruption_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/hub/bulk"
	"meguri/hub/dispatch"
	"meguri/hub/disruption"
	"meguri/hub/order"
	"meguri/hub/plan"
	"meguri/hub/store"
	"meguri/hub/storetest"
	"meguri/protocol"
)

const (
	first, second = "C-20261201-0001", "C-20261201-0002"
	run1, run2    = "route-1@" + date, "route-2@" + date
)

func (s *site) editions(kind dispatch.EditionKind, id string) []dispatch.Edition {
	return read(s, func(tx *store.Tx) ([]dispatch.Edition, error) { return tx.Editions(s.Context(), kind, id, date, 10) })
}

func (s *site) container(id string) dispatch.Container {
	return read(s, func(tx *store.Tx) (dispatch.Container, error) { return tx.Container(s.Context(), id) })
}

// advance fills a container's box, and has it loaded and placed if that is wanted.
func (s *site) advance(id string, to dispatch.State) {
	s.Helper()
	require.NoError(s, s.store.Change(s.Context(), func(tx *store.Tx) error {
		c, err := tx.Container(s.Context(), id)
		if err != nil {
			return err
		}
		require.NoError(s, c.Fill("box-"+id, before))
		if to == dispatch.Loaded || to == dispatch.Placed {
			require.NoError(s, c.Load(c.RunID, c.ShipperGRAI, before))
		}
		if to == dispatch.Placed {
			require.NoError(s, c.Place(c.SlotID, before))
		}
		return tx.SaveContainer(s.Context(), c)
	}))
}

func TestAfterCutoff(t *testing.T) {
	each(t, map[string]func(*site){
		"at cutoff each sheet and list has its first version, which needs no confirmation": func(s *site) {
			s.place("o-1", "loc-1", "a-cold", 2)
			s.freeze()
			sheet := s.editions(dispatch.OfRun, run1)
			require.Len(s, sheet, 1)
			require.Equal(s, 1, sheet[0].Version)
			require.Equal(s, []dispatch.ContentProduct{{ProductID: "a-cold", Units: 2}}, sheet[0].Content.Rows[0].Products)
			require.Len(s, sheet[0].Content.Stops, 4)
			require.Len(s, s.editions(dispatch.OfRun, run2), 1, "a run that carries nothing, too")
			require.Len(s, s.editions(dispatch.OfShop, "shop-a"), 1)
			all := read(s, func(tx *store.Tx) ([]dispatch.Confirmation, error) { return tx.Confirmations(s.Context(), date) })
			require.Len(s, all, 2)
			require.False(s, all[0].Due())
		},
		"what breaks moves nothing by itself: it is not to be loaded, and the sheets say so": func(s *site) {
			s.place("o-1", "loc-1", "a-cold", 1)
			s.freeze()
			r, err := s.service.TakeOut(s.Context(), date, slot1, s.act())
			require.NoError(s, err)
			require.True(s, r.Frozen)
			require.Equal(s, []string{first}, r.Through)
			require.Equal(s, "loc-1-f1-s1", s.container(first).SlotID)
			require.Equal(s, order.Accepted, s.get("o-1").State)
			newest := s.editions(dispatch.OfRun, run1)
			require.Len(s, newest, 2)
			require.Equal(s, []dispatch.Difference{{ContainerID: first, Field: "do_not_load", Is: "the compressor is broken"}},
				newest[0].Content.Since(newest[1].Content))
			require.Len(s, s.editions(dispatch.OfRun, run2), 1, "another run's sheet says the same as before")
			require.ElementsMatch(s, []string{"shop-a", "loc-1", "route-1"}, s.touched)
			p := read(s, func(tx *store.Tx) (dispatch.Preview, error) { return tx.Preview(s.Context(), date, before) })
			require.True(s, p.Final())
			require.Equal(s, 1, p.Broken())

			r, err = s.service.Move(s.Context(), first, dispatch.Where{SlotID: "loc-1-f1-s2"}, s.act())
			require.NoError(s, err)
			require.Equal(s, []string{first}, r.Moved)
			newest = s.editions(dispatch.OfRun, run1)
			require.Equal(s, 3, newest[0].Version)
			require.Equal(s, []dispatch.Difference{{ContainerID: first, Field: "slot", Was: "loc-1-f1-s1", Is: "loc-1-f1-s2"},
				{ContainerID: first, Field: "do_not_load", Was: "the compressor is broken"}}, newest[0].Content.Since(newest[1].Content))
			run := read(s, func(tx *store.Tx) (dispatch.Run, error) { return tx.Run(s.Context(), run1) })
			require.Equal(s, 3, run.Version)
			_, err = s.service.PutBack(s.Context(), date, slot1, s.act())
			require.NoError(s, err)
			require.Len(s, s.editions(dispatch.OfRun, run1), 3, "nothing is different on it")
		},
		"a container is moved only to what is free, in service and on its way, and not where its box has been": func(s *site) {
			s.place("o-1", "loc-1", "a-cold", 1)
			s.place("o-2", "loc-1", "b-cold", 1)
			s.freeze()
			for _, to := range []dispatch.Where{{SlotID: "loc-1-f1-s2"}, {SlotID: "loc-2-f1-s1"}, {SlotID: "loc-1-f2-s1"}, {AddressID: "spot-2-1"},
				{RunID: run2, ShipperID: "box-2-cold"}, {RunID: run1, ShipperID: "box-1-dry"}, {AddressID: "none"}} {
				_, err := s.service.Move(s.Context(), first, to, s.act())
				require.ErrorIs(s, err, store.ErrTaken, "%+v", to)
			}
			_, err := s.service.TakeOut(s.Context(), date, order.Out{Kind: order.OutAddress, ID: "spot-1-2"}, s.act())
			require.NoError(s, err)
			free := read(s, func(tx *store.Tx) (store.FreePlaces, error) { return tx.FreePlaces(s.Context(), first) })
			require.Equal(s, store.FreePlaces{Addresses: []string{"spot-1-3"}}, free)
			s.advance(first, dispatch.Loaded)
			var illegal *dispatch.IllegalMove
			_, err = s.service.Move(s.Context(), first, dispatch.Where{AddressID: "spot-1-3"}, s.act())
			require.ErrorAs(s, err, &illegal)
			_, err = s.service.Move(s.Context(), "none", dispatch.Where{AddressID: "spot-1-3"}, s.act())
			require.ErrorIs(s, err, store.ErrNotFound)
			require.Len(s, s.editions(dispatch.OfRun, run1), 1, "what was refused left no version")
		},
		"an order is taken off: its customer is told, its code opens nothing, the box stays if there is one": func(s *site) {
			s.place("o-1", "loc-1", "a-cold", 1)
			s.place("o-2", "loc-1", "a-cold", 1)
			s.place("o-3", "loc-1", "b-cold", 1)
			s.freeze()
			require.NoError(s, s.store.Change(s.Context(), func(tx *store.Tx) error {
				return tx.AddGrant(s.Context(), dispatch.Grant{ID: "order-o-1", DeliveryDate: date, LocationID: "loc-1", Holder: dispatch.Customer,
					OrderID: "o-1", PIN: "123456"})
			}))
			s.advance(first, dispatch.Filled)
			do := s.act()
			r, err := s.service.TakeOff(s.Context(), "o-1", do)
			require.NoError(s, err)
			require.Equal(s, []disruption.Gone{{OrderID: "o-1", LocationID: "loc-1", Units: 1}}, r.CalledOff)
			require.Equal(s, order.CalledOff, s.get("o-1").State)
			require.Equal(s, int64(400), s.container(first).UsedML)
			_, err = s.service.TakeOff(s.Context(), "o-2", s.act())
			require.NoError(s, err)
			require.Equal(s, dispatch.Filled, s.container(first).State, "a box that is filled has to come back")
			_, err = s.service.TakeOff(s.Context(), "o-3", s.act())
			require.NoError(s, err)
			err = s.store.Read(s.Context(), func(tx *store.Tx) error { _, err := tx.Container(s.Context(), second); return err })
			require.ErrorIs(s, err, store.ErrNotFound, "one that nobody has filled is not needed any more")
			require.Len(s, s.notices(), 3)
			err = s.store.Read(s.Context(), func(tx *store.Tx) error { _, err := tx.GrantOfOrder(s.Context(), "o-1"); return err })
			require.ErrorIs(s, err, store.ErrNotFound)
			_, err = s.service.TakeOff(s.Context(), "o-1", s.act())
			require.ErrorIs(s, err, disruption.ErrAlready)
			_, err = s.service.TakeOff(s.Context(), "none", s.act())
			require.ErrorIs(s, err, order.ErrNotFound)
			sheet := s.editions(dispatch.OfRun, run1)
			require.Len(s, sheet, 4)
			require.Empty(s, sheet[0].Content.Rows[0].Products)
		},
		"a shop that cannot deliver after cutoff: the latest orders go without, and are told": func(s *site) {
			s.place("o-1", "loc-1", "a-rare", 1, "a-cold", 1)
			s.place("o-2", "loc-1", "a-rare", 1, "a-cold", 1)
			s.freeze()
			r, err := s.service.Limit(s.Context(), date, "a-rare", 1, true, s.act())
			require.NoError(s, err)
			require.Equal(s, []disruption.Withdrawn{{OrderID: "o-2", ProductID: "a-rare", Units: 1}}, r.Withdrawn)
			require.Len(s, s.get("o-2").Items, 1)
			require.Equal(s, int64(900), s.container(first).UsedML)
			list := s.editions(dispatch.OfShop, "shop-a")
			require.Equal(s, []dispatch.Difference{{ContainerID: first, Field: "products", Was: "2 × a-cold, 2 × a-rare", Is: "2 × a-cold, 1 × a-rare"}},
				list[0].Content.Since(list[1].Content))
		},
		"a run is called off after cutoff: what is in its slot stays, the rest goes": func(s *site) {
			s.place("o-1", "loc-1", "a-cold", 1)
			s.place("o-2", "loc-1", "b-cold", 1)
			s.freeze()
			s.advance(first, dispatch.Placed)
			r, err := s.service.CallOff(s.Context(), date, order.Out{Kind: order.OutRun, ID: run1}, s.act())
			require.NoError(s, err)
			require.Equal(s, []disruption.Gone{{OrderID: "o-2", LocationID: "loc-1", Units: 1}}, r.CalledOff)
			require.Equal(s, order.Accepted, s.get("o-1").State)
		},
		"a delivery is called off after cutoff: all its orders go": func(s *site) {
			s.place("o-1", "loc-1", "a-cold", 1)
			s.place("o-2", "loc-2", "a-cold", 1)
			s.freeze()
			r, err := s.service.CallOff(s.Context(), date, order.Out{Kind: order.OutLocation, ID: "loc-1"}, s.act())
			require.NoError(s, err)
			require.Equal(s, []disruption.Gone{{OrderID: "o-1", LocationID: "loc-1", Units: 1}}, r.CalledOff)
			require.Equal(s, order.Accepted, s.get("o-2").State)
		},
		"a container is kept back, and let go": func(s *site) {
			s.place("o-1", "loc-1", "a-cold", 1)
			s.freeze()
			_, err := s.service.LetGo(s.Context(), first, s.act())
			require.ErrorIs(s, err, store.ErrNotFound)
			_, err = s.service.KeepBack(s.Context(), first, s.act())
			require.NoError(s, err)
			require.Equal(s, "the compressor is broken", s.editions(dispatch.OfRun, run1)[0].Content.Rows[0].DoNotLoad)
			sheet := read(s, func(tx *store.Tx) (dispatch.Sheet, error) { return tx.Sheet(s.Context(), run1) })
			require.Equal(s, dispatch.Broken{Kind: "kept_back", Text: "the compressor is broken"}, sheet.Stops[0].Containers[0].Broken)
			parts := read(s, func(tx *store.Tx) (map[string][]byte, error) {
				return plan.Build(s.Context(), tx, plan.RoleDriver, "route-1", protocol.Revision, before)
			})
			require.NotContains(s, parts, "driver/route-1", "nothing is left to load, so the driver's device is not told of it")
			_, err = s.service.LetGo(s.Context(), first, s.act())
			require.NoError(s, err)
			require.Empty(s, s.editions(dispatch.OfRun, run1)[0].Content.Rows[0].DoNotLoad)
			require.Len(s, s.editions(dispatch.OfRun, run1), 3)
		},
		"the driver confirms the newest version, once": func(s *site) {
			s.place("o-1", "loc-1", "a-cold", 1)
			s.freeze()
			_, err := s.service.KeepBack(s.Context(), first, s.act())
			require.NoError(s, err)
			confirm := func(run string, version int, by string) error {
				return s.store.Change(s.Context(), func(tx *store.Tx) error { return tx.ConfirmSheet(s.Context(), run, version, by, before) })
			}
			state := func() dispatch.Confirmation {
				return read(s, func(tx *store.Tx) ([]dispatch.Confirmation, error) { return tx.Confirmations(s.Context(), date) })[0]
			}
			require.True(s, state().Due())
			require.Equal(s, 1, state().Replaces)
			require.ErrorIs(s, confirm(run1, 1, "driver"), store.ErrOldVersion)
			require.ErrorIs(s, confirm("none", 1, "driver"), store.ErrNotFound)
			require.NoError(s, confirm(run1, 2, "driver"))
			require.NoError(s, confirm(run1, 2, "somebody else"))
			require.False(s, state().Due())
			require.Equal(s, "driver", state().ConfirmedBy)
		},
		"a version that there is not is not one that was replaced": func(s *site) {
			s.place("o-1", "loc-1", "a-cold", 1)
			s.freeze()
			_, err := s.service.KeepBack(s.Context(), first, s.act())
			require.NoError(s, err)
			for _, version := range []int{-1, 0, 3} {
				err := s.store.Change(s.Context(), func(tx *store.Tx) error { return tx.ConfirmSheet(s.Context(), run1, version, "p", before) })
				require.ErrorIs(s, err, store.ErrNotFound)
				require.ErrorContains(s, err, fmt.Sprintf("version %d of the sheet of run %s: not found: the newest is version 2", version, run1))
			}
		},
		"what is done already is said to be so": func(s *site) {
			s.place("o-1", "loc-1", "a-cold", 1)
			s.place("o-2", "loc-1", "a-cold", 1)
			s.freeze()
			_, err := s.service.KeepBack(s.Context(), first, s.act())
			require.NoError(s, err)
			_, err = s.service.KeepBack(s.Context(), first, s.act())
			require.ErrorIs(s, err, disruption.ErrAlready)
			require.ErrorContains(s, err, "container "+first+" is kept back (the compressor is broken): it is so already")
			_, err = s.service.LetGo(s.Context(), first, s.act())
			require.NoError(s, err)
			_, err = s.service.LetGo(s.Context(), first, s.act())
			require.ErrorContains(s, err, "container "+first+" is not kept back")
			_, err = s.service.TakeOff(s.Context(), "o-1", s.act())
			require.NoError(s, err)
			_, err = s.service.TakeOff(s.Context(), "o-1", s.act())
			require.ErrorIs(s, err, disruption.ErrAlready)
			require.EqualError(s, err, "order o-1 is called off: it is so already")
			_, err = s.service.TakeOff(s.Context(), "o-9", s.act())
			require.EqualError(s, err, "order o-9: no such order")
			out := order.Out{Kind: order.OutLocation, ID: "loc-1"}
			_, err = s.service.CallOff(s.Context(), date, out, s.act())
			require.NoError(s, err, "the others are called off, though one is already")
			require.Equal(s, order.CalledOff, s.get("o-2").State)
			_, err = s.service.CallOff(s.Context(), date, out, s.act())
			require.EqualError(s, err, "location loc-1 is out of service on "+date+": it is so already")
		},
		"what nobody recorded does not hide in an exception": func(s *site) {
			s.place("o-1", "loc-1", "a-cold", 1)
			s.freeze()
			require.NoError(s, s.store.Change(s.Context(), func(tx *store.Tx) error { // as a repair would
				return tx.MoveContainer(s.Context(), first, dispatch.Where{AddressID: "spot-1-3"}, store.At(before))
			}))
			_, err := s.service.KeepBack(s.Context(), first, s.act())
			require.NoError(s, err)
			all := s.editions(dispatch.OfRun, run1)
			require.Len(s, all, 3)
			require.Equal(s, "as it stood", all[1].Reason)
			require.Equal(s, []dispatch.Difference{{ContainerID: first, Field: "do_not_load", Is: "the compressor is broken"}}, all[0].Content.Since(all[1].Content))
		},
	})
}

func TestAContainerThatChangesItsRunGetsThatDriverACode(t *testing.T) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		s := open(t, empty(), bulk.StopsFile, "route-2,2,deliver,loc-2,09:00\n", "route-2,2,deliver,loc-2,09:00\nroute-2,3,deliver,loc-1,10:00\n")
		s.place("o-1", "loc-1", "a-cold", 1)
		s.freeze()
		free := read(s, func(tx *store.Tx) (store.FreePlaces, error) { return tx.FreePlaces(t.Context(), first) })
		require.Equal(t, []store.FreeShipper{{RunID: run2, ShipperID: "box-2-cold", Place: 1}}, free.Shippers)
		r, err := s.service.Move(t.Context(), first, dispatch.Where{RunID: run2, ShipperID: "box-2-cold"}, s.act())
		require.NoError(t, err)
		require.Len(t, r.Editions, 3, "both runs' sheets and the shop's list")
		grants := read(s, func(tx *store.Tx) ([]dispatch.Grant, error) { return tx.GrantsOfLocation(t.Context(), date, "loc-1") })
		require.Len(t, grants, 1)
		require.Equal(t, run2, grants[0].RunID)
		require.Len(t, grants[0].PIN, dispatch.PINDigits)
		s.sound()
	})
}
