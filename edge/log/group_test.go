package log

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

// held makes a log whose commits wait for a signal, so that transactions gather behind the first.
func heldLog(t *testing.T) (l *Log, release chan struct{}, commits *atomic.Int32) {
	release, commits = make(chan struct{}), &atomic.Int32{}
	on := false
	var err error
	l, err = Open(path(t), Options{Commit: func(commit func() error) error {
		if on {
			<-release
			commits.Add(1)
		}
		return commit()
	}})
	require.NoError(t, err)
	on = true
	return l, release, commits
}

func TestTransactionsThatWaitAreCommittedTogetherEachWholeOrNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, release, commits := heldLog(t)
		boom := errors.New("boom")
		var all sync.WaitGroup
		var failed atomic.Int32
		all.Go(func() { require.NoError(t, l.Update(Stamp{}, func(tx *Tx) error { return tx.Put("first", nil) })) })
		synctest.Wait()
		for i := range 64 {
			all.Go(func() {
				var number uint64
				err := l.Update(stampAt(i), func(tx *Tx) (err error) {
					if number, err = tx.Append(protocol.Alarm{MilliC: int64(i)}); err != nil {
						return err
					}
					if err := tx.Put(fmt.Sprint("k", i), fmt.Append(nil, number)); err != nil {
						return err
					}
					if i%8 == 0 {
						return boom
					}
					return nil
				})
				if i%8 == 0 {
					require.ErrorIs(t, err, boom)
					failed.Add(1)
				} else {
					require.NoError(t, err)
				}
			})
		}
		synctest.Wait()
		require.Zero(t, failed.Load(), "all wait")
		close(release)
		all.Wait()
		require.Equal(t, int32(2), commits.Load(), "one for the first, one for all others")
		require.Equal(t, int32(8), failed.Load())
		for _, r := range readAll(t, l, protocol.Events) {
			body, err := protocol.DecodeEvent(r.Kind, r.Body)
			require.NoError(t, err)
			i := body.(protocol.Alarm).MilliC
			require.NotZero(t, i%8)
			require.Equal(t, stampAt(int(i)).Wall, r.Wall, "each has its own stamp")
			require.NoError(t, l.View(func(tx *Tx) error {
				v, err := tx.Get(fmt.Sprint("k", i))
				require.Equal(t, fmt.Sprint(r.Number), string(v), "what it did last was with the number that counts")
				return err
			}))
		}
		require.Equal(t, uint64(57), position1(t, l, protocol.Events).Next)
		require.NoError(t, l.View(func(tx *Tx) error {
			keys, err := tx.Keys("")
			require.Len(t, keys, 57)
			return err
		}))
		require.NoError(t, l.Close())
	})
}

func TestAPanicInAGroupReachesOnlyItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, release, _ := heldLog(t)
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				update := func() {
					require.NoError(t, l.Update(Stamp{}, func(tx *Tx) error {
						_, err := tx.Append(door(i))
						if i == 4 {
							panic("caller")
						}
						return err
					}))
				}
				if i == 4 {
					require.PanicsWithValue(t, "caller", update)
				} else {
					update()
				}
			})
			synctest.Wait()
		}
		close(release)
		all.Wait()
		require.Len(t, readAll(t, l, protocol.Events), 7)
		require.NoError(t, l.Close())
	})
}

// TestAGroupWhoseCommitFailsIsNotThere cuts the power before, and after, the commit: all of a group are told the same.
func TestAGroupWhoseCommitFailsIsNotThere(t *testing.T) {
	cut := errors.New("power cut")
	for _, late := range []bool{false, true} {
		fails := false
		l := openLog(t, path(t), Options{Commit: func(commit func() error) error {
			if !fails {
				return commit()
			}
			fails = false
			if late {
				return errors.Join(commit(), cut)
			}
			return cut
		}})
		add(t, l, 1, door(1))
		fails = true
		err := l.Update(Stamp{}, func(tx *Tx) error {
			_, err := tx.Append(door(2))
			return err
		})
		require.ErrorIs(t, err, cut)
		held := 1
		if late {
			held = 2
		}
		require.Len(t, readAll(t, l, protocol.Events), held, "the file is read again before it is used")
		require.Equal(t, uint64(held+1), add(t, l, 3, door(3)))
	}
}

func TestATransactionWithoutChangesIsNotWritten(t *testing.T) {
	l := openLog(t, path(t), Options{})
	before, err := os.ReadFile(l.Path())
	require.NoError(t, err)
	require.NoError(t, l.Update(Stamp{}, func(*Tx) error { return nil }))
	after, err := os.ReadFile(l.Path())
	require.NoError(t, err)
	require.Equal(t, before, after)
}
