package broker

import (
	"bytes"
	"net"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"
)

// reading is a connection that gives bytes and ends.
type reading struct {
	net.Conn
	*bytes.Reader
}

func (r reading) Read(p []byte) (int, error) { return r.Reader.Read(p) }

// FuzzConnect: whatever comes, reading a CONNECT takes no more than it may, and hands on only what it has read.
func FuzzConnect(f *testing.F) {
	f.Add([]byte{0x10, 0x0d, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 1, 'a'})
	f.Add([]byte{0x10, 0x10, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 60, 0, 0, 3, 'a', 'b', 'c'})
	f.Add([]byte{0x10, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Add([]byte{0x10, 0x1b, 0, 4, 'M', 'Q', 'T', 'T', 4, 0xc6, 0, 60, 0, 1, 'a', 0, 1, 't', 0, 1, 'w', 0, 1, 'a', 0, 2, 'x', 'y', 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := &conn{Conn: reading{Reader: bytes.NewReader(raw)}}
		pk, err := readConnect(c)
		if err != nil {
			if c.replay != nil {
				t.Fatal("bytes of a CONNECT that is refused are kept")
			}
			return
		}
		if !bytes.HasPrefix(raw, c.replay) || len(c.replay) > loginBytes+5 || pk.FixedHeader.Type != packets.Connect || pk.ProtocolVersion != 4 {
			t.Fatalf("kept %d of %d bytes: %+v", len(c.replay), len(raw), pk)
		}
	})
}
