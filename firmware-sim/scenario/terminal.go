package scenario

import (
	"context"
	"fmt"
	"strings"
	"time"

	"meguri/firmware-sim/fleet"
	"meguri/internal/clock"
)

// terminal is a keypad or reader with its display, as a person in front of it uses it: type or scan, then read the answer.
type terminal struct {
	*fleet.Terminal
	clock clock.Clock
}

func (d *Day) terminalOf(t *fleet.Terminal) terminal { return terminal{Terminal: t, clock: d.Clock} }

// answerWithin is how long a person waits for an answer, on the machine's clock: a device under power answers in a moment.
const answerWithin = 3 * time.Second

// ask sends a text and gives the line shown in answer, and whether it came with the sound of a refusal.
func (t terminal) ask(ctx context.Context, text string) (line string, refused bool, err error) {
	t.Display.Lines()
	beeps := t.Display.Beeps()
	if err := t.Keys.Type(text); err != nil {
		return "", false, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	line, err = t.Display.ReadLine(ctx)
	return line, t.Display.Beeps() > beeps, err
}

const (
	patience = 60              // tries until a person gives up
	pauseFor = 2 * time.Minute // between them, on the day's clock
)

// scan scans codes one after another until the device has taken the last one. When it refuses one or is dead, the person waits
// and begins anew: for as long as it may take to get a new plan, and gives up then. That something is done already is as good.
func (t terminal) scan(ctx context.Context, labels ...string) error {
	var last string
	for range patience {
		done, answer, err := t.scanOnce(ctx, labels)
		if done || ctx.Err() != nil {
			return ctx.Err()
		}
		if last = answer; err != nil {
			last = err.Error()
		}
		if err := t.clock.Sleep(ctx, pauseFor); err != nil {
			return err
		}
	}
	return fmt.Errorf("scanned %q %d times, the last answer was: %s", labels, patience, last)
}

func (t terminal) scanOnce(ctx context.Context, labels []string) (done bool, answer string, err error) {
	for _, l := range labels {
		line, refused, err := t.ask(ctx, l+"\r")
		if err != nil {
			return false, "", err
		}
		if refused {
			return strings.Contains(line, "already"), line, nil
		}
	}
	return true, "", nil
}
