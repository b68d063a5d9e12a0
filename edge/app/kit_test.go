package app

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"meguri/edge/device/thermistor"
	"meguri/internal/clock"
)

func TestTheExampleKitsAreRight(t *testing.T) {
	files, err := filepath.Glob("../../deploy/kits/*.yaml")
	require.NoError(t, err)
	roles := map[string][]string{"collection.yaml": {"fridge"}, "station.yaml": {"fridge", "lock"}, "shipper.yaml": {"shipper"}, "scanner.yaml": {"scanner"}, "warehouse.yaml": {"warehouse"},
		"driver.yaml": {"driver"}, "collection-lock.yaml": {"fridge", "lock"}}
	require.Len(t, files, len(roles))
	for _, f := range files {
		k, err := ReadKit(f)
		require.NoError(t, err, f)
		require.Equal(t, roles[filepath.Base(f)], k.Roles(), f)
		if k.Shipper != nil {
			require.Equal(t, 10*time.Minute, k.Flush)
		}
	}
}

func TestAKitFileThatIsWrongSaysWhereAndWhy(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "the file is empty",
		"scanner:\n  position: a\n  raeder: x\n": "line 3: key raeder is unknown",
		"locks: 3\n":                             "line 1: cannot unmarshal !!int `3` into a list",
		"scanner: 3\n":                           "into a block of keys",
		"scanner: [\n":                           "line 1",
		"battery_clock: maybe\n":                 "line 1: cannot unmarshal !!str `maybe` into bool",
		"language: fr\nscanner: {position: a, reader: b}\n": "fr",
		"battery_clock: true\n":                             "no role",
		"flush: soon\n":                                     "line 1: cannot unmarshal !!str `soon` into time.Duration",
	} {
		file := filepath.Join(t.TempDir(), "kit.yaml")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		_, err := ReadKit(file)
		require.ErrorContains(t, err, "kit "+file, "%q", text)
		require.ErrorContains(t, err, want, "%q", text)
		require.NotContains(t, err.Error(), "app.", "%q", text)
	}
	_, err := ReadKit(filepath.Join(t.TempDir(), "none.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// twoDoors is a kit without a mistake.
func twoDoors() Kit {
	return Kit{BatteryClock: true,
		Fridges: []Fridge{{Position: "f1", Mains: "p1", Probes: []Probe{{Name: "air", Chip: chipDS18B20, Bus: "w1", ROM: "28-0000071b2c3d"}}},
			{Position: "f2", Probes: []Probe{{Name: "air", Chip: chipSHT4x, Bus: "i2c", Address: 0x44}}}},
		Locks: []Lock{{Position: "f1", Relay: "p2", Bolt: "p3", Door: "p4", Keypad: "s1", Display: "s1"},
			{Position: "f2", Relay: "p5", Bolt: "p6", Door: "p7", Keypad: "s2", Display: "s3"}},
		HandIn: &Terminal{Position: "l", Reader: "s4", Display: "s3"},
	}
}

func TestCheckNamesEachMistakeOfAKit(t *testing.T) {
	require.NoError(t, twoDoors().Check())
	for want, spoil := range map[string]func(*Kit){
		"locks[1].relay: pin p2 is locks[0].relay already":        func(k *Kit) { k.Locks[1].Relay = "p2" },
		"locks[0].door: pin p1 is fridges[0].mains already":       func(k *Kit) { k.Locks[0].Door = "p1" },
		"locks[0].key: pin p4 is locks[0].door already":           func(k *Kit) { k.Locks[0].Key = "p4" },
		"locks[1].position: lock f1 is locks[0].position already": func(k *Kit) { k.Locks[1].Position = "f1" },
		"hand_in.reader: reader s1 is locks[0].keypad already":    func(k *Kit) { k.HandIn.Reader = "s1" },
		"fridges[1].probes[0].name: sensor f1/air is":             func(k *Kit) { k.Fridges[1].Position = "f1" },
		"flush: -1s: want 0s to 24h0m0s":                          func(k *Kit) { k.Flush = -time.Second },
		"65 probes: want at most 64": func(k *Kit) {
			for range 63 {
				k.Fridges[1].Probes = append(k.Fridges[1].Probes, k.Fridges[1].Probes[0])
			}
		},
		"bytes, want at most 100":                                 func(k *Kit) { k.Fridges[1].Probes[0].Name = strings.Repeat("x", 100) },
		"locks[0].bolt is missing":                                func(k *Kit) { k.Locks[0].Bolt = "" },
		"fridges[0].position is missing":                          func(k *Kit) { k.Fridges[0].Position = "" },
		"fridges[0].probes: want at least one":                    func(k *Kit) { k.Fridges[0].Probes = nil },
		"fridges[0].probes: want one with the name air":           func(k *Kit) { k.Fridges[0].Probes[0].Name = "back" },
		"fridges[0].probes[0].bus is missing":                     func(k *Kit) { k.Fridges[0].Probes[0].Bus = "" },
		`fridges[0].probes[0].chip "": want ds18b20, sht4x or`:    func(k *Kit) { k.Fridges[0].Probes[0].Chip = "" },
		"fridges[0].probes[0].rom is missing":                     func(k *Kit) { k.Fridges[0].Probes[0].ROM = "" },
		`fridges[0].probes[0].rom: 1-Wire address "28-1"`:         func(k *Kit) { k.Fridges[0].Probes[0].ROM = "28-1" },
		"fridges[1].probes[0].address 0x0: want 0x44":             func(k *Kit) { k.Fridges[1].Probes[0].Address = 0 },
		"fridges[0].probes[0].address 0x128: want family 0x28 in": func(k *Kit) { k.Fridges[0].Probes[0] = Probe{Name: "a", Chip: chipDS18B20, Bus: "b", Address: 0x128} },
		"fridges[1].probes[0].thermistor is missing":              func(k *Kit) { k.Fridges[1].Probes[0] = Probe{Name: "a", Chip: chipADS1115, Bus: "i2c", Address: 0x48} },
		"thermistor: input 0 and supply 0: want":                  func(k *Kit) { k.Fridges[1].Probes[0] = ntc(Thermistor{}) },
		"thermistor: table: 1 lines, want 3":                      func(k *Kit) { k.Fridges[1].Probes[0] = ntc(Thermistor{Table: make([]thermistor.Point, 1)}) },
		"thermistor: a sht4x has none":                            func(k *Kit) { k.Fridges[1].Probes[0].Thermistor = &Thermistor{} },
		"address 0x44: want 0x48 to 0x4b":                         func(k *Kit) { k.Fridges[1].Probes[0].Chip = chipADS1115 },
		"input 0 of 0x48 on i2c is": func(k *Kit) {
			good := ntc(Thermistor{Supply: 3, SeriesOhm: 1, R25Ohm: 1, BetaK: 3977})
			k.Fridges[0].Probes[0], k.Fridges[1].Probes[0] = good, good
		},
		"locks[0].keypad or locks[0].matrix: not both": func(k *Kit) { k.Locks[0].Matrix = &Matrix{} },
		"locks[1].matrix: keys of 0 rows: want 1":      func(k *Kit) { k.Locks[1].Keypad, k.Locks[1].Matrix = "", &Matrix{Rows: []string{"a"}} },
		"locks[1].matrix pin 1: pin p2 is locks[0].relay already": func(k *Kit) {
			k.Locks[1].Keypad, k.Locks[1].Matrix = "", &Matrix{Rows: []string{"a"}, Columns: []string{"p2"}, Keys: []string{"1"}}
		},
		`hand_in.framing "x": want line or ssi`:                               func(k *Kit) { k.HandIn.Framing = "x" },
		"hand_in.framing: ssi is for a reader on":                             func(k *Kit) { k.HandIn.Framing = framingSSI },
		"hand_in: needs locks":                                                func(k *Kit) { k.Locks = nil },
		"shipper.position is missing":                                         func(k *Kit) { k.Shipper = &Shipper{} },
		"scanner.reader is missing":                                           func(k *Kit) { k.Scanner = &Terminal{Position: "s"} },
		"no role: want fridges, locks, shipper, scanner, driver or warehouse": func(k *Kit) { *k = Kit{} },
	} {
		k := twoDoors()
		spoil(&k)
		require.ErrorContains(t, k.Check(), want)
	}
}

func ntc(t Thermistor) Probe {
	return Probe{Name: "ntc", Chip: chipADS1115, Bus: "i2c", Address: 0x48, Thermistor: &t}
}

func TestAROMCodeMayBeWrittenEitherWay(t *testing.T) {
	byName, err := Probe{ROM: "28-0000071b2c3d"}.oneWireAddress()
	require.NoError(t, err)
	k := twoDoors()
	k.Fridges[0].Probes[0].ROM, k.Fridges[0].Probes[0].Address = "", uint64(byName)
	require.NoError(t, k.Check())
	k.Fridges[0].Probes[0].ROM = "28-0000071b2c3d"
	require.ErrorContains(t, k.Check(), "not both")
}

// Whatever stands in a kit file, it is refused with a reason or opens: every sensor that passed Check has a driver.
func FuzzKit(f *testing.F) {
	files, err := filepath.Glob("../../deploy/kits/*.yaml")
	require.NoError(f, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := decodeKit(bytes.NewReader(text))
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		h := &hardware{ctx: t.Context(), board: newBench(), clock: clock.Real()}
		k.eachProbe(func(_ string, p Probe) {
			_, err := h.openProbe(p)
			require.NoError(t, err)
		})
		for _, l := range k.Locks {
			if l.Matrix != nil {
				_, err := h.openMatrix(*l.Matrix)
				require.NoError(t, err)
			}
		}
	})
}
