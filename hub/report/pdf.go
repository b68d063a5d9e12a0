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

// pdf writes a report. Its fonts are those that every reader of PDF has, so it knows Latin letters only; what is written in others shows
// as dots. It holds ids and codes, and no name of anybody.
type pdf struct {
	*fpdf.Fpdf
	latin func(string) string
	zone  *time.Location
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
	p := &pdf{f, f.UnicodeTranslatorFromDescriptor(""), zone}
	f.SetFooterFunc(func() {
		p.SetY(-12)
		p.font("", 7.5)
		p.CellFormat(0, 4, p.text(fmt.Sprintf("%s, made %s, page %d. hub verify-report says whether a byte was changed.", j.Container,
			p.stamp(j.MadeAt), f.PageNo())), "", 0, "C", false, 0, "")
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
	p.font(style, 9)
	p.MultiCell(0, lineH, p.text(text), "", "L", false)
}

func (p *pdf) head(j *Journey) {
	p.font("B", 16)
	p.CellFormat(0, 8, p.text("Cold chain of container "+j.Container), "", 1, "L", false, 0, "")
	p.line("", fmt.Sprintf("Delivery date %s, location %s, shop %s, category %s, run %s. Box: %s.", j.Date, j.LocationID, j.ShopID, j.Category,
		j.RunID, orNone(j.GRAI)))
	p.line("", "Orders with goods in it: "+orNone(strings.Join(j.Orders, ", "))+".")
	state := "It is still on its way."
	switch j.EndedBy {
	case "picked_up":
		state = "All its orders had ended on " + p.stamp(j.Ended) + "."
	case "closed":
		state = "The delivery was closed on " + p.stamp(j.Ended) + "."
	}
	p.line("", state+" Made on "+p.stamp(j.MadeAt)+" from what the hub knew then.")
	p.Ln(2)
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

var legNames = map[string]string{store.LegCollection: "Collection", store.LegShipper: "Shipper", store.LegStation: "Station"}

func (p *pdf) leg(l *Leg) {
	if p.GetY() > pageEnds-chartH-45 {
		p.AddPage()
	}
	p.font("B", 12)
	p.CellFormat(0, 7, p.text(fmt.Sprintf("%s: %s", legNames[l.Kind], l.Subject)), "", 1, "L", false, 0, "")
	until := p.stamp(l.Until)
	if l.Open {
		until += " (goes on)"
	}
	p.line("", fmt.Sprintf("%s to %s, %s. Sensor %s.", p.stamp(l.From), until, minutes(l.Until.Sub(l.From)), l.Sensor))
	p.line("", limitsText(l))
	p.Ln(1)
	p.chart(l)
	p.stats(l)
	p.gaps(l)
	p.alarms(l)
	p.Ln(4)
}

func limitsText(l *Leg) string {
	span := fmt.Sprintf("%s to %s", celsius(l.Limits.MinMilliC), celsius(l.Limits.MaxMilliC))
	switch {
	case !l.HasLimits:
		return "No limits are known for this leg."
	case l.OwnRange:
		return "The category has no limits on this leg; the fridge's own range applies: " + span + "."
	}
	return fmt.Sprintf("Limits of the category on this leg: %s, at most %s outside.", span, minutes(l.Allowed))
}

// stats is a table of one row.
func (p *pdf) stats(l *Leg) {
	s := &l.Stats
	if !s.Values() {
		p.line("B", "Nothing was measured on this leg.")
		return
	}
	heads := []string{"Readings", "Faults", "Lowest", "Highest", "Mean", "Mean kinetic", "Measured", "Below limits", "Above limits"}
	row := []string{fmt.Sprint(s.Samples), fmt.Sprint(s.Faults), celsius(s.Low), celsius(s.High), celsius(s.Mean), celsius(s.Kinetic),
		minutes(s.Measured), "-", "-"}
	if l.HasLimits {
		row[7], row[8] = minutes(s.Below), minutes(s.Above)
	}
	for i, cells := range [][]string{heads, row} {
		p.font([]string{"B", ""}[i], 8)
		for _, c := range cells {
			p.CellFormat(wide/float64(len(cells)), 5, p.text(c), "1", 0, "C", false, 0, "")
		}
		p.Ln(5)
	}
	p.Ln(1)
}

func (p *pdf) gaps(l *Leg) {
	if len(l.Gaps) == 0 {
		p.line("", "Gaps: none. The readings of the whole leg were received.")
		return
	}
	p.line("B", "Gaps")
	for _, g := range l.Gaps {
		took := minutes(g.Total)
		if g.Count > 1 {
			took = fmt.Sprintf("%d gaps, in all %s", g.Count, took)
		}
		p.line("", fmt.Sprintf("%s to %s (%s): %s", p.stamp(g.From), p.stamp(g.To), took, gapText(g.Stretch)))
	}
	if l.MoreGaps > 0 {
		p.line("", fmt.Sprintf("and %d more", l.MoreGaps))
	}
}

// gapText is the ledger's reason in words.
func gapText(g fleet.Stretch) string {
	text := strings.ReplaceAll(string(g.State), "_", " ")
	if g.Reason != "" {
		text += ", " + strings.ReplaceAll(g.Reason, "_", " ")
	}
	if g.Assumed {
		text += ", by an interval that is assumed"
	}
	if g.Within >= time.Second {
		text += ", ends known to " + g.Within.Round(time.Second).String()
	}
	return text
}

func (p *pdf) alarms(l *Leg) {
	if len(l.Alarms) == 0 {
		p.line("", "Alarms: none.")
		return
	}
	p.line("B", "Alarms")
	for i := range l.Alarms {
		a := &l.Alarms[i]
		text := fmt.Sprintf("%s: %s of %s", p.stamp(a.Raised), strings.ReplaceAll(a.Kind, "_", " "), a.Subject)
		if a.Detail != "" {
			text += ", " + a.Detail
		}
		if a.Cleared.IsZero() {
			text += "; still open"
		} else {
			text += "; over " + p.stamp(a.Cleared)
		}
		if a.AcknowledgedAt.IsZero() {
			text += "; acknowledged by nobody"
		} else {
			text += "; acknowledged by " + a.AcknowledgedBy + " " + p.stamp(a.AcknowledgedAt)
		}
		p.line("", text)
	}
	if len(l.Alarms) == store.MaxJourneyAlarms {
		p.line("", "and perhaps more")
	}
}

func celsius(milliC int64) string { return fmt.Sprintf("%.1f °C", float64(milliC)/1000) }

// minutes is a span to the minute, or in seconds when it is shorter than one.
func minutes(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
}
