package broker

import (
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

func (b *Broker) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors, for example: wait for some to come back
			b.config.Logger.Warn("MQTT broker: accept", "error", err)
			time.Sleep(50 * time.Millisecond)
			continue
		}
		b.Attach(c)
	}
}

// serve lets a peer log in and hands it to mochi, which returns when the connection has ended.
func (b *Broker) serve(c *conn) {
	defer func() {
		if r := recover(); r != nil {
			b.stats.Panics.Add(1)
			b.config.Logger.Error("MQTT broker: panic, connection ended", "device", c.peer.Device, "remote", c.remote, "panic", r)
			b.sayWill(c)
		}
		b.end(c)
	}()
	if err := b.login(c); err != nil {
		b.stats.Refused.Add(1)
		b.lines.say(c.peer.Device, whatOf(err), "remote", c.remote, "error", err)
		return
	}
	b.stats.Sessions.Add(1)
	defer b.stats.Sessions.Add(-1)
	if !c.peer.Ends.IsZero() {
		defer time.AfterFunc(time.Until(c.peer.Ends), func() { _ = c.Close() }).Stop()
	}
	err := b.mochi.EstablishConnection("", c)
	var broken packets.Code // of mochi's: of the network's own errors none is one
	if errors.As(err, &broken) {
		b.stats.Broken.Add(1)
		if !c.denied.Load() { // that is told already
			b.lines.say(c.peer.Device, "packet", "remote", c.remote, "error", err)
		}
		return
	}
	b.config.Logger.Debug("MQTT broker: connection ended", "device", c.peer.Device, "remote", c.remote, "error", err)
}

// sayWill publishes the will of a session that a panic has ended: mochi does not come to it.
func (b *Broker) sayWill(c *conn) {
	if c.client == nil || c.will == nil || atomic.LoadUint32(&c.client.Properties.Will.Flag) == 0 {
		return
	}
	defer func() { _ = recover() }() // whatever is broken may be so for this, too
	if err := b.mochi.InjectPacket(b.self, *c.will); err != nil {
		b.config.Logger.Error("MQTT broker: a will is lost", "device", c.peer.Device, "error", err)
	}
}

// end forgets a connection, whatever way it ended: after a panic, or a failed answer, mochi still holds the client.
func (b *Broker) end(c *conn) {
	_ = c.Close()
	if c.client != nil {
		if held, ok := b.mochi.Clients.Get(c.id); ok && held == c.client {
			b.mochi.UnsubscribeClient(c.client)
			c.client.ClearInflights()
			b.mochi.Clients.Delete(c.id)
		}
	}
	b.loggedIn(c)
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conns, c)
	if b.sessions[c.id] == c {
		delete(b.sessions, c.id)
	}
	close(c.done)
}

// takeOver makes c the session of its client id. An older one is ended first, completely: mochi hands subscriptions and
// queued messages on when it replaces a client itself, and may forget the new one when the old one's end comes late.
func (b *Broker) takeOver(c *conn) error {
	timeout := time.NewTimer(takeOverTime)
	defer timeout.Stop()
	for {
		b.mu.Lock()
		old := b.sessions[c.id]
		if old == nil {
			full := len(b.sessions) >= maxSessions
			if !full {
				b.sessions[c.id] = c
			}
			b.mu.Unlock()
			if full {
				return errFull
			}
			return nil
		}
		alarm := b.moved(old, c)
		b.mu.Unlock()
		_ = old.Close()
		if alarm != nil {
			b.alarm(*alarm)
		}
		select {
		case <-old.done:
		case <-timeout.C:
			return errBusy
		}
	}
}
