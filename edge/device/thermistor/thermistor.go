// Package thermistor reads an NTC thermistor in a divider: supply, series resistor, converter's input, thermistor, ground. A
// second input of the converter measures the supply, so that neither its tolerance nor the converter's reference counts: of
// both only the ratio is used. A supply that is 2 % off would else be wrong by about 1 °C.
package thermistor

import (
	"errors"
	"fmt"
	"math"

	"meguri/edge/device"
)

// Parameters are those of the parts, from their data sheets.
type Parameters struct {
	Input     int   // of the converter, at the thermistor
	Supply    int   // of the converter, at the supply of the divider
	SeriesOhm int64 // of the resistor between supply and thermistor

	// Of the thermistor: its resistance at 25 °C and B25/85 or the like in kelvin, as printed on a bag of them; or three lines of
	// its maker's table, which are worth it: with B25/85 a common one reads 0.7 °C too warm in a fridge at 0 °C.
	R25Ohm int64
	BetaK  int64
	Table  [3]Point
}

// Point is a line of a maker's table.
type Point struct {
	MilliC int64 `yaml:"milli_c"`
	Ohm    int64 `yaml:"ohm"`
}

// Bounds of parameters and readings.
const (
	mostOhm  = 10_000_000
	lowBeta  = 1_000
	highBeta = 10_000
	// broken is what share of the supply, one in so many, is a wire that is cut or shorted. With 10 kΩ in series these are 2 MΩ
	// and 50 Ω: a common 10 kΩ thermistor has 400 kΩ at -40 °C and 340 Ω at 125 °C.
	broken = 200
	// leastSupply is 1.25 V in units of 125 µV: below, the divider has no supply.
	leastSupply = 10_000
	lowest      = -40_000
	highest     = 125_000
)

// Check says what is wrong with parameters.
func (p Parameters) Check() error {
	switch {
	case p.Input < 0 || p.Input > 3 || p.Supply < 0 || p.Supply > 3 || p.Input == p.Supply:
		return fmt.Errorf("input %d and supply %d: want two different inputs, 0 to 3", p.Input, p.Supply)
	case p.SeriesOhm < 1 || p.SeriesOhm > mostOhm:
		return fmt.Errorf("series_ohm %d: want 1 to %d", p.SeriesOhm, mostOhm)
	case p.Table != [3]Point{}:
		return p.checkTable()
	case p.R25Ohm < 1 || p.R25Ohm > mostOhm:
		return fmt.Errorf("r25_ohm %d: want 1 to %d", p.R25Ohm, mostOhm)
	case p.BetaK < lowBeta || p.BetaK > highBeta:
		return fmt.Errorf("beta_k %d: want %d to %d", p.BetaK, lowBeta, highBeta)
	}
	return nil
}

// checkTable wants a table that a curve goes through: the warmer, the fewer ohms.
func (p Parameters) checkTable() error {
	if p.R25Ohm != 0 || p.BetaK != 0 {
		return errors.New("r25_ohm and beta_k, or table: not both")
	}
	for i, at := range p.Table {
		if at.Ohm < 1 || at.Ohm > mostOhm || at.MilliC < lowest || at.MilliC > highest {
			return fmt.Errorf("table[%d]: %d Ω at %d m°C: want 1 to %d at %d to %d", i, at.Ohm, at.MilliC, mostOhm, lowest, highest)
		}
		if i > 0 && (at.MilliC <= p.Table[i-1].MilliC || at.Ohm >= p.Table[i-1].Ohm) {
			return fmt.Errorf("table[%d]: want it warmer than table[%d], and fewer ohms", i, i-1)
		}
	}
	return nil
}

// Converter is the one at the divider: an ads1115.Dev.
type Converter interface {
	String() string
	Raw(input int) (int64, error) // in units of 125 µV
}

// Dev is one thermistor.
type Dev struct {
	adc Converter
	p   Parameters
}

// New returns the thermistor at a converter, and does not touch it.
func New(adc Converter, p Parameters) (*Dev, error) {
	if err := p.Check(); err != nil {
		return nil, fmt.Errorf("thermistor at %s: %w", adc, err)
	}
	return &Dev{adc: adc, p: p}, nil
}

// String names the converter and its input.
func (d *Dev) String() string { return fmt.Sprintf("%s input %d", d.adc, d.p.Input) }

// Halt does nothing: a divider cannot be switched off.
func (d *Dev) Halt() error { return nil }

// MilliC measures, and returns the temperature in thousandths of a degree Celsius. Errors are device.ErrOpen, ErrShorted,
// ErrOutOfRange, those of the converter, and ErrMissing when the divider has no supply, wrapped.
func (d *Dev) MilliC() (int64, error) {
	supply, err := d.adc.Raw(d.p.Supply)
	if err != nil {
		return 0, fmt.Errorf("thermistor at %s: its supply: %w", d, err)
	}
	at, err := d.adc.Raw(d.p.Input)
	if err == nil {
		var milliC int64
		if milliC, err = d.p.milliC(at, supply); err == nil {
			return milliC, nil
		}
	}
	return 0, fmt.Errorf("thermistor at %s: %w", d, err)
}

// milliC turns what the converter read into a temperature.
func (p Parameters) milliC(at, supply int64) (int64, error) {
	switch {
	case supply < leastSupply:
		return 0, fmt.Errorf("%w: the divider's supply is %d mV", device.ErrMissing, supply/8)
	case (supply-at)*broken < supply:
		return 0, fmt.Errorf("%w: %d of %d mV", device.ErrOpen, at/8, supply/8)
	case at*broken < supply:
		return 0, fmt.Errorf("%w: %d of %d mV", device.ErrShorted, at/8, supply/8)
	}
	ohm := float64(p.SeriesOhm) * float64(at) / float64(supply-at)
	c := 1/p.perKelvin(ohm) - zero
	if !(c >= lowest/1000 && c <= highest/1000) { // also what is no number at all
		return 0, fmt.Errorf("%w: %.0f Ω is %.1f °C, want %d to %d", device.ErrOutOfRange, ohm, c, lowest/1000, highest/1000)
	}
	return int64(math.Round(c * 1000)), nil
}

const zero = 273.15 // kelvin, 0 °C

// perKelvin is one by the temperature in kelvin. By the Beta equation it is 1/T25 + ln(R/R25)/B, a straight line in L = ln(R);
// by Steinhart and Hart's it is a + b L + c L³, here through the three points of the table.
func (p Parameters) perKelvin(ohm float64) float64 {
	l := math.Log(ohm)
	if p.Table == [3]Point{} {
		return 1/(25+zero) + (l-math.Log(float64(p.R25Ohm)))/float64(p.BetaK)
	}
	var ls, ys [3]float64
	for i, at := range p.Table {
		ls[i], ys[i] = math.Log(float64(at.Ohm)), 1/(float64(at.MilliC)/1000+zero)
	}
	slope1, slope2 := (ys[1]-ys[0])/(ls[1]-ls[0]), (ys[2]-ys[0])/(ls[2]-ls[0])
	c := (slope2 - slope1) / (ls[2] - ls[1]) / (ls[0] + ls[1] + ls[2])
	b := slope1 - c*(ls[0]*ls[0]+ls[0]*ls[1]+ls[1]*ls[1])
	return ys[0] + b*(l-ls[0]) + c*(l*l*l-ls[0]*ls[0]*ls[0])
}
