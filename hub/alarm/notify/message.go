package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"time"

	"meguri/hub/alarm"
	"meguri/hub/store"
)

// Message is a notice with what it says.
type Message struct {
	alarm.Notice
	Line      store.AlarmLine
	PlaceName string
	Forecast  *store.LimitForecast
	URL       string
	Zone      *time.Location
}

func (t *Teller) message(ctx context.Context, tx *store.Tx, n alarm.Notice) (m Message, err error) {
	m = Message{Notice: n, URL: t.URL, Zone: t.Zone}
	now := t.Now()
	a, err := tx.AlarmLife(ctx, n.AlarmID)
	if err != nil {
		return m, err
	}
	lines, err := tx.Stand(ctx, []alarm.Alarm{a}, now)
	if err != nil {
		return m, err
	}
	m.Line = lines[0]
	if m.PlaceName, err = tx.NameOfPlace(ctx, m.Line.Place); err != nil {
		return m, err
	}
	f, ok, err := tx.ForecastOf(ctx, a, now)
	if ok {
		m.Forecast = &f
	}
	return m, err
}

// link is the alarm's page; empty when the hub does not know where people reach it.
func (m Message) link() string {
	if m.URL == "" || m.Line.About.Name == testKind.Name {
		return ""
	}
	return strings.TrimSuffix(m.URL, "/") + "/alarms/" + url.PathEscape(m.AlarmID)
}

// payload is the body of a webhook. Fields are only ever added.
type payload struct {
	ID           string      `json:"id"` // of the notice: the same in every try
	Stage        int         `json:"stage"`
	AlarmID      string      `json:"alarm_id"`
	Revision     int         `json:"revision"`
	Kind         string      `json:"kind"`
	State        alarm.State `json:"state"`
	Priority     int         `json:"priority"`
	Owner        string      `json:"owner"`
	Subject      string      `json:"subject"`
	Place        string      `json:"place"`
	PlaceName    string      `json:"place_name"`
	Detail       string      `json:"detail"` // in English
	DetailText   text        `json:"detail_text"`
	RaisedAt     time.Time   `json:"raised_at"`
	ClearedAt    *time.Time  `json:"cleared_at,omitempty"`
	Title        text        `json:"title"`
	Consequence  text        `json:"consequence"`
	Action       text        `json:"action"`
	LimitMinutes *int        `json:"minutes_to_limit,omitempty"`
	LimitFridge  string      `json:"limit_fridge,omitempty"`
	Link         string      `json:"link,omitempty"`
}

type text struct {
	EN string `json:"en"`
	JA string `json:"ja"`
}

func (m Message) payload() ([]byte, error) {
	l := m.Line
	p := payload{ID: m.ID, Stage: m.Stage, AlarmID: m.AlarmID, Revision: l.Revision, Kind: l.About.Name, State: l.State,
		Priority: int(l.About.Priority), Owner: l.About.Owner, Subject: l.Subject, Place: l.Place, PlaceName: m.PlaceName, Detail: l.Detail.In("en"), DetailText: text(l.Detail.Text()),
		RaisedAt: l.Raised, Title: text(l.About.Title), Consequence: text(l.About.Consequence), Action: text(l.About.Action), Link: m.link()}
	if !l.Cleared.IsZero() {
		p.ClearedAt = &l.Cleared
	}
	if m.Forecast != nil {
		minutes := int(m.Forecast.Left.Minutes())
		p.LimitMinutes, p.LimitFridge = &minutes, m.Forecast.Fridge
	}
	return json.Marshal(p)
}

// subject is a mail's, in the recipient's language.
func (m Message) subject() string {
	if m.Language == "ja" {
		return fmt.Sprintf("【巡り】%s：%s", m.Line.About.Title.JA, m.PlaceName)
	}
	return fmt.Sprintf("[Meguri] %s: %s", m.Line.About.Title.EN, m.PlaceName)
}

// words of a mail, by language.
var words = map[string][]string{
	"en": {"Where", "Since", "What follows", "What to do", "%s reaches its limit in about %d minutes.", "Nobody has acknowledged this alarm yet.", "Answer it here"},
	"ja": {"場所", "発生", "影響", "対応", "%s は約 %d 分で限度に達する見込みです。", "この警報はまだ誰も確認していません。", "確認はこちら"},
}

// body is a mail's text.
func (m Message) body() string {
	lang := "en"
	if m.Language == "ja" {
		lang = "ja"
	}
	w, a := words[lang], m.Line.About
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s: %s (%s)\n%s: %s\n", a.Title.In(lang), w[0], m.PlaceName, m.Line.Subject, w[1],
		m.Line.Raised.In(m.Zone).Format("2006-01-02 15:04"))
	if detail := m.Line.Detail.In(lang); detail != "" {
		fmt.Fprintf(&b, "%s\n", detail)
	}
	if m.Forecast != nil {
		fmt.Fprintf(&b, w[4]+"\n", m.Forecast.Fridge, int(m.Forecast.Left.Minutes()))
	}
	fmt.Fprintf(&b, "\n%s: %s\n%s: %s\n", w[2], a.Consequence.In(lang), w[3], a.Action.In(lang))
	if a.Name != testKind.Name {
		fmt.Fprintf(&b, "\n%s\n", w[5])
	}
	if link := m.link(); link != "" {
		fmt.Fprintf(&b, "%s: %s\n", w[6], link)
	}
	return b.String()
}

// CheckRecipients says what is wrong with whom to tell.
func CheckRecipients(all []alarm.Recipient, hook Hook, post Post) error {
	var wrong error
	for _, r := range all {
		switch r.Channel {
		case alarm.Webhook:
			u, err := url.Parse(r.To)
			if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
				wrong = errors.Join(wrong, errors.New("alarm webhook: want https://HOST/PATH, or http:// on loopback")) // it may hold a secret
			}
			if len(hook.Secret) < minSecret {
				wrong = errors.Join(wrong, fmt.Errorf("alarm webhook: want a secret of %d bytes or more to sign with", minSecret))
			}
		case alarm.Mail:
			if a, err := mail.ParseAddress(r.To); err != nil || a.Address != r.To {
				wrong = errors.Join(wrong, fmt.Errorf("alarm mail to %q: want NAME@HOST", r.To))
			}
			wrong = errors.Join(wrong, post.check())
		default:
			wrong = errors.Join(wrong, fmt.Errorf("channel %q: want webhook or mail", r.Channel))
		}
	}
	return wrong
}
