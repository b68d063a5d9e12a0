package load

import (
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"meguri/protocol"
)

// device is as little of a device as the hub can be loaded with: MQTT packets and the protocol, its log made up as it goes, one
// batch of readings and one of events under way at a time. It holds what `edge run` would send; what it costs here is not
// measured.
type device struct {
	id, position string
	conn         net.Conn
	incarnation  protocol.Incarnation
	logs         [2]madeUp // events, readings
	epoch        uint64
	start        time.Time
	say          dose
	answered     *counts
	mu           sync.Mutex // held to write, and over logs
	messageID    uint16
	due          time.Time // when the next events happen
}

// dose is how much a device says at once, and how often it has so many events.
type dose struct {
	records, rounds, sensors, events int
	every                            time.Duration
}

// madeUp is a log that is not stored.
type madeUp struct {
	next    uint64
	before  protocol.Hash
	waiting time.Time // since when its events wait, or its readings are under way; zero: nothing is
}

const wait = 30 * time.Second

func (d *device) connect(address string, config *tls.Config) error {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: wait}, "tcp", address, config)
	if err != nil {
		return err
	}
	d.conn = conn
	_ = conn.SetDeadline(time.Now().Add(2 * wait))
	connect := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	connect.ProtocolName, connect.ProtocolVersion, connect.CleanSession, connect.Keepalive = "MQTT", 4, true, 300
	connect.ClientIdentifier = d.id
	if err := connect.Write(conn); err != nil {
		return err
	}
	if p, err := packets.ReadPacket(conn); err != nil {
		return err
	} else if ack, ok := p.(*packets.ConnackPacket); !ok || ack.ReturnCode != 0 {
		return fmt.Errorf("%s: the broker answers %v", d.id, p)
	}
	subscribe := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	subscribe.MessageID, subscribe.Topics, subscribe.Qoss = 1, []string{protocol.DownTopic(d.id)}, []byte{0}
	if err := subscribe.Write(conn); err != nil {
		return err
	}
	d.logs = [2]madeUp{{next: 1}, {next: 1}}
	return d.publish(protocol.Hello{Incarnation: d.incarnation, Boot: 1, Session: 1, Nonce: 7, Software: "load", Revision: protocol.Revision,
		Logs: []protocol.Position{{Log: protocol.Events, First: 1, Next: 1}, {Log: protocol.Readings, First: 1, Next: 1}}})
}

func (d *device) publish(m protocol.Message) error {
	payload, err := protocol.Encode(m)
	if err != nil {
		return err
	}
	publish := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	d.messageID = max(1, d.messageID+1)
	publish.TopicName, publish.Payload, publish.Qos, publish.MessageID = protocol.UpTopic(d.id), payload, 1, d.messageID
	return publish.Write(d.conn)
}

// serve answers the hub until the connection ends: each acknowledgement is followed by the next batch, until over is closed.
func (d *device) serve(over <-chan struct{}) error {
	for {
		p, err := packets.ReadPacket(d.conn)
		if err != nil {
			return err
		}
		publish, ok := p.(*packets.PublishPacket)
		if !ok {
			continue
		}
		m, err := protocol.Decode(publish.Payload)
		if err != nil {
			return err
		}
		select {
		case <-over:
			return nil
		default:
		}
		switch m := m.(type) {
		case protocol.Welcome:
			d.epoch = m.Epoch
			d.answered.welcomed.Add(1)
			d.due = time.Now().Add(rand.N(d.say.every)) // not all at once
			d.later(protocol.Events, time.Until(d.due))
			d.later(protocol.Readings, 0)
		case protocol.Ack:
			d.acked(m)
		}
	}
}

func (d *device) acked(a protocol.Ack) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := &d.logs[a.Log-1]
	if l.waiting.IsZero() || a.Applied+1 < l.next {
		return // said again, or of the hello
	}
	took := time.Since(l.waiting)
	l.waiting = time.Time{}
	_ = d.conn.SetDeadline(time.Now().Add(2 * wait))
	pause := time.Duration(a.WaitMS) * time.Millisecond // a device does as it is told
	if a.Log == protocol.Readings {
		d.answered.readings.Add(int64(d.say.records * d.say.rounds * d.say.sensors))
		d.later(a.Log, pause)
		return
	}
	d.answered.events.Add(int64(d.say.events))
	d.answered.took(took)
	d.due = d.due.Add(d.say.every)
	d.later(a.Log, max(pause, time.Until(d.due)))
}

// later sends the next batch of a log after a pause. What goes wrong then shows to who reads the connection.
func (d *device) later(l protocol.LogID, pause time.Duration) {
	time.AfterFunc(pause, func() {
		if d.next(l) != nil {
			_ = d.conn.Close()
		}
	})
}

// next sends the next batch of a log.
func (d *device) next(id protocol.LogID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := &d.logs[id-1]
	b := protocol.Batch{Incarnation: d.incarnation, Log: id, First: l.next, Before: l.before}
	n := d.say.events
	if id == protocol.Readings {
		n = d.say.records
	}
	for range n {
		record, err := protocol.EncodeRecord(d.record(id, l.next))
		if err != nil {
			return err
		}
		b.Records = append(b.Records, record)
		l.next, l.before = l.next+1, l.before.Next(record)
	}
	packed, err := b.Pack()
	if err != nil {
		return err
	}
	l.waiting = time.Now()
	if id == protocol.Events && d.due.Before(l.waiting) {
		l.waiting = d.due // they have waited since then
	}
	return d.publish(packed)
}

func (d *device) record(id protocol.LogID, number uint64) protocol.Record {
	var body protocol.Body
	if id == protocol.Events {
		if body = protocol.Body(protocol.DoorOpened{Position: d.position}); number%2 == 0 {
			body = protocol.DoorClosed{Position: d.position, OpenMS: 20_000}
		}
	} else {
		body = d.rounds(number)
	}
	bytes, err := protocol.EncodeBody(body)
	if err != nil {
		panic(err) // our own struct
	}
	mono := time.Since(d.start).Milliseconds()
	return protocol.Record{Number: number, Boot: 1, Mono: mono, Wall: time.Now().UnixMilli(), Quality: protocol.WallSet, Kind: body.Kind(),
		Body: bytes}
}

func (d *device) rounds(number uint64) protocol.Body {
	var all []protocol.Round
	for i := range d.say.rounds {
		r := protocol.Round{Ago: int64(d.say.rounds-1-i) * 60_000}
		for j := range d.say.sensors {
			drift := int64((number*13 + uint64(i*31+j*7)) % 9)
			r.Samples = append(r.Samples, protocol.Sample{Sensor: fmt.Sprintf("%s/s%d", d.position, j), MilliC: 4000 + 62*drift})
		}
		all = append(all, r)
	}
	r, err := protocol.NewRounds(all)
	if err != nil {
		panic(err) // our own numbers
	}
	return r
}

func (d *device) close() {
	if d.conn != nil {
		_ = packets.NewControlPacket(packets.Disconnect).Write(io.Discard)
		_ = d.conn.Close()
	}
}
