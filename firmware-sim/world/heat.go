package world

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

const (
	step = time.Second
	// catchUp bounds the steps that one question costs. What was a month ago no longer shows in any temperature.
	catchUp = 31 * 24 * time.Hour

	// sensorLag is the time constant of a probe in its steel sleeve in slowly moving air, in seconds (plausible: data sheets of
	// such sleeves give 20 to 100 s).
	sensorLag = 60.0

	// jPerGK is the specific heat of fresh food above freezing: 3.2 to 3.9 J/gK for meat, milk and vegetables (ASHRAE Handbook,
	// Refrigeration, chapter "Thermal properties of foods").
	jPerGK = 3.6
	// filmWPerM2K is how well air takes heat from a container: 5 to 10 W/m²K for free convection.
	filmWPerM2K = 6.0
	// gPerL is the bulk density of packed food with the air between (plausible).
	gPerL = 500.0
)

// mass is something that holds heat and exchanges it with the air of its box.
type mass struct {
	id     string
	jPerK  float64
	wPerK  float64
	c      float64
	melts  float64 // °C at which it melts
	latent float64 // joules that are left to melt it; 0 for what does not melt
}

// take gives the mass q joules. What melts stays at its melting point until all has melted.
func (m *mass) take(q float64) {
	if m.latent > 0 && m.c >= m.melts && q > 0 {
		used := min(q, m.latent)
		m.latent -= used
		q -= used
	}
	before := m.c
	m.c += q / m.jPerK
	if m.latent > 0 && before < m.melts && m.c > m.melts {
		m.latent -= min(m.latent, (m.c-m.melts)*m.jPerK)
		m.c = m.melts
	}
}

// box is closed air with masses in it: a fridge or a shipper.
type box struct {
	name    string
	now     func() time.Time
	ambient func(time.Time) int64

	mu     sync.Mutex
	at     time.Time // computed up to here
	minute int64     // of around, Unix minutes
	around float64
	air    float64
	probe  float64
	airJK  float64 // of the air and what is thin
	wallWK float64
	openWK float64 // more of it while the door or lid is open
	open   bool
	parts  []*mass // liner, ice packs
	goods  []*mass
	power  func(dt float64) float64 // watts that are put into the air
}

func newBox(name string, now func() time.Time, ambient func(time.Time) int64, c float64) *box {
	return &box{name: name, now: now, ambient: ambient, at: now(), minute: -1, air: c, probe: c, power: func(float64) float64 { return 0 }}
}

// do brings the box up to now and then does fn.
func (b *box) do(fn func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if now.Sub(b.at) > catchUp {
		b.at = now.Add(-catchUp)
	}
	for !b.at.Add(step).After(now) {
		b.second(b.weather())
		b.at = b.at.Add(step)
	}
	fn()
}

// weather is the temperature around the box, looked up once a minute: at the full minute, so that it does not depend on when
// somebody asked.
func (b *box) weather() float64 {
	if minute := b.at.Unix() / 60; minute != b.minute {
		b.minute = minute
		b.around = float64(b.ambient(time.Unix(minute*60, 0))) / 1000
	}
	return b.around
}

// second computes one step by Euler's method. The fastest part, the air, has a time constant of half a minute and more, so
// that a step of a second is stable and good to a few thousandths of a degree.
func (b *box) second(around float64) {
	dt := step.Seconds()
	wall := b.wallWK
	if b.open {
		wall += b.openWK
	}
	q := (wall*(around-b.air) + b.power(dt)) * dt
	for _, all := range [...][]*mass{b.parts, b.goods} {
		for _, m := range all {
			flow := m.wPerK * (b.air - m.c) * dt
			m.take(flow)
			q -= flow
		}
	}
	b.air += q / b.airJK
	b.probe += (b.air - b.probe) * dt / sensorLag
}

// AirMilliC is the temperature of the air.
func (b *box) AirMilliC() (milliC int64) {
	b.do(func() { milliC = milli(b.air) })
	return milliC
}

// ProbeMilliC is the temperature of a probe's sleeve, which follows the air slowly. It is what to give a chip.
func (b *box) ProbeMilliC() (milliC int64) {
	b.do(func() { milliC = milli(b.probe) })
	return milliC
}

// Put puts goods of so many grams and thousandths of a degree into the box.
func (b *box) Put(id string, grams, milliC int64) error {
	if grams <= 0 || grams > 1_000_000 {
		return fmt.Errorf("put %s into %s: %d g: want 1 to 1000000", id, b.name, grams)
	}
	litres := float64(grams) / gPerL
	m := &mass{id: id, jPerK: float64(grams) * jPerGK, wPerK: filmWPerM2K * 6 * math.Pow(litres/1000, 2.0/3), c: float64(milliC) / 1000} // a cube's surface
	var err error
	b.do(func() {
		if b.find(id) >= 0 {
			err = fmt.Errorf("put %s into %s: it is there already", id, b.name)
			return
		}
		b.goods = append(b.goods, m)
	})
	return err
}

// Take takes goods out and says how warm they are.
func (b *box) Take(id string) (milliC int64, err error) {
	b.do(func() {
		i := b.find(id)
		if i < 0 {
			err = fmt.Errorf("take %s out of %s: it is not there", id, b.name)
			return
		}
		milliC = milli(b.goods[i].c)
		b.goods = slices.Delete(b.goods, i, i+1)
	})
	return milliC, err
}

// GoodsMilliC is how warm goods in the box are.
func (b *box) GoodsMilliC(id string) (milliC int64, err error) {
	b.do(func() {
		i := b.find(id)
		if i < 0 {
			err = fmt.Errorf("look at %s in %s: it is not there", id, b.name)
			return
		}
		milliC = milli(b.goods[i].c)
	})
	return milliC, err
}

// Goods lists what is in the box, in the order in which it was put in.
func (b *box) Goods() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	ids := make([]string, 0, len(b.goods))
	for _, m := range b.goods {
		ids = append(ids, m.id)
	}
	return ids
}

// SetOpen opens or shuts the door or lid.
func (b *box) SetOpen(open bool) { b.do(func() { b.open = open }) }

func (b *box) find(id string) int {
	return slices.IndexFunc(b.goods, func(m *mass) bool { return m.id == id })
}

func milli(c float64) int64 { return int64(math.Round(c * 1000)) }
