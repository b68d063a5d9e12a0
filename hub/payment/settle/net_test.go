package settle_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
)

// wire is a network in memory for one server: real HTTP, and time that stands still while nobody waits for it.
type wire struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// serve runs a server on a wire until the test ends, and gives what reaches it.
func serve(t *testing.T, h http.Handler) *http.Transport {
	w := &wire{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: h}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(w) // ends with Close
	}()
	reach := &http.Transport{DialContext: w.dial}
	t.Cleanup(func() { reach.CloseIdleConnections(); _ = server.Close(); <-ended })
	return reach
}

func (w *wire) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case w.conns <- there:
		return here, nil
	case <-w.done:
		return nil, &net.OpError{Op: "dial", Err: net.ErrClosed}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.done:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error { w.once.Do(func() { close(w.done) }); return nil }

func (*wire) Addr() net.Addr { return &net.UnixAddr{Name: "wire"} }
