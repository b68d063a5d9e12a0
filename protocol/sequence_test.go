package protocol

import (
	"bytes"
	"io"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func sequence(t testing.TB, messages ...Message) []byte {
	var all []byte
	for _, m := range messages {
		b, err := Encode(m)
		require.NoError(t, err)
		all = append(all, b...)
	}
	return all
}

func TestASequenceOfMessagesReadsBackOneByOne(t *testing.T) {
	want := []Message{Hello{Boot: 1, Logs: []Position{{Log: Events, First: 1, Next: 3}}},
		Batch{Log: Events, First: 1, Records: slices.Repeat([][]byte{bytes.Repeat([]byte{1}, 10_000)}, 9)}, Gone{Boot: 1}}
	r := NewReader(bytes.NewReader(sequence(t, want...)))
	for _, m := range want {
		got, err := r.Next()
		require.NoError(t, err)
		require.IsType(t, m, got)
	}
	_, err := r.Next()
	require.Equal(t, io.EOF, err)
}

func TestACutOrOversizedOrForeignSequenceIsMalformed(t *testing.T) {
	whole := sequence(t, Gone{Boot: 1}, Gone{Boot: 2})
	r := NewReader(bytes.NewReader(whole[:len(whole)-1]))
	_, err := r.Next()
	require.NoError(t, err)
	_, err = r.Next()
	require.ErrorIs(t, err, ErrMalformed, "the last one is cut")

	huge := append([]byte{0x5a, 0x7f, 0xff, 0xff, 0xff}, make([]byte, 4<<20)...)
	_, err = NewReader(bytes.NewReader(huge)).Next()
	require.ErrorIs(t, err, ErrMalformed)
	_, err = NewReader(bytes.NewReader([]byte("SQLite format 3"))).Next()
	require.ErrorIs(t, err, ErrMalformed)
}

func FuzzReader(f *testing.F) {
	f.Add(sequence(f, Gone{Boot: 1}, Hello{Boot: 1}))
	f.Add([]byte{0x9f, 0xff})
	f.Fuzz(func(t *testing.T, file []byte) {
		r := NewReader(bytes.NewReader(file))
		for range len(file) + 1 {
			if _, err := r.Next(); err != nil {
				return
			}
		}
		t.Fatal("more messages than bytes")
	})
}
