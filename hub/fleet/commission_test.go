package fleet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestABoardServesOnlyWhenEveryCheckHasPassedAndAnEngineerSigns(t *testing.T) {
	now := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	c := Commissioning{BeganAt: now, Fridges: []string{"f1", "f2"}}
	require.Len(t, c.Missing(), 6)
	for _, f := range c.Fridges {
		for _, s := range Steps() {
			_, err := c.Sign("p-1", true, now)
			require.ErrorIs(t, err, ErrChecksMissing)
			c.Checks = append(c.Checks, Check{Fridge: f, Step: s}.End(true, "", now))
		}
	}
	_, err := c.Sign("p-1", false, now)
	require.ErrorIs(t, err, ErrNoEngineer)
	signed, err := c.Sign("p-1", true, now)
	require.NoError(t, err)
	require.Equal(t, "p-1", signed.SignedBy)
	_, err = signed.Sign("p-2", true, now)
	require.ErrorIs(t, err, ErrNotCommissioning, "once")
	c.Checks[3].State = CheckRunning
	_, err = c.Sign("p-1", true, now)
	require.ErrorIs(t, err, ErrChecksMissing, "one that runs has not passed")

	require.False(t, c.Late(now.Add(CommissionWithin)), "inclusive")
	require.True(t, c.Late(now.Add(CommissionWithin+1)))
	require.False(t, signed.Late(now.Add(time.Hour)))
}

func TestWhatAnEngineerSees(t *testing.T) {
	for rule, c := range map[string]struct {
		moves  map[string]int64
		passed bool
	}{
		"the fridge's own probe moves":             {map[string]int64{"f1": 2000, "f2": 999}, true},
		"not far enough":                           {map[string]int64{"f1": 1999, "f2": 0}, false},
		"another one's moves: the wires are mixed": {map[string]int64{"f1": 0, "f2": 4000}, false},
		"both move: nobody can tell":               {map[string]int64{"f1": 5000, "f2": 1000}, false},
		"no reading":                               {nil, false},
	} {
		t.Run(rule, func(t *testing.T) {
			passed, _ := JudgeProbe("f1", c.moves)
			require.Equal(t, c.passed, passed)
		})
	}
	for probe, want := range map[int64]bool{4500: true, 4501: false, 3500: true, 3499: false} {
		passed, _ := JudgeReference(probe, 4000)
		require.Equal(t, want, passed, probe)
	}
	for seen, want := range map[DoorSeen]string{{}: "not fired", {Fired: true}: "not opened", {Fired: true, Opened: true}: "not shut and bolted",
		{Opened: true, Shut: true}: "not fired", {true, true, true}: ""} {
		passed, detail := JudgeDoor(seen)
		require.Equal(t, want, detail)
		require.Equal(t, want == "", passed)
	}
}
