package protocol

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// seed adds the golden bytes whose names match.
func seed(f *testing.F, pattern string, add func([]byte)) {
	files, err := filepath.Glob(filepath.Join(goldenDir, pattern))
	require.NoError(f, err)
	for _, file := range files {
		add(readGolden(f, file))
	}
}

// FuzzDecode holds: no payload makes the decoder panic, and what it takes it also gives back.
func FuzzDecode(f *testing.F) {
	seed(f, "message-*.hex", func(b []byte) { f.Add(b) })
	f.Add([]byte{0x82, 4, 0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, payload []byte) {
		m, err := Decode(payload)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			require.Nil(t, m)
			return
		}
		again, err := Encode(m)
		require.NoError(t, err)
		back, err := Decode(again)
		require.NoError(t, err)
		requireSame(t, m, back)
	})
}

// FuzzDecodeRecord holds the same for records.
func FuzzDecodeRecord(f *testing.F) {
	seed(f, "record-*.hex", func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, record []byte) {
		r, err := DecodeRecord(record)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		if _, err := DecodeEvent(r.Kind, r.Body); err != nil && !errors.Is(err, ErrUnknownKind) {
			require.ErrorIs(t, err, ErrMalformed)
		}
		again, err := EncodeRecord(r)
		require.NoError(t, err)
		back, err := DecodeRecord(again)
		require.NoError(t, err)
		third, err := EncodeRecord(back)
		require.NoError(t, err)
		require.Equal(t, again, third)
	})
}

// FuzzDecodeEvent holds the same for the bodies of each kind.
func FuzzDecodeEvent(f *testing.F) {
	for _, b := range goldenBodies() {
		body, err := EncodeBody(b)
		require.NoError(f, err)
		f.Add(uint16(b.Kind()), body)
	}
	f.Fuzz(func(t *testing.T, kind uint16, body []byte) {
		b, err := DecodeEvent(Kind(kind), body)
		if err != nil {
			require.True(t, errors.Is(err, ErrMalformed) != errors.Is(err, ErrUnknownKind))
			return
		}
		require.Equal(t, Kind(kind), b.Kind())
		again, err := EncodeBody(b)
		require.NoError(t, err)
		back, err := DecodeEvent(Kind(kind), again)
		require.NoError(t, err)
		third, err := EncodeBody(back)
		require.NoError(t, err)
		require.Equal(t, again, third)
	})
}
