package link

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	edgelog "meguri/edge/log"
	"meguri/protocol"
)

// What travels with each MQTT packet over TLS 1.3 and TCP/IPv4: headers of IP and TCP with time stamps, and of a TLS record.
const (
	packetOverhead = 20 + 32 + 22
	tcpAck         = 20 + 32
	economical     = 30 * time.Minute // Config.Linger of devices in the field
	shortJSON      = 342              // bytes of a reading published alone as short JSON, as measured; see jsonBytes
)

// published is what a QoS 1 publish and its PUBACK take, both ways.
func published(topic string, payload int) int {
	return packetOverhead + mqttPublish(topic, payload) + 2 + packetOverhead + 4
}

func mqttPublish(topic string, payload int) int {
	rest := 2 + len(topic) + payload
	length := 1
	for n := rest; n >= 128; n >>= 7 {
		length++
	}
	return 1 + length + rest
}

// jsonBytes is what one reading takes when it is published alone.
func jsonBytes(t testing.TB) int {
	payload, err := json.Marshal(map[string]any{"s": "loc-12-fridge-1/air", "t": 1_764_000_000_000, "c": 4.25})
	require.NoError(t, err)
	return published("meguri/v1/station-123/up", len(payload)) + tcpAck
}

// meter counts what travels between a pair.
func (p *pair) meter(bytes *int) {
	for i := range p.up {
		*bytes += published("meguri/v1/station-123/up", len(p.up[i]))
	}
	for i := range p.down {
		*bytes += packetOverhead + mqttPublish("meguri/v1/station-123/down", len(p.down[i])) + tcpAck // QoS 0
	}
}

// exchange is flow with a meter.
func (p *pair) exchange(bytes *int) {
	for len(p.up)+len(p.down) > 0 {
		p.meter(bytes)
		up := p.up
		p.up = nil
		down := p.down
		p.down = nil
		for i := range up {
			for _, m := range p.hub.receive(p.t, up[i]) {
				p.down = append(p.down, encode(p.t, m))
			}
		}
		for i := range down {
			if p.err == nil {
				p.err = p.core.receive(p.now, down[i])
			}
		}
		p.advance()
	}
}

// climate is four sensors that wander.
type climate struct {
	chance *rand.Rand
	milliC [4]int64
}

func (c *climate) samples() []protocol.Sample {
	all := make([]protocol.Sample, len(c.milliC))
	for i := range all {
		c.milliC[i] += c.chance.Int64N(121) - 60
		all[i] = protocol.Sample{Sensor: fmt.Sprintf("loc-12-fridge-%d/air", i+1), MilliC: 4000 + c.milliC[i]}
	}
	return all
}

func (c *climate) round() protocol.Body {
	r, err := protocol.NewRounds([]protocol.Round{{Samples: c.samples()}})
	if err != nil {
		panic(err)
	}
	return r
}

func newMetered(t testing.TB, revision uint64) *pair {
	p := newPair(t, openLog(t))
	p.hub.window, p.hub.revision = 8, revision
	p.linger(economical)
	p.flow()
	return p
}

func stamp(now time.Time) edgelog.Stamp {
	return edgelog.Stamp{Mono: now.UnixMilli(), Wall: 1_764_000_000_000 + now.UnixMilli(), Quality: protocol.WallSet}
}

// live is a station that samples four sensors once a minute for a day. It gives the bytes a reading, hellos and all.
func live(t testing.TB, revision uint64) float64 {
	p := newMetered(t, revision)
	c := climate{chance: rand.New(rand.NewPCG(1, 2))}
	bytes := 0
	const minutes = 24 * 60
	for range minutes {
		require.NoError(t, p.log.Update(stamp(p.now), func(tx *edgelog.Tx) error { _, err := tx.Append(c.round()); return err }))
		p.advance()
		for end := p.now.Add(time.Minute); p.now.Before(end); {
			p.exchange(&bytes)
			p.sleep(min(p.next.Sub(p.now), end.Sub(p.now)))
		}
	}
	require.NoError(t, p.err)
	return float64(bytes) / (4 * minutes)
}

// backlog is a station that has not been heard for a day.
func backlog(t testing.TB, revision uint64) float64 {
	p := newMetered(t, revision)
	c := climate{chance: rand.New(rand.NewPCG(1, 2))}
	const minutes = 24 * 60
	for n := range minutes {
		require.NoError(t, p.log.Update(stamp(p.now.Add(time.Duration(n)*time.Minute)), func(tx *edgelog.Tx) error {
			_, err := tx.Append(c.round())
			return err
		}))
	}
	bytes := 0
	p.advance()
	p.exchange(&bytes)
	p.sleep(economical) // the last ones linger
	p.exchange(&bytes)
	require.EqualValues(t, minutes, p.hub.log(logKey{p.log.Incarnation(), protocol.Readings}).next()-1)
	return float64(bytes) / (4 * minutes)
}

// TestAReadingTakesATwentiethOfAPublishOfItsOwn counts MQTT, TLS and TCP, both ways, hellos and acknowledgements too.
func TestAReadingTakesATwentiethOfAPublishOfItsOwn(t *testing.T) {
	for name, measure := range map[string]func(testing.TB, uint64) float64{"live": live, "backlog": backlog} {
		t.Run(name, func(t *testing.T) {
			packed, unpacked := measure(t, 2), measure(t, 1)
			t.Logf("%.1f B a reading packed, %.1f unpacked; short JSON %d, %d as counted here", packed, unpacked, shortJSON, jsonBytes(t))
			require.LessOrEqual(t, packed, float64(shortJSON)/20)
		})
	}
}

// BenchmarkBytes reports bytes a reading on the wire and how many times less that is than of one publish each.
func BenchmarkBytes(b *testing.B) {
	for name, measure := range map[string]func(testing.TB, uint64) float64{"live": live, "backlog": backlog} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				bytes := measure(b, 2)
				b.ReportMetric(bytes, "B/reading")
				b.ReportMetric(shortJSON/bytes, "of-json")
			}
		})
	}
}

const roundTrip = 100 * time.Millisecond

// drain lets a device send what it holds over a wire of 100 ms round trip, to a hub that needs no time and allows the window that
// ours does. It gives records a second, on fake time.
func drain(t testing.TB, records int) float64 {
	p := newMetered(t, 2)
	c := climate{chance: rand.New(rand.NewPCG(1, 2))}
	for n := 0; n < records; n += 500 {
		require.NoError(t, p.log.Update(stamp(p.now), func(tx *edgelog.Tx) error {
			for range 500 {
				if _, err := tx.Append(c.round()); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	type travelling struct {
		at      time.Time
		up      bool
		payload []byte
	}
	var way []travelling // all take as long, so it is in order
	send := func() {
		for _, up := range p.up {
			way = append(way, travelling{p.now.Add(roundTrip / 2), true, up})
		}
		for _, down := range p.down {
			way = append(way, travelling{p.now.Add(roundTrip / 2), false, down})
		}
		p.up, p.down = nil, nil
	}
	start := p.now
	p.advance()
	for send(); p.hub.log(logKey{p.log.Incarnation(), protocol.Readings}).next() <= uint64(records); send() {
		if len(way) == 0 { // everybody waits
			p.now = p.next
			p.advance()
			continue
		}
		first := way[0]
		way = way[1:]
		p.now = first.at
		if first.up {
			for _, m := range p.hub.receive(t, first.payload) {
				p.down = append(p.down, encode(t, m))
			}
			continue
		}
		require.NoError(t, p.core.receive(p.now, first.payload))
		p.advance()
	}
	require.NoError(t, p.err)
	return float64(records) / p.now.Add(roundTrip/2).Sub(start).Seconds()
}

// oneByOne is what a client reaches that publishes each record alone, 20 at a time.
const oneByOne = float64(20*time.Second) / float64(roundTrip)

func TestADrainIsFortyTimesAsFastAsOneByOne(t *testing.T) {
	rate := drain(t, 20_000)
	t.Logf("%.0f records a second at %v, %.0f times as many as one by one", rate, roundTrip, rate/oneByOne)
	require.Greater(t, rate, 40*oneByOne)
}

// BenchmarkDrain reports records a second at 100 ms round trip, on fake time, and how many times more that is than one by one
// with a window of 20.
func BenchmarkDrain(b *testing.B) {
	for range b.N {
		rate := drain(b, 50_000)
		b.ReportMetric(rate, "records/s")
		b.ReportMetric(rate/oneByOne, "of-one-by-one")
	}
}
