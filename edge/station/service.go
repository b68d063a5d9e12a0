package station

import (
	"meguri/edge/phrase"
	"meguri/protocol"
)

// outOfService refuses whoever wants in while the board at a position is being put into service. It is no wrong code: nobody has one.
func (t *turn) outOfService(position string) bool {
	if !t.plan[position].OutOfService {
		return false
	}
	t.record(protocol.GrantRefused{Position: position, Reason: reasonOutOfService})
	t.refuse(position, phrase.BeingServiced)
	return true
}

const reasonOutOfService = "the board is being put into service"
