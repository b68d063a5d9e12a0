package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"meguri/internal/clock"
)

// hubStartsWithin is how long a hub may take to answer, and to stop, on the machine's clock.
const hubStartsWithin = 20 * time.Second

// hubProcess is `hub serve` as a child of this process.
type hubProcess struct {
	binary string
	args   []string
	http   string // where it answers
	log    *os.File

	mu  sync.Mutex
	cmd *exec.Cmd
}

// start starts the hub and waits until it answers.
func (h *hubProcess) start(ctx context.Context) error {
	h.cmd = exec.Command(h.binary, h.args...)
	h.cmd.Stdout, h.cmd.Stderr = h.log, h.log
	// A Ctrl-C at the terminal is for the demo, which then ends the hub in order.
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := h.cmd.Start(); err != nil {
		return err
	}
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
		if err := clock.Real().Sleep(ctx, 50*time.Millisecond); err != nil {
			return errors.Join(fmt.Errorf("the hub did not start: %s", h.tail()), h.stop())
		}
	}
}

// stop asks the hub to end, and sees to it.
func (h *hubProcess) stop() error {
	_ = h.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	ended := make(chan error, 1)
	go func() { ended <- h.cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(hubStartsWithin):
		_ = h.cmd.Process.Kill() // it may have ended
		return errors.Join(errors.New("the hub did not stop when told to"), <-ended)
	}
}

// tail is the last line of the log.
func (h *hubProcess) tail() string {
	f, err := os.Open(h.log.Name())
	if err != nil {
		return err.Error()
	}
	defer func() { _ = f.Close() }() // only read
	var last string
	for s := bufio.NewScanner(f); s.Scan(); {
		last = s.Text()
	}
	return last
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
