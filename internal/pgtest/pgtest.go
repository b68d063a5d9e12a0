// Package pgtest starts a private PostgreSQL for a test or a benchmark: a cluster of its own in a temporary directory,
// reached over a Unix socket there and over nothing else, which ends with the test.
package pgtest

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver "pgx"
)

// Cluster is a running PostgreSQL.
type Cluster struct {
	dir       string
	databases atomic.Int64
	who       *login
	program   string
	args      []string
	server    *server // that runs now
}

// server is one run of the PostgreSQL server.
type server struct {
	process *os.Process
	stopped chan struct{}
}

const (
	superuser = "meguri"
	startTime = 60 * time.Second // on a busy machine; it takes about two
	stopTime  = 20 * time.Second
)

// Start makes a cluster and starts its server, with PostgreSQL's defaults but for the settings, such as "fsync=off" for a
// test that needs no durability. When PostgreSQL is missing the test fails; it is not skipped.
func Start(tb testing.TB, settings ...string) *Cluster {
	tb.Helper()
	bin, err := programs()
	if err != nil {
		tb.Fatal(err)
	}
	who, err := account()
	if err != nil {
		tb.Fatal(err)
	}
	c := &Cluster{dir: directory(tb, who), who: who, program: filepath.Join(bin, "postgres")}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "--pgdata="+c.data(), "--username="+superuser, "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = c.dir, who.attributes()
	if out, err := initdb.CombinedOutput(); err != nil {
		tb.Fatalf("initdb: %v\n%s", err, out)
	}
	c.args = []string{"-D", c.data(), "-c", "listen_addresses=", "-c", "unix_socket_directories=" + c.dir, "-c", "max_connections=300"}
	for _, s := range settings {
		c.args = append(c.args, "-c", s)
	}
	c.serve(tb)
	tb.Cleanup(c.stop)
	return c
}

// Crash stops the server as a crash does (immediate shutdown: no checkpoint, connections are cut wherever they are) and starts
// it again; it returns when the server has recovered and answers.
func (c *Cluster) Crash(tb testing.TB) {
	tb.Helper()
	if err := c.server.process.Signal(syscall.SIGQUIT); err != nil {
		tb.Fatalf("crash postgres: %v", err)
	}
	<-c.server.stopped
	c.serve(tb)
}

// Socket is the path of the server's Unix socket.
func (c *Cluster) Socket() string { return filepath.Join(c.dir, ".s.PGSQL.5432") }

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// serve runs the server until it is stopped, and returns when it answers.
func (c *Cluster) serve(tb testing.TB) {
	tb.Helper()
	var output bytes.Buffer
	cmd := exec.Command(c.program, c.args...)
	cmd.Dir, cmd.SysProcAttr, cmd.Stdout, cmd.Stderr = c.dir, c.who.attributes(), &output, &output
	// The kernel ends the server when its parent thread ends, also when the test is killed: so the thread has to stay.
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	started, ended := make(chan error, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and is never unlocked: the thread ends with this goroutine
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		tb.Fatalf("start postgres: %v", err)
	}
	s := &server{process: cmd.Process, stopped: make(chan struct{})}
	c.server = s
	ready := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	go func() { ready <- c.answer(ctx) }()
	select {
	case err := <-ended:
		close(s.stopped)
		tb.Fatalf("postgres ended: %v\n%s", err, output.String())
	case err := <-ready:
		go func() { <-ended; close(s.stopped) }()
		if err != nil {
			tb.Fatalf("postgres does not answer within %s: %v", startTime, err)
		}
	}
}

func (c *Cluster) stop() {
	s := c.server
	_ = s.process.Signal(syscall.SIGINT) // fast shutdown; an error means that it has ended
	select {
	case <-s.stopped:
	case <-time.After(stopTime):
		_ = s.process.Kill()
		<-s.stopped
	}
}

// answer waits until the server takes connections.
func (c *Cluster) answer(ctx context.Context) error {
	db, err := sql.Open("pgx", c.url("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-poll.C:
		}
	}
}

// Database makes an empty database and gives its URL.
func (c *Cluster) Database(tb testing.TB) string {
	tb.Helper()
	name := c.name()
	c.run(tb, "CREATE DATABASE "+name)
	return c.url(name)
}

func (c *Cluster) name() string { return fmt.Sprintf("test%d", c.databases.Add(1)) }

// run runs a statement on the database that every cluster has.
func (c *Cluster) run(tb testing.TB, statement string) {
	tb.Helper()
	db, err := sql.Open("pgx", c.url("postgres"))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec(statement); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

func (c *Cluster) url(database string) string { return Via(c.dir, database) }

// Via is the URL of a database that is reached over the socket in another directory: of a proxy, for example.
func Via(dir, database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/" + database, RawQuery: url.Values{"host": {dir}}.Encode()}
	return u.String()
}

// directory makes the cluster's directory, belonging to who runs the server. Its path is short, for a Unix socket's has to
// fit into 107 bytes.
func directory(tb testing.TB, who *login) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	if who != nil {
		if err := os.Chown(dir, int(who.uid), int(who.gid)); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}
