package protocol

// Samples is one round of a device's sensors, all at the record's time.
type Samples struct {
	Samples []Sample `cbor:"1,keyasint"`
}

// Sample is one sensor's value, or the fault that stands in its place: a faulty sensor never gives a number.
type Sample struct {
	Sensor string      `cbor:"1,keyasint"` // "FRIDGE/air", "SHIPPER/air", …
	MilliC int64       `cbor:"2,keyasint,omitempty"`
	Fault  SensorFault `cbor:"3,keyasint,omitempty"`
}

// SensorFault is why a sensor gave no value.
type SensorFault uint8

// Faults of a sensor.
const (
	SensorOK         SensorFault = 0
	SensorMissing    SensorFault = 1 // does not answer
	SensorCRC        SensorFault = 2 // answers, and the checksum does not fit
	SensorPowerOn    SensorFault = 3 // the power-on value, no conversion was made
	SensorOutOfRange SensorFault = 4 // outside what the chip can measure
)

func (f SensorFault) String() string {
	switch f {
	case SensorOK:
		return "ok"
	case SensorMissing:
		return "missing"
	case SensorCRC:
		return "checksum"
	case SensorPowerOn:
		return "power-on value"
	case SensorOutOfRange:
		return "out of range"
	}
	return "unknown fault"
}

// Thinned stands in the readings log for records that were dropped because its share of the storage was full, or that were
// damaged there. A hub that has some of the numbers From to To counts only the others as lost. After a fork both are 0: what
// was dropped had numbers of the parent incarnation.
type Thinned struct {
	From      uint64 `cbor:"1,keyasint"` // first number dropped
	To        uint64 `cbor:"2,keyasint"` // last number dropped
	Samples   uint32 `cbor:"3,keyasint"` // samples with a value in them; when 0, MinMilliC and MaxMilliC mean nothing
	MinMilliC int64  `cbor:"4,keyasint"`
	MaxMilliC int64  `cbor:"5,keyasint"`
	FromWall  int64  `cbor:"6,keyasint"` // Unix milliseconds of the first
	ToWall    int64  `cbor:"7,keyasint"` // Unix milliseconds of the last
}
