package chaos

import (
	"bytes"
	"io"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// proxy stands between the hub and PostgreSQL's socket, and cuts a connection in the middle of a COMMIT when it is told to:
// before the server has it, or behind it so that the answer is lost. The hub cannot know which.
type proxy struct {
	dir    string // of the socket that the hub connects to
	server string
	cut    atomic.Int32 // what to do with the next COMMIT
	cuts   atomic.Int64
}

const (
	cutNot = iota
	cutBefore
	cutBehind
)

func newProxy(t *testing.T, server string) *proxy {
	t.Helper()
	p := &proxy{dir: t.TempDir(), server: server}
	l, err := net.Listen("unix", filepath.Join(p.dir, ".s.PGSQL.5432"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go p.join(conn)
		}
	}()
	return p
}

func (p *proxy) join(hub net.Conn) {
	defer func() { _ = hub.Close() }()
	server, err := net.Dial("unix", p.server)
	if err != nil {
		return // it is being restarted
	}
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = io.Copy(hub, server)
		_ = hub.Close()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := hub.Read(buffer)
		if err != nil {
			return
		}
		how := int32(cutNot)
		if bytes.Contains(bytes.ToLower(buffer[:n]), []byte("commit\x00")) {
			how = p.cut.Swap(cutNot)
		}
		if how == cutBefore {
			p.cuts.Add(1)
			return
		}
		if how == cutBehind {
			_ = hub.Close() // before the server can answer
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
		if how == cutBehind {
			p.cuts.Add(1)
			return
		}
	}
}
