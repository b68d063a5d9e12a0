package web

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/url"
	"path"
	"strings"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/fleet"
)

//go:embed templates/*.html
var templateFiles embed.FS

// pages are the templates of each page in each language.
type pages map[lang]map[string]*template.Template

// shared are the templates that pages are made of.
var shared = []string{"templates/layout.html", "templates/parts.html"}

func (w *Web) parsePages() (pages, error) {
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	all := pages{}
	for _, l := range []lang{english, japanese} {
		all[l] = map[string]*template.Template{}
		for _, name := range names {
			page := strings.TrimSuffix(path.Base(name), ".html")
			if page == "layout" || page == "parts" {
				continue
			}
			t, err := template.New(page).Funcs(w.functions(l)).ParseFS(templateFiles, append(shared[:len(shared):len(shared)], name)...)
			if err != nil {
				return nil, err
			}
			all[l][page] = t
		}
	}
	return all, nil
}

func (w *Web) functions(l lang) template.FuncMap {
	return template.FuncMap{
		"t":       l.text,
		"known":   l.known,
		"said":    func(s alarm.Said) string { return s.In(string(l)) },
		"asset":   w.assetURL,
		"zone":    func() string { return zoneName(w.zone) },
		"clock":   func(t time.Time) string { return t.In(w.zone).Format("15:04") },
		"date":    func(t time.Time) string { return w.date(l, t) },
		"moment":  func(t time.Time) string { return w.moment(l, t) },
		"day":     func(date string) string { return dayText(l, date) },
		"ago":     func(t, now time.Time) string { return duration(l, now.Sub(t)) },
		"iso":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"yen":     func(n int64) string { return yenText(l, n) },
		"celsius": celsius,
		"barcode": barcodeSVG,
		"qr":      qrSVG,
		"code":    codeText,
		"within":  func(id, of string) string { return strings.TrimPrefix(strings.TrimPrefix(id, of), "-") },
		"tail":    tail,
		"off":     func(d time.Duration) string { return off(l, d) },
		"stamp":   func(t time.Time) string { return t.In(w.zone).Format("2006-01-02 15:04:05") },
		"dur":     func(d time.Duration) string { return duration(l, d) },
		"isZero":  func(t time.Time) bool { return t.IsZero() },
		"escape":  url.PathEscape,
		"minutes": func(n int) string { return duration(l, time.Duration(n)*time.Minute) },
		"list":    func(all ...any) []any { return all },
		"route":   func(run string) string { route, _, _ := strings.Cut(run, "@"); return route },
	}
}

// moment is a time of day, with the date unless it is within half a day of now.
func (w *Web) moment(l lang, t time.Time) string {
	if d := w.Clock.Now().Sub(t); d < 12*time.Hour && d > -12*time.Hour {
		return t.In(w.zone).Format("15:04")
	}
	if l == japanese {
		return t.In(w.zone).Format("1月2日 15:04")
	}
	return t.In(w.zone).Format("2 Jan 15:04")
}

var weekdays = []string{"日", "月", "火", "水", "木", "金", "土"}

// date is a day without its year.
func (w *Web) date(l lang, t time.Time) string {
	if l == japanese {
		return t.In(w.zone).Format("1/2")
	}
	return t.In(w.zone).Format("2 Jan")
}

// dayText is a delivery date as people say it.
func dayText(l lang, date string) string {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	if l == japanese {
		return t.Format("2006年1月2日") + "（" + weekdays[t.Weekday()] + "）"
	}
	return t.Format("Mon 2 Jan 2006")
}

// duration is a span as people say it, to the minute.
func duration(l lang, d time.Duration) string {
	minutes := int(max(d, 0).Minutes())
	switch {
	case minutes < 60:
		return l.text("minutes", minutes)
	case minutes < 48*60:
		return l.text("hours", minutes/60, minutes%60)
	}
	return l.text("days", minutes/(24*60))
}

// off is how uncertain a time is, empty when that is not worth saying.
func off(l lang, d time.Duration) string {
	switch {
	case d <= fleet.WellDated:
		return ""
	case d < time.Minute:
		return "± " + l.text("seconds", int((d+time.Second-1)/time.Second))
	}
	return "± " + duration(l, d+time.Minute-1)
}

// celsius writes millidegrees with one decimal and a true minus.
func celsius(milliC int64) string {
	text := fmt.Sprintf("%.1f", float64(milliC)/1000)
	return strings.Replace(text, "-", "−", 1)
}

// tail is the end of a long id, which people tell boxes apart by.
func tail(id string) string {
	const keep = 6
	if len(id) <= keep {
		return id
	}
	return "…" + id[len(id)-keep:]
}

// zoneName is a zone as browsers know it; empty for the machine's own, which has no name.
func zoneName(z *time.Location) string {
	if z == time.Local {
		return ""
	}
	return z.String()
}

// codeText is a code as people read it out and type it: in groups.
func codeText(code string) string {
	const first, second = 3, 7
	if len(code) <= second {
		return code
	}
	return code[:first] + " " + code[first:second] + " " + code[second:]
}
