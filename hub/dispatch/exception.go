package dispatch

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Where is where a container rides and stands. In a wish to move one, what is empty stays as it is.
type Where struct{ SlotID, RunID, ShipperID, AddressID string }

// Reassign gives a container another way after numbering is frozen, as far as its box has not passed there: what has been done
// cannot be planned anew. Whether the places are free is for the store to say.
func (c *Container) Reassign(to Where) error {
	switch {
	case to == Where{}:
		return c.illegal("is to stay where it is")
	case to.AddressID != "" && c.State != Planned && c.State != Filled:
		return c.illegal("has been on its address, %s: it cannot get another one", c.AddressID)
	case (to.ShipperID != "" || to.RunID != "") && (c.State == Loaded || c.State == Placed):
		return c.illegal("has been loaded into shipper %s: it cannot get another one", c.ShipperID)
	case to.SlotID != "" && c.State == Placed:
		return c.illegal("stands in its slot, %s", c.SlotID)
	case (to.ShipperID == "") != (to.RunID == ""):
		return c.illegal("needs a shipper and its run")
	}
	for _, f := range []struct {
		is *string
		to string
	}{{&c.SlotID, to.SlotID}, {&c.RunID, to.RunID}, {&c.ShipperID, to.ShipperID}, {&c.AddressID, to.AddressID}} {
		if f.to != "" {
			*f.is = f.to
		}
	}
	return nil
}

// Bounds of a person's reason for an exception or an outage, in characters: 台風 says enough.
const MinReason, MaxReason = 2, 500

// CheckReason says what is wrong with a reason: somebody has to be able to understand it years later.
func CheckReason(reason string) error {
	if n := utf8.RuneCountInString(strings.TrimSpace(reason)); n < MinReason || n > MaxReason {
		return fmt.Errorf("reason %.40q: want %d to %d characters", reason, MinReason, MaxReason)
	}
	return nil
}
