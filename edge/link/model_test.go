package link

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	edgelog "meguri/edge/log"
	"meguri/protocol"
)

// TestEverythingArrivesOnceWhateverTheNetworkDoes lets chance lose, repeat and reorder messages, cut connections, restart the
// device and the hub, and put the hub back to a backup. Meanwhile nothing may be deleted that is not in a backup. Then the
// network heals, and the hub must have every record, once, in order.
func TestEverythingArrivesOnceWhateverTheNetworkDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "link")
		require.NoError(t, err)
		defer func() { _ = os.RemoveAll(dir) }()
		w := newWorld(t, filepath.Join(dir, "edge.db"))
		defer func() { require.NoError(t, w.log.Close()) }()
		t.Repeat(map[string]func(*rapid.T){
			"record":    w.record,
			"time":      func(t *rapid.T) { w.sleep(time.Duration(rapid.IntRange(1, 20_000).Draw(t, "ms")) * time.Millisecond) },
			"up":        w.someUp,
			"down":      w.someDown,
			"flow":      func(*rapid.T) { w.flow() },
			"reconnect": func(*rapid.T) { w.connect() },
			"restart":   w.restartDevice,
			"hub":       func(*rapid.T) { w.hub.restart() },
			"backup":    func(*rapid.T) { w.hub.makeBackup() },
			"restore": func(t *rapid.T) {
				if w.hub.backup == nil {
					t.Skip("no backup yet")
				}
				w.hub.restore()
			},
			"": w.check,
		})
		w.heal()
	})
}

// world is a pair whose records are counted.
type world struct {
	*pair
	path     string
	events   int
	readings int
}

func newWorld(t *rapid.T, path string) *world {
	log, err := edgelog.Open(path, edgelog.Options{})
	require.NoError(t, err)
	w := &world{pair: newPair(t, log), path: path}
	if rapid.Bool().Draw(t, "backups count from the start") {
		w.hub.makeBackup()
	}
	return w
}

func (w *world) record(t *rapid.T) {
	events, readings := rapid.IntRange(0, 3).Draw(t, "events"), rapid.IntRange(0, 60).Draw(t, "readings")
	var bodies []protocol.Body
	for range events {
		bodies = append(bodies, event(w.events))
		w.events++
	}
	for range readings {
		bodies = append(bodies, reading(w.readings))
		w.readings++
	}
	add(t, w.log, bodies...)
	w.advance()
}

// someUp delivers a message out of turn, and perhaps leaves it to come again; or loses it.
func (w *world) someUp(t *rapid.T) {
	if len(w.up) == 0 {
		t.Skip("nothing is on its way")
	}
	i := rapid.IntRange(0, len(w.up)-1).Draw(t, "which")
	what := rapid.SampledFrom([]string{"deliver", "repeat", "lose"}).Draw(t, "what")
	if what != "lose" {
		w.deliverUp(i)
	}
	if what != "repeat" {
		w.up = append(w.up[:i:i], w.up[i+1:]...)
	}
}

func (w *world) someDown(t *rapid.T) {
	if len(w.down) == 0 {
		t.Skip("nothing is on its way")
	}
	i := rapid.IntRange(0, len(w.down)-1).Draw(t, "which")
	what := rapid.SampledFrom([]string{"deliver", "repeat", "lose"}).Draw(t, "what")
	if what != "lose" {
		w.deliverDown(i)
	}
	if what != "repeat" {
		w.down = append(w.down[:i:i], w.down[i+1:]...)
	}
}

func (w *world) restartDevice(t *rapid.T) {
	require.NoError(t, w.log.Close())
	log, err := edgelog.Open(w.path, edgelog.Options{})
	require.NoError(t, err)
	w.log = log
	w.connect()
}

// check holds what may never break: the connection has no error, and what was deleted is in the newest backup.
func (w *world) check(t *rapid.T) {
	require.NoError(t, w.err)
	for _, id := range []protocol.LogID{protocol.Events, protocol.Readings} {
		k := logKey{w.log.Incarnation(), id}
		require.LessOrEqual(t, w.position(id).First-1, w.hub.safe(k), "%s deleted before it was safe", id)
	}
	for i, s := range w.core.streams {
		require.LessOrEqual(t, len(s.inFlight), int(w.hub.window), "window of log %d", i+1)
	}
}

func (w *world) heal() {
	w.up, w.down = nil, nil
	w.connect()
	w.settle()
	require.Equal(w.t, upTo(w.events), w.values(protocol.Events))
	require.Equal(w.t, upTo(w.readings), w.values(protocol.Readings))
}
