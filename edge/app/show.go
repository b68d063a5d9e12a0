package app

import (
	"meguri/edge/phrase"
	"meguri/protocol"
)

// showNumber shows a number at a door, for whoever stands there to read it out to the hub's dispatcher. That it was shown is recorded,
// the number is not.
func (a *agent) showNumber(next commandState, position, number string) {
	if a.answerCommand(next, protocol.CommandDone, "") {
		a.hardware.show(position, phrase.New(phrase.CallNumber, number), false)
	}
}
