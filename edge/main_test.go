package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	edgelog "meguri/edge/log"
	"meguri/internal/ptytest"
	"meguri/protocol"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

// edge is the program under test.
const edgeEnv = "MEGURI_TEST_EDGE"

func run(m *testing.M) int {
	if len(os.Args) > 1 && os.Args[1] == "salvage" { // by storageFlags.salvage, to which this is the program
		main()
	}
	dir, err := os.MkdirTemp("", "meguri-edge-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // of the system's temporary directory
	program := filepath.Join(dir, "edge")
	if out, err := exec.Command("go", "build", "-o", program, "meguri/edge").CombinedOutput(); err != nil {
		fmt.Fprintln(os.Stderr, string(out))
		return 1
	}
	if err := os.Setenv(edgeEnv, program); err != nil {
		panic(err)
	}
	return m.Run()
}

func edge(args ...string) *exec.Cmd { return exec.Command(os.Getenv(edgeEnv), args...) }

// ask runs the program to its end.
func ask(t *testing.T, args ...string) (out string, status int) {
	t.Helper()
	b, err := edge(args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil {
		require.ErrorAs(t, err, &exit)
		return string(b), exit.ExitCode()
	}
	return string(b), 0
}

// device is a shop's scanner on a serial line, without any hub.
type device struct {
	t    *testing.T
	data string
	far  *os.File
	args []string
}

func newDevice(t *testing.T, data string) *device {
	t.Helper()
	far, line, err := ptytest.Open()
	require.NoError(t, err)
	t.Cleanup(func() { _ = far.Close() })
	near, err := os.OpenFile(line, os.O_RDWR|syscall.O_NOCTTY, 0) // keeps the line up while no agent has it
	require.NoError(t, err)
	t.Cleanup(func() { _ = near.Close() })
	files := t.TempDir()
	kit := filepath.Join(files, "kit.yaml")
	require.NoError(t, os.WriteFile(kit, fmt.Appendf(nil, "battery_clock: true\nscanner: {position: s, reader: 'serial:%s', display: 'serial:%s'}\n",
		line, line), 0o600))
	certificate, key := identity(t, "d")
	pair, private := filepath.Join(files, "d.pem"), filepath.Join(files, "d.key")
	require.NoError(t, errors.Join(os.WriteFile(pair, certificate, 0o600), os.WriteFile(private, key, 0o600)))
	return &device{t: t, data: data, far: far, args: []string{"run", "--device", "d", "--broker", "tls://127.0.0.1:1", "--kit", kit,
		"--data", data, "--certificate", pair, "--key", private, "--ca", pair}}
}

// identity is a certificate that signs itself.
func identity(t *testing.T, name string) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, private.Public(), private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

func (d *device) file() string { return filepath.Join(d.data, "d.db") }

// start starts the agent, and returns when it runs.
func (d *device) start(flags ...string) *exec.Cmd {
	d.t.Helper()
	cmd := edge(append(d.args, flags...)...)
	stderr, err := cmd.StderrPipe()
	require.NoError(d.t, err)
	require.NoError(d.t, cmd.Start())
	d.t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "not connected") {
			go func() { _, _ = io.Copy(io.Discard, stderr) }()
			require.Eventually(d.t, func() bool { return ptytest.Raw(d.far) }, 10*time.Second, time.Millisecond, "the line is not opened")
			return cmd
		}
		d.t.Log(lines.Text())
	}
	require.FailNow(d.t, "the agent has ended", "%v", cmd.Wait())
	return nil
}

// stop ends the agent in order.
func (d *device) stop(cmd *exec.Cmd) {
	d.t.Helper()
	require.NoError(d.t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(d.t, cmd.Wait())
}

// scan scans a barcode and gives what the display says.
func (d *device) scan(text string) string {
	d.t.Helper()
	require.NoError(d.t, d.far.SetDeadline(time.Now().Add(20*time.Second)))
	_, err := io.WriteString(d.far, text+"\r")
	require.NoError(d.t, err)
	line, err := bufio.NewReader(d.far).ReadString('\n')
	require.NoError(d.t, err)
	return line
}

func TestASecondAgentOnOneFileEndsWithinTwoSecondsAndSaysWhy(t *testing.T) {
	d := newDevice(t, t.TempDir())
	first := d.start()
	begun := time.Now()
	out, status := ask(t, d.args...)
	require.Less(t, time.Since(begun), 2*time.Second)
	require.Equal(t, 1, status)
	require.Contains(t, out, d.file()+": in use by another process")
	out, status = ask(t, "log", "show", d.file())
	require.Equal(t, 1, status)
	require.Contains(t, out, "in use by another process", "nor does a technician disturb it")
	d.stop(first)
}

func TestAnAgentThatIsToldToStopSaysSoInItsLog(t *testing.T) {
	d := newDevice(t, t.TempDir())
	d.stop(d.start())
	l, err := edgelog.Open(d.file(), edgelog.Options{})
	require.NoError(t, err)
	b, err := l.Read(protocol.Events, 1, 100, 1<<20)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	var kinds []protocol.Kind
	for _, raw := range b.Records {
		r, err := protocol.DecodeRecord(raw)
		require.NoError(t, err)
		kinds = append(kinds, r.Kind)
	}
	require.Equal(t, []protocol.Kind{protocol.KindBooted, protocol.KindSamplingSet, protocol.KindStopped}, kinds)
}

func TestLogShowSaysWhatAFileHoldsAndWhetherItIsWhole(t *testing.T) {
	d := newDevice(t, t.TempDir())
	cmd := d.start()
	require.Contains(t, d.scan("no-gs1-at-all"), "\a")
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed

	before, err := os.ReadFile(d.file())
	require.NoError(t, err)
	out, status := ask(t, "log", "show", d.file())
	require.Zero(t, status, out)
	for _, want := range []string{"boots        1\n", "events       3 held, 1 to 3\n", "readings     none held, next is 1\n", "plan         none\n",
		"commands     0 is the newest\n", "damage       none\n"} {
		require.Contains(t, out, want)
	}
	after, err := os.ReadFile(d.file())
	require.NoError(t, err)
	require.True(t, bytes.Equal(before, after), "it only reads")

	spoilt := bytes.ReplaceAll(before, []byte("no-gs1-at-all"), []byte("no-gs1-at-alk"))
	require.NotEqual(t, before, spoilt)
	require.NoError(t, os.WriteFile(d.file(), spoilt, 0o600))
	out, status = ask(t, "log", "show", d.file())
	require.Equal(t, 1, status)
	require.Contains(t, out, "damaged      record 3 of events\n")

	require.NoError(t, os.WriteFile(d.file(), before[:5000], 0o600))
	out, status = ask(t, "log", "show", d.file())
	require.Equal(t, 1, status)
	require.Contains(t, out, "damaged")
	require.NotContains(t, out, "goroutine")
}

// A broken file is read by a child process; the agent goes on by itself, and says what it lost.
func TestABrokenFileIsSalvagedByAProcessOfItsOwn(t *testing.T) {
	d := newDevice(t, t.TempDir())
	cmd := d.start()
	require.Contains(t, d.scan("no-gs1-at-all"), "\a")
	d.stop(cmd)
	b, err := os.ReadFile(d.file())
	require.NoError(t, err)
	for i := range 8 << 10 { // the two first pages, which say what the newest transaction is
		b[i] ^= 0xff
	}
	require.NoError(t, os.WriteFile(d.file(), b, 0o600))
	out, status := ask(t, "log", "show", d.file())
	require.Equal(t, 1, status)
	require.Contains(t, out, "damaged")

	into := filepath.Join(t.TempDir(), "salvaged.db")
	out, status = ask(t, "salvage", d.file(), into)
	require.Zero(t, status, out)
	out, status = ask(t, "log", "show", into)
	require.Zero(t, status, out)
	out, status = ask(t, "salvage", d.file(), filepath.Join(t.TempDir(), "none", "salvaged.db"))
	require.Equal(t, 1, status)
	require.Contains(t, out, "salvage "+d.file())

	cmd = d.start()
	require.Contains(t, d.scan("no-gs1-at-all"), "\a", "it works again")
	d.stop(cmd)
	out, status = ask(t, "log", "show", d.file())
	require.Zero(t, status, out)
	require.Contains(t, out, "set aside    "+d.file()+".broken-1\n")
	require.Contains(t, out, "damage       none\n")
}

func TestWhatTheProcessThatSalvagesSaysIsHeard(t *testing.T) {
	from, into := filepath.Join(t.TempDir(), "d.db"), filepath.Join(t.TempDir(), "salvaged.db")
	require.NoError(t, os.WriteFile(from, bytes.Repeat([]byte("not a log at all"), 1000), 0o600))
	bounds := storageFlags{MaxBytes: 1 << 20}
	require.NoError(t, bounds.salvage(from, into))
	l, err := edgelog.Open(into, bounds.bounds())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.ErrorContains(t, bounds.salvage(from+"-", into), "no such file")
}

func TestFlagsThatAreWrongAreNamedBeforeAnythingIsOpened(t *testing.T) {
	d := newDevice(t, filepath.Join(t.TempDir(), "none"))
	codes := filepath.Join(t.TempDir(), "codes")
	require.NoError(t, os.WriteFile(codes, []byte("# ours\n* 92 suffix X\n"), 0o600))
	for want, flag := range map[string]string{"--codes " + codes + `: line 2: how is "suffix"`: "--codes=" + codes, "--max-bytes 5: want at least 1048576": "--max-bytes=5", "--max-age -1s: want": "--max-age=-1s",
		"--max-readings -1: want": "--max-readings=-1", `--broker "tcp://h:1883": want tls://HOST:PORT`: "--broker=tcp://h:1883",
		`--broker "h:8883": want tls://HOST:PORT`: "--broker=h:8883"} {
		out, status := ask(t, append(d.args, flag)...)
		require.Equal(t, 2, status)
		require.Contains(t, out, want)
	}
	require.NoDirExists(t, d.data)
}

func TestCheckNamesAStreamThatCannotBe(t *testing.T) {
	kit := filepath.Join(t.TempDir(), "kit.yaml")
	for reader, want := range map[string]string{"serial:/tmp/line": "want a path below /dev", "/dev/ttyUSB0": "want serial:/dev/ttyUSB0?baud=9600 or",
		"serial:/dev/ttyUSB0?baud=fast": "baud", "evdev:event3": "want a whole path"} {
		require.NoError(t, os.WriteFile(kit, []byte("scanner:\n  position: shop-a\n  reader: "+reader+"\n"), 0o600))
		out, status := ask(t, "check", kit)
		require.Equal(t, 2, status, out)
		require.Contains(t, out, want)
	}
}

// Whoever probes a board where something is wrong gets status 1 and every reason, as lines or as JSON.
func TestProbeSaysWhatIsWrong(t *testing.T) {
	far, line, err := ptytest.Open()
	require.NoError(t, err)
	defer func() { _ = far.Close() }()
	kit := filepath.Join(t.TempDir(), "kit.yaml")
	write := func(display string) {
		require.NoError(t, os.WriteFile(kit, fmt.Appendf(nil, "scanner: {position: s, reader: 'serial:%s', display: 'serial:%s'}\n", line, display), 0o600))
	}
	write(line)
	out, status := ask(t, "probe", kit)
	require.Zero(t, status, out)
	require.Contains(t, out, "ok    display of scanner and reader of scanner")
	shown := make([]byte, 64)
	n, err := far.Read(shown)
	require.NoError(t, err)
	require.Equal(t, "edge probe\r\n", string(shown[:n]))

	write("/dev/ttyUSB99")
	out, status = ask(t, "probe", "--json", kit)
	require.Equal(t, 1, status, out)
	require.Contains(t, out, `"wrong": "stream`)
	require.Contains(t, out, "plug the device in")
	require.Contains(t, out, "1 of 2 things are wrong")

	out, _ = ask(t, "probe")
	for _, kind := range []string{"1-Wire bus", "I2C bus", "pin", "serial line", "input device"} {
		require.Contains(t, out, kind)
	}
	_, status = ask(t, "probe", kit+"-none")
	require.Equal(t, 2, status)
}

func TestCheckWarnsOfARelayThatPullsAtPowerOn(t *testing.T) {
	kit := filepath.Join(t.TempDir(), "kit.yaml")
	for relay, warns := range map[string]bool{"GPIO5": true, "GPIO17": false} {
		require.NoError(t, os.WriteFile(kit, []byte("locks: [{position: f, relay: "+relay+", bolt: GPIO27, door: GPIO22, keypad: 'serial:/dev/ttyS0'}]\n"), 0o600))
		out, status := ask(t, "check", kit)
		require.Zero(t, status, out)
		require.Equal(t, warns, strings.Contains(out, "unlocks at each start"), out)
	}
}

func TestWiringWritesAPageAndADrawing(t *testing.T) {
	dir := t.TempDir()
	out, status := ask(t, "wiring", "../deploy/kits/station.yaml", "--out", dir)
	require.Zero(t, status, out)
	page, err := os.ReadFile(filepath.Join(dir, "station.md"))
	require.NoError(t, err)
	require.Contains(t, string(page), "(station.svg)")
	require.FileExists(t, filepath.Join(dir, "station.svg"))
}

func TestLogShowOfAnEmptyFileSaysSo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "d-1.db")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	out, status := ask(t, "log", "show", file)
	require.Equal(t, 1, status)
	require.Contains(t, out, "the file is empty")
}

// With the disk full the scanner says clearly that it cannot record, and works again when there is room.
func TestAnAgentOnAFullDiskRefusesScansUntilThereIsRoom(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("a small disk needs the right to mount one: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	d := newDevice(t, filepath.Join(disk, "data"))
	cmd := d.start()
	require.NotContains(t, d.scan("first"), "cannot record")
	rest := filepath.Join(disk, "rest")
	f, err := os.Create(rest)
	require.NoError(t, err)
	_, err = io.Copy(f, zeros{})
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, f.Close())

	refused := false
	for n := 0; n < 5000 && !refused; n++ { // until what the file had in reserve is used up
		refused = strings.Contains(d.scan(fmt.Sprintf("%0150d", n)), "cannot record")
	}
	require.True(t, refused)
	require.Contains(t, d.scan("again"), "cannot record")
	require.NoError(t, os.Remove(rest))
	require.NotContains(t, d.scan("room"), "cannot record")
	d.stop(cmd)
	out, status := ask(t, "log", "show", d.file())
	require.Zero(t, status, out)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
