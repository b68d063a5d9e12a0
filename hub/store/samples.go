package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"meguri/protocol"
)

// Sample is one value of a sensor, or the fault in its place.
type Sample struct {
	Ago    time.Duration // before the time of its row
	MilliC int64
	Fault  uint8 // protocol.SensorFault; MilliC means nothing then
}

// earlier is the content of readings.earlier: the samples of a row but the last. Each list holds differences, as in
// protocol.Rounds, so that what changes little takes a byte each.
type earlier struct {
	_      struct{} `cbor:",toarray"`
	Gaps   []int64  // from each sample to the next, milliseconds: the first, then each one's difference to the one before
	Values []int64  // m°C: the first, then each one's difference to the one before
	Faults []int64  // pairs: index of a sample, fault
}

// AppendEarlier appends to buf the encoding of the samples of a sensor but the last, nothing when there is only that. gaps are
// the milliseconds from each round to the next, values those of protocol.Rounds, and faults those of the record, of which
// the ones of sensor count.
func AppendEarlier(buf []byte, gaps, values []int64, faults []protocol.RoundFault, sensor int) []byte {
	if len(gaps) == 0 {
		return buf
	}
	buf = append(buf, 0x83) // a list of three
	buf = appendHead(buf, cborList, uint64(len(gaps)))
	last := int64(0)
	for _, gap := range gaps {
		buf = appendInt(buf, gap-last)
		last = gap
	}
	buf = appendHead(buf, cborList, uint64(len(gaps)))
	for _, v := range values[:len(gaps)] {
		buf = appendInt(buf, v)
	}
	n := uint64(0)
	for _, f := range faults {
		if int(f.Sensor) == sensor && int(f.Round) < len(gaps) {
			n += 2
		}
	}
	buf = appendHead(buf, cborList, n)
	for _, f := range faults {
		if int(f.Sensor) == sensor && int(f.Round) < len(gaps) {
			buf = appendInt(appendInt(buf, int64(f.Round)), int64(f.Fault))
		}
	}
	return buf
}

// Major types of CBOR (RFC 8949, section 3.1). The codec of package protocol reads this; it is written by hand because a row is
// written for each sensor of each record.
const (
	cborUnsigned = 0
	cborNegative = 1
	cborList     = 4
)

func appendInt(buf []byte, v int64) []byte {
	if v < 0 {
		return appendHead(buf, cborNegative, uint64(-(v + 1)))
	}
	return appendHead(buf, cborUnsigned, uint64(v))
}

func appendHead(buf []byte, major byte, v uint64) []byte {
	major <<= 5
	switch {
	case v < 24:
		return append(buf, major|byte(v))
	case v < 1<<8:
		return append(buf, major|24, byte(v))
	case v < 1<<16:
		return binary.BigEndian.AppendUint16(append(buf, major|25), uint16(v))
	case v < 1<<32:
		return binary.BigEndian.AppendUint32(append(buf, major|26), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(buf, major|27), v)
}

var errEarlier = errors.New("readings: what stands in the column earlier is not what this hub writes")

// SamplesOf gives all samples of a stored row in the order in which they were taken: the earlier ones, then the last.
func SamplesOf(stored []byte, last Sample) ([]Sample, error) {
	if len(stored) == 0 {
		return []Sample{last}, nil
	}
	var e earlier
	if err := protocol.DecodeBody(stored, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", errEarlier, err)
	}
	if len(e.Gaps) != len(e.Values) || len(e.Faults)%2 != 0 {
		return nil, fmt.Errorf("%w: %d gaps, %d values", errEarlier, len(e.Gaps), len(e.Values))
	}
	all := make([]Sample, len(e.Values)+1)
	all[len(e.Values)] = last
	var gap, value int64
	for i := range e.Values {
		gap, value = gap+e.Gaps[i], value+e.Values[i]
		all[i].MilliC = value
		e.Gaps[i] = gap
	}
	ago := int64(0)
	for i := len(e.Gaps) - 1; i >= 0; i-- {
		ago += e.Gaps[i]
		all[i].Ago = time.Duration(ago) * time.Millisecond
	}
	for i := 0; i < len(e.Faults); i += 2 {
		at := e.Faults[i]
		if at < 0 || at >= int64(len(e.Values)) || e.Faults[i+1] < 1 || e.Faults[i+1] > 255 {
			return nil, fmt.Errorf("%w: fault %d of sample %d", errEarlier, e.Faults[i+1], at)
		}
		all[at].MilliC, all[at].Fault = 0, uint8(e.Faults[i+1])
	}
	return all, nil
}
