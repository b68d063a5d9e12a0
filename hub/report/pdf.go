package report

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/go-pdf/fpdf"

	"meguri/hub/fleet"
	"meguri/hub/store"
)

// Sizes on an A4 page in millimetres.
const (
	left     = 15.0
	wide     = 180.0
	chartH   = 42.0
	lineH    = 4.6
	pageEnds = 280.0
)

// pdf writes a report. In English its fonts are those that every reader of PDF has, so it knows Latin letters only; what is written in
// others shows as dots. In Japanese all but the numbers at the charts is drawn with the bitmap font of labels, and cannot be searched. It
// holds ids and codes, and no name of anybody.
type pdf struct {
	*fpdf.Fpdf
	latin func(string) string
	zone  *time.Location
	lang  string
}

// Write makes the report of a journey as a PDF, with times in a zone. The same journey gives the same bytes.
func Write(j *Journey, zone *time.Location) ([]byte, error) {
	f := fpdf.New("P", "mm", "A4", "")
	f.SetCatalogSort(true)
	f.SetCreationDate(j.MadeAt)
	f.SetModificationDate(j.MadeAt)
	f.SetProducer("Meguri hub", false)
	f.SetTitle("Cold chain of "+j.Container, true)
	f.SetMargins(left, 15, left)
	f.SetAutoPageBreak(true, 17)
	p := &pdf{f, f.UnicodeTranslatorFromDescriptor(""), zone, j.Lang}
	f.SetFooterFunc(func() {
		p.SetY(-12)
		text := p.say("%s, made %s, page %d. hub verify-report says whether a byte was changed.", j.Container, p.stamp(j.MadeAt), f.PageNo())
		if p.lang == Japanese {
			p.centred(left, p.GetY(), wide, 4, text, 7.5, false)
			return
		}
		p.font("", 7.5)
		p.CellFormat(0, 4, p.text(text), "", 0, "C", false, 0, "")
	})
	f.AddPage()
	p.head(j)
	for i := range j.Legs {
		p.leg(&j.Legs[i])
	}
	var b bytes.Buffer
	if err := f.Output(&b); err != nil {
		return nil, fmt.Errorf("report of %s: %w", j.Container, err)
	}
	return b.Bytes(), nil
}

func (p *pdf) text(s string) string { return p.latin(s) }

func (p *pdf) stamp(t time.Time) string { return t.In(p.zone).Format("2006-01-02 15:04:05 -0700") }

func (p *pdf) font(style string, size float64) { p.SetFont("Helvetica", style, size) }

func (p *pdf) line(style, text string) {
	if p.lang == Japanese {
		p.paragraph(text, 9, style == "B")
		return
	}
	p.font(style, 9)
	p.MultiCell(0, lineH, p.text(text), "", "L", false)
}

// title is a line of its own in larger letters.
func (p *pdf) title(text string, points, height float64) {
	if p.lang == Japanese {
		p.paragraph(text, points*0.9, true)
		return
	}
	p.font("B", points)
	p.CellFormat(0, height, p.text(text), "", 1, "L", false, 0, "")
}

func (p *pdf) head(j *Journey) {
	p.title(p.say("Cold chain of container %s", j.Container), 16, 8)
	p.line("", p.say("Delivery date %s, location %s, shop %s, category %s, run %s. Box: %s.", j.Date, j.LocationID, j.ShopID, j.Category,
		j.RunID, p.orNone(j.GRAI)))
	p.line("", p.say("Orders with goods in it: %s.", p.orNone(strings.Join(j.Orders, ", "))))
	state := p.say("It is still on its way.")
	switch j.EndedBy {
	case "picked_up":
		state = p.say("All its orders had ended on %s.", p.stamp(j.Ended))
	case "closed":
		state = p.say("The delivery was closed on %s.", p.stamp(j.Ended))
	}
	p.line("", state+" "+p.say("Made on %s from what the hub knew then.", p.stamp(j.MadeAt)))
	p.Ln(2)
}

func (p *pdf) orNone(text string) string {
	if text == "" {
		return p.say("none")
	}
	return text
}

var legNames = map[string]string{store.LegCollection: "Collection", store.LegShipper: "Shipper", store.LegStation: "Station"}

func (p *pdf) leg(l *Leg) {
	if p.GetY() > pageEnds-chartH-45 {
		p.AddPage()
	}
	p.title(fmt.Sprintf("%s: %s", p.say(legNames[l.Kind]), l.Subject), 12, 7)
	until := p.stamp(l.Until)
	if l.Open {
		until += p.say(" (goes on)")
	}
	p.line("", p.say("%s to %s, %s. Sensor %s.", p.stamp(l.From), until, p.minutes(l.Until.Sub(l.From)), strings.Join(l.Sensors, ", ")))
	p.line("", p.limitsText(l))
	if rules := p.rules(l); rules != "" {
		p.line("", rules)
	}
	p.Ln(1)
	p.chart(l)
	p.stats(l)
	p.gaps(l)
	p.alarms(l)
	p.Ln(4)
}

func (p *pdf) limitsText(l *Leg) string {
	lowest, highest := celsius(l.Limits.MinMilliC), celsius(l.Limits.MaxMilliC)
	switch {
	case !l.HasLimits:
		return p.say("No limits are known for this leg.")
	case l.OwnRange:
		return p.say("The category has no limits on this leg; the fridge's own range applies: %s to %s.", lowest, highest)
	}
	return p.say("Limits of the category on this leg: %s to %s, at most %s outside.", lowest, highest, p.minutes(l.Allowed))
}

// stats is a table of one row.
func (p *pdf) stats(l *Leg) {
	s := &l.Stats
	if !s.Values() {
		p.line("B", p.say("Nothing was measured on this leg."))
		return
	}
	heads := []string{"Readings", "Faults", "Lowest", "Highest", "Mean", "Mean kinetic", "Measured", "Below limits", "Above limits"}
	row := []string{fmt.Sprint(s.Samples), fmt.Sprint(s.Faults), celsius(s.Low), celsius(s.High), celsius(s.Mean), celsius(s.Kinetic),
		p.minutes(s.Measured), "-", "-"}
	if l.HasLimits {
		row[7], row[8] = p.minutes(s.Below), p.minutes(s.Above)
	}
	for i, cells := range [][]string{heads, row} {
		p.font([]string{"B", ""}[i], 8)
		for _, c := range cells {
			if p.lang == Japanese {
				p.box(wide/float64(len(cells)), 5, p.say(c), 8, i == 0)
				continue
			}
			p.CellFormat(wide/float64(len(cells)), 5, p.text(c), "1", 0, "C", false, 0, "")
		}
		p.Ln(5)
	}
	p.Ln(1)
}

func (p *pdf) gaps(l *Leg) {
	if len(l.Gaps) == 0 {
		p.line("", p.say("Gaps: none. The readings of the whole leg were received."))
		return
	}
	p.line("B", p.say("Gaps"))
	for _, g := range l.Gaps {
		took := p.minutes(g.Total)
		if g.Count > 1 {
			took = p.say("%d gaps, in all %s", g.Count, took)
		}
		p.line("", p.say("%s to %s (%s): %s", p.stamp(g.From), p.stamp(g.To), took, p.gapText(g.Stretch)))
	}
	if l.MoreGaps > 0 {
		p.line("", p.say("and %d more", l.MoreGaps))
	}
}

// gapText is the ledger's reason in words.
func (p *pdf) gapText(g fleet.Stretch) string {
	text := p.say(strings.ReplaceAll(string(g.State), "_", " "))
	if g.Reason != "" {
		text += ", " + p.say(strings.ReplaceAll(g.Reason, "_", " "))
	}
	if g.Assumed {
		text += p.say(", by an interval that is assumed")
	}
	if g.Within >= time.Second {
		text += p.say(", ends known to %s", g.Within.Round(time.Second).String())
	}
	return text
}

func (p *pdf) alarms(l *Leg) {
	if len(l.Alarms) == 0 {
		p.line("", p.say("Alarms: none."))
		return
	}
	p.line("B", p.say("Alarms"))
	for i := range l.Alarms {
		a := &l.Alarms[i]
		text := p.say("%s: %s of %s", p.stamp(a.Raised), p.kind(a.Kind), a.Subject)
		if detail := a.Detail.In(p.lang); detail != "" {
			text += ", " + detail
		}
		if a.Cleared.IsZero() {
			text += p.say("; still open")
		} else {
			text += p.say("; over %s", p.stamp(a.Cleared))
		}
		if a.AcknowledgedAt.IsZero() {
			text += p.say("; acknowledged by nobody")
		} else {
			text += p.say("; acknowledged by %s %s", a.AcknowledgedBy, p.stamp(a.AcknowledgedAt))
		}
		p.line("", text)
	}
	if len(l.Alarms) == store.MaxJourneyAlarms {
		p.line("", p.say("and perhaps more"))
	}
}

func celsius(milliC int64) string { return fmt.Sprintf("%.1f °C", float64(milliC)/1000) }

// minutes is a span to the minute, or in seconds when it is shorter than one.
func (p *pdf) minutes(d time.Duration) string {
	switch {
	case d < time.Minute:
		return p.say("%d s", int(d.Seconds()))
	case d < time.Hour:
		return p.say("%d min", int(d.Minutes()))
	}
	return p.say("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
}
