package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/hub/fleet"
	"meguri/hub/people"
	"meguri/hub/store"
	"meguri/hub/storetest"
)

var errFailed = errors.New("failed")

// stepping is a database with a person p, whose second copy it refuses, and both ways to run steps.
type stepping struct {
	t *testing.T
	s *store.Store
}

// eachStepping runs a test on each engine, with savepoints and without.
func eachStepping(t *testing.T, test func(w stepping, change func(context.Context, func(*store.Tx) error) error)) {
	storetest.Each(t, func(t *testing.T, empty func() string) {
		for name, pick := range map[string]func(*store.Store) func(context.Context, func(*store.Tx) error) error{
			"told": func(s *store.Store) func(context.Context, func(*store.Tx) error) error { return s.Change },
			"bold": func(s *store.Store) func(context.Context, func(*store.Tx) error) error { return s.ChangeInSteps },
		} {
			t.Run(name, func(t *testing.T) {
				s := storetest.Open(t, empty())
				require.NoError(t, s.Change(t.Context(), func(tx *store.Tx) error { return addP(tx) }))
				test(stepping{t, s}, pick(s))
			})
		}
	})
}

func addP(tx *store.Tx) error {
	return tx.AddPerson(context.Background(), people.Person{ID: "p", Name: "p", Role: people.Admin, Added: time.UnixMilli(0)})
}

func openWork(tx *store.Tx, id string) error {
	return tx.OpenWork(context.Background(), id, "kind", "subject", "", time.UnixMilli(0))
}

func (w stepping) requireWork(ids ...string) {
	w.t.Helper()
	require.NoError(w.t, w.s.Read(w.t.Context(), func(tx *store.Tx) error {
		all, err := tx.Work(w.t.Context(), true, 100)
		var got []string
		for _, one := range all {
			got = append(got, one.ID)
		}
		require.ElementsMatch(w.t, ids, got)
		return err
	}))
}

// A step may write what the database refuses, and fail for another reason before anybody has asked.
func TestAStepIsUndoneBehindAWriteThatIsRefused(t *testing.T) {
	eachStepping(t, func(w stepping, change func(context.Context, func(*store.Tx) error) error) {
		ctx := t.Context()
		require.NoError(t, change(ctx, func(tx *store.Tx) error {
			err := tx.Savepoint(ctx, func() error {
				_ = addP(tx)
				return errFailed
			})
			if tx.Lost(err) {
				return err
			}
			return openWork(tx, "after")
		}))
		w.requireWork("after")
	})
}

func TestAnErrorIsThatOfTheStepThatWroteIt(t *testing.T) {
	eachStepping(t, func(w stepping, change func(context.Context, func(*store.Tx) error) error) {
		ctx := t.Context()
		read := func(tx *store.Tx) error {
			_, err := tx.Work(ctx, true, 1)
			return err
		}
		require.NoError(t, change(ctx, func(tx *store.Tx) error {
			return tx.Savepoint(ctx, func() error {
				if err := openWork(tx, "outer"); err != nil {
					return err
				}
				err := tx.Savepoint(ctx, func() error {
					if err := errors.Join(read(tx), addP(tx)); err != nil {
						return err
					}
					return tx.Savepoint(ctx, func() error { return read(tx) }) // which has done nothing wrong
				})
				if tx.Lost(err) {
					return err
				}
				require.True(t, tx.Refused(err), "%v", err)
				return openWork(tx, "refused")
			})
		}))
		w.requireWork("outer", "refused")
	})
}

func TestAStepThatPanicsIsUndoneWithWhatItIsIn(t *testing.T) {
	eachStepping(t, func(w stepping, change func(context.Context, func(*store.Tx) error) error) {
		ctx := t.Context()
		require.NoError(t, change(ctx, func(tx *store.Tx) error {
			err := tx.Savepoint(ctx, func() (err error) {
				defer func() {
					if p := recover(); p != nil {
						err = fmt.Errorf("fault: %v", p)
					}
				}()
				if err := openWork(tx, "outer"); err != nil {
					return err
				}
				return tx.Savepoint(ctx, func() error {
					_ = openWork(tx, "inner")
					panic("oh")
				})
			})
			if tx.Lost(err) {
				return err
			}
			require.ErrorContains(t, err, "fault: oh")
			return openWork(tx, "after")
		}))
		w.requireWork("after")
	})
}

func TestAWriteThatGivesRowsIsUndoneLikeAnyOther(t *testing.T) {
	eachStepping(t, func(w stepping, change func(context.Context, func(*store.Tx) error) error) {
		ctx := t.Context()
		use := func(tx *store.Tx) error {
			_, err := tx.UseLink(ctx, "hash", time.UnixMilli(1))
			return err
		}
		require.NoError(t, w.s.Change(ctx, func(tx *store.Tx) error {
			return tx.AddLink(ctx, people.Link{Hash: "hash", Person: "p", Made: time.UnixMilli(0), Expires: time.UnixMilli(1000)})
		}))
		require.NoError(t, change(ctx, func(tx *store.Tx) error {
			err := tx.Savepoint(ctx, func() error { return errors.Join(use(tx), errFailed) })
			if tx.Lost(err) {
				return err
			}
			return nil
		}))
		require.NoError(t, w.s.Change(ctx, use), "the step that used the link was undone")
	})
}

// What one transaction says before a step may conflict with another hub's: it is run again, not given up.
func TestAConflictBeforeAStepIsRunAgain(t *testing.T) {
	url := storetest.Postgres(t)
	s, other := storetest.Open(t, url), storetest.Open(t, url)
	ctx := t.Context()
	require.NoError(t, s.Change(ctx, func(tx *store.Tx) error { return openWork(tx, "w") }))
	tries := 0
	require.NoError(t, s.Change(ctx, func(tx *store.Tx) error {
		tries++
		if _, err := tx.Work(ctx, true, 10); err != nil { // from now on it sees what was
			return err
		}
		if tries == 1 {
			require.NoError(t, other.Change(ctx, func(tx *store.Tx) error { return tx.SettleWork(ctx, "w", time.UnixMilli(5)) }))
		}
		if err := tx.SettleWork(ctx, "w", time.UnixMilli(6)); err != nil {
			return err
		}
		return tx.Savepoint(ctx, func() error {
			_, err := tx.Work(ctx, true, 10)
			return err
		})
	}))
	require.Equal(t, 2, tries)
}

func TestWhoWaitsForAGroupWaitsNoLongerThanItMay(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	in, out, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.ChangeInSteps(context.Background(), func(*store.Tx) error {
			close(in)
			<-out
			return nil
		})
	}()
	<-in
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Change(ctx, func(*store.Tx) error { return nil }), context.Canceled)
	close(out)
	require.NoError(t, <-done)
}

// belief is what the doors and alarms of a database should be.
type belief struct {
	doors map[string]string
	open  map[string]string // alarm → subject
}

func (b belief) clone() belief { return belief{maps.Clone(b.doors), maps.Clone(b.open)} }

// Whatever steps fail around them, doors and alarms stand as the steps that held have left them: what a transaction remembers of
// them is never older than what it has done.
func TestDoorsAndAlarmsAreThoseOfTheStepsThatHeld(t *testing.T) {
	eachStepping(t, func(w stepping, change func(context.Context, func(*store.Tx) error) error) {
		ctx := t.Context()
		require.NoError(t, w.s.Change(ctx, func(tx *store.Tx) error {
			return tx.AddDevice(ctx, fleet.Device{ID: "d", Place: "x", Role: fleet.Station, AddedAt: time.UnixMilli(0)})
		}))
		stands := belief{map[string]string{}, map[string]string{}}
		for seed := range uint64(40) {
			var m *mover
			require.NoError(t, change(ctx, func(tx *store.Tx) error { // perhaps more than once
				m = &mover{belief: stands.clone(), tx: tx, r: rand.New(rand.NewPCG(seed, 0)), seed: seed}
				return m.acts(ctx, 0)
			}))
			stands = m.belief
			require.NoError(t, w.s.Read(ctx, func(tx *store.Tx) error {
				for fridge, door := range stands.doors {
					p, err := tx.Position(ctx, fridge)
					require.NoError(t, err)
					require.Equal(t, door, p.Door, "seed %d, %s", seed, fridge)
				}
				all, err := tx.AlarmsNow(ctx, time.Now(), 1000)
				open := map[string]string{}
				for _, a := range all {
					open[a.ID] = a.Subject
				}
				require.Equal(t, stands.open, open, "seed %d", seed)
				return err
			}))
		}
	})
}

// mover moves doors and alarms by chance.
type mover struct {
	belief
	tx   *store.Tx
	r    *rand.Rand
	seed uint64
	n    int
}

func (m *mover) acts(ctx context.Context, depth int) error {
	for range 2 + m.r.IntN(12) {
		if err := m.act(ctx, depth); err != nil {
			return err
		}
	}
	return nil
}

func (m *mover) act(ctx context.Context, depth int) error {
	m.n++
	fridge := fmt.Sprintf("f%d", m.r.IntN(4))
	switch m.r.IntN(7) {
	case 0, 1:
		m.doors[fridge] = fmt.Sprintf("%d-%d", m.seed, m.n)
		m.tx.SavePosition(store.Position{ID: fridge, DeviceID: "d", Door: m.doors[fridge], ChangedAt: time.UnixMilli(1)})
	case 2:
		p, err := m.tx.Position(ctx, fridge)
		if door := m.doors[fridge]; err == nil && door != "" && door != p.Door {
			return fmt.Errorf("seed %d: %s is %s, want %s", m.seed, fridge, p.Door, door)
		}
		return err
	case 3:
		id := fmt.Sprintf("a%d-%d", m.seed, m.n)
		m.open[id] = fridge
		return m.tx.RaiseAlarm(ctx, id, "kind", fridge, "", time.UnixMilli(1))
	case 4:
		maps.DeleteFunc(m.open, func(_, subject string) bool { return subject == fridge })
		return m.tx.ClearAlarms(ctx, []string{"kind", "other"}, fridge, time.UnixMilli(2))
	default:
		return m.step(ctx, depth+1)
	}
	return nil
}

// step is a step that may fail.
func (m *mover) step(ctx context.Context, depth int) error {
	if depth > 3 {
		return nil
	}
	before := m.clone()
	err := m.tx.Savepoint(ctx, func() error {
		if err := m.acts(ctx, depth); err != nil {
			return err
		}
		if m.r.IntN(2) == 0 {
			return errFailed
		}
		return nil
	})
	if err == nil || m.tx.Lost(err) || !errors.Is(err, errFailed) {
		return err
	}
	m.belief = before
	return nil
}
