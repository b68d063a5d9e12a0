package fleet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meguri/edge/app"
	"meguri/firmware-sim/chip/remote"
	"meguri/firmware-sim/fleet"

	"github.com/stretchr/testify/require"
)

// benchKit has one of each: two probes on a wire, one on I2C, a thermistor, a door and its line.
const benchKit = `
battery_clock: true
fridges:
  - position: f
    mains: GPIO23
    probes:
      - {name: air, chip: ds18b20, bus: W1, rom: 28-0000071b2c3d}
      - {name: back, chip: ds18b20, bus: W1, rom: 28-0000071b2c3e}
      - {name: humid, chip: sht4x, bus: I2C1, address: 0x44}
      - name: wall
        chip: ads1115
        bus: I2C1
        address: 0x48
        thermistor: {input: 0, supply: 3, series_ohm: 10000, r25_ohm: 10000, beta_k: 3977}
locks:
  - {position: f, relay: GPIO17, bolt: GPIO27, door: GPIO22, keypad: 'serial:/dev/ttyUSB0', display: 'serial:/dev/ttyUSB0'}
  - {position: g, relay: GPIO16, bolt: GPIO6, door: GPIO13, matrix: {rows: [A, B], columns: [C, D], keys: ['12', '3#']}}
`

const things = 16 // that are looked at

func readKit(t *testing.T, text string) app.Kit {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kit.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	k, err := app.ReadKit(file)
	require.NoError(t, err)
	return k
}

// examined are the findings on a bench on which things are broken, on fake time.
func examined(t *testing.T, kit, soldered app.Kit, faults ...string) (all []app.Finding) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		bench, err := fleet.NewBench(soldered, nil)
		require.NoError(t, err)
		for _, f := range faults {
			require.NoError(t, bench.Break(f))
		}
		b, err := bench.Hardware.Open(t.Context())
		require.NoError(t, err)
		all = app.Examine(t.Context(), kit, b)
		require.NoError(t, b.Close())
	})
	return all
}

func TestABoardInOrderHasNothingWrong(t *testing.T) {
	kit := readKit(t, benchKit)
	all := examined(t, kit, kit)
	require.Len(t, all, things)
	for _, f := range all {
		require.Empty(t, f.Wrong, f.What)
		require.NotEmpty(t, f.Found, f.What)
	}
	var out bytes.Buffer
	require.NoError(t, app.PrintFindings(&out, all, false))
	for _, want := range []string{"sensor f/air: ds18b20 28-0000071b2c3d on W1\n      4.000 °C", "sensor f/humid: sht4x 0x44 on I2C1\n      4.499 °C",
		"sensor f/wall: thermistor at input 0 of the ads1115 0x48 on I2C1\n      4.7", "2 answer: 28-0000071b2c3d, 28-0000071b2c3e\n",
		"mains of f: GPIO23\n      closed, pin low: the mains are on", "the door is shut", "the bolt is out", "at rest, low",
		"display of f and keypad of f: serial:/dev/ttyUSB0\n"} {
		require.Contains(t, out.String(), want)
	}
}

// Each fault is named at the thing that has it, with what to do about it, and everything else is looked at all the same.
func TestWhatIsBrokenIsNamedAndSoIsWhatToDo(t *testing.T) {
	kit := readKit(t, benchKit)
	for fault, want := range map[string]struct{ what, wrong, do string }{
		"f/air=missing":                 {"sensor f/air", "does not answer", "plug"},
		"f/air=checksum":                {"sensor f/air", "wrong checksum", "2.2 kΩ"},
		"f/air=power-on":                {"sensor f/air", "power-on value", "85 °C stands for no measurement"},
		"W1=shorted":                    {"1-Wire bus W1", "shorted", "data line is at ground"},
		"W1=dead":                       {"1-Wire bus W1", "input/output error", "pull-up"},
		"I2C1=dead":                     {"I2C bus I2C1", "input/output error", "SDA and SCL"},
		"I2C1=hung":                     {"I2C bus I2C1", "does not come back", "holds the clock"},
		"f/humid=missing":               {"sensor f/humid", "does not answer", "0x44"},
		"f/humid=checksum":              {"sensor f/humid", "wrong checksum", "twisted"},
		"f/humid=range":                 {"sensor f/humid", "outside its range", "broken"},
		"f/wall=missing":                {"sensor f/wall", "does not answer", "ADDR"},
		"f/wall=power-on":               {"sensor f/wall", "power-on", "3.3 V"},
		"f/wall=open":                   {"sensor f/wall", "open", "cut"},
		"f/wall=shorted":                {"sensor f/wall", "shorted", "touch"},
		"f/wall=unsupplied":             {"sensor f/wall", "supply is 0 mV", "divider's supply"},
		"GPIO17=high":                   {"relay of f", "stays high", "take the relay off"},
		"GPIO22=chatter":                {"door contact of f", "moved", "tighten"},
		"clock=low":                     {"battery of the clock", "low", "change it"},
		"B=3":                           {"keypad of g", "keys are down: 3", "water"},
		"serial:/dev/ttyUSB0=unplugged": {"display of f and keypad of f", "no such device", "compare"},
	} {
		t.Run(fault, func(t *testing.T) {
			all := examined(t, kit, kit, fault)
			require.Len(t, all, things, "nothing hides the rest")
			named := false
			for _, f := range all {
				if strings.HasPrefix(f.What, want.what) {
					named = true
					require.Contains(t, f.Wrong, want.wrong)
					require.Contains(t, f.Do, want.do)
				}
				require.True(t, f.Wrong != "" || f.Found != "", f.What)
			}
			require.True(t, named)
			require.ErrorContains(t, app.PrintFindings(&bytes.Buffer{}, all, true), "are wrong")
		})
	}
	bench, err := fleet.NewBench(kit, nil)
	require.NoError(t, err)
	require.ErrorContains(t, bench.Break("GPIO99=open"), "PART is one of A, B, GPIO13")
	require.ErrorContains(t, bench.Break("GPIO22=dead"), "chatter, open")
}

func TestAnOpenContactIsAFactAndNoFault(t *testing.T) {
	kit := readKit(t, benchKit)
	for pin, want := range map[string]string{"GPIO22": "the door is open", "GPIO27": "the bolt is back", "GPIO23": "the mains are off"} {
		all := examined(t, kit, kit, pin+"=open")
		require.NoError(t, app.PrintFindings(&bytes.Buffer{}, all, false))
		seen := false
		for _, f := range all {
			seen = seen || strings.Contains(f.Found, want)
		}
		require.True(t, seen, want)
	}
}

// A probe that was replaced shows as one that the kit does not know, and one that is gone.
func TestProbesAreComparedWithTheKit(t *testing.T) {
	kit, soldered := readKit(t, benchKit), readKit(t, strings.Replace(benchKit, "2c3e", "2c3f", 1))
	for _, f := range examined(t, kit, soldered) {
		switch {
		case strings.HasPrefix(f.What, "1-Wire bus"):
			require.Contains(t, f.Found, "not in the kit: 28-0000071b2c3f")
			require.Contains(t, f.Wrong, "not on the bus: 28-0000071b2c3e")
			require.Contains(t, f.Do, "write its rom into the kit")
		case strings.HasPrefix(f.What, "sensor f/back"):
			require.Contains(t, f.Wrong, "does not answer")
		}
	}
	wrong := examined(t, kit, readKit(t, strings.Replace(benchKit, "address: 0x44", "address: 0x45", 1)))
	require.Contains(t, wrong[3].Found, "0x45 (SHT4x", "a sensor at another address is found")
	bare := examined(t, kit, app.Kit{})
	require.Len(t, bare, things)
	for _, f := range bare {
		if f.What != "battery of the clock" { // which every board has
			require.NotEmpty(t, f.Wrong, f.What)
		}
	}
}

// The same over a socket, as `firmware-sim probe --socket` does, where errors travel as text.
func TestLentChipsAreExaminedToo(t *testing.T) {
	kit := readKit(t, benchKit)
	bench, err := fleet.NewBench(kit, nil)
	require.NoError(t, err)
	require.NoError(t, bench.Break("W1=shorted"))
	dir, err := os.MkdirTemp("", "chip")
	require.NoError(t, err)
	defer func() { _ = os.RemoveAll(dir) }()
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- remote.Serve(ctx, l, bench.Hardware) }()
	b, err := remote.Dial(ctx, l.Addr().String())
	require.NoError(t, err)
	var out bytes.Buffer
	require.ErrorContains(t, app.PrintFindings(&out, app.Examine(ctx, kit, b), true), "3 of 15 things are wrong")
	require.NoError(t, b.Close())
	cancel()
	require.ErrorIs(t, <-served, context.Canceled)
	var all []app.Finding
	require.NoError(t, json.Unmarshal(out.Bytes(), &all))
	require.Contains(t, all[2].Do, "data line is at ground", "the kind of a 1-Wire error travels, too")
	require.Contains(t, all[4].Wrong, "its bus does not work")
}

// While a person types and scans, what comes is told; what does not come is wrong.
func TestWhatIsTypedIsHeard(t *testing.T) {
	kit := readKit(t, benchKit+"hand_in: {position: f, reader: 'serial:/dev/ttyUSB1', framing: ssi}\n")
	synctest.Test(t, func(t *testing.T) {
		bench, err := fleet.NewBench(kit, nil)
		require.NoError(t, err)
		b, err := bench.Hardware.Open(t.Context())
		require.NoError(t, err)
		heard := make(chan []app.Finding)
		go func() { heard <- app.Listen(t.Context(), kit, b, 20*time.Second) }()
		time.Sleep(time.Second)
		require.NoError(t, bench.Hardware.Stream("serial:/dev/ttyUSB0").Type("12*34#5#"))
		require.NoError(t, bench.Hardware.Stream("serial:/dev/ttyUSB1").Type("\x07\xF3\x00\x00\x01ab\xFE\x42"))
		all := <-heard
		require.Len(t, all, 3)
		require.Equal(t, app.Finding{What: "keypad of f", Found: `"34", "5"`}, all[0])
		require.Equal(t, "nothing came in 20s", all[1].Wrong, "the matrix of g")
		require.Equal(t, app.Finding{What: "reader of hand-in", Found: `"ab"`}, all[2])
		require.NoError(t, b.Close())
	})
}
