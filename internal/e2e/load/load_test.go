// Package load shows how many readings and events a second a hub makes durable and acknowledges, sent by thousands of devices
// over MQTT with TLS on loopback, and what it takes for that. `make load` runs it; alone it does nothing, for a figure of a
// machine is no test.
package load

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/internal/gs1"
	"meguri/protocol"
)

var (
	devices  = flag.Int("devices", 0, "how many devices; 0: do not run")
	postgres = flag.Bool("postgres", false, "PostgreSQL in place of SQLite")
	lasting  = flag.Duration("lasting", 20*time.Second, "how long to measure")
	records  = flag.Int("records", 4, "records of readings in a batch")
	rounds   = flag.Int("rounds", 10, "rounds in a record")
	events   = flag.Int("events", 8, "events in a batch")
	rate     = flag.Int("event-rate", 5000, "events a second that all devices have to say; readings they say as fast as they may")
)

const sensors = 4

// counts is what the hub has acknowledged.
type counts struct {
	welcomed, events, readings atomic.Int64

	mu      sync.Mutex
	latency []time.Duration // of batches of events
}

func (c *counts) took(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latency = append(c.latency, d)
}

func (c *counts) percentile(p float64) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.latency) == 0 {
		return 0
	}
	slices.Sort(c.latency)
	return c.latency[int(p*float64(len(c.latency)-1))]
}

func TestLoad(t *testing.T) {
	if *devices == 0 {
		t.Skip("a measurement: run it with make load")
	}
	s := newSite(t, *devices, *postgres)
	total := &counts{}
	fleet := s.fleet(total, dose{records: *records, rounds: *rounds, sensors: sensors, events: *events,
		every: time.Duration(*devices**events) * time.Second / time.Duration(*rate)})

	began := time.Now()
	over := make(chan struct{})
	var all sync.WaitGroup
	var failed atomic.Int64
	dial := make(chan struct{}, 64) // handshakes at once, as a kernel's queue of connections holds
	for _, d := range fleet {
		all.Go(func() {
			dial <- struct{}{}
			err := d.connect(s.broker, s.login(d.id))
			<-dial
			if err == nil {
				err = d.serve(over)
			}
			select {
			case <-over:
			default:
				if failed.Add(1) <= 3 {
					t.Errorf("%s: %v", d.id, err)
				}
			}
			d.close()
		})
	}
	require.Eventually(t, func() bool { return total.welcomed.Load() >= int64(len(fleet)) }, 5*time.Minute, 50*time.Millisecond,
		"not all devices are welcomed")
	joined := time.Since(began)

	from, fromCPU := *s.snapshot(total), s.hubCPU()
	time.Sleep(*lasting)
	to, cpu := *s.snapshot(total), s.hubCPU()-fromCPU
	memory := s.hubMemory()
	close(over)
	for _, d := range fleet {
		d.close()
	}
	all.Wait()
	took := to.at.Sub(from.at).Seconds()
	t.Logf("%d devices, %s: all welcomed in %s (%.0f/s); then %.0f readings/s and %.0f events/s made durable and acknowledged; "+
		"batch of events p50 %s p99 %s; hub %.2f cores, %d MiB resident, %d MiB anonymous; %d connections failed",
		len(fleet), s.engine, joined.Round(10*time.Millisecond), float64(len(fleet))/joined.Seconds(),
		float64(to.readings-from.readings)/took, float64(to.events-from.events)/took,
		total.percentile(0.5).Round(time.Millisecond), total.percentile(0.99).Round(time.Millisecond),
		cpu.Seconds()/took, memory.resident>>20, memory.anonymous>>20, failed.Load())
	require.Zero(t, failed.Load())
	s.requireDurable(to)
}

// moment is what was acknowledged at a time.
type moment struct {
	at               time.Time
	readings, events int64
}

func (s *site) snapshot(c *counts) *moment {
	return &moment{at: time.Now(), readings: c.readings.Load(), events: c.events.Load()}
}

func (s *site) fleet(total *counts, say dose) []*device {
	fleet := make([]*device, s.devices)
	for i := range fleet {
		fleet[i] = &device{id: deviceID(i), position: fridgeID(i), incarnation: protocol.NewIncarnation(), start: time.Now(), say: say,
			answered: total}
	}
	return fleet
}

func deviceID(i int) string   { return fmt.Sprintf("load-%05d", i) }
func locationID(i int) string { return fmt.Sprintf("loc-%05d", i) }
func fridgeID(i int) string   { return fmt.Sprintf("loc-%05d-f", i) }

// network writes a network of so many locations with a fridge each.
func network(t *testing.T, dir string, n int) {
	t.Helper()
	root, err := filepath.Abs("../../../deploy/sample")
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(dir, os.DirFS(root)))
	for file, row := range map[string]func(i int) string{
		"locations.csv": func(i int) string { return fmt.Sprintf("%s,%s,Load %d,Tokyo,35.7,139.7", locationID(i), gln(i), i) },
		"fridges.csv":   func(i int) string { return fmt.Sprintf("%s,%s,refrigerated,2,8", fridgeID(i), locationID(i)) },
	} {
		f, err := os.OpenFile(filepath.Join(dir, file), os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		var text strings.Builder
		for i := range n {
			fmt.Fprintln(&text, row(i))
		}
		_, err = f.WriteString(text.String())
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "orders.csv")))
}

// gln is a location number of GS1's prefix for demonstrations.
func gln(i int) string {
	body := fmt.Sprintf("9529%08d", 10_000+i)
	return body + string(gs1.CheckDigit(body))
}

// build builds the hub.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hub")
	out, err := exec.Command("go", "build", "-o", path, "meguri/hub").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}
