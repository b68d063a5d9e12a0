package app

import (
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/onewire"

	"meguri/edge/phrase"
)

// Board hands out the buses, pins and serial lines of one device, by the names that its kit uses.
type Board interface {
	OneWire(name string) (onewire.Bus, error)
	I2C(name string) (i2c.Bus, error)
	Pin(name string) (gpio.PinIO, error)
	Stream(name string) (io.ReadWriteCloser, error)
}

// Kit says what is wired to a board, and so which roles its agent plays.
type Kit struct {
	BatteryClock bool            `yaml:"battery_clock"`      // the wall clock survives a power cut
	Language     phrase.Language `yaml:"language,omitempty"` // of the displays: en, as when empty, or ja
	Fridges      []Fridge        `yaml:"fridges,omitempty"`
	Locks        []Lock          `yaml:"locks,omitempty"`
	HandIn       *Terminal       `yaml:"hand_in,omitempty"` // the station's reader, for drivers
	Shipper      *Shipper        `yaml:"shipper,omitempty"`
	Scanner      *Terminal       `yaml:"scanner,omitempty"`
	Driver       *Terminal       `yaml:"driver,omitempty"`
}

// Fridge is the wiring of a fridge's probes and mains sense.
type Fridge struct {
	Position string  `yaml:"position"`
	Probes   []Probe `yaml:"probes"`
	Mains    string  `yaml:"mains,omitempty"` // pin, low while the supply is on (an optocoupler)
}

// Shipper is the wiring of a shipper's probes.
type Shipper struct {
	Position string  `yaml:"position"`
	Probes   []Probe `yaml:"probes"`
}

// Probe is one temperature sensor on a bus.
type Probe struct {
	Name    string `yaml:"name"`    // "air": what it measures; the sensor is POSITION/NAME
	Chip    string `yaml:"chip"`    // ds18b20 or sht4x
	Bus     string `yaml:"bus"`     // 1-Wire or I2C bus
	Address uint64 `yaml:"address"` // ROM code, or I2C address
}

// Lock is the wiring of one door.
type Lock struct {
	Position string `yaml:"position"`
	Relay    string `yaml:"relay"`  // pin, high pulls the bolt
	Bolt     string `yaml:"bolt"`   // pin, low while the bolt is out
	Door     string `yaml:"door"`   // pin, low while the door is shut
	Keypad   string `yaml:"keypad"` // serial line
	Display  string `yaml:"display,omitempty"`
}

// Terminal is a barcode reader and the line of text beside it.
type Terminal struct {
	Position string `yaml:"position"`
	Reader   string `yaml:"reader"`
	Display  string `yaml:"display,omitempty"`
}

// ReadKit reads a kit file. An unknown key is an error.
func ReadKit(file string) (Kit, error) {
	var k Kit
	f, err := os.Open(file)
	if err != nil {
		return k, fmt.Errorf("kit: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(&k); err != nil {
		return k, fmt.Errorf("kit %s: %w", file, err)
	}
	if err := k.Check(); err != nil {
		return k, fmt.Errorf("kit %s: %w", file, err)
	}
	return k, nil
}

// Roles names the roles that the agent plays.
func (k Kit) Roles() []string {
	var roles []string
	for _, r := range []struct {
		name string
		has  bool
	}{{"fridge", len(k.Fridges) > 0}, {"lock", len(k.Locks) > 0}, {"shipper", k.Shipper != nil},
		{"scanner", k.Scanner != nil}, {"driver", k.Driver != nil}} {
		if r.has {
			roles = append(roles, r.name)
		}
	}
	return roles
}

// Check says what is wrong with a kit.
func (k Kit) Check() error {
	var errs []error
	need := func(what, value string) {
		if value == "" {
			errs = append(errs, fmt.Errorf("%s is missing", what))
		}
	}
	if err := k.Language.Check(); err != nil {
		errs = append(errs, err)
	}
	for i, f := range k.Fridges {
		errs = append(errs, checkProbes(fmt.Sprintf("fridges[%d]", i), f.Position, f.Probes)...)
	}
	for i, l := range k.Locks {
		at := fmt.Sprintf("locks[%d].", i)
		need(at+"position", l.Position)
		need(at+"relay", l.Relay)
		need(at+"bolt", l.Bolt)
		need(at+"door", l.Door)
		need(at+"keypad", l.Keypad)
	}
	if k.Shipper != nil {
		errs = append(errs, checkProbes("shipper", k.Shipper.Position, k.Shipper.Probes)...)
	}
	for name, t := range map[string]*Terminal{"hand_in": k.HandIn, "scanner": k.Scanner, "driver": k.Driver} {
		if t != nil {
			need(name+".position", t.Position)
			need(name+".reader", t.Reader)
		}
	}
	if len(k.Roles()) == 0 {
		errs = append(errs, errors.New("no role: want fridges, locks, shipper, scanner or driver"))
	}
	return errors.Join(errs...)
}

func checkProbes(at, position string, probes []Probe) []error {
	var errs []error
	if position == "" {
		errs = append(errs, fmt.Errorf("%s.position is missing", at))
	}
	if len(probes) == 0 {
		errs = append(errs, fmt.Errorf("%s.probes: want at least one", at))
	}
	for i, p := range probes {
		if p.Name == "" || p.Bus == "" {
			errs = append(errs, fmt.Errorf("%s.probes[%d]: name and bus are needed", at, i))
		}
		if p.Chip != chipDS18B20 && p.Chip != chipSHT4x {
			errs = append(errs, fmt.Errorf("%s.probes[%d].chip %q: want %s or %s", at, i, p.Chip, chipDS18B20, chipSHT4x))
		}
	}
	return errs
}

// Chips that a probe may be.
const (
	chipDS18B20 = "ds18b20"
	chipSHT4x   = "sht4x"
)
