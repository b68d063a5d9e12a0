package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"meguri/internal/gs1"
)

func gs1Lines(t *testing.T, r gs1Reader, in string) (out []string, wrong int) {
	t.Helper()
	var b bytes.Buffer
	lines, wrong, err := r.lines(iotest.OneByteReader(strings.NewReader(in)), &b)
	require.NoError(t, err)
	out = strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	require.Len(t, out, lines)
	return out, wrong
}

func TestEachLineIsAnsweredByOne(t *testing.T) {
	out, wrong := gs1Lines(t, gs1Reader{}, strings.Join([]string{
		`]d20109520123456788\x1d10L-7`,
		"]C10109520123456788\x1d10L-7\r",
		`]d201095201234567881\x1d`,
		`(01)09520123456788(21)A\(B`,
		`https://id.gs1.org/01/09520123456788/21/A%28B`,
		`]d2010952012345678810A\x1d17261331`,
		`]d2010952012345678810A` + "\x1d" + `17261331`,
		``,
		`日本`,
		`(10)日本`,
		`\x1d01`,
		`]E09520123456788`,
	}, "\n"))
	require.Equal(t, []string{
		"(01)09520123456788(10)L-7",
		"(01)09520123456788(10)L-7",
		`error: position 20: application identifier: none begins with "1\x1d"`,
		`(01)09520123456788(21)A\(B`,
		`(01)09520123456788(21)A\(B`,
		"error: position 31: date: (17) has month 13",
		"error: position 28: date: (17) has month 13",
		"error: position 1: empty: there is no code",
		`error: position 1: symbology identifier: a code begins with one (]C1, ]d2, ]Q3, …), with ( or with https://; this begins with "日"`,
		`error: position 5: character set: (10) holds "日", want character set 82`,
		`error: position 1: symbology identifier: a code begins with one (]C1, ]d2, ]Q3, …), with ( or with https://; this begins with "\\"`,
		"(01)09520123456788",
	}, out)
	require.Equal(t, 7, wrong)
}

func TestALineTooLongIsOneError(t *testing.T) {
	out, wrong := gs1Lines(t, gs1Reader{}, strings.Repeat("]", 3*maxCodeLine)+"\n(01)09520123456788\n")
	require.Equal(t, 1, wrong)
	require.Contains(t, out[0], "error: position 8192: length")
	require.Equal(t, "(01)09520123456788", out[1])
}

func TestOtherFormsArePrinted(t *testing.T) {
	prefixes := &gs1.Prefixes{Length: 7}
	for as, want := range map[string]string{
		"elements": `0109520123456788` + `21A/1\x1d17261231`,
		"link":     "https://example.jp/01/09520123456788/21/A%2F1?17=261231",
		"urn":      "urn:epc:id:sgtin:9520123.045678.A%2F1",
	} {
		out, wrong := gs1Lines(t, gs1Reader{as: as, stem: "https://example.jp", prefixes: prefixes}, "(01)09520123456788(21)A/1(17)261231")
		require.Zero(t, wrong)
		require.Equal(t, want, out[0])
	}
	out, wrong := gs1Lines(t, gs1Reader{as: "urn", prefixes: &gs1.Prefixes{}}, "(01)09520123456788(21)A")
	require.Equal(t, 1, wrong)
	require.Contains(t, out[0], "error: position 1: how long the company prefix")
	out, _ = gs1Lines(t, gs1Reader{}, "urn:epc:id:sgtin:9520123.045678.A%2F1")
	require.Equal(t, "(01)09520123456788(21)A/1", out[0])
}

func TestTheTableOfCodesIsAsked(t *testing.T) {
	dir := t.TempDir()
	table, codes := filepath.Join(dir, "codes"), filepath.Join(dir, "in")
	require.NoError(t, os.WriteFile(table, []byte("* container prefix BOX-\n* 92 prefix SHELF-\n"), 0o600))
	require.NoError(t, os.WriteFile(codes, []byte("]C0BOX-1\x1b[2J\n(01)09520123456788\nX\nSHELF-a1\n"), 0o600))
	var out bytes.Buffer
	c := GS1Cmd{File: open(t, codes), Codes: open(t, table)}
	require.EqualError(t, c.Run(&Globals{Stdout: &out}), "1 of 4 lines are wrong")
	require.Equal(t, []string{"container: 1�[2J", "(01)09520123456788"}, strings.Split(out.String(), "\n")[:2])
	require.Equal(t, "(92)a1", strings.Split(out.String(), "\n")[3])

	require.NoError(t, os.WriteFile(table, []byte("\n* container\n"), 0o600))
	c = GS1Cmd{File: open(t, codes), Codes: open(t, table)}
	require.ErrorContains(t, c.Run(&Globals{Stdout: io.Discard}), "line 2")
	c = GS1Cmd{File: open(t, codes), Prefixes: open(t, table)}
	require.ErrorContains(t, c.Run(&Globals{Stdout: io.Discard}), "line 2")
}

func open(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestABrokenInputEndsIt(t *testing.T) {
	broken := errors.New("broken")
	_, _, err := gs1Reader{}.lines(iotest.ErrReader(broken), io.Discard)
	require.ErrorIs(t, err, broken)
}

func FuzzGS1Lines(f *testing.F) {
	f.Add([]byte(`]d20109520123456788\x1d10L-7` + "\n(01)1\n"))
	f.Add([]byte("]E0\n\n\x1d\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		lines, wrong, err := gs1Reader{}.lines(bytes.NewReader(in), &out)
		require.NoError(t, err)
		require.Equal(t, lines, bytes.Count(out.Bytes(), []byte("\n")))
		require.LessOrEqual(t, wrong, lines)
		require.True(t, utf8.Valid(out.Bytes()))
		require.Equal(t, lines, bytes.Count(in, []byte("\n"))+func() int {
			if len(in) > 0 && in[len(in)-1] != '\n' {
				return 1
			}
			return 0
		}())
	})
}
