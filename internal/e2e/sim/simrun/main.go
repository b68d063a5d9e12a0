// Simrun runs many seeds of the simulator, or its deliberate breaks, several processes at a time.
//
//	simrun seeds [-n 200] [-from 1] [-j 2]
//	simrun bites [-n 40] [-j 2] [NAME...]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
)

const pkg = "./internal/e2e/sim"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "simrun:", err)
		os.Exit(1)
	}
}

// options are what both commands take.
type options struct {
	seeds uint64
	from  uint64
	jobs  int
	names []string
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("want seeds or bites")
	}
	var o options
	f := flag.NewFlagSet("simrun "+args[0], flag.ContinueOnError)
	f.Uint64Var(&o.seeds, "n", 200, "seeds; of bites, how many to try at most for each")
	f.Uint64Var(&o.from, "from", 1, "first seed")
	f.IntVar(&o.jobs, "j", runtime.NumCPU(), "processes at a time")
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	o.names = f.Args()
	work, err := os.MkdirTemp("", "meguri-simrun-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }() // of the system's temporary directory
	switch args[0] {
	case "seeds":
		return manySeeds(ctx, o, work)
	case "bites":
		return allBites(ctx, o, work)
	}
	return fmt.Errorf("%q: want seeds or bites", args[0])
}

// build makes the simulator's test program, with other sources in the place of some where overlay says so.
func build(ctx context.Context, work, name, overlay string) (program string, err error) {
	program = filepath.Join(work, name+".test")
	args := []string{"test", "-c", "-o", program}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	out, err := exec.CommandContext(ctx, "go", append(args, pkg)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return program, nil
}

// files is where the simulator's databases go: in memory where there is such a place, for nothing here survives a power cut.
func files() string {
	const memory = "/dev/shm"
	if os.Getenv("SIM_DIR") != "" {
		return os.Getenv("SIM_DIR")
	}
	if info, err := os.Stat(memory); err == nil && info.IsDir() {
		return memory
	}
	return os.TempDir()
}
