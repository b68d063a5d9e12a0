package pgtest

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
)

// shared is the cluster that the tests of a package share: to start one takes longer than most tests.
var shared struct {
	mu      sync.Mutex
	inMain  bool
	cluster *Cluster
	ends    []func()
	copies  map[string]string // of what is made once, by its name
}

// Main runs the tests of a package that share a cluster, and stops it. It is for TestMain.
func Main(m *testing.M) int {
	shared.inMain = true
	code := m.Run()
	for _, end := range slices.Backward(shared.ends) {
		end()
	}
	return code
}

// lasting is a test whose cleanup waits for the end of all.
type lasting struct{ testing.TB }

func (lasting) Cleanup(f func()) { shared.ends = append(shared.ends, f) }

// Error: the test is over when the cleanup says something.
func (lasting) Error(args ...any) { fmt.Fprintln(os.Stderr, args...) }

// cheap are settings for databases that are copied from files, by the dozen, and outlive no power cut.
var cheap = []string{"fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0", "shared_buffers=16MB"}

// Copy gives the URL of a database like the one called name, which fill makes once, and closes. A test outlives no power cut, so
// that nothing is waited for to reach the disk. Where there is no Main the test has a cluster of its own.
func Copy(tb testing.TB, name string, fill func(url string)) string {
	tb.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.inMain {
		url := Start(tb, "fsync=off").Database(tb)
		fill(url)
		return url
	}
	if shared.cluster == nil {
		shared.cluster, shared.copies = Start(lasting{tb}, cheap...), map[string]string{}
	}
	c := shared.cluster
	if shared.copies[name] == "" {
		original := c.name()
		c.run(tb, "CREATE DATABASE "+original)
		fill(c.url(original))
		shared.copies[name] = original
	}
	database := c.name()
	c.run(tb, "CREATE DATABASE "+database+" TEMPLATE "+shared.copies[name]+" STRATEGY FILE_COPY") // not page by page through the log
	tb.Cleanup(func() { c.run(tb, "DROP DATABASE "+database+" WITH (FORCE)") })
	return c.url(database)
}
