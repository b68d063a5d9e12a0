package app

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/onewire"

	"meguri/edge/device/thermistor"
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
	Flush        time.Duration   `yaml:"flush,omitempty"`    // at most so long readings wait in memory for company; 0, they do not
	Fridges      []Fridge        `yaml:"fridges,omitempty"`
	Locks        []Lock          `yaml:"locks,omitempty"`
	HandIn       *Terminal       `yaml:"hand_in,omitempty"` // the station's reader, for drivers
	Shipper      *Shipper        `yaml:"shipper,omitempty"`
	Scanner      *Terminal       `yaml:"scanner,omitempty"`
	Driver       *Terminal       `yaml:"driver,omitempty"`
	Warehouse    *Terminal       `yaml:"warehouse,omitempty"` // a scanner of a rental warehouse
}

// Fridge is the wiring of a fridge's probes and mains sense.
type Fridge struct {
	Position string  `yaml:"position"`
	Probes   []Probe `yaml:"probes"`
	Mains    string  `yaml:"mains,omitempty"` // pin, low while the supply is on (an optocoupler)
}

// Shipper is the wiring of a shipper's probes, and of the display that shows its statement to a station's reader.
type Shipper struct {
	Position string  `yaml:"position"`
	Probes   []Probe `yaml:"probes"`
	Display  string  `yaml:"display,omitempty"` // serial line; without one the hub alone judges what rode in it
}

// Probe is one temperature sensor on a bus. A DS18B20 is found by ROM or Address, an SHT4x by Address, and a thermistor by the
// Address of its converter and by its input.
type Probe struct {
	Name    string `yaml:"name"`              // "air": what it measures; the sensor is POSITION/NAME
	Chip    string `yaml:"chip"`              // ds18b20, sht4x, or ads1115 with a thermistor
	Bus     string `yaml:"bus"`               // 1-Wire or I2C bus
	Address uint64 `yaml:"address,omitempty"` // I2C address, or the whole ROM code with its checksum
	ROM     string `yaml:"rom,omitempty"`     // ROM code as Linux lists it in /sys/bus/w1/devices: 28-0000071b2c3d

	Thermistor *Thermistor `yaml:"thermistor,omitempty"` // of an ads1115
}

// Thermistor is an NTC between an input of a converter and ground, with a resistor to the supply that another input measures.
// Either R25Ohm and BetaK or three lines of the maker's table say how warm it is.
type Thermistor struct {
	Input     int                `yaml:"input"`  // 0 to 3
	Supply    int                `yaml:"supply"` // the input that measures the supply; several thermistors may share it
	SeriesOhm int64              `yaml:"series_ohm"`
	R25Ohm    int64              `yaml:"r25_ohm,omitempty"`
	BetaK     int64              `yaml:"beta_k,omitempty"`
	Table     []thermistor.Point `yaml:"table,omitempty"`
}

// parameters are those that the driver takes.
func (t Thermistor) parameters() (p thermistor.Parameters, err error) {
	p = thermistor.Parameters{Input: t.Input, Supply: t.Supply, SeriesOhm: t.SeriesOhm, R25Ohm: t.R25Ohm, BetaK: t.BetaK}
	if n := len(t.Table); n != 0 && n != len(p.Table) {
		return p, fmt.Errorf("table: %d lines, want %d", n, len(p.Table))
	}
	copy(p.Table[:], t.Table)
	return p, p.Check()
}

// Lock is the wiring of one door.
type Lock struct {
	Position string `yaml:"position"`
	Relay    string `yaml:"relay"`            // pin, high pulls the bolt
	Bolt     string `yaml:"bolt"`             // pin, low while the bolt is out
	Door     string `yaml:"door"`             // pin, low while the door is shut
	Key      string `yaml:"key,omitempty"`    // pin, low while the staff's key turns the cylinder; without, each use of it is an alarm
	Keypad   string `yaml:"keypad,omitempty"` // serial line; or Matrix
	Display  string `yaml:"display,omitempty"`

	Matrix *Matrix `yaml:"matrix,omitempty"` // a keypad on pins
}

// Matrix is a keypad whose keys each join a row's pin and a column's.
type Matrix struct {
	Rows    []string `yaml:"rows"`    // pins
	Columns []string `yaml:"columns"` // pins
	Keys    []string `yaml:"keys"`    // of each row, a character a column: 123, 456, 789, "*0#"
}

// Terminal is a barcode reader and the line of text beside it.
type Terminal struct {
	Position string `yaml:"position"`
	Reader   string `yaml:"reader"`
	Framing  string `yaml:"framing,omitempty"` // of the reader: line, as when empty (each scan ends with CR or LF), or ssi
	Display  string `yaml:"display,omitempty"`
}

// Streams are the serial lines and input devices that the kit names.
func (k Kit) Streams() []string {
	var all []string
	for _, l := range k.Locks {
		all = append(all, l.Keypad, l.Display)
	}
	for _, t := range []*Terminal{k.HandIn, k.Scanner, k.Driver, k.Warehouse} {
		if t != nil {
			all = append(all, t.Reader, t.Display)
		}
	}
	if k.Shipper != nil {
		all = append(all, k.Shipper.Display)
	}
	return slices.DeleteFunc(all, func(name string) bool { return name == "" })
}

// ReadKit reads a kit file. An unknown key is an error, which names the line.
func ReadKit(file string) (Kit, error) {
	var k Kit
	f, err := os.Open(file)
	if err != nil {
		return k, fmt.Errorf("kit: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	if k, err = decodeKit(f); err != nil {
		return k, fmt.Errorf("kit %s: %w", file, err)
	}
	return k, nil
}

func decodeKit(r io.Reader) (k Kit, err error) {
	d := yaml.NewDecoder(r)
	d.KnownFields(true)
	switch err := d.Decode(&k); {
	case errors.Is(err, io.EOF):
		return k, errors.New("the file is empty")
	case err != nil:
		return k, plainly(err)
	}
	return k, k.Check()
}

// What the YAML reader says of our types, and what is said in place of it.
var (
	unknownKey = regexp.MustCompile(`field (\S+) not found in type app\.\w+`)
	notAList   = regexp.MustCompile(`into \[\]app\.\w+`)
	notAMap    = regexp.MustCompile(`into app\.\w+`)
)

// plainly says what the YAML reader found wrong without naming our types.
func plainly(err error) error {
	var wrong *yaml.TypeError
	if !errors.As(err, &wrong) {
		return err
	}
	var lines []string
	for _, e := range wrong.Errors {
		e = unknownKey.ReplaceAllString(e, "key $1 is unknown")
		lines = append(lines, notAMap.ReplaceAllString(notAList.ReplaceAllString(e, "into a list"), "into a block of keys"))
	}
	return errors.New(strings.Join(lines, "; "))
}

// eachProbe goes through all probes, in the order in which they are read.
func (k Kit) eachProbe(see func(position string, p Probe)) {
	for _, f := range k.Fridges {
		for _, p := range f.Probes {
			see(f.Position, p)
		}
	}
	if k.Shipper != nil {
		for _, p := range k.Shipper.Probes {
			see(k.Shipper.Position, p)
		}
	}
}

// Roles names the roles that the agent plays.
func (k Kit) Roles() []string {
	var roles []string
	for _, r := range []struct {
		name string
		has  bool
	}{{"fridge", len(k.Fridges) > 0}, {"lock", len(k.Locks) > 0}, {"shipper", k.Shipper != nil},
		{"scanner", k.Scanner != nil}, {"driver", k.Driver != nil}, {"warehouse", k.Warehouse != nil}} {
		if r.has {
			roles = append(roles, r.name)
		}
	}
	return roles
}

// Framings of a reader.
const (
	framingLine = "line"
	framingSSI  = "ssi"
)

// Chips that a probe may be.
const (
	chipDS18B20 = "ds18b20"
	chipSHT4x   = "sht4x"
	chipADS1115 = "ads1115"
)
