package board

import (
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"go.bug.st/serial"
)

// openSerial opens "/dev/ttyUSB0?baud=9600&parity=even".
func openSerial(spec string) (io.ReadWriteCloser, error) {
	path, mode, err := parseSerial(spec)
	if err != nil {
		return nil, err
	}
	p, err := serial.Open(path, mode)
	if err != nil {
		return nil, fmt.Errorf("open serial line: %w; there are %s", err, existing("/dev/ttyUSB*", "/dev/ttyACM*", "/dev/ttyAMA*", "/dev/ttyS[0-9]", "/dev/serial*"))
	}
	return p, nil
}

// parseSerial reads the text behind "serial:".
func parseSerial(spec string) (path string, mode *serial.Mode, err error) {
	path, query, _ := strings.Cut(spec, "?")
	if !strings.HasPrefix(path, "/dev/") {
		return "", nil, fmt.Errorf("serial line %q: want a path below /dev", path)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", nil, fmt.Errorf("serial line %s: %w", path, err)
	}
	mode = &serial.Mode{BaudRate: 9600, DataBits: 8}
	for key, all := range values {
		if len(all) != 1 {
			return "", nil, fmt.Errorf("serial line %s: %s is given %d times", path, key, len(all))
		}
		if err := setSerial(mode, key, all[0]); err != nil {
			return "", nil, fmt.Errorf("serial line %s: %w", path, err)
		}
	}
	return path, mode, nil
}

func setSerial(mode *serial.Mode, key, value string) (err error) {
	number := func(low, high int) int {
		n, e := strconv.Atoi(value)
		if e != nil || n < low || n > high {
			err = fmt.Errorf("%s %q: want a number from %d to %d", key, value, low, high)
		}
		return n
	}
	switch key {
	case "baud":
		mode.BaudRate = number(300, 921_600)
	case "bits":
		mode.DataBits = number(5, 8)
	case "stop":
		mode.StopBits = serial.OneStopBit
		if number(1, 2) == 2 {
			mode.StopBits = serial.TwoStopBits
		}
	case "parity":
		parity, ok := map[string]serial.Parity{"none": serial.NoParity, "odd": serial.OddParity, "even": serial.EvenParity}[value]
		if !ok {
			err = fmt.Errorf("parity %q: want none, odd or even", value)
		}
		mode.Parity = parity
	default:
		err = fmt.Errorf("setting %q is unknown: want baud, bits, parity or stop", key)
	}
	return err
}

// existing lists the files that match, or says that there are none.
func existing(patterns ...string) string {
	var found []string
	for _, p := range patterns {
		m, _ := filepath.Glob(p) // the only error is a bad pattern
		found = append(found, m...)
	}
	if len(found) == 0 {
		return "none like " + strings.Join(patterns, ", ")
	}
	return strings.Join(found, ", ")
}
