package log

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

func TestRenewKeepsWhatIsHeldUnderANewIncarnation(t *testing.T) {
	path := path(t)
	l := openLog(t, path, Options{MaxBytes: 1 << 20})
	for i := range 2500 {
		if i%50 == 0 {
			add(t, l, i, door(i), door(i+1))
		}
		add(t, l, i, sample(int64(i)), sample(int64(i)), sample(int64(i)))
	}
	require.NoError(t, l.Update(Stamp{}, func(tx *Tx) error { return tx.Put("grant/1", []byte("used")) }))
	require.NoError(t, l.DeleteUpTo(protocol.Events, 10))
	flip(t, l, bucketEvents, numberKey(20), 60)
	events, readings := position1(t, l, protocol.Events), readAll(t, l, protocol.Readings)
	require.Greater(t, readings[0].Number, uint64(1), "thinned")
	parent := &protocol.Parent{Incarnation: l.Incarnation(), Events: 11, Readings: readings[0].Number}

	require.NoError(t, l.Renew())
	check := func() {
		require.NotEqual(t, parent.Incarnation, l.Incarnation())
		require.Equal(t, parent, l.Parent())
		renewed := readAll(t, l, protocol.Events)
		require.Len(t, renewed, int(events.Next-events.First))
		require.Equal(t, uint64(1), renewed[0].Number)
		require.Equal(t, protocol.KindDamaged, renewed[9].Kind, "the damaged one is not hidden")
		now := readAll(t, l, protocol.Readings)
		require.Len(t, now, len(readings))
		for i, r := range now {
			require.Equal(t, readings[i].Wall, r.Wall)
			if r.Kind != protocol.KindThinned {
				require.Equal(t, readings[i].Body, r.Body)
				continue
			}
			body, err := protocol.DecodeEvent(r.Kind, r.Body)
			require.NoError(t, err)
			require.Zero(t, body.(protocol.Thinned).To, "the numbers were the parent's")
			require.NotZero(t, body.(protocol.Thinned).Samples)
		}
		require.NoError(t, l.View(func(tx *Tx) error {
			v, err := tx.Get("grant/1")
			require.Equal(t, "used", string(v))
			return err
		}))
	}
	check()
	_, err := Open(path, Options{})
	require.ErrorIs(t, err, ErrInUse, "the new file is locked too")
	require.NoError(t, l.Close())
	l = openLog(t, path, Options{MaxBytes: 1 << 20})
	check()
	require.Equal(t, uint64(2), l.Boot())
	add(t, l, 1, door(1))
	readAll(t, l, protocol.Events)
}
