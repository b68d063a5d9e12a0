package bulk

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a file.
type Problem struct {
	File   string
	Row    int    // the line in the file, the header being 1; 0 for the whole file
	Column string // empty for the whole row
	Got    string // what was found, shortened; empty when nothing was
	Want   string // what was expected
}

func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Row > 0 {
		fmt.Fprintf(&b, ", row %d", p.Row)
	}
	if p.Column != "" {
		fmt.Fprintf(&b, ", column %s", p.Column)
	}
	b.WriteString(": ")
	if p.Got != "" {
		fmt.Fprintf(&b, "%q: ", p.Got)
	}
	b.WriteString("want " + p.Want)
	return b.String()
}

// maxProblems is how many problems are told at once: enough to mend a file in one go, and little enough to read.
const maxProblems = 20

// Problems is the error of files with something wrong. None of their rows are to be used.
type Problems struct {
	List []Problem // the first ones
	More int       // how many others there are
}

func (p *Problems) Error() string {
	lines := make([]string, 0, len(p.List)+1)
	for _, one := range p.List {
		lines = append(lines, one.Error())
	}
	if p.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", p.More))
	}
	return strings.Join(lines, "\n")
}

func (p *Problems) add(one Problem) {
	const shown = 60
	if len(one.Got) > shown {
		one.Got = one.Got[:shown] + "…"
	}
	if len(p.List) == maxProblems {
		p.More++
		return
	}
	p.List = append(p.List, one)
}

// err is nil when there are no problems.
func (p *Problems) err() error {
	if len(p.List) == 0 {
		return nil
	}
	return p
}
