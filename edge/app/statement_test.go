package app

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/protocol"
)

// theBox is a shipper with a display.
func theBox() Kit {
	return Kit{BatteryClock: true, Flush: 10 * time.Minute, Shipper: &Shipper{Position: "box", Display: "display",
		Probes: []Probe{{Name: "air", Chip: "sht4x", Bus: "i2c", Address: 0x44}}}}
}

func (r *rig) giveBox(version uint64) {
	r.t.Helper()
	body := r.part("", protocol.TemperaturePlan{Position: "box", MaxMilliC: 8000, SampleEveryMS: 60_000, AlarmAfterMS: 1_200_000})
	m := protocol.Manifest{Incarnation: r.log.Incarnation(), Plan: version, MadeAt: r.now().UnixMilli(),
		Parts: []protocol.PartRef{{Name: "shipper/box", Hash: protocol.HashPart(body), Size: uint32(len(body))}}}
	require.NoError(r.t, r.activate(m, map[string][]byte{"shipper/box": body}))
}

// rides is a round of the box's probe, a minute later, and what the display says then.
func (r *rig) rides(milliC int64) protocol.Statement {
	r.t.Helper()
	time.Sleep(time.Minute) // of the bubble
	r.sampled(r.mono(), []protocol.Sample{{Sensor: "box/air", MilliC: milliC}})
	lines := r.shown("box")
	require.Len(r.t, lines, 1)
	require.True(r.t, lines[0].code)
	keys := said[protocol.SigningKey](r)
	s, err := protocol.OpenStatement(lines[0].text, map[string][]byte{"box": keys[len(keys)-1].Public})
	require.NoError(r.t, err)
	return s
}

func TestAShipperShowsAStatementAfterEachRoundAndRemembersOverAPowerCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.kit = theBox()
		r.start()
		defer func() { r.cut() }()
		r.sampled(r.mono(), []protocol.Sample{{Sensor: "box/air", MilliC: 4000}})
		require.Empty(t, r.shown("box"), "nothing says what its goods may bear")
		r.giveBox(1)
		for range 20 {
			r.rides(4000)
		}
		s := r.rides(12_000)
		require.EqualValues(t, 21, s.Readings)
		s = r.rides(4000)
		require.Equal(t, []protocol.Stretch{{Ago: 60, Seconds: 60, MilliC: 12_000}}, s.Outside)
		before := s
		r.restart()
		s = r.rides(4000)
		require.Equal(t, before.From, s.From)
		require.Greater(t, s.Boot, before.Boot)
		require.Equal(t, []protocol.Stretch{{Ago: 120, Seconds: 60, MilliC: 12_000}}, s.Outside)
		keys := said[protocol.SigningKey](r)
		require.Len(t, keys, 2, "each boot tells it")
		require.Equal(t, keys[0], keys[1], "and it stays the same")
		require.Len(t, said[protocol.Alarm](r), 0)
	})
}

// Readings that were lost with the power are a gap, and no more was lost than waited in memory.
func TestWhatAPowerCutCostsIsAGapInTheStatement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.kit = theBox()
		r.start()
		defer func() { r.cut() }()
		r.giveBox(1)
		for range 30 {
			r.rides(4000)
			r.tick()
		}
		r.restart()
		s := r.rides(4000)
		require.LessOrEqual(t, len(s.Gaps), 1)
		for _, g := range s.Gaps {
			require.LessOrEqual(t, g.Seconds, uint32(11*60))
		}
	})
}

func TestAShipperWithoutADisplayOrWithoutTheTimeSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.kit = theBox()
		r.kit.Shipper.Display = ""
		r.start()
		r.giveBox(1)
		r.sampled(r.mono(), []protocol.Sample{{Sensor: "box/air", MilliC: 4000}})
		require.Empty(t, said[protocol.SigningKey](r), "the hub must not have stations wait for a statement that nobody can see")
		r.cut()
		r = newRig(t)
		r.kit = theBox()
		r.kit.BatteryClock = false
		r.start()
		defer func() { r.cut() }()
		r.giveBox(1)
		r.sampled(r.mono(), []protocol.Sample{{Sensor: "box/air", MilliC: 4000}})
		require.Empty(t, r.shown("box"), "without the time there is nothing to state")
	})
}

func TestTheDriversDeviceShowsAStatementAsItWasScanned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.kit = Kit{Driver: &Terminal{Position: "route-1", Reader: "in", Display: "out"}}
		r.start()
		defer func() { r.cut() }()
		text, err := protocol.SignStatement(protocol.Statement{Shipper: "box", Boot: 1, From: 1000, Until: 2000}, make([]byte, 64))
		require.NoError(t, err)
		r.scannedByDriver(scanOf(strings.ToLower(text)))
		require.Equal(t, []shown{{text: text, code: true}}, r.shown("route-1"))
		require.Empty(t, said[protocol.ScanRefused](r))
		r.scannedByDriver(scanOf(text[:len(text)-8]))
		require.True(t, r.shown("route-1")[0].refused, "half a code is none")
		r.scannedByDriver(scanOf("MEGURI1:2KCE3IQBE4"))
		require.True(t, r.shown("route-1")[0].refused, "a token is the customer's own")
	})
}
