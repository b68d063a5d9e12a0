package rewind

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/link"
	edgelog "meguri/edge/log"
	"meguri/hub/fleet"
	"meguri/hub/store"
	"meguri/protocol"
)

func TestAnAcknowledgementLostAndTheStorageWiped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSite(t, false)
		b := s.board("old.db")
		b.scan(names("a", 3)...)
		b.visit(10 * time.Second)
		s.lose = func(up bool, payload []byte) bool { return !up && is[protocol.Ack](payload) }
		b.scan("a4")
		b.visit(time.Second)
		s.lose = nil
		b.scan("unseen") // while it is offline
		require.EqualValues(t, 4, b.first(), "it never heard that 4 was taken")

		wiped := s.board("new.db")
		wiped.scan(names("b", 2)...)
		wiped.visit(10 * time.Second)
		require.Equal(t, sorted(names("a", 4), names("b", 2)), s.effects())
		require.Equal(t, []fleet.Gap{{First: 5, Last: 5, Kind: fleet.IncarnationLost}}, s.gaps(b.log.Incarnation(), protocol.Events),
			"what it held behind 4 nobody knows")
		require.Zero(t, s.work("fork"))

		// The old storage is found after all: what it holds is taken, once, and it is not the current one.
		b.visit(10 * time.Second)
		require.Equal(t, sorted(names("a", 4), names("b", 2), []string{"unseen"}), s.effects())
		require.Empty(t, s.gaps(b.log.Incarnation(), protocol.Events), "nothing is lost any more")
		require.Equal(t, wiped.log.Incarnation().String(), s.device().Incarnation)
		b.close()
		wiped.close()
	})
}

func TestAClonedCardOfWhichBothWriteTheNextNumber(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSite(t, false)
		a := s.board("a.db")
		a.scan(names("c", 3)...)
		a.visit(10 * time.Second)
		a.scan("c4") // not delivered before the card is copied: both bring it
		a.close()
		copyFile(t, filepath.Join(s.dir, "a.db"), filepath.Join(s.dir, "b.db"))
		a, b := s.board("a.db"), s.board("b.db")
		require.Equal(t, a.log.Incarnation(), b.log.Incarnation())
		first := a.log.Incarnation()
		a.scan(names("a", 3)...)
		b.scan(names("b", 5)...)
		a.visit(10 * time.Second)
		b.visit(time.Minute)
		require.Equal(t, sorted(names("c", 4), names("a", 3), names("b", 5)), s.effects(), "both are kept, and nothing twice")
		require.Equal(t, first, a.log.Incarnation(), "the branch seen first goes on")
		require.NotEqual(t, first, b.log.Incarnation())
		require.Equal(t, first, b.log.Parent().Incarnation)
		require.Equal(t, 1, s.work("fork"))
		require.Zero(t, s.work("two_storages"), "nobody has spoken beside the newer one yet")

		// Both live on, in turns: the newer one stays the current one, whatever the other says, and a person is asked once.
		current := b.log.Incarnation().String()
		for i := range 3 {
			a.scan(names("x", 9)[i])
			a.visit(10 * time.Second)
			require.Equal(t, current, s.device().Incarnation)
			b.scan(names("y", 9)[i])
			b.visit(10 * time.Second)
			require.Equal(t, current, s.device().Incarnation)
		}
		require.Equal(t, 1, s.work("two_storages"))
		require.Equal(t, sorted(names("c", 4), names("a", 3), names("b", 5), names("x", 3), names("y", 3)), s.effects())
		require.Zero(t, a.plan, "the superseded one gets no plan")
		a.close()
		b.close()
	})
}

// Two clones that a broker lets in at once hear each other's acknowledgements. None may delete what the hub has only of the other.
func TestAnAcknowledgementOfAnotherBranchDeletesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSite(t, false)
		a := s.board("a.db")
		a.scan(names("c", 3)...)
		a.visit(10 * time.Second)
		a.close()
		copyFile(t, filepath.Join(s.dir, "a.db"), filepath.Join(s.dir, "b.db"))
		a, b := s.board("a.db"), s.board("b.db")
		s.shared = true
		b.online()
		wait(5 * time.Second) // welcomed: number 4 is expected
		s.lose = func(up bool, payload []byte) bool { return up && is[protocol.Batch](payload) }
		b.scan(names("b", 6)...)
		wait(100 * time.Millisecond) // sent, and lost
		s.lose = nil
		a.online()
		a.scan(names("a", 4)...) // taken, and acknowledged to both: it looks as if the first four of b's were
		wait(3 * time.Minute)
		a.offline()
		b.offline()
		require.Equal(t, sorted(names("c", 3), names("a", 4), names("b", 6)), s.effects())
		a.close()
		b.close()
	})
}

func TestARestoredImageBringsNothingTwice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSite(t, true) // nothing is in a backup, so that boards hold all that they have sent
		a := s.board("a.db")
		a.scan(names("a", 3)...)
		a.visit(10 * time.Second)
		a.close()
		copyFile(t, filepath.Join(s.dir, "a.db"), filepath.Join(s.dir, "image.db"))
		a = s.board("a.db")
		a.scan(names("b", 3)...)
		a.visit(10 * time.Second)
		require.EqualValues(t, 1, a.first())
		a.close()

		image := s.board("image.db")
		image.scan(names("i", 2)...)
		image.visit(time.Minute)
		require.Equal(t, sorted(names("a", 3), names("b", 3), names("i", 2)), s.effects())
		require.Equal(t, 1, s.work("fork"))

		// And an image of the image.
		image.close()
		copyFile(t, filepath.Join(s.dir, "image.db"), filepath.Join(s.dir, "again.db"))
		image = s.board("image.db")
		image.scan("j1")
		image.visit(time.Minute)
		again := s.board("again.db")
		again.scan("k1")
		again.visit(time.Minute)
		require.Equal(t, sorted(names("a", 3), names("b", 3), names("i", 2), []string{"j1", "k1"}), s.effects())
		image.close()
		again.close()
	})
}

func TestAHubRestoredFromABackupNamesWhatDevicesHaveDeleted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSite(t, false)
		b := s.board("b.db")
		b.online()
		b.scan(names("a", 3)...)
		wait(10 * time.Second)
		file := s.backup("hourly.db")
		b.scan(names("b", 4)...)
		wait(time.Hour)
		require.EqualValues(t, 8, b.first(), "all deleted")
		s.restore(file)
		b.scan("c1")
		wait(15 * time.Minute)
		require.Equal(t, sorted(names("a", 3), []string{"c1"}), s.effects())
		require.Equal(t, []fleet.Gap{{First: 4, Last: 7, Kind: fleet.Restored}}, s.gaps(b.log.Incarnation(), protocol.Events))
		require.Zero(t, s.work("fork"))
		require.Equal(t, 1, s.work("restored"))
		b.offline()
		b.close()
	})
}

func TestAHubRestoredFromABackupLacksNothingWhereSafeWaitsForIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSite(t, true)
		b := s.board("b.db")
		b.online()
		b.scan(names("a", 3)...)
		wait(10 * time.Second)
		require.EqualValues(t, 1, b.first())
		file := s.backup("hourly.db")
		b.scan(names("b", 4)...)
		wait(time.Hour)
		require.EqualValues(t, 4, b.first(), "up to what is in the backup")
		s.restore(file)
		b.scan("c1")
		wait(15 * time.Minute)
		require.Equal(t, sorted(names("a", 3), names("b", 4), []string{"c1"}), s.effects())
		require.Empty(t, s.gaps(b.log.Incarnation(), protocol.Events))
		b.offline()
		b.close()
	})
}

func TestAQuietDeviceDeletesWhatABackupHasMadeSafe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSite(t, true)
		b := s.board("b.db")
		b.online()
		b.scan(names("a", 3)...)
		wait(time.Hour)
		require.EqualValues(t, 1, b.first())
		s.backup("one.db")
		wait(35 * time.Minute) // a hello comes every half hour
		require.EqualValues(t, 4, b.first(), "without a new record")
		b.offline()
		b.close()
	})
}

// A device that appeared after the backup was made has deleted records that nobody ever gave a name.
func TestADeviceStorageThatTheBackupDoesNotKnow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSite(t, false)
		file := s.backup("early.db")
		b := s.board("b.db")
		b.online()
		b.scan(names("a", 3)...)
		wait(time.Minute)
		s.restore(file)
		b.scan("b1")
		wait(15 * time.Minute)
		require.Equal(t, []string{"b1"}, s.effects())
		require.Equal(t, []fleet.Gap{{First: 1, Last: 3, Kind: fleet.Restored}}, s.gaps(b.log.Incarnation(), protocol.Events))
		b.offline()
		b.close()
	})
}

func TestPlanVersionsAndCommandCountersSurviveARestoredHub(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx := t.Context()
		s := newSite(t, true)
		b := s.board("b.db")
		command := func(id string) (c fleet.Command) {
			now := bubbleStart.Add(time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)))
			s.change(func(tx *store.Tx) (err error) {
				c, err = tx.AddCommand(ctx, fleet.Command{ID: id, Device: device, Kind: uint8(protocol.CommandIdentify),
					Deadline: now.Add(24 * time.Hour), AskedAt: now})
				return err
			})
			return c
		}
		plan := func(content string) (version uint64) {
			incarnation := s.device().Incarnation
			s.change(func(tx *store.Tx) (err error) {
				version, _, err = tx.SavePlan(ctx, device, incarnation, map[string][]byte{"lock/f1": []byte(content)}, time.Now())
				return err
			})
			return version
		}
		reconnect := func() { // what is owed comes with the welcome here
			b.visit(10 * time.Second)
			b.visit(10 * time.Second)
		}
		reconnect()
		command("answered-in-time")
		reconnect()
		command("answered-after-the-backup")
		file := s.backup("hourly.db")
		reconnect()
		lost := command("given-after-the-backup")
		reconnect()
		done := []string{"answered-in-time", "answered-after-the-backup", "given-after-the-backup"}
		require.Equal(t, done, b.did())

		s.restore(file)
		// Before the device has spoken, the hub gives the next one.
		next := command("given-after-the-restore")
		require.Greater(t, next.Counter, lost.Counter)
		b.counter = lost.Counter
		reconnect()
		reconnect()
		require.Equal(t, append(done, "given-after-the-restore"), b.did(), "each once, and the new one, too")
		require.Greater(t, plan("new"), uint64(1<<20), "no version is given out twice")
		s.change(func(tx *store.Tx) error {
			c, err := tx.Command(ctx, "answered-after-the-backup")
			require.Equal(t, fleet.CommandDone, c.Outcome, "its answer was not deleted, and comes again")
			return err
		})
		b.close()
	})
}

// A board is broken, and what its storage holds is read out and taken by hand.
func TestALogThatIsExportedIsDrainedOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSite(t, true)
		b := s.board("b.db")
		b.scan(names("a", 3)...)
		b.visit(10 * time.Second)
		b.scan(names("b", 9)...)
		require.NoError(t, b.log.Update(edgelog.Stamp{}, func(tx *edgelog.Tx) error {
			_, err := tx.Append(protocol.Samples{Samples: []protocol.Sample{{Sensor: "f1/air", MilliC: 1}}})
			return err
		}))
		var file bytes.Buffer
		require.NoError(t, link.Export(b.log, "test", &file))
		b.close()
		s.change(func(tx *store.Tx) error { return tx.RevokeDevice(t.Context(), device, bubbleStart) })
		for i := range 2 {
			d, err := s.hub.Drain(t.Context(), device, bytes.NewReader(file.Bytes()), false)
			require.NoError(t, err)
			require.EqualValues(t, []int64{9, 0}[i], d.Events)
			require.EqualValues(t, []int64{1, 0}[i], d.Readings)
		}
		require.Equal(t, sorted(names("a", 3), names("b", 9)), s.effects())
	})
}
