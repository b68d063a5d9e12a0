package station

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

func TestABoardThatIsBeingPutIntoServiceOpensForNobodyAndCountsNoWrongCode(t *testing.T) {
	plan := Plan{"f1": protocol.LockPlan{Position: "f1", OutOfService: true}}
	var s State
	for range WrongCodes + 2 {
		d := Code(s, plan, "f1", "11122223333", time.UnixMilli(1_800_000_000_000))
		require.Equal(t, []protocol.Body{protocol.GrantRefused{Position: "f1", Reason: reasonOutOfService}}, d.Records)
		require.Len(t, d.Actions, 1)
		require.True(t, d.Actions[0].(Show).Refused)
		s = d.State
	}
	require.Zero(t, s.Locks["f1"].Wrong)
	d := Unlock(s, plan, "f1", "c-1", time.UnixMilli(1_800_000_000_000))
	require.Equal(t, Fire{Position: "f1", Command: "c-1"}, d.Actions[0], "the engineer's door test opens it")
}
