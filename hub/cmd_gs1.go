package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"meguri/internal/gs1"
)

// GS1Cmd is `hub gs1`: why does a label not scan?
type GS1Cmd struct {
	File         *os.File `arg:"" optional:"" help:"File of codes, one a line (default: standard input)."`
	As           string   `help:"What to print: bracketed, elements (an element string, FNC1 as \\x1d), link (a Digital Link) or urn (of EPC)." enum:"bracketed,elements,link,urn" default:"bracketed"`
	Stem         string   `help:"What Digital Links begin with." default:"https://id.gs1.org" placeholder:"URL"`
	PrefixLength int      `help:"How many digits company prefixes have, for --as urn." placeholder:"N"`
	Prefixes     *os.File `help:"File of leading digits and the length of the company prefixes that begin so, one a line." placeholder:"FILE"`
	Codes        *os.File `help:"File of codes that are not GS1's: barcode, meaning, how (prefix, match or gtin), what." placeholder:"FILE"`
}

// Help says what goes in and what comes out.
func (*GS1Cmd) Help() string {
	return `Reads one code a line: scan data with its symbology identifier, the separator written \x1d (]d20109520123456788\x1d…), a bracketed
element string, (01)09520123456788(10)L-7, or a Digital Link. Prints for each line its canonical bracketed form, or "error:" with the position
in the line and the rule. Status 1 if a line was wrong.`
}

// Run reads to the end.
func (c *GS1Cmd) Run(g *Globals) error {
	in := io.Reader(os.Stdin)
	if c.File != nil {
		in = c.File
	}
	reader, err := c.reader()
	if err != nil {
		return err
	}
	lines, wrong, err := reader.lines(in, g.Stdout)
	if err != nil {
		return err
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d lines are wrong", wrong, lines)
	}
	return nil
}

func (c *GS1Cmd) reader() (r gs1Reader, err error) {
	r = gs1Reader{as: c.As, stem: c.Stem, prefixes: &gs1.Prefixes{}}
	if c.Prefixes != nil {
		if r.prefixes, err = gs1.ReadPrefixes(c.Prefixes); err != nil {
			return r, fmt.Errorf("%s: %w", c.Prefixes.Name(), err)
		}
	}
	r.prefixes.Length = c.PrefixLength
	if c.Codes != nil {
		if r.codes, err = gs1.ReadCodes(c.Codes); err != nil {
			return r, fmt.Errorf("%s: %w", c.Codes.Name(), err)
		}
	}
	return r, nil
}

// gs1Reader turns codes into what was asked for.
type gs1Reader struct {
	as       string
	stem     string
	prefixes *gs1.Prefixes
	codes    *gs1.Codes
}

// maxCodeLine is the length of the longest line that is read. Of a longer one the rest is left out.
const maxCodeLine = 64 << 10

// lines answers each line as it comes.
func (r gs1Reader) lines(in io.Reader, out io.Writer) (lines, wrong int, err error) {
	from, to := bufio.NewReaderSize(in, maxCodeLine), bufio.NewWriter(out)
	for {
		line, readErr := from.ReadSlice('\n')
		if readErr != nil && !errors.Is(readErr, bufio.ErrBufferFull) && !errors.Is(readErr, io.EOF) {
			return lines, wrong, errors.Join(readErr, to.Flush())
		}
		if len(line) > 0 {
			lines++
			answer := r.line(trimEnd(string(line)))
			if strings.HasPrefix(answer, "error:") {
				wrong++
			}
			if _, err := fmt.Fprintln(to, answer); err != nil {
				return lines, wrong, err
			}
		}
		for errors.Is(readErr, bufio.ErrBufferFull) {
			_, readErr = from.ReadSlice('\n')
		}
		if from.Buffered() == 0 || readErr != nil { // someone may be waiting for the answer
			if err := to.Flush(); err != nil {
				return lines, wrong, err
			}
		}
		if readErr != nil {
			if errors.Is(readErr, io.EOF) {
				readErr = nil
			}
			return lines, wrong, readErr
		}
	}
}

func trimEnd(line string) string {
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
}

// line answers one line.
func (r gs1Reader) line(line string) string {
	code, origin := readable(line)
	if m, ok := r.codes.Find(code); ok {
		if e, ok := m.Element(); ok {
			return gs1.Message{Elements: []gs1.Element{e}}.Bracketed()
		}
		return m.Name + ": " + printable(m.Value)
	}
	message, err := r.read(code)
	if err == nil {
		var text string
		if text, err = r.write(message); err == nil {
			return text
		}
	}
	var syntax *gs1.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Sprintf("error: position %d: %s", 1+utf8.RuneCountInString(line[:origin(syntax.At)]), syntax.Reason())
	}
	return "error: position 1: " + err.Error()
}

func (r gs1Reader) read(code string) (gs1.Message, error) {
	if strings.HasPrefix(code, "urn:epc:") {
		return gs1.ReadURN(code)
	}
	return gs1.Read(code)
}

func (r gs1Reader) write(m gs1.Message) (string, error) {
	switch r.as {
	case "elements":
		return strings.ReplaceAll(gs1.Format(m.Elements...), "\x1d", `\x1d`), nil
	case "link":
		return m.DigitalLink(r.stem)
	case "urn":
		return m.URN(r.prefixes)
	}
	return m.Bracketed(), nil
}

// readable turns the separators of scan data from \x1d into what a reader sends. origin says where in the line a byte of the code
// stands.
func readable(line string) (code string, origin func(at int) int) {
	if !strings.HasPrefix(line, "]") || !strings.Contains(line, `\x1`) {
		return line, func(at int) int { return min(at, len(line)) }
	}
	code = strings.NewReplacer(`\x1d`, "\x1d", `\x1D`, "\x1d").Replace(line)
	return code, func(at int) int {
		i := 0
		for range at {
			if strings.HasPrefix(line[i:], `\x1d`) || strings.HasPrefix(line[i:], `\x1D`) {
				i += len(`\x1d`)
			} else if i < len(line) {
				i++
			}
		}
		return i
	}
}

// printable keeps control characters of a label off the terminal.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || (c >= 0x80 && c < 0xa0) {
			return '�'
		}
		return c
	}, text)
}
