// Package mosquittotest runs Debian's Mosquitto with the configuration of deploy/mosquitto, private to one test.
package mosquittotest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Certificates are the files that the configuration names, in PEM.
type Certificates struct {
	CA, Broker, Key []byte
	CRL             []byte // of the CA, perhaps with nothing in it
}

// Broker is a Mosquitto that runs.
type Broker struct {
	Address string // HOST:PORT, on loopback
	dir     string
	program string
	process *os.Process
	ended   chan struct{} // closed when the process has
	log     *buffer
}

// Start runs a broker on a free loopback port for as long as the test. Where Mosquitto is missing the test fails and says what
// to install.
func Start(t testing.TB, c Certificates) *Broker {
	t.Helper()
	b := &Broker{dir: t.TempDir(), program: find(t, "mosquitto")}
	// A TempDir is for its owner only; mosquitto changes to its own user when it is started by root, unless told not to.
	deploy := filepath.Join(moduleRoot(t), "deploy", "mosquitto")
	rules := read(t, filepath.Join(deploy, "mosquitto.conf"))
	rules = replace(t, rules, "/etc/mosquitto/meguri-acl", b.file("acl"))
	write(t, b.file("acl"), read(t, filepath.Join(deploy, "acl")))
	for name, text := range map[string][]byte{"ca.pem": c.CA, "broker.pem": c.Broker, "broker.key": c.Key, "crl.pem": c.CRL} {
		rules = replace(t, rules, "/etc/mosquitto/certs/"+name, b.file(name))
		write(t, b.file(name), string(text))
	}

	var log string
	for range 5 { // somebody may take the port before Mosquitto does
		b.Address = freeAddress(t)
		_, port, _ := net.SplitHostPort(b.Address)
		write(t, b.file("mosquitto.conf"), "user root\n"+replace(t, rules, "listener 8883\n", "listener "+port+" 127.0.0.1\n"))
		var up bool
		if up, log = b.run(t); up {
			return b
		}
	}
	t.Fatalf("Mosquitto did not start:\n%s", log)
	return nil
}

// Crash kills the broker and starts it again, at the same address.
func (b *Broker) Crash(t testing.TB) {
	t.Helper()
	if err := b.process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-b.ended
	if up, log := b.run(t); !up {
		t.Fatalf("Mosquitto did not start again:\n%s", log)
	}
}

func (b *Broker) file(name string) string { return filepath.Join(b.dir, name) }

// Revoke puts a new list of revoked certificates in place and has Mosquitto read it, as deploy/mosquitto says.
func (b *Broker) Revoke(t testing.TB, crl []byte) {
	t.Helper()
	write(t, b.file("crl.pem"), string(crl))
	before := strings.Count(b.log.String(), reloaded)
	if err := b.process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if strings.Count(b.log.String(), reloaded) > before {
			return
		}
		<-time.After(10 * time.Millisecond) // another process: nothing tells but its log
	}
	t.Fatalf("Mosquitto did not read its files again:\n%s", b.log.String())
}

// reloaded is what Mosquitto says when it begins to read its files again.
const reloaded = "Reloading config."

func find(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = "/usr/sbin/" + name // not in everybody's PATH
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("%s is missing: install it (Debian: apt-get install mosquitto), or run make test, which does", name)
		}
	}
	return path
}

func (b *Broker) run(t testing.TB) (up bool, log string) {
	t.Helper()
	out, c := &buffer{}, exec.Command(b.program, "-c", b.file("mosquitto.conf"))
	c.Stdout, c.Stderr = out, out
	if err := c.Start(); err != nil {
		t.Fatalf("start Mosquitto: %v", err)
	}
	ended := make(chan struct{})
	b.process, b.log, b.ended = c.Process, out, ended
	go func() {
		_ = c.Wait() // how it ended is in its log
		close(ended)
	}()
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			_ = c.Process.Kill()
			<-ended
		}
		if n := strings.Count(out.String(), "listen socket on port"); n > 1 {
			t.Errorf("Mosquitto opened %d sockets, want the one listener that it was told", n)
		}
		if t.Failed() {
			t.Logf("Mosquitto:\n%s", out.String())
		}
	})
	for range 500 {
		if conn, err := net.Dial("tcp", b.Address); err == nil {
			_ = conn.Close()
			return true, ""
		}
		select {
		case <-ended:
			return false, out.String()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return false, out.String()
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// moduleRoot is the folder of go.mod, above the test's own.
func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = filepath.Dir(dir)
	}
}

func replace(t testing.TB, text, old, with string) string {
	t.Helper()
	if strings.Count(text, old) != 1 {
		t.Fatalf("mosquitto.conf: want %s once", old)
	}
	return strings.Replace(text, old, with, 1)
}

func read(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// buffer is a log that a process writes while the test reads it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
