package fleet

import (
	"testing"

	"github.com/stretchr/testify/require"

	"meguri/internal/clock"
	"meguri/protocol"
)

func TestAnAccountHasWhatTheAgentSaidUpToItsClosing(t *testing.T) {
	f := New(Network{Shops: []Shop{{ID: "a"}}}, clock.Real(), 1)
	d := f.Scanners["a"].Device
	rounds := []protocol.Round{{Ago: 60_000, Samples: []protocol.Sample{{Sensor: "f/air", MilliC: 4000}}},
		{Samples: []protocol.Sample{{Sensor: "f/air", Fault: protocol.SensorMissing}}}}
	record, err := protocol.NewRounds(rounds)
	require.NoError(t, err)
	d.recorded(protocol.Events, 1, protocol.Booted{})
	d.recorded(protocol.Events, 3, protocol.ContainerFilled{}) // of 2 it was killed before it said so
	d.recorded(protocol.Readings, 1, record)

	got := f.CloseAccounts()[d.ID]
	require.Equal(t, Account{Tally: Tally{Events: 3, Readings: 1}, Said: map[int64]string{1: "booted", 3: "container filled"},
		Rounds: map[int64][]protocol.Round{1: rounds}}, got)

	d.recorded(protocol.Events, 4, protocol.Booted{})
	require.Equal(t, Tally{Events: 4, Readings: 1}, f.Recorded(), "the tally goes on")
	require.Len(t, d.account.Said, 2, "the details do not, however long the fleet runs")
}
