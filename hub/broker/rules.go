package broker

import (
	"errors"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"meguri/protocol"
)

// rules is the hook by which mochi asks us. Whatever is not allowed here is denied.
type rules struct {
	mqtt.HookBase
	broker *Broker
}

// ID names the hook.
func (r *rules) ID() string { return "meguri" }

// Provides says which questions the hook answers.
func (r *rules) Provides(question byte) bool {
	switch question {
	case mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnPacketRead:
		return true
	}
	return false
}

// OnConnect notes mochi's client, so that it can be cleaned up, and bounds the keepalive: one of 0 would wait for ever.
func (r *rules) OnConnect(cl *mqtt.Client, _ packets.Packet) error {
	c, ok := cl.Net.Conn.(*conn)
	if !ok {
		return errors.New("a connection that has not come through login")
	}
	c.client = cl
	if k := cl.State.Keepalive; k == 0 || k > maxKeepalive {
		cl.State.Keepalive = maxKeepalive
	}
	return nil
}

// OnConnectAuthenticate takes only who has logged in as what it says to be.
func (r *rules) OnConnectAuthenticate(cl *mqtt.Client, _ packets.Packet) bool {
	c, ok := cl.Net.Conn.(*conn)
	return ok && c.id != "" && c.id == cl.ID
}

// OnACLCheck judges publishing, subscribing and each delivery. What it denies is told by OnPacketRead.
func (r *rules) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool {
	return Allowed(cl.ID, topic, write)
}

// deny counts and tells what a client may not.
func (r *rules) deny(cl *mqtt.Client, what, topic string) {
	r.broker.stats.Denied.Add(1)
	r.broker.lines.say(cl.ID, what, "remote", cl.Net.Remote, "topic", topic[:min(len(topic), 100)])
}

// Allowed is the whole rule: a device publishes its own up topic and reads its own down topic, both exactly; the hub
// publishes any down topic and reads all up topics.
func Allowed(client, topic string, write bool) bool {
	if client != HubUser {
		return write && topic == protocol.UpTopic(client) || !write && topic == protocol.DownTopic(client)
	}
	if write {
		_, err := protocol.ParseDownTopic(topic)
		return err == nil
	}
	_, err := protocol.ParseUpTopic(topic)
	return err == nil || topic == protocol.UpFilter
}

// OnPacketRead refuses what we do without, and slows down who sends too much. It runs in the goroutine that reads this one
// connection, so that waiting holds up nobody else.
func (r *rules) OnPacketRead(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	c, ok := cl.Net.Conn.(*conn)
	if !ok {
		return pk, packets.ErrRejectPacket
	}
	now := time.Now()
	c.heard.Store(now.UnixNano())
	if what := unwanted(cl.ID, pk); what != "" {
		c.denied.Store(true)
		r.deny(cl, what, pk.TopicName)
		return pk, packets.ErrRejectPacket
	}
	for _, f := range pk.Filters {
		if pk.FixedHeader.Type == packets.Subscribe && !Allowed(cl.ID, f.Filter, false) {
			r.deny(cl, "subscribe", f.Filter) // the SUBACK says so
		}
	}
	if c.id != HubUser {
		time.Sleep(c.pace.take(now, pk.FixedHeader.Remaining))
	}
	return pk, nil
}

// unwanted says what is wrong with a packet, if anything: mochi would be silent about some of it, or even take it.
func unwanted(client string, pk packets.Packet) string {
	switch pk.FixedHeader.Type {
	case packets.Connect, packets.Puback, packets.Subscribe, packets.Unsubscribe, packets.Pingreq, packets.Disconnect:
		return ""
	case packets.Publish:
		switch {
		case pk.FixedHeader.Retain:
			return "retain"
		case pk.FixedHeader.Qos > 1:
			return "QoS 2"
		case !Allowed(client, pk.TopicName, true):
			return "publish"
		}
		return ""
	}
	return "packet"
}

// pace is a bucket of messages and bytes that fills with time, a second's worth at most.
type pace struct {
	last            time.Time
	messages, bytes float64 // that may be sent at once
}

// take takes one message of so many bytes out and says how long to wait for it.
func (p *pace) take(now time.Time, bytes int) time.Duration {
	seconds := 1.0
	if !p.last.IsZero() {
		seconds = now.Sub(p.last).Seconds()
	}
	p.last = now
	p.messages = min(p.messages+seconds*messageRate, messageRate) - 1
	p.bytes = min(p.bytes+seconds*byteRate, byteRate) - float64(bytes)
	short := max(-p.messages/messageRate, -p.bytes/byteRate, 0)
	return time.Duration(short * float64(time.Second))
}
