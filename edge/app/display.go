package app

import (
	"context"
	"strings"

	"meguri/edge/device/textline"
)

// maxShown is how many lines wait for a display. The newest is what a person needs.
const maxShown = 16

// display shows lines at its own pace, so that one that is slow, stuck or unplugged stops nobody.
type display struct {
	dev   *textline.Dev
	lines chan shown
}

type shown struct {
	text    string
	refused bool
	beep    bool // only that
	code    bool // text is a code for another device's reader
	beeps   int  // besides
}

func newDisplay(l *line) *display {
	return &display{dev: textline.New(l), lines: make(chan shown, maxShown)}
}

// show queues a line; when the queue is full the oldest goes. One goroutine calls it.
func (d *display) show(s shown) {
	for {
		select {
		case d.lines <- s:
			return
		default:
		}
		select {
		case <-d.lines:
		default:
		}
	}
}

// run writes lines until ctx ends or the display fails. The line on which it failed is lost.
func (d *display) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case s := <-d.lines:
			if err := d.write(s); err != nil {
				return err
			}
		}
	}
}

func (d *display) write(s shown) error {
	switch {
	case s.beep:
		return d.dev.Beep()
	case s.refused:
		return d.dev.Refuse(s.text)
	case s.code:
		return d.dev.Code(s.text)
	}
	return d.dev.Show(strings.Repeat("\a", s.beeps) + s.text)
}
