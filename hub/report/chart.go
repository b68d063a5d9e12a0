package report

import (
	"time"

	"github.com/go-pdf/fpdf"

	"meguri/hub/store"
)

// gapFactor is how many usual steps may lie between two readings before the line breaks.
const gapFactor = 2.5

// chart draws a leg: the band between lowest and highest, its limits, and time without readings in grey.
func (p *pdf) chart(l *Leg) {
	x0, y0 := left+12, p.GetY()
	w, h := wide-14.0, chartH
	bottom, top := axis(l)
	x := func(t time.Time) float64 { return x0 + w*float64(t.Sub(l.From))/float64(max(l.Until.Sub(l.From), 1)) }
	y := func(milliC int64) float64 { return y0 + h*float64(top-milliC)/float64(top-bottom) }
	p.SetLineWidth(0.1)
	p.SetDrawColor(120, 120, 120)
	p.ClipRect(x0, y0, w, h, false)
	p.pieces(l, x, y, y0, h)
	if l.HasLimits {
		p.SetDrawColor(190, 30, 30)
		p.SetLineWidth(0.25)
		p.SetDashPattern([]float64{1.5, 1}, 0)
		p.Line(x0, y(l.Limits.MinMilliC), x0+w, y(l.Limits.MinMilliC))
		p.Line(x0, y(l.Limits.MaxMilliC), x0+w, y(l.Limits.MaxMilliC))
		p.SetDashPattern(nil, 0)
	}
	p.ClipEnd()
	p.SetDrawColor(120, 120, 120)
	p.SetLineWidth(0.2)
	p.Rect(x0, y0, w, h, "D")
	p.font("", 7)
	for _, v := range []int64{top, bottom} {
		p.Text(left, y(v)+1, p.text(celsius(v)))
	}
	if l.HasLimits {
		p.Text(left, y(l.Limits.MaxMilliC)+1, p.text(celsius(l.Limits.MaxMilliC)))
		p.Text(left, y(l.Limits.MinMilliC)+1, p.text(celsius(l.Limits.MinMilliC)))
	}
	p.Text(x0, y0+h+3.4, p.text(l.From.In(p.zone).Format("01-02 15:04")))
	end := l.Until.In(p.zone).Format("01-02 15:04")
	p.Text(x0+w-p.GetStringWidth(end), y0+h+3.4, p.text(end))
	p.SetY(y0 + h + 5.5)
}

// axis says what the chart reaches from and to, so that limits and temperatures are in it.
func axis(l *Leg) (bottom, top int64) {
	bottom, top = 0, 10_000
	if l.HasLimits {
		bottom, top = l.Limits.MinMilliC, l.Limits.MaxMilliC
	}
	if l.Stats.Values() {
		bottom, top = min(bottom, l.Stats.Low), max(top, l.Stats.High)
	}
	room := max((top-bottom)/6, 1000)
	return bottom - room, top + room
}

// pieces draws the band, piece by piece between the gaps.
func (p *pdf) pieces(l *Leg, x func(time.Time) float64, y func(int64) float64, y0, h float64) {
	longest := time.Duration(gapFactor * float64(l.Step))
	last := l.From
	var piece []store.Bar
	grey := func(from, to time.Time) {
		p.SetFillColor(225, 220, 210)
		p.Rect(x(from), y0, x(to)-x(from), h, "F")
	}
	for i := range l.Bars {
		b := l.Bars[i]
		if !b.Values() {
			continue
		}
		if b.First.Sub(last) > longest {
			grey(last, b.First)
			p.band(piece, x, y)
			piece = piece[:0]
		}
		piece, last = append(piece, b), b.Last
	}
	if l.Until.Sub(last) > longest {
		grey(last, l.Until)
	}
	p.band(piece, x, y)
}

func (p *pdf) band(piece []store.Bar, x func(time.Time) float64, y func(int64) float64) {
	if len(piece) == 0 {
		return
	}
	var upper, lower []fpdf.PointType
	for i := range piece {
		upper = append(upper, fpdf.PointType{X: x(piece[i].First), Y: y(piece[i].High)})
		lower = append(lower, fpdf.PointType{X: x(piece[i].Last), Y: y(piece[i].Low)})
	}
	for i := range lower {
		upper = append(upper, lower[len(lower)-1-i])
	}
	p.SetFillColor(120, 170, 175)
	p.SetDrawColor(20, 80, 90)
	p.SetLineWidth(0.25)
	p.Polygon(upper, "FD")
}
