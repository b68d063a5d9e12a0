package world

import "time"

// FridgeConfig describes a cabinet.
type FridgeConfig struct {
	Name        string
	MilliC      int64 // set point
	SwingMilliC int64 // the compressor starts so much above it, and stops so much below
	CoolW       int64 // taken from the air while the compressor runs; 0 for a cabinet that is not cooled
	WallMWK     int64 // heat through the walls, thousandths of a watt per kelvin
	OpenMWK     int64 // more of it while the door is open
	AirJK       int64 // heat that the air and what is thin holds, joules per kelvin
	LinerJK     int64 // heat that liner and shelves hold
	LinerMWK    int64 // between liner and air
	StartMilliC int64 // of everything at the start
}

// Cabinet is a station's fridge of about 400 l. Walls: 3.5 m² of 60 mm polyurethane foam at 0.024 W/mK, and the door's
// gasket. Liner and shelves: 20 kg of steel and plastic at about 1 kJ/kgK. The rest is plausible: 120 W of cooling, an open
// door that warms the air by 5 °C in half a minute of summer.
func Cabinet(name string, milliC int64) FridgeConfig {
	return FridgeConfig{
		Name: name, MilliC: milliC, SwingMilliC: 1_000, CoolW: 120, WallMWK: 1_600, OpenMWK: 30_000,
		AirJK: 3_000, LinerJK: 20_000, LinerMWK: 40_000, StartMilliC: milliC,
	}
}

// restartAfter keeps a compressor off after it has stopped, until its pressures are even (3 to 5 minutes in makers' sheets).
const restartAfter = 3 * 60.0

// Fridge is a cabinet with a compressor and its thermostat, which hangs on the mains and not on any agent.
type Fridge struct {
	*box
	config  FridgeConfig
	running bool
	mains   bool
	broken  bool
	rested  float64 // seconds since the compressor stopped
}

// NewFridge returns a fridge on the mains with its door shut. now is a clock's Now, ambient the air around it in thousandths of
// a degree.
func NewFridge(c FridgeConfig, now func() time.Time, ambient func(time.Time) int64) *Fridge {
	f := &Fridge{box: newBox(c.Name, now, ambient, float64(c.StartMilliC)/1000), config: c, mains: true, rested: restartAfter}
	f.airJK, f.wallWK, f.openWK = float64(c.AirJK), float64(c.WallMWK)/1000, float64(c.OpenMWK)/1000
	f.parts = []*mass{{id: "liner", jPerK: float64(c.LinerJK), wPerK: float64(c.LinerMWK) / 1000, c: f.air}}
	f.power = f.compressor
	return f
}

// SetMains gives the fridge its supply, or takes it away.
func (f *Fridge) SetMains(on bool) { f.do(func() { f.mains = on }) }

// SetBroken breaks the compressor, or repairs it.
func (f *Fridge) SetBroken(broken bool) { f.do(func() { f.broken = broken }) }

// Running says whether the compressor runs.
func (f *Fridge) Running() (running bool) {
	f.do(func() { running = f.running })
	return running
}

// compressor is the thermostat's decision and what the compressor then does to the air.
func (f *Fridge) compressor(dt float64) float64 {
	able := f.mains && !f.broken && f.config.CoolW > 0
	set, swing := float64(f.config.MilliC)/1000, float64(f.config.SwingMilliC)/1000
	switch {
	case f.running && (!able || f.probe <= set-swing):
		f.running, f.rested = false, 0
	case !f.running && able && f.probe >= set+swing && f.rested >= restartAfter:
		f.running = true
	}
	if !f.running {
		f.rested += dt
		return 0
	}
	return -float64(f.config.CoolW)
}
