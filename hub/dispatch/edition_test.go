package dispatch

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnEditionSaysInWhatItDiffersFromTheOneBefore(t *testing.T) {
	row := func(id string, change func(*ContentRow)) ContentRow {
		r := ContentRow{ContainerID: id, AddressID: "a", RunID: "r", ShipperID: "s", SlotID: "1", Products: []ContentProduct{{"p", 2}}}
		if change != nil {
			change(&r)
		}
		return r
	}
	before := Content{VehicleID: "v1", Codes: []ContentCode{{"l", "g"}, {"m", "h"}}, Stops: []ContentStop{{Sequence: 1, Kind: Collect, PlaceID: "x"}},
		Rows: []ContentRow{row("gone", nil), row("same", nil), row("moved", nil), row("less", nil)}}
	after := Content{VehicleID: "v2", Codes: []ContentCode{{"l", "g~1"}, {"m", "h"}}, Rows: []ContentRow{row("same", nil), row("new", nil),
		row("moved", func(r *ContentRow) { r.SlotID, r.ShipperID, r.AddressID, r.RunID = "2", "t", "b", "q" }),
		row("less", func(r *ContentRow) { r.Products[0].Units, r.DoNotLoad = 1, "broken" })}}
	require.Equal(t, []Difference{
		{"", "vehicle", "v1", "v2"}, {"", "stops", "1 collect x", ""}, {"", "code", "", "l"},
		{"gone", "container", "a → s → 1", ""},
		{"less", "do_not_load", "", "broken"}, {"less", "products", "2 × p", "1 × p"},
		{"moved", "address", "a", "b"}, {"moved", "run", "r", "q"}, {"moved", "shipper", "s", "t"}, {"moved", "slot", "1", "2"},
		{"new", "container", "", "a → s → 1"},
	}, after.Since(before))
	require.Empty(t, after.Since(after))
}

func TestTheSameContentHasTheSameHashInWhateverOrderItWasRead(t *testing.T) {
	a := Content{Rows: []ContentRow{{ContainerID: "1"}, {ContainerID: "2"}}}
	b := Content{Rows: []ContentRow{{ContainerID: "2"}, {ContainerID: "1"}}}
	text, hash, err := a.Encode()
	require.NoError(t, err)
	_, other, err := b.Encode()
	require.NoError(t, err)
	require.Equal(t, hash, other)
	read, err := DecodeContent(text)
	require.NoError(t, err)
	require.Equal(t, a, read)
	_, err = DecodeContent("{")
	require.ErrorContains(t, err, "stored content of a sheet")
}

func TestAContainerIsReassignedOnlyWhereItsBoxHasNotPassed(t *testing.T) {
	way := map[string]Where{"address": {AddressID: "b"}, "shipper": {RunID: "q", ShipperID: "t"}, "slot": {SlotID: "2"}}
	may := map[State]string{Planned: "address shipper slot", Filled: "address shipper slot", OnAddress: "shipper slot", Loaded: "slot", Placed: ""}
	for state, allowed := range may {
		for name, to := range way {
			c := Container{ID: "c", State: state, AddressID: "a", RunID: "r", ShipperID: "s", SlotID: "1"}
			was := c
			err := c.Reassign(to)
			if strings.Contains(allowed, name) {
				require.NoError(t, err, "%s of %s", name, state)
				require.NotEqual(t, was, c)
				continue
			}
			require.Error(t, err, "%s of %s", name, state)
			require.Equal(t, was, c, "a refused one changes nothing")
		}
	}
	c := Container{ID: "c", State: Planned}
	require.ErrorContains(t, c.Reassign(Where{}), "stay where it is")
	require.ErrorContains(t, c.Reassign(Where{ShipperID: "t"}), "a shipper and its run")
	require.Error(t, CheckReason("x"))
	require.Error(t, CheckReason("   "))
	require.Error(t, CheckReason(strings.Repeat("雨", 501)))
	require.NoError(t, CheckReason("台風"))
	require.NoError(t, CheckReason(strings.Repeat("雨", 500)))
}

func TestTheFirstSheetNeedsNoConfirmation(t *testing.T) {
	require.False(t, Confirmation{Version: 1}.Due())
	require.True(t, Confirmation{Version: 2, Replaces: 1}.Due())
	require.False(t, Confirmation{Version: 2, Replaces: 1, ConfirmedAt: noon}.Due())
}
