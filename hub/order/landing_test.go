package order_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"meguri/hub/order"
)

// slowDisk is a store whose changes are seen by the next ones before they are durable, and which are durable when it is told so.
type slowDisk struct {
	order.Store
	durable chan error
}

type appliedTx struct {
	order.Tx
	applied *func()
}

func (t appliedTx) OnApplied(fn func()) { *t.applied = fn }

func (s slowDisk) Change(ctx context.Context, fn func(order.Tx) error) error {
	var applied func()
	if err := s.Store.Change(ctx, func(tx order.Tx) error { return fn(appliedTx{tx, &applied}) }); err != nil {
		return err
	}
	applied()
	return <-s.durable
}

func TestNobodyHearsOfADecisionThatIsNotDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := newFaulty(t)
		disk := slowDisk{f.Store, make(chan error)}
		s := order.NewService(disk)
		var mu sync.Mutex
		var heard []string
		do := func(name string, fn func() (order.Outcome, error)) {
			go func() {
				o, err := fn()
				if err != nil {
					t.Error(name, err)
				}
				mu.Lock()
				defer mu.Unlock()
				heard = append(heard, name+" "+string(o.State))
			}()
			synctest.Wait()
		}
		held := request("o-1", 1)
		held.Hold = 1e9
		do("hold", func() (order.Outcome, error) { return s.Place(t.Context(), held, arrived, "person-1") })
		do("confirm", func() (order.Outcome, error) { return s.Confirm(t.Context(), "o-1", "person-1", arrived) })
		require.Empty(t, heard, "the next batch is decided and stored meanwhile, and told to nobody")
		disk.durable <- nil
		synctest.Wait()
		require.Equal(t, []string{"hold held"}, heard)
		do("again", func() (order.Outcome, error) { return s.Confirm(t.Context(), "o-1", "person-1", arrived) })
		require.Len(t, heard, 1, "nothing is decided, but what it says is not durable either")
		do("other", func() (order.Outcome, error) { return s.Place(t.Context(), request("o-2", 1), arrived, "person-1") })
		disk.durable <- nil
		synctest.Wait()
		require.ElementsMatch(t, []string{"hold held", "confirm accepted", "again accepted"}, heard)
		disk.durable <- nil
		synctest.Wait()
		require.Len(t, heard, 4)
	})
}

func TestWhatWasBuiltOnABatchThatIsLostIsNotToldEither(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := newFaulty(t)
		disk := slowDisk{f.Store, make(chan error)}
		s := order.NewService(disk)
		errs := make(chan error, 2)
		go func() { _, err := s.Place(t.Context(), request("o-1", 1), arrived, "person-1"); errs <- err }()
		synctest.Wait()
		go func() { _, err := s.Cancel(t.Context(), "o-1", "person-1", "", arrived.AddDate(1, 0, 0)); errs <- err }()
		synctest.Wait()
		require.Empty(t, errs)
		disk.durable <- errLost
		require.ErrorIs(t, <-errs, errLost)
		require.ErrorIs(t, <-errs, errLost)
		go func() { _, err := s.Place(t.Context(), request("o-2", 3), arrived, "person-1"); errs <- err }()
		disk.durable <- nil
		require.NoError(t, <-errs, "the memory was loaded again")
	})
}
