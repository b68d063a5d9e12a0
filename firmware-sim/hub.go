package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// On the machine's clock.
const (
	hubStartsWithin = 20 * time.Second
	hubStopsWithin  = 20 * time.Second
	hubLook         = 50 * time.Millisecond
)

// hubProcess is `hub serve` as a child of this process, which may be killed and started again.
type hubProcess struct {
	binary string
	args   []string
	http   string // where it answers
	log    *os.File
	died   chan error // told once when the hub ends and nobody asked it to

	mu  sync.Mutex // for one start, stop or kill at a time
	now *life
}

// life is one process from its start to its end.
type life struct {
	cmd   *exec.Cmd
	asked atomic.Bool // to end
	ended chan struct{}
	err   error // once it has ended
}

func newHub(binary, http string, log *os.File, args []string) *hubProcess {
	return &hubProcess{binary: binary, http: http, log: log, args: args, died: make(chan error, 1)}
}

// start starts the hub and waits until it answers. When it does not, it is stopped.
func (h *hubProcess) start(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.begin(ctx)
}

func (h *hubProcess) begin(ctx context.Context) error {
	cmd := exec.Command(h.binary, h.args...)
	cmd.Stdout, cmd.Stderr = h.log, h.log
	// A Ctrl-C at the terminal is for the demo, which then ends the hub in order. Should the demo be killed, the kernel ends it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	l := &life{cmd: cmd, ended: make(chan struct{})}
	go func() {
		l.err = cmd.Wait()
		close(l.ended)
	}()
	h.now = l
	if err := h.answers(ctx, l); err != nil {
		return errors.Join(fmt.Errorf("the hub did not start: %w: %s", err, h.tail()), h.end(syscall.SIGTERM))
	}
	go h.watch(l)
	return nil
}

// watch tells when a hub ends that was not asked to.
func (h *hubProcess) watch(l *life) {
	<-l.ended
	if l.asked.Load() {
		return
	}
	select {
	case h.died <- fmt.Errorf("the hub ended by itself (%v): %s", l.cmd.ProcessState, h.tail()):
	default: // told already
	}
}

// answers waits until the hub does.
func (h *hubProcess) answers(ctx context.Context, l *life) error {
	ctx, cancel := context.WithTimeout(ctx, hubStartsWithin)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.http+"/healthz", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-l.ended:
			return fmt.Errorf("it ended (%v)", l.cmd.ProcessState)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(hubLook):
		}
	}
}

// stop asks the hub to end, and sees to it. It is nil for one that has never run, or has ended before, which died told.
func (h *hubProcess) stop() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.end(syscall.SIGTERM)
}

// kill ends the hub without a warning and starts it again.
func (h *hubProcess) kill(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.end(syscall.SIGKILL) // "signal: killed"
	return h.begin(ctx)
}

// end sends a signal and waits for the end, which it brings about itself in time.
func (h *hubProcess) end(s syscall.Signal) error {
	l := h.now
	if l == nil {
		return nil
	}
	select {
	case <-l.ended:
		return nil
	default:
	}
	l.asked.Store(true)
	_ = l.cmd.Process.Signal(s) // it may have ended in this moment
	select {
	case <-l.ended:
		return l.err
	case <-time.After(hubStopsWithin):
		_ = l.cmd.Process.Kill() // likewise
		<-l.ended
		return fmt.Errorf("the hub did not stop within %v", hubStopsWithin)
	}
}

// tailMost is how many bytes from the end of the log are looked at.
const tailMost = 4096

// tail is the last line of the log, which as a rule says what was wrong.
func (h *hubProcess) tail() string {
	info, err := h.log.Stat()
	if err != nil {
		return err.Error()
	}
	end := make([]byte, min(info.Size(), tailMost))
	if _, err := h.log.ReadAt(end, info.Size()-int64(len(end))); err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(end)), "\n")
	return lines[len(lines)-1]
}

// listenAt chooses an address to listen at: the one that was asked for, else the usual one, else any on loopback.
func listenAt(asked, usual string) (string, error) {
	tries := []string{usual, "127.0.0.1:0"}
	if asked != "" {
		tries = []string{asked}
	}
	var err error
	for _, address := range tries {
		var l net.Listener
		if l, err = net.Listen("tcp", address); err == nil {
			address = l.Addr().String()
			return address, l.Close()
		}
	}
	return "", err
}
