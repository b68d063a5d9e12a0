package app

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// port is a stream of a board: what is sent to rx is read, what is written goes to tx, and writes wait while tx is full.
type port struct {
	rx     chan string
	tx     chan string
	closed chan struct{}
	failed chan error // makes a read fail
}

func newPort() *port {
	return &port{rx: make(chan string), tx: make(chan string, 4), closed: make(chan struct{}), failed: make(chan error, 1)}
}

func (p *port) Read(b []byte) (int, error) {
	select {
	case s := <-p.rx:
		return copy(b, s), nil
	case err := <-p.failed:
		return 0, err
	case <-p.closed:
		return 0, io.ErrClosedPipe
	}
}

func (p *port) Write(b []byte) (int, error) {
	p.tx <- string(b) // a port that hangs does not notice that it is closed
	return len(b), nil
}

func (p *port) Close() error {
	close(p.closed) // twice is a mistake
	return nil
}

// plugs gives ports one after another, and counts.
type plugs struct {
	ports  []*port
	opened int
}

func (p *plugs) open(string) (io.ReadWriteCloser, error) {
	if p.opened == len(p.ports) {
		return nil, errors.New("no such device")
	}
	p.opened++
	return p.ports[p.opened-1], nil
}

func TestALineIsOpenedOnceForReaderAndDisplay(t *testing.T) {
	p := &plugs{ports: []*port{newPort()}}
	l := &line{name: "s", open: p.open}
	go func() { p.ports[0].rx <- "1#" }()
	b := make([]byte, 8)
	n, err := l.Read(b)
	require.NoError(t, err)
	require.Equal(t, "1#", string(b[:n]))
	_, err = l.Write([]byte("Open."))
	require.NoError(t, err)
	require.Equal(t, "Open.", <-p.ports[0].tx)
	require.Equal(t, 1, p.opened)
	require.NoError(t, l.Close())
	<-p.ports[0].closed
	_, err = l.Read(b)
	require.ErrorIs(t, err, errEnded)
	require.NoError(t, l.Close(), "again")
}

func TestALineThatFailedIsOpenedAgain(t *testing.T) {
	p := &plugs{ports: []*port{newPort(), newPort()}}
	l := &line{name: "s", open: p.open}
	p.ports[0].failed <- io.EOF
	_, err := l.Read(make([]byte, 8))
	require.ErrorIs(t, err, io.EOF)
	<-p.ports[0].closed
	_, err = l.Write([]byte("x"))
	require.NoError(t, err)
	require.Equal(t, "x", <-p.ports[1].tx)
	p.ports[1].failed <- nil
	_, err = l.Read(make([]byte, 8))
	require.ErrorIs(t, err, io.ErrNoProgress, "a driver that does not block must not make us run in circles")
	_, err = l.Read(make([]byte, 8))
	require.ErrorContains(t, err, "no such device")
}

// A descriptor that is closed may be another file's at once: what is being written then must not land in it.
func TestALineIsClosedOnlyWhenNobodyWritesToIt(t *testing.T) {
	p := &plugs{ports: []*port{newPort()}}
	p.ports[0].tx = make(chan string) // hangs
	l := &line{name: "s", open: p.open}
	wrote := make(chan error, 1)
	go func() {
		_, err := l.Write([]byte("x"))
		wrote <- err
	}()
	for { // until the write has begun
		l.mu.Lock()
		begun := l.now != nil && l.now.writers == 1
		l.mu.Unlock()
		if begun {
			break
		}
	}
	require.NoError(t, l.Close())
	select {
	case <-p.ports[0].closed:
		require.Fail(t, "closed under the writer's hands")
	default:
	}
	require.Equal(t, "x", <-p.ports[0].tx)
	require.NoError(t, <-wrote)
	<-p.ports[0].closed
}

func TestADisplayThatHangsStopsNobody(t *testing.T) {
	p := &plugs{ports: []*port{newPort()}}
	p.ports[0].tx = make(chan string)
	d := newDisplay(&line{name: "s", open: p.open})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	for i := range 3 * maxShown {
		d.show(shown{text: string(rune('a' + i%26))})
	}
	d.show(shown{text: "last", refused: true})
	for last := ""; last != "\alast\r\n"; {
		last = <-p.ports[0].tx
	}
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}
