package warehouse

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"meguri/firmware-sim/chip"
	"meguri/internal/gs1"
	"meguri/protocol"
)

// Act is what the person did to a piece, as they know it.
type Act struct {
	Step protocol.Step
	Item string
}

// person works with the scanner: scans, reads what it says, hears it beep, and errs now and then.
type person struct {
	line   *chip.Stream
	chance *rand.Rand
	acts   []Act
	cut    func(context.Context) error // takes the scanner's power and gives it back

	Scans, Doubles, Wrong, Garbled, Cuts int
}

// Of so many scans one goes wrong in each way.
const (
	oneDouble  = 12
	oneWrong   = 15
	oneGarbled = 20
	onePower   = 60
)

func (p *person) happens(oneOf int) bool { return p.chance.IntN(oneOf) == 0 }

// answerWithin is how long the person waits for an answer, on the machine's clock.
const answerWithin = 10 * time.Second

// ask scans a code and gives what the display says and how often it beeped.
func (p *person) ask(ctx context.Context, code string) (line string, beeps int, err error) {
	p.line.Lines()
	before := p.line.Beeps()
	if err := p.line.Scan(code); err != nil {
		return "", 0, err
	}
	p.Scans++
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	line, err = p.line.ReadLine(ctx)
	return line, int(p.line.Beeps() - before), err
}

// scan scans codes and wants each to be taken: without a beep, or with at most so many.
func (p *person) scan(ctx context.Context, most int, codes ...string) error {
	for _, c := range codes {
		line, beeps, err := p.ask(ctx, c)
		if err != nil {
			return err
		}
		if beeps > most {
			return fmt.Errorf("scanned %q: it beeped %d times and said: %s", c, beeps, line)
		}
	}
	return nil
}

// refused scans something that has to be refused, and confirms the error.
func (p *person) refused(ctx context.Context, code string) error {
	line, beeps, err := p.ask(ctx, code)
	if err != nil {
		return err
	}
	if beeps != 3 {
		return fmt.Errorf("scanned %q, which is wrong: it beeped %d times and said: %s", code, beeps, line)
	}
	return p.scan(ctx, 0, label(gs1.Menu, "ok"))
}

// do scans a piece at a step, with the slips that people make: a code half read, a power cut, the same piece again.
func (p *person) do(ctx context.Context, s protocol.Step, item string, most int) error {
	if p.happens(oneGarbled) && s != protocol.StepUnpack { // there a code that is none of ours is something that lies in the bag
		p.Garbled++
		code := codeOf(item)
		if err := p.refused(ctx, code[:8+p.chance.IntN(6)]); err != nil {
			return err
		}
	}
	if err := p.scan(ctx, most, codeOf(item)); err != nil {
		return err
	}
	p.acts = append(p.acts, Act{s, item})
	if p.happens(onePower) {
		p.Cuts++
		if err := p.cut(ctx); err != nil {
			return err
		}
	}
	if !p.happens(oneDouble) {
		return nil
	}
	p.Doubles++
	line, beeps, err := p.ask(ctx, codeOf(item))
	if err == nil && beeps != 1 {
		err = fmt.Errorf("scanned %s twice: it beeped %d times and said: %s", item, beeps, line)
	}
	return err
}

// begin signs on and chooses a step.
func (p *person) begin(ctx context.Context, badge string, s protocol.Step) error {
	return p.scan(ctx, 0, label(gs1.Badge, badge), label(gs1.Menu, stationCode(s)))
}

func label(ai gs1.AI, value string) string { return gs1.Format(gs1.Element{AI: ai, Value: value}) }

// codeOf is a piece's DataMatrix as the reader sends it.
func codeOf(item string) string {
	return "]d2" + strings.NewReplacer("(", "", ")", "").Replace(item)
}
