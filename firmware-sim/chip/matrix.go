package chip

import (
	"sync"

	"periph.io/x/conn/v3/gpio"
)

// Matrix is a keypad whose keys each join a row's wire and a column's. Its methods are for people. Current finds every way: with
// three keys down at the corners of a square the fourth seems down, too.
type Matrix struct {
	rows, columns []*Pin
	keys          []string

	mu    sync.Mutex
	down  map[byte]bool
	worn  byte // a key that conducts at every other look only
	looks int
	low   []bool // rows that are driven low
}

// NewMatrix solders a keypad to pins. keys has a string for each row, a byte for each column.
func NewMatrix(rows, columns []*Pin, keys []string) *Matrix {
	m := &Matrix{rows: rows, columns: columns, keys: keys, down: map[byte]bool{}, low: make([]bool, len(rows))}
	for i, r := range rows {
		r.OnChange(func(l gpio.Level) { m.driven(i, l == gpio.Low) })
		r.Drive(gpio.High) // a resistor to the supply, weaker than the board
	}
	return m
}

// Press presses a key down and holds it.
func (m *Matrix) Press(key byte) { m.hold(key, true) }

// Release lets a key go.
func (m *Matrix) Release(key byte) { m.hold(key, false) }

// SetWorn makes a key conduct at every other look only, so that it is half read; 0 ends that.
func (m *Matrix) SetWorn(key byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.worn = key
}

func (m *Matrix) hold(key byte, down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down[key] = down
	m.conduct()
}

func (m *Matrix) driven(row int, low bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.low[row] = low
	if low {
		m.looks++
	}
	m.conduct()
}

// conduct puts on the columns what the keys let through from the rows that are low.
func (m *Matrix) conduct() {
	lows := m.columnsLow()
	for i, c := range m.columns {
		c.Switch(lows[i])
	}
}

func (m *Matrix) columnsLow() []bool {
	rows, columns := append([]bool{}, m.low...), make([]bool, len(m.columns))
	for changed := true; changed; {
		changed = false
		for r, keys := range m.keys {
			for c := range len(keys) {
				joined := m.down[keys[c]] && (keys[c] != m.worn || m.looks/2%2 == 0)
				if joined && rows[r] != columns[c] {
					rows[r], columns[c], changed = true, true, true
				}
			}
		}
	}
	return columns
}
