package app

import (
	"bytes"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	edgelog "meguri/edge/log"
	"meguri/edge/monitor"
	"meguri/edge/station"
	"meguri/protocol"
)

// spoil flips a bit of every place in the file where text stands.
func (r *rig) spoil(text string) {
	r.t.Helper()
	b, err := os.ReadFile(r.file)
	require.NoError(r.t, err)
	found := 0
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte(text))
		if i < 0 {
			break
		}
		at += i + len(text)
		b[at-1] ^= 1
		found++
	}
	require.NotZero(r.t, found)
	require.NoError(r.t, os.WriteFile(r.file, b, 0o600))
}

// A value that was flipped on the card must neither stop the device for ever nor let it do twice what it has done.
func TestAnAgentWhoseStateIsBrokenWorksAgainAndHonoursNothingOfBefore(t *testing.T) {
	for _, key := range []string{keyStation, keyCommand, keyManifest} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.start()
			r.give(7, time.Minute, 0)
			old, before := r.log.Incarnation(), r.unlock(5)
			marked := map[string]any{keyStation: station.State{Uses: map[string]station.Use{"marked": {Count: 3}}},
				keyCommand: commandState{Counter: 5, ID: "c-5", Answered: true, Target: "marked"}, keyManifest: protocol.Manifest{
					Incarnation: old, Plan: 7, Parts: []protocol.PartRef{{Name: "marked"}}}}[key]
			require.NoError(t, r.commit(doorOpened("f2"), map[string]any{key: marked}))
			r.cut()
			r.spoil("marked")
			r.start()
			defer func() { r.cut() }()
			// Whether the log leaves the value to the agent or salvages the whole file, it comes to the same.
			require.True(t, r.unplanned(), key)
			if key != keyManifest {
				require.NotEqual(t, old, r.log.Incarnation(), key)
				r.takeCommand(before)
			}
			r.codeEntered("f1", "12345678")
			require.Empty(t, r.fired, key)
			require.Equal(t, []shown{{text: "Out of service until the hub has been heard. Please call for help.", refused: true}}, r.shown("f1"))
			require.NotEmpty(t, said[protocol.DoorOpened](r), "no record is lost")
			r.give(8, time.Minute, 0)
			r.codeEntered("f1", "12345678")
			require.Equal(t, 1, r.fired["p2"], "%s: it works again", key)
			r.restart()
			require.EqualValues(t, 8, r.planVersion.Load(), key)
		})
	}
}

// What one version has written and another cannot read at all.
func TestStateThatCannotBeDecodedIsDroppedAndTheDeviceWorksAgain(t *testing.T) {
	for key, c := range map[string]struct {
		anew    bool // what was done already is not known any more
		version uint64
	}{keyStation: {true, 7}, keyCommand: {true, 7}, keyScanner: {false, 7}, keyDriver: {false, 7}, keyMonitors: {false, 7}, keyManifest: {false, 0}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.start()
			r.give(7, time.Minute, 0)
			old, before := r.log.Incarnation(), r.unlock(5)
			require.NoError(t, r.log.Update(r.stamp(), func(tx *edgelog.Tx) error { return tx.Put(key, []byte("no CBOR")) }))
			r.restart()
			defer func() { r.cut() }()
			require.Equal(t, c.anew, old != r.log.Incarnation(), key)
			require.Equal(t, c.version, r.planVersion.Load(), "%s: a plan that is gone is asked for again", key)
			require.Equal(t, c.anew || c.version == 0, r.unplanned(), key)
			if r.unplanned() {
				r.codeEntered("f1", "12345678")
				require.Empty(t, r.fired, key)
			}
			if c.anew {
				r.takeCommand(before)
				require.Empty(t, r.fired, key)
			}
			r.give(8, time.Minute, 0)
			r.codeEntered("f1", "12345678")
			require.Equal(t, 1, r.fired["p2"], "%s: it works again", key)
			r.restart()
			require.EqualValues(t, 8, r.planVersion.Load(), key)
		})
	}
}

// An agent that was upgraded and is set back finds keys that it does not know in its stored state: it leaves them out, and reads
// the rest.
func TestStateOfANewerVersionIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		newer := map[string]any{
			keyStation: map[int]any{1: map[string]any{"f1": map[int]any{1: 1, 99: "new"}}, 2: map[string]any{"g": map[int]any{1: 2, 2: 5, 99: []int{1}}},
				99: map[string]any{"a": 1}},
			keyScanner:  map[int]any{99: "new"},
			keyDriver:   map[int]any{99: "new"},
			keyMonitors: map[string]any{"f1/air": map[int]any{1: 5, 2: true, 99: 1.5}},
			keyCommand:  map[int]any{1: 6, 2: "c-6", 3: 1, 4: true, 99: "new"},
		}
		require.NoError(t, r.log.Update(r.stamp(), func(tx *edgelog.Tx) error {
			for key, value := range newer {
				b, err := cbor.Marshal(value)
				require.NoError(t, err)
				require.NoError(t, tx.Put(key, b))
			}
			return nil
		}))
		before := r.log.Incarnation()
		r.restart()
		defer r.cut()
		require.Equal(t, before, r.log.Incarnation())
		require.EqualValues(t, 6, r.commandCounter.Load())
		require.Equal(t, station.Use{Count: 2, Until: 5}, r.station.Uses["g"])
		require.Equal(t, station.DoorClosed, r.station.Locks["f1"].Door)
		require.Equal(t, monitor.State{OutsideSince: 5, Alarmed: true}, r.monitors["f1/air"])
	})
}

// The state of a version before has not all keys: each that is missing has to be harmless as zero.
func TestStateOfAnOlderVersionIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		b, err := cbor.Marshal(map[int]any{1: 6, 2: "c-6", 3: 1, 4: false}) // a command under way, by a version that kept no target
		require.NoError(t, err)
		require.NoError(t, r.log.Update(r.stamp(), func(tx *edgelog.Tx) error { return tx.Put(keyCommand, b) }))
		r.restart()
		defer r.cut()
		r.doorMoved("f1", false)
		r.pass(time.Minute)
		all := r.answers()
		require.Len(t, all, 2)
		require.Equal(t, protocol.CommandRefused, all[1].Outcome, "no door is known for it")
	})
}

func TestAFullStorageRefusesCodesScansAndCommandsClearlyUntilThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		defer r.cut()
		r.give(1, time.Minute, 0)
		r.doorMoved("f1", true)
		fill(t, r.agent)
		outOfService := []shown{{text: "Out of service: this device cannot record. Please call for help.", refused: true}}
		for range 2 {
			r.codeEntered("f1", "12345678")
			require.Equal(t, outOfService, r.shown("f1"))
			r.codeEntered("f1", "00000000")
			require.Equal(t, outOfService, r.shown("f1"), "a wrong code would have to be recorded, too")
			r.scannedAtStation(scanOf("800304912345"))
			require.Equal(t, outOfService, r.shown(""))
			r.takeCommand(r.unlock(1))
		}
		r.doorMoved("f2", false) // a fact, while it lasts
		require.Empty(t, r.fired)
		drain(t, r.agent)
		r.tick()
		require.False(t, r.full)
		require.Len(t, said[protocol.DoorOpened](r), 1)
		require.Equal(t, "storage is full: nothing was done", r.answers()[0].Reason)
		r.codeEntered("f1", "12345678")
		require.Equal(t, 1, r.fired["p2"])
		require.False(t, r.shown("f1")[0].refused)
	})
}
