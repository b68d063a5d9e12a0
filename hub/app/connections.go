package app

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// How many connections people and programs may hold open, unless it is said otherwise. A browser opens six at most; behind one address
// may be an office.
const (
	DefaultConnections        = 4096
	DefaultConnectionsPerAddr = 256
)

// limitEvery is how often at most the log says that connections were refused.
const limitEvery = time.Minute

// limited is a listener with bounds on open connections: of all, and of each address. What is too many is closed without a word, for who
// holds that many reads none. Proxies bring many people, and are bounded by the first only.
type limited struct {
	net.Listener
	most, perAddress int
	proxies          []netip.Prefix
	logger           *slog.Logger

	mu      sync.Mutex
	open    int
	by      map[netip.Addr]int
	refused int
	said    time.Time
}

func limit(l net.Listener, c Config) *limited {
	out := &limited{Listener: l, most: c.MaxConnections, perAddress: c.MaxConnectionsPerAddress, proxies: c.Proxies, logger: c.Logger, by: map[netip.Addr]int{}}
	if out.most <= 0 {
		out.most = DefaultConnections
	}
	if out.perAddress <= 0 {
		out.perAddress = DefaultConnectionsPerAddr
	}
	return out
}

// Accept waits for a connection that may be held.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := addressOf(c)
		if l.take(from) {
			return &counted{Conn: c, end: sync.OnceFunc(func() { l.give(from) })}, nil
		}
		_ = c.Close()
	}
}

func addressOf(c net.Conn) netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// who is whom a connection counts for: a network of 64 bits is one subscriber's in IPv6, who has all its addresses.
func who(from netip.Addr) netip.Addr {
	if from.Is6() {
		if p, err := from.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return from
}

func (l *limited) take(from netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.most || l.by[who(from)] >= l.perAddress && !l.proxy(from) {
		l.refuse(time.Now())
		return false
	}
	l.open++
	l.by[who(from)]++
	return true
}

func (l *limited) proxy(from netip.Addr) bool {
	for _, p := range l.proxies {
		if p.Contains(from) {
			return true
		}
	}
	return false
}

func (l *limited) refuse(now time.Time) {
	l.refused++
	if now.Sub(l.said) >= limitEvery {
		l.logger.Warn("connections were refused: too many are open", "refused", l.refused, "open", l.open, "most", l.most, "most_per_address", l.perAddress)
		l.said, l.refused = now, 0
	}
}

func (l *limited) give(from netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.by[who(from)]--; l.by[who(from)] == 0 {
		delete(l.by, who(from)) // so that the map is no larger than what is open
	}
}

// counted is a connection that is counted until it is closed.
type counted struct {
	net.Conn
	end func()
}

// Close closes the connection, once or more often.
func (c *counted) Close() error {
	defer c.end()
	return c.Conn.Close()
}
