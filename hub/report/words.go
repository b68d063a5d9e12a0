package report

import (
	"fmt"
	"strings"

	"meguri/hub/alarm"
	"meguri/hub/coldchain"
	"meguri/hub/label"
)

// Languages of a report.
const (
	English  = "en"
	Japanese = "ja"
)

// Language is a language of reports, or an error that names those that there are. Empty is English.
func Language(text string) (string, error) {
	switch text {
	case "", English:
		return English, nil
	case Japanese:
		return Japanese, nil
	}
	return "", fmt.Errorf("language %q: want en or ja", text)
}

// inJapanese has every text of a report by its English one.
var inJapanese = map[string]string{
	"Cold chain of container %s": "温度管理記録　容器 %s",
	"Delivery date %s, location %s, shop %s, category %s, run %s. Box: %s.": "配達日 %s、ステーション %s、店舗 %s、温度区分 %s、便 %s。箱：%s",
	"Orders with goods in it: %s.":                                          "この容器に商品がある注文：%s",
	"none":                                                                  "なし",
	"It is still on its way.":                                               "まだ輸送中です。",
	"All its orders had ended on %s.":                                       "すべての注文が %s に終了しました。",
	"The delivery was closed on %s.":                                        "配達は %s に締め切られました。",
	"Made on %s from what the hub knew then.":                               "%s 時点でハブが把握していた内容から作成。",
	"%s, made %s, page %d. hub verify-report says whether a byte was changed.": "%s　作成 %s　%dページ　改ざんの有無は hub verify-report で確認できます。",
	"Collection": "集荷場", "Shipper": "シッパー", "Station": "ステーション",
	" (goes on)":                        "（継続中）",
	"%s to %s, %s. Sensor %s.":          "%s から %s まで（%s）。センサー %s",
	"No limits are known for this leg.": "この区間の適温は未設定です。",
	"The category has no limits on this leg; the fridge's own range applies: %s to %s.": "この区間に温度区分の基準はなく、冷蔵庫の範囲を適用：%s〜%s",
	"Limits of the category on this leg: %s to %s, at most %s outside.":                 "この区間の温度区分の基準：%s〜%s、逸脱は合計 %s まで",
	"Nothing was measured on this leg.":                                                 "この区間の測定はありません。",
	"Readings":                                                                          "測定数", "Faults": "異常", "Lowest": "最低", "Highest": "最高", "Mean": "平均", "Mean kinetic": "平均運動温度", "Measured": "測定時間",
	"Below limits": "下限未満", "Above limits": "上限超過",
	"Gaps: none. The readings of the whole leg were received.": "欠測：なし（全区間の測定値を受信）",
	"Gaps":                             "欠測",
	"%d gaps, in all %s":               "%d件、合計 %s",
	"%s to %s (%s): %s":                "%s から %s（%s）：%s",
	"and %d more":                      "ほか %d件",
	", by an interval that is assumed": "（測定間隔は推定）",
	", ends known to %s":               "（両端の誤差 %s）",
	"Alarms: none.":                    "警報：なし",
	"Alarms":                           "警報",
	"%s: %s of %s":                     "%[1]s：%[3]s　%[2]s",
	"; still open":                     "、継続中",
	"; over %s":                        "、%s に解消",
	"; acknowledged by nobody":         "、未確認",
	"; acknowledged by %s %s":          "、%s が %s に確認",
	"and perhaps more":                 "ほかにもある可能性があります。",
	"%d s":                             "%d秒", "%d min": "%d分", "%d h %02d min": "%d時間%02d分",
	"Alarm rules of the network for this leg: %s.": "この区間の警報条件：%s",
	"above %s":                              "%s超",
	"below %s":                              "%s未満",
	"%s at once":                            "%sでただちに",
	"%s for %s at a stretch":                "%sが連続%s",
	"%s for %s in all":                      "%sが合計%s",
	"mean kinetic temperature %s after %s":  "平均運動温度が%s（%s以上）",
	" without the first %s and the last %s": "（最初の%sと最後の%sを除く）",
	"received":                              "受信済み", "sensor fault": "センサー異常", "thinned": "端末が間引き", "off": "電源オフ", "not flushed": "保存前に電源断", "not sampled": "稼働中、測定なし",
	"not arrived": "未着", "damaged": "消失：記憶装置の破損", "incarnation lost": "消失：記憶装置の交換", "quarantined": "受信したが読めない", "discarded": "消失：読めず、保存せず",
	"not held": "消失：端末に残っていない", "not in use": "未使用", "ahead": "これから",
	"stopped": "正常終了", "power cut": "停電", "online": "通信中", "offline": "通信なし", "revoked": "端末を失効", "no sensor": "センサーなし", "restored": "バックアップから復元",
	"not started": "起動前", "not there": "残っていない", "superseded": "交換済み", "broken file": "ファイル破損", "broken value": "値の破損",
	"no device has told of this sensor": "このセンサーを報告した端末なし",
}

// say is a text in the language of the report.
func (p *pdf) say(format string, args ...any) string {
	if ja, has := inJapanese[format]; has && p.lang == Japanese {
		format = ja
	}
	if len(args) == 0 {
		return format
	}
	return fmt.Sprintf(format, args...)
}

// kind is what an alarm is called.
func (p *pdf) kind(kind string) string {
	if p.lang == Japanese {
		return alarm.Of(kind).Title.In(Japanese)
	}
	return strings.ReplaceAll(kind, "_", " ")
}

// rules says by which rules of the network the air of a leg was watched; empty for none.
func (p *pdf) rules(l *Leg) string {
	var all []string
	for _, o := range l.Rules {
		all = append(all, p.rule(o))
	}
	if len(all) == 0 {
		return ""
	}
	return p.say("Alarm rules of the network for this leg: %s.", strings.Join(all, "; "))
}

func (p *pdf) rule(o coldchain.Own) string {
	side := "above %s"
	if o.Rule.Low {
		side = "below %s"
	}
	limit, text := p.say(side, celsius(o.Rule.LimitMilliC)), ""
	switch o.Kind() {
	case coldchain.Cumulative:
		text = p.say("%s for %s in all", limit, p.minutes(o.Rule.For))
	case coldchain.Kinetic:
		text = p.say("mean kinetic temperature %s after %s", limit, p.minutes(o.Rule.For))
	default:
		if lasts := max(o.Rule.For, o.Rule.OnDelay); lasts > 0 {
			text = p.say("%s for %s at a stretch", limit, p.minutes(lasts))
		} else {
			text = p.say("%s at once", limit)
		}
	}
	if o.Rule.StartIgnore > 0 || o.Rule.EndIgnore > 0 {
		text += p.say(" without the first %s and the last %s", p.minutes(o.Rule.StartIgnore), p.minutes(o.Rule.EndIgnore))
	}
	return text
}

// dotOf is how large a dot of the bitmap font is, in millimetres, for a size in points.
func dotOf(points float64) float64 { return points * 25.4 / 72 / label.CellHeight * 1.1 }

// cells is how many narrow characters a text takes.
func cells(text string) (n int) {
	for _, r := range text {
		_, width := label.Dots(r)
		n += width
	}
	return n
}

// draw draws a line of text as dots, for no PDF reader has to have a Japanese font. Neighbours in a row are one rectangle.
func (p *pdf) draw(text string, x, y, dot float64, bold bool) {
	p.SetFillColor(0, 0, 0)
	heavier := 0.0
	if bold {
		heavier = dot * 0.5
	}
	for _, r := range text {
		dots, width := label.Dots(r)
		for i := 0; i < len(dots); {
			run := 1
			for i+run < len(dots) && dots[i+run].Y == dots[i].Y && dots[i+run].X == dots[i].X+run {
				run++
			}
			p.Rect(x+float64(dots[i].X)*dot, y+float64(dots[i].Y)*dot, float64(run)*dot+heavier, dot, "F")
			i += run
		}
		x += float64(width*label.CellWidth) * dot
	}
}

// paragraph writes a text across the page, broken where it is too long.
func (p *pdf) paragraph(text string, points float64, bold bool) {
	dot := dotOf(points)
	height := float64(label.CellHeight+3) * dot
	for _, line := range label.Wrap(text, int(wide/(label.CellWidth*dot))) {
		if p.GetY()+height > pageEnds {
			p.AddPage()
		}
		p.draw(line, left, p.GetY(), dot, bold)
		p.SetXY(left, p.GetY()+height)
	}
}

// box writes a text into the middle of a cell of a table; it is made smaller until it fits.
func (p *pdf) box(w, h float64, text string, points float64, bold bool) {
	x, y := p.GetXY()
	p.Rect(x, y, w, h, "D")
	p.centred(x, y, w, h, text, points, bold)
	p.SetXY(x+w, y)
}

func (p *pdf) centred(x, y, w, h float64, text string, points float64, bold bool) {
	dot := dotOf(points)
	if n := float64(cells(text) * label.CellWidth); n > 0 {
		dot = min(dot, (w-0.6)/n)
	}
	p.draw(text, x+(w-float64(cells(text)*label.CellWidth)*dot)/2, y+(h-label.CellHeight*dot)/2, dot, bold)
}
