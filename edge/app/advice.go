package app

import (
	"errors"
	"strings"

	"meguri/edge/device"
)

// What to do about what does not work, in the words of a person with a screwdriver. What the operating system lacks is said
// by edge/board, which knows it.
const (
	adviceName    = "compare the name in the kit with the board; edge probe without a kit lists what there is"
	adviceOneWire = "look for the pull-up resistor, 4.7 kΩ from data to 3.3 V, and for the supply of 3.3 V at the probes' red wire; then look whether data goes to the pin of the overlay"
	adviceHung    = "a chip holds the clock or data line, or the kernel's driver hangs: take the power off the board and all that is wired to it; if it comes again, unplug the sensors one by one"
	adviceI2C     = "look whether SDA and SCL are swapped, whether the sensor has 3.3 V and ground, and whether there are pull-ups (4.7 kΩ to 3.3 V) on both lines"
)

// advice is what an error itself says to do, or else otherwise.
func advice(err error, otherwise string) string {
	var a *device.Advised
	if errors.As(err, &a) && a.Do != "" {
		return a.Do
	}
	if text := err.Error(); strings.Contains(text, "busy") || strings.Contains(text, "in use by another") {
		return "another program has it, the agent perhaps: systemctl stop meguri-edge, and look again"
	}
	return otherwise
}

// adviceSensor is what to do about a sensor that gave no number.
func adviceSensor(p Probe, err error) string {
	oneWire := p.Chip == chipDS18B20
	switch {
	case errors.Is(err, errSilent):
		return adviceHung
	case errors.Is(err, device.ErrPowerOn) && oneWire:
		return "85 °C stands for no measurement: the probe lost its supply while it measured; give it all three wires, a thicker or shorter supply wire, and 100 nF beside it"
	case errors.Is(err, device.ErrPowerOn):
		return "the chip lost its supply while it measured: look at its 3.3 V, and put 100 nF beside it"
	case errors.Is(err, device.ErrCRC):
		return "the wire is too long or picks something up: keep it away from motors and the mains, use twisted wire, a pull-up of 2.2 kΩ in place of 4.7 kΩ, and one line without branches"
	case errors.Is(err, device.ErrOutOfRange):
		return "the sensor is broken, or the kit's parameters are of another one"
	case errors.Is(err, device.ErrOpen):
		return "the thermistor's wire is cut or its plug is out"
	case errors.Is(err, device.ErrShorted):
		return "the thermistor's two wires touch, or one touches ground: look at the cable where the door pinches it"
	case oneWire:
		return "compare the rom in the kit with what answers on the bus; then look at the probe's plug and its three wires"
	case p.Chip == chipADS1115:
		return "compare the address with what answers on the bus (ADDR at ground is 0x48, at 3.3 V 0x49); then look at its 3.3 V, at the divider's supply and at the input that measures it"
	}
	return "compare the address with what answers on the bus (0x44 as a rule, the B kinds 0x45); then look at its 3.3 V, SDA and SCL"
}
