package world

import (
	"fmt"
	"time"
)

// ShipperConfig describes an insulated box and the ice packs that were put into it.
type ShipperConfig struct {
	Name        string
	WallMWK     int64 // heat through the walls, thousandths of a watt per kelvin
	OpenMWK     int64 // more of it while the lid is open
	AirJK       int64
	Packs       int64 // number of ice packs
	PackGrams   int64 // of each
	PackMWK     int64 // between one pack and the air
	MeltMilliC  int64 // 0 for water
	PackMilliC  int64 // of the packs at the start
	StartMilliC int64 // of the air at the start
}

// Precooled is a box of expanded polypropylene of about 60 l with four water packs of a kilogram, charged and a little
// thawed. Walls: 0.95 m² of 40 mm foam at 0.036 W/mK, 0.85 W/K. Packs lie on the goods, so they exchange more heat than
// their surface in air would; that and the rest is plausible.
func Precooled(name string) ShipperConfig {
	return ShipperConfig{
		Name: name, WallMWK: 850, OpenMWK: 6_000, AirJK: 800,
		Packs: 4, PackGrams: 1_000, PackMWK: 1_300, MeltMilliC: 0, PackMilliC: -2_000, StartMilliC: 5_000,
	}
}

// Plain is the same box without packs.
func Plain(name string, startMilliC int64) ShipperConfig {
	c := Precooled(name)
	c.Packs, c.StartMilliC = 0, startMilliC
	return c
}

const (
	iceJPerG  = 334.0 // heat of fusion of water (CRC Handbook)
	iceJPerGK = 2.1   // of ice; a thawed pack would hold 4.2, which no longer matters then
)

// Shipper is an insulated box with a lid.
type Shipper struct{ *box }

// NewShipper returns a shipper with its lid shut. now is a clock's Now, ambient the air around it in thousandths of a degree.
func NewShipper(c ShipperConfig, now func() time.Time, ambient func(time.Time) int64) *Shipper {
	s := &Shipper{newBox(c.Name, now, ambient, float64(c.StartMilliC)/1000)}
	s.airJK, s.wallWK, s.openWK = float64(c.AirJK), float64(c.WallMWK)/1000, float64(c.OpenMWK)/1000
	for i := range c.Packs {
		s.parts = append(s.parts, &mass{
			id: fmt.Sprintf("pack %d", i+1), jPerK: float64(c.PackGrams) * iceJPerGK, wPerK: float64(c.PackMWK) / 1000,
			c: float64(c.PackMilliC) / 1000, melts: float64(c.MeltMilliC) / 1000, latent: float64(c.PackGrams) * iceJPerG,
		})
	}
	return s
}

// IceGrams is how much of the packs has not melted yet.
func (s *Shipper) IceGrams() (grams int64) {
	s.do(func() {
		for _, p := range s.parts {
			grams += int64(p.latent / iceJPerG)
		}
	})
	return grams
}
