package chaos

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/phrase"
	"meguri/internal/ptytest"
)

// agent is one real `edge run` on a serial scanner, and the person who scans with it. What the person was shown as taken is
// the promise that the hub is held to.
type agent struct {
	t      *testing.T
	device string
	argv   []string // the command, with whatever it runs under
	dir    string
	line   *os.File // the scanner's far end: scans go in, the display's lines come out
	path   string   // of its near end
	shown  chan string

	mu     sync.Mutex
	proc   *process
	halted bool // for good

	confirmed, refused []string // scans that the display took, and that it said it could not record
	unsure             int      // scans of which the person heard nothing
}

// newAgent prepares an agent; under is a command that runs it somewhere else, a network namespace for example.
func newAgent(t *testing.T, device, dir string, under, flags []string) *agent {
	t.Helper()
	far, path, err := ptytest.Open()
	require.NoError(t, err)
	t.Cleanup(func() { _ = far.Close() })
	// Held open, the near end is not hung up when the program dies: reading the far end would be over then.
	near, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = near.Close() })
	kit := filepath.Join(dir, device+".yaml")
	require.NoError(t, os.WriteFile(kit, fmt.Appendf(nil, "battery_clock: true\nscanner:\n  position: %s\n  reader: serial:%s\n  display: serial:%s\n",
		"shop-aoki", path, path), 0o600))
	a := &agent{t: t, device: device, dir: dir, line: far, path: path, shown: make(chan string, 1000)}
	a.argv = append(append(append([]string{}, under...), filepath.Join(built, "edge"), "run", "--device", device, "--kit", kit,
		"--data", dir), flags...)
	go a.read()
	return a
}

// read hands on what the display shows.
func (a *agent) read() {
	for lines := bufio.NewScanner(a.line); lines.Scan(); {
		text := strings.Trim(lines.Text(), "\r\a \x0c")
		if text == "" || strings.Contains(text, "CHAOS-") { // the latter is the terminal's echo while no program has it
			continue
		}
		select {
		case a.shown <- text:
		default:
		}
	}
}

// start starts the program, unless it runs or has been halted for good.
func (a *agent) start() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.halted || a.proc != nil && a.proc.running() {
		return
	}
	p, err := startProcess(filepath.Join(a.dir, a.device+".log"), a.argv)
	if err != nil {
		a.t.Errorf("start %s: %v", a.device, err)
		return
	}
	a.proc = p
}

func (a *agent) process() *process {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.proc
}

// halt ends the program as a supervisor does, for good.
func (a *agent) halt() {
	a.mu.Lock()
	a.halted = true
	p := a.proc
	a.mu.Unlock()
	if p != nil {
		p.end(a.t)
	}
}

// abort ends the program with the stacks of its goroutines in its log, for good.
func (a *agent) abort() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.halted = true
	if a.proc != nil {
		a.proc.signal(syscall.SIGQUIT)
		<-a.proc.ended
	}
}

// scans scans one code after another until ctx ends, keeping count of what the display says. One scan is open at a time: when
// the program dies, what it had shown before counts, and what lies unread in the line is dropped as a reset scanner drops it.
func (a *agent) scans(ctx context.Context, every time.Duration) {
	pace := time.NewTicker(every)
	defer pace.Stop()
	for n := 1; ctx.Err() == nil; n++ {
		p := a.process()
		if p == nil || !p.running() {
			_ = ptytest.Flush(a.line)
			a.drain()
			a.start()
			if p = a.process(); p == nil || !a.awaitReader(ctx, p) {
				continue
			}
		}
		a.drain() // of a program that died: a terminal hands on what was written late
		code := fmt.Sprintf("CHAOS-%s-%06d", a.device, n)
		if _, err := a.line.WriteString(code + "\r\n"); err != nil {
			a.t.Errorf("scan: %v", err)
			return
		}
		a.judge(code, a.verdict(p))
		select {
		case <-ctx.Done():
		case <-pace.C:
		}
	}
}

// awaitReader waits until the program has the scanner open: before, the terminal would echo what is scanned.
func (a *agent) awaitReader(ctx context.Context, p *process) bool {
	for poll := time.NewTicker(5 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			poll.Stop()
			return false
		case <-p.ended:
			poll.Stop()
			return false
		case <-poll.C:
			if ptytest.Raw(a.line) && p.opens(a.path) {
				poll.Stop()
				time.Sleep(settle)
				return true
			}
		}
	}
}

// settle is how long a scanner that was just opened is left alone: opening drops what came before.
const settle = 200 * time.Millisecond

// patience is how long somebody waits for the display of a program that is not held up, before switching it off and on.
const patience = 10 * time.Second

// verdict is what the display answers to the open scan; empty when the program died before it did.
func (a *agent) verdict(p *process) string {
	for waited := false; !waited; {
		select {
		case text := <-a.shown:
			return text
		case <-p.ended:
			waited = true
		case <-time.After(patience):
			if !p.held.Load() {
				p.kill()
			}
		}
	}
	select { // shown with its last breath
	case text := <-a.shown:
		return text
	case <-time.After(20 * time.Millisecond):
		return ""
	}
}

func (a *agent) judge(code, text string) {
	switch {
	case text == "":
		a.unsure++
	case text == phrase.New(phrase.OutOfService).In(phrase.English):
		a.refused = append(a.refused, code)
	default:
		a.confirmed = append(a.confirmed, code)
	}
}

func (a *agent) drain() {
	for {
		select {
		case <-a.shown:
		default:
			return
		}
	}
}

// process is a running program whose output goes to a file.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error       // after ended
	held  atomic.Bool // by SIGSTOP
}

func startProcess(log string, argv []string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		_ = out.Close()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// signal sends a signal; a process that has just ended is no error.
func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// kill kills the program and returns when it is dead: one that is only about to die would count as running, and nobody would start
// it again.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// end asks the program to stop, and it has to.
func (p *process) end(t *testing.T) {
	p.signal(syscall.SIGCONT)
	p.signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		p.signal(syscall.SIGQUIT) // says in its log where it hangs
		<-p.ended
		t.Errorf("%s did not stop within 20 s of SIGTERM", p.cmd.Path)
	}
}

// opens says whether the process holds the file at path open.
func (p *process) opens(path string) bool {
	fds := fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid)
	entries, err := os.ReadDir(fds)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join(fds, e.Name())); err == nil && to == path {
			return true
		}
	}
	return false
}

// tail is the end of a program's output, for the message of a failure.
func tail(path string, n int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(text[max(0, len(text)-n):]))
}
