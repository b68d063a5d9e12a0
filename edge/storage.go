package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"meguri/edge/app"
	edgelog "meguri/edge/log"
)

// storageFlags bound the agent's file.
type storageFlags struct {
	MaxBytes    int64         `help:"How large the agent's file may get, in bytes; at least 1048576." default:"67108864" env:"MEGURI_MAX_BYTES"`
	MaxReadings int           `help:"How many records of readings to hold at most before they are thinned; 0 for as many as have room." default:"0" env:"MEGURI_MAX_READINGS"`
	MaxAge      time.Duration `help:"How old readings may get before they are thinned; 0s for any age." default:"0s" env:"MEGURI_MAX_AGE"`
}

func (s storageFlags) check() error {
	switch {
	case s.MaxBytes < 1<<20:
		return fmt.Errorf("--max-bytes %d: want at least %d", s.MaxBytes, 1<<20)
	case s.MaxReadings != 0 && s.MaxReadings < edgelog.MinReadings:
		return fmt.Errorf("--max-readings %d: want 0 or at least %d", s.MaxReadings, edgelog.MinReadings)
	case s.MaxAge < 0:
		return fmt.Errorf("--max-age %v: want 0s or more", s.MaxAge)
	}
	return nil
}

// options are those of the agent's log. A broken file is read by a process of its own: a bad page can make the kernel end it.
func (s storageFlags) options() edgelog.Options {
	o := s.bounds()
	o.Salvage = s.salvage
	return o
}

func (s storageFlags) bounds() edgelog.Options {
	return edgelog.Options{MaxBytes: s.MaxBytes, MaxReadings: s.MaxReadings, MaxAge: s.MaxAge}
}

// Bounds of the process that salvages.
const (
	salvageFor    = time.Minute
	salvageMemory = "24MiB" // of Go's own; pages of the files are the kernel's
	saidMost      = 2 << 10 // bytes kept of what it says
)

func (s storageFlags) salvage(from, into string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("salvage: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), salvageFor)
	defer cancel()
	said := &tail{}
	cmd := exec.CommandContext(ctx, self, "salvage", fmt.Sprintf("--max-bytes=%d", s.MaxBytes),
		fmt.Sprintf("--max-readings=%d", s.MaxReadings), fmt.Sprintf("--max-age=%v", s.MaxAge), "--", from, into)
	cmd.Env = append(os.Environ(), "GOMEMLIMIT="+salvageMemory)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("salvage of %s: not done within %v", from, salvageFor)
	case err != nil:
		return fmt.Errorf("salvage of %s: %w: %s", from, err, said)
	}
	return nil
}

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	t.b = t.b[max(0, len(t.b)-saidMost):]
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.b)) }

// salvageCommand is the process that salvages: status 0 when into is a log with all that could be read, 1 when not.
type salvageCommand struct {
	storageFlags `embed:""`

	From string `arg:"" help:"The broken file." type:"existingfile"`
	Into string `arg:"" help:"File to make." type:"path"`
}

// Run ends with the process at the latest when the agent that started it gives up, also if that one has been killed.
func (s *salvageCommand) Run() error {
	defer time.AfterFunc(salvageFor, func() {
		fmt.Fprintf(os.Stderr, "edge: salvage of %s: not done within %v\n", s.From, salvageFor)
		os.Exit(1)
	}).Stop()
	return edgelog.Salvage(s.From, s.Into, s.bounds())
}

// logCommand is what a technician asks about an agent's file.
type logCommand struct {
	Show logShowCommand `cmd:"" help:"Say what an agent's file holds, and whether it is whole. The agent must not be running."`
}

type logShowCommand struct {
	File string `arg:"" help:"The agent's file: DEVICE.db in its data directory." type:"existingfile"`
}

// Run reads only.
func (l *logShowCommand) Run() error { return app.Show(os.Stdout, l.File) }
