package protocol

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// unhex reads bytes written as hexadecimal digits with blanks between.
func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	require.NoError(t, err)
	return b
}

const (
	inc16  = "50 10 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f"
	zero32 = "58 20 0000000000000000000000000000000000000000000000000000000000000000"
)

// decoding is a payload and the message that it is, or a part of the error.
type decoding struct {
	payload string
	want    Message
	err     string
}

func testDecode(t *testing.T, cases map[string]decoding) {
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Decode(unhex(t, c.payload))
			if c.err == "" {
				require.NoError(t, err)
				require.Equal(t, c.want, got)
				return
			}
			require.ErrorIs(t, err, ErrMalformed)
			require.ErrorContains(t, err, c.err)
			require.Nil(t, got)
		})
	}
}

func TestDecodeTakesAnyCBOROfTheRightShapeOnly(t *testing.T) {
	gone := Gone{Incarnation: someIncarnation, Boot: 3, Session: 5}
	testDecode(t, map[string]decoding{
		"gone":                       {payload: "82 04 a3 01 " + inc16 + " 02 03 03 05", want: gone},
		"keys in another order":      {payload: "82 04 a3 03 05 02 03 01 " + inc16, want: gone},
		"a number in more bytes":     {payload: "82 04 a3 01 " + inc16 + " 02 19 0003 03 05", want: gone},
		"a field of a newer version": {payload: "82 04 a4 01 " + inc16 + " 02 03 03 05 18 63 61 78", want: gone},
		"without a field of a newer": {payload: "82 04 a2 01 " + inc16 + " 02 03", want: Gone{Incarnation: someIncarnation, Boot: 3}},
		"nothing":                    {payload: "", err: "EOF"},
		"cut":                        {payload: "82 04 a3 01 50 10 01", err: "unexpected EOF"},
		"more after the end":         {payload: "82 04 a0 00", err: "extraneous data"},
		"no array":                   {payload: "a0", err: "cannot unmarshal map"},
		"three elements":             {payload: "83 04 a0 00", err: "different number of elements"},
		"an unknown type":            {payload: "82 0a a0", err: "type 10 is unknown"},
		"a type that is no number":   {payload: "82 61 78 a0", err: "cannot unmarshal"},
		"a type of 256":              {payload: "82 19 0100 a0", err: "overflows"},
		"a body that is no map":      {payload: "82 04 01", err: "Gone"},
		"one key twice":              {payload: "82 04 a2 02 03 02 03", err: "duplicate"},
		"an endless map":             {payload: "82 04 bf 02 03 ff", err: "indefinite-length"},
		"a negative boot":            {payload: "82 04 a1 02 20", err: "negative"},
		"a floating boot":            {payload: "82 04 a1 02 fb 3ff0000000000000", err: "cannot unmarshal"},
		"NaN":                        {payload: "82 04 a1 02 f9 7e00", err: "cannot unmarshal"},
		"a tag":                      {payload: "82 04 a1 02 c1 03", err: "tag"},
		"a short incarnation":        {payload: "82 04 a1 01 41 10", err: "byte string of 1 bytes: want 16"},
		"a long incarnation":         {payload: "82 04 a1 01 51 " + inc16[3:] + " ff", err: "byte string of 17 bytes: want 16"},
		"an incarnation that is a list": {
			payload: "82 04 a1 01 90 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f", err: "no byte string of 16 bytes"},
		"a short hash":             {payload: "82 08 a2 01 41 10 02 40", err: "want 32"},
		"text that is not UTF-8":   {payload: "82 01 a2 02 01 04 61 ff", err: "UTF-8"},
		"deep nesting":             {payload: "82 04 a1 02" + strings.Repeat("81", 20) + "00", err: "nested"},
		"a large count and no end": {payload: "82 04 9b 7fffffffffffffff", err: "cbor: "},
		"numbers over a BIGINT":    {payload: "82 04 a1 02 1b 8000000000000000", err: "at most"},
	})
}

func TestDecodeChecksWhatMessagesSay(t *testing.T) {
	testDecode(t, map[string]decoding{
		"hello without a boot":      {payload: "82 01 a0", err: "boots count from 1"},
		"hello of a log 3":          {payload: "82 01 a2 02 01 05 81 a3 01 03 02 01 03 01", err: "log 3 is unknown"},
		"hello of one log twice":    {payload: "82 01 a2 02 01 05 82 a3 01 01 02 01 03 01 a3 01 01 02 01 03 01", err: "events twice"},
		"hello of a log from 0":     {payload: "82 01 a2 02 01 05 81 a3 01 01 02 00 03 01", err: "count from 1"},
		"hello of a log that falls": {payload: "82 01 a2 02 01 05 81 a3 01 01 02 05 03 04", err: "and rise"},
		"batch of no log":           {payload: "82 02 a0", err: "log 0 is unknown"},
		"batch from 0":              {payload: "82 02 a3 02 01 03 00 05 81 40", err: "first number 0"},
		"batch without records":     {payload: "82 02 a2 02 01 03 01", err: "0 records"},
		"acknowledgement of no log": {payload: "82 06 a0", err: "log 0 is unknown"},
		"welcome with a log 9":      {payload: "82 05 a1 05 81 a2 01 09 02 01", err: "log 9 is unknown"},
		"an empty record is a record": {payload: "82 02 a5 01 " + inc16 + " 02 01 03 01 04 " + zero32 + " 05 81 40",
			want: Batch{Incarnation: someIncarnation, Log: Events, First: 1, Records: [][]byte{{}}}},
	})
}

func TestWhatIsTooLargeIsRefused(t *testing.T) {
	long := strings.Repeat("x", 200)
	manyRecords := make([][]byte, MaxBatchRecords+1)
	manyParts := make([]PartRef, MaxParts+1)
	for name, m := range map[string]Message{
		"records in a batch": Batch{Log: Events, First: 1, Records: manyRecords},
		"a record":           Batch{Log: Events, First: 1, Records: [][]byte{make([]byte, MaxRecord+1)}},
		"a first number":     Batch{Log: Events, First: maxNumber + 1, Records: [][]byte{{}}},
		"software":           Hello{Boot: 1, Software: long},
		"a boot":             Hello{Boot: maxNumber + 1},
		"a parent's number":  Hello{Boot: 1, Parent: &Parent{Events: maxNumber + 1}},
		"a next number":      Hello{Boot: 1, Logs: []Position{{Log: Events, First: 1, Next: maxNumber + 1}}},
		"hashes":             Want{Hashes: make([]Hash, MaxParts+1)},
		"parts":              Manifest{Parts: manyParts},
		"a part's size":      Manifest{Parts: []PartRef{{Size: MaxPart + 1}}},
		"a part":             Part{Body: make([]byte, MaxPart+1)},
		"a command's id":     Command{ID: long},
		"a command's target": Command{Target: long},
		"a session":          Gone{Session: maxNumber + 1},
	} {
		t.Run(name, func(t *testing.T) {
			payload, err := Encode(m)
			require.NoError(t, err)
			_, err = Decode(payload)
			require.ErrorIs(t, err, ErrMalformed)
		})
	}
	_, err := Encode(Part{Body: make([]byte, MaxPayload)})
	require.ErrorContains(t, err, "at most")
	_, err = Decode(make([]byte, MaxPayload+1))
	require.ErrorIs(t, err, ErrMalformed)
	_, err = EncodeRecord(Record{Body: make([]byte, MaxRecord)})
	require.ErrorContains(t, err, "at most")
	_, err = DecodeRecord(make([]byte, MaxRecord+1))
	require.ErrorIs(t, err, ErrMalformed)
}

func TestDecodeRecord(t *testing.T) {
	for name, c := range map[string]struct{ record, err string }{
		"nothing":         {"", "EOF"},
		"no map":          {"81 01", "cannot unmarshal"},
		"body is a text":  {"a1 07 61 78", "cannot unmarshal"},
		"kind over 65535": {"a1 06 1a 00010000", "overflow"},
		"number twice":    {"a2 01 01 01 01", "duplicate"},
	} {
		_, err := DecodeRecord(unhex(t, c.record))
		require.ErrorIs(t, err, ErrMalformed, name)
		require.ErrorContains(t, err, c.err, name)
	}
	r, err := DecodeRecord(unhex(t, "a3 01 05 06 19 03e7 07 43 ffffff"))
	require.NoError(t, err, "neither the kind nor the body is looked at")
	require.Equal(t, Record{Number: 5, Kind: 999, Body: []byte{0xff, 0xff, 0xff}}, r)
}

func TestDecodeEvent(t *testing.T) {
	_, err := DecodeEvent(999, nil)
	require.ErrorIs(t, err, ErrUnknownKind)
	require.NotErrorIs(t, err, ErrMalformed, "a newer device may send it")
	for kind := range bodies {
		_, err := DecodeEvent(kind, []byte{0xff})
		require.ErrorIs(t, err, ErrMalformed, "kind %d", kind)
		b, err := DecodeEvent(kind, []byte{0xa0})
		require.NoError(t, err, "fields may be missing")
		require.Equal(t, kind, b.Kind())
		require.Equal(t, kind >= 100, kind.Log() == Readings)
	}
}

func TestDecodeBodyNamesTheType(t *testing.T) {
	var p LockPlan
	require.ErrorContains(t, DecodeBody([]byte{1}, &p), "protocol.LockPlan")
	require.ErrorIs(t, DecodeBody(nil, &p), ErrMalformed)
	_, err := EncodeBody(func() {})
	require.Error(t, err)
}

func TestTheRunningHashCoversAllBefore(t *testing.T) {
	var zero Hash
	a, b := zero.Next([]byte("a")), zero.Next([]byte("b"))
	require.NotEqual(t, a, b)
	require.NotEqual(t, a.Next([]byte("b")), b.Next([]byte("a")))
	require.Equal(t, HashPart(append(make([]byte, 32), 'a')), a, "SHA-256 of the hash before and the record's bytes")
}

func TestTopics(t *testing.T) {
	require.Equal(t, "meguri/v1/l001-f1/up", UpTopic("l001-f1"))
	require.Equal(t, "meguri/v1/l001-f1/down", DownTopic("l001-f1"))
	device, err := ParseUpTopic(UpTopic("l001-f1"))
	require.NoError(t, err)
	require.Equal(t, "l001-f1", device)
	device, err = ParseDownTopic(DownTopic("l001-f1"))
	require.NoError(t, err)
	require.Equal(t, "l001-f1", device)
	for _, topic := range []string{"", "meguri/v1/up", "meguri/v1//up", "meguri/v1/a/down", "meguri/v2/a/up", "x/meguri/v1/a/up",
		"meguri/v1/a/b/up", "meguri/v1/A/up", "meguri/v1/+/up", "meguri/v1/a/up/up"} {
		_, err := ParseUpTopic(topic)
		require.Error(t, err, topic)
	}
}

func TestDeviceIDs(t *testing.T) {
	for id, ok := range map[string]bool{"a": true, "0-z": true, strings.Repeat("a", MaxDeviceID): true,
		"": false, strings.Repeat("a", MaxDeviceID+1): false, "A": false, "a.b": false, "a b": false, "é": false, "a/b": false, "#": false} {
		require.Equal(t, ok, CheckDeviceID(id) == nil, id)
	}
}

func TestIncarnationText(t *testing.T) {
	i := NewIncarnation()
	require.NotEqual(t, i, NewIncarnation())
	back, err := ParseIncarnation(i.String())
	require.NoError(t, err)
	require.Equal(t, i, back)
	for _, text := range []string{"", "zz", strings.Repeat("0", 31), strings.Repeat("0", 34)} {
		_, err := ParseIncarnation(text)
		require.ErrorContains(t, err, "32 hexadecimal digits")
	}
}

func TestPINs(t *testing.T) {
	g := Grant{ID: "g1", PIN: HashPIN("g1", "123456")}
	require.True(t, g.HasPIN("123456"))
	require.False(t, g.HasPIN("123457"))
	require.False(t, Grant{ID: "g2", PIN: g.PIN}.HasPIN("123456"), "the same code of another grant has another hash")
	require.False(t, Grant{ID: "g3"}.HasPIN(""))

	salt := []byte("sixteen bytes of")
	g = Grant{ID: "g1", Selector: "123", Salt: salt, Check: CheckPIN("12345678901", salt)}
	require.True(t, g.HasPIN("12345678901"))
	require.False(t, g.HasPIN("12345678902"))
	require.False(t, g.HasPIN("99945678901"), "another selector")
	require.False(t, g.HasPIN(""))
	require.False(t, Grant{Selector: "123", Salt: []byte("another sixteen."), Check: g.Check}.HasPIN("12345678901"), "each has a salt of its own")
	require.False(t, Grant{ID: "g4", Selector: "123", Salt: salt}.HasPIN("123"), "no check is no code")
}

func TestNames(t *testing.T) {
	require.Equal(t, "events readings log 7", fmt.Sprint(Events, " ", Readings, " ", LogID(7)))
	faults := []string{}
	for f := SensorOK; f <= SensorSilent+1; f++ {
		faults = append(faults, f.String())
	}
	require.Equal(t, []string{"ok", "missing", "checksum", "power-on value", "out of range",
		"open circuit", "short circuit", "stuck", "noisy", "silent", "unknown fault"}, faults)
	require.Len(t, someHash.String(), 64)
}

func TestScansThatAreNotTextBecomeText(t *testing.T) {
	s := NewScanRefused("load", "a\xff\xfe"+strings.Repeat("x", 1000), "bad \xff")
	require.LessOrEqual(t, len(s.Scan), 210)
	record, err := EncodeRecord(someRecord(s))
	require.NoError(t, err)
	r, err := DecodeRecord(record)
	require.NoError(t, err)
	back, err := DecodeEvent(r.Kind, r.Body)
	require.NoError(t, err)
	require.Equal(t, s, back)
	require.True(t, bytes.HasPrefix([]byte(s.Scan), []byte("a\ufffd")))
}
