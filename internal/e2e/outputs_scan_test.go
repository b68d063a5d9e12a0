package e2e

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

// whose says whom a value names, or that it opens something.
type whose string

const (
	customers whose = "customer"
	workers   whose = "staff"
	visitors  whose = "visitor" // of a pass, or at a door
	codes     whose = "code"    // typed at a door
	planted   whose = "planted" // by the test, to see that it is found
)

// output is something that left the programs, as text or bytes.
type output struct {
	kind string // log, mqtt, database, edge file, display, page, api, print, label, export, webhook, mail, backup
	name string
	data []byte
}

// leak is that a value stands in an output.
type leak struct {
	kind, name string
	of         whose
	value      string
}

func (l leak) String() string { return fmt.Sprintf("%s %s: %s %q", l.kind, l.name, l.of, l.value) }

// needles are values in all forms in which they may stand somewhere, found in one pass over the bytes.
type needles struct {
	first  [1 << 16]bool         // by the first two bytes of a form
	byHead map[uint32][]lookedOf // by the first four
	values int
}

type lookedOf struct {
	form  string
	of    whose
	value string
}

const shortestForm = 4 // bytes

func (n *needles) add(of whose, value string) {
	if n.byHead == nil {
		n.byHead = map[uint32][]lookedOf{}
	}
	if value == "" {
		return
	}
	n.values++
	for _, f := range formsOf(value) {
		if len(f) < shortestForm {
			continue
		}
		head := headOf(f)
		l := lookedOf{f, of, value}
		if !slices.Contains(n.byHead[head], l) {
			n.byHead[head] = append(n.byHead[head], l)
			n.first[uint16(f[0])<<8|uint16(f[1])] = true
		}
	}
}

func headOf[T string | []byte](b T) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// formsOf is how a value is written: as it is, in UTF-16, escaped in JSON, HTML and addresses, in hexadecimal, drawn in dots, and in base64
// wherever in its groups of three bytes it begins.
func formsOf(value string) []string {
	forms := []string{value, url.QueryEscape(value), url.PathEscape(value), hex.EncodeToString([]byte(value)), strings.ReplaceAll(value, " ", ""), strokes(value)}
	escaped := strconv.QuoteToASCII(value)
	forms = append(forms, escaped[1:len(escaped)-1])
	var little, big, html strings.Builder
	for _, u := range utf16.Encode([]rune(value)) {
		little.Write([]byte{byte(u), byte(u >> 8)})
		big.Write([]byte{byte(u >> 8), byte(u)})
	}
	for _, r := range value {
		fmt.Fprintf(&html, "&#%d;", r)
	}
	forms = append(forms, little.String(), big.String(), html.String())
	for shift := range 3 {
		text := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), value...))
		inner := text[[]int{0, 2, 3}[shift] : len(text)-1] // the ends depend on the neighbours
		forms = append(forms, inner, strings.NewReplacer("+", "-", "/", "_").Replace(inner))
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

// find gives each value that stands in an output, once.
func (n *needles) find(o output) (found []leak) {
	d := o.data
	for i := 0; i+shortestForm <= len(d); i++ {
		if !n.first[uint16(d[i])<<8|uint16(d[i+1])] {
			continue
		}
		for _, l := range n.byHead[headOf(d[i:])] {
			if len(d)-i >= len(l.form) && string(d[i:i+len(l.form)]) == l.form {
				if one := (leak{o.kind, o.name, l.of, l.value}); !slices.Contains(found, one) {
					found = append(found, one)
				}
			}
		}
	}
	return found
}

// inflated is a PDF with what its streams hold and what they draw, or any other bytes as they are.
func inflated(data []byte) []byte {
	if !bytes.HasPrefix(data, []byte("%PDF")) {
		return data
	}
	out := bytes.Clone(data)
	for rest := data; ; {
		_, after, ok := bytes.Cut(rest, []byte("stream\n"))
		if !ok {
			return out
		}
		rest = after
		if r, err := zlib.NewReader(bytes.NewReader(rest)); err == nil {
			text, _ := io.ReadAll(r) // as far as it is one
			out = append(append(append(append(out, '\n'), text...), '\n'), drawn(text)...)
		}
	}
}

// A scan that overlooks a form would call a leak clean.
func TestTheScanFindsAValueInEveryForm(t *testing.T) {
	const name = "天沢 朔太"
	var n needles
	n.add(customers, name)
	n.add(codes, "70970753483")
	want := []leak{{"log", "a", customers, name}}
	for what, text := range map[string]string{
		"as it is": name, "without a space": "天沢朔太", "JSON": `{"n":"\u5929\u6ca2 \u6714\u592a"}`, "query": url.QueryEscape(name), "path": url.PathEscape(name),
		"hexadecimal": hex.EncodeToString([]byte(name)), "UTF-16": "\x5f\x00\x29\x59\xa2\x6c\x20\x00\x14\x67\x2a\x59",
		"base64": base64.StdEncoding.EncodeToString([]byte(name)), "base64 later": base64.URLEncoding.EncodeToString([]byte("it is " + name + "!")),
		"base64 last": base64.StdEncoding.EncodeToString([]byte("ab" + name)), "HTML": "&#22825;&#27810;&#32;&#26388;&#22826;",
	} {
		require.Equal(t, want, n.find(output{"log", "a", []byte("before " + text + " after")}), what)
	}
	require.Equal(t, []leak{{"log", "a", codes, "70970753483"}}, n.find(output{"log", "a", []byte("70970753483")}))
	require.Empty(t, n.find(output{"log", "a", []byte("7097075348 and 天沢 朔, 朔太")}))
}

func TestTheScanLooksIntoAPDF(t *testing.T) {
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	_, err := w.Write([]byte("BT (Amabel Abernale) Tj ET"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	var n needles
	n.add(customers, "Amabel Abernale")
	pdf := []byte("%PDF-1.4\n1 0 obj\nstream\n" + packed.String() + "\nendstream\n")
	require.Empty(t, n.find(output{data: pdf}))
	require.NotEmpty(t, n.find(output{data: inflated(pdf)}))
}
