package fleet

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/internal/clock"
	"meguri/protocol"
)

const sample = "../../deploy/sample"

func TestEveryPlaceOfANetworkHasItsDevice(t *testing.T) {
	n, err := ReadNetwork(sample)
	require.NoError(t, err)
	items := Inventory(n)
	require.Len(t, items, len(n.Locations)+len(n.Shops)+len(n.Shippers)+len(n.Routes)+len(n.Spots))
	ids := map[string]bool{}
	for _, i := range items {
		require.NoError(t, protocol.CheckDeviceID(i.ID))
		require.False(t, ids[i.ID], "%s twice", i.ID)
		ids[i.ID] = true
	}
	f := New(n, clock.Real(), 1)
	devices := f.Devices()
	require.Len(t, devices, len(items))
	for _, d := range devices {
		require.True(t, ids[d.ID], d.ID)
		require.NoError(t, d.Kit.Check(), d.ID)
	}
}

func TestTheFirstCutoffOfADateIsFound(t *testing.T) {
	at, err := FirstCutoff(sample, "2026-12-01")
	require.NoError(t, err)
	require.Equal(t, "2026-11-30T17:00:00Z", at.UTC().Format(time.RFC3339))
	_, err = FirstCutoff(sample, "2026-12-24")
	require.ErrorContains(t, err, "nothing is delivered on 2026-12-24")
}

func TestABadNetworkFileIsNamed(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(sample)))
	file := filepath.Join(dir, "fridges.csv")
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append(b, "x,yanaka,refrigerated,cold,8\n"...), 0o600))
	_, err = ReadNetwork(dir)
	require.ErrorContains(t, err, "fridges.csv row")
	require.ErrorContains(t, err, `"cold"`)
}

func TestADoorOpensOnlyForWhoPullsWhileTheRelayFires(t *testing.T) {
	n, err := ReadNetwork(sample)
	require.NoError(t, err)
	l := n.Locations[0]
	s := New(n, clock.Real(), 1).Stations[l.ID]
	door := s.Doors[l.Fridges[0].ID]
	relay := s.Device.Hardware.Pin("relay-0")

	opened, err := door.Enter(t.Context(), func() (bool, error) { return false, nil })
	require.NoError(t, err)
	require.False(t, opened, "refused")

	opened, err = door.Enter(t.Context(), func() (bool, error) {
		relay.Drive(true)
		relay.Drive(false)
		return true, nil
	})
	require.NoError(t, err)
	require.True(t, opened)
	require.Equal(t, DoorCounts{Fired: 1, Opened: 1}, door.Counts())
}

func TestACutNetworkEndsConnectionsAndRefusesNewOnes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	d := newHandheld(Item{"scanner-a", Scanner, "a"}, clock.Real()).Device
	dial := d.dialer("tcp://" + l.Addr().String())

	c, err := dial(context.Background())
	require.NoError(t, err)
	d.CutNetwork()
	_, err = c.Write([]byte("x"))
	require.Error(t, err)
	_, err = dial(context.Background())
	require.ErrorIs(t, err, errNoNetwork)
	d.RestoreNetwork()
	c, err = dial(context.Background())
	require.NoError(t, err)
	require.NoError(t, c.Close())
}
