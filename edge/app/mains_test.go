package app

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

func TestTheSupplyIsToldWhenItChangesAndNotAtEveryStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		defer func() { r.cut() }()
		before := len(said[protocol.Mains](r))
		for _, on := range []bool{true, true, false, false} {
			r.mainsAre("f9", on)
		}
		r.restart()
		r.mainsAre("f9", false) // as every start does
		r.mainsAre("f8", false) // of which nothing was said yet
		r.restart()
		r.mainsAre("f9", true)
		require.Equal(t, []protocol.Mains{{Position: "f9", On: true}, {Position: "f9"}, {Position: "f8"}, {Position: "f9", On: true}},
			of(said[protocol.Mains](r)[before:], "f8", "f9"))
	})
}

// of gives what was said of positions.
func of(all []protocol.Mains, positions ...string) (some []protocol.Mains) {
	for _, b := range all {
		for _, p := range positions {
			if b.Position == p {
				some = append(some, b)
			}
		}
	}
	return some
}
