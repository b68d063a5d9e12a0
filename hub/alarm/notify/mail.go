package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"
)

// Post sends notices as mail over SMTP (RFC 5321), with STARTTLS (RFC 3207) always, but for a server on loopback that has none.
type Post struct {
	Server         string // HOST:PORT
	User, Password string // empty for a server that asks for none
	From           string // an address
	TLS            *tls.Config
	Now            func() time.Time // nil is time.Now
}

func (p Post) check() error {
	host, port, err := net.SplitHostPort(p.Server)
	if err != nil || host == "" || port == "" {
		return fmt.Errorf("SMTP server %q: want HOST:PORT", p.Server)
	}
	if a, err := mail.ParseAddress(p.From); err != nil || a.Address != p.From {
		return fmt.Errorf("mail from %q: want NAME@HOST", p.From)
	}
	if (p.User == "") != (p.Password == "") {
		return errors.New("SMTP: user and password go together")
	}
	return nil
}

// Send hands a message to the server. What the server refuses with a code of 5yz is refused for good.
func (p Post) Send(ctx context.Context, m Message) error {
	host, _, err := net.SplitHostPort(p.Server)
	if err != nil {
		return err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", p.Server)
	if err != nil {
		return fmt.Errorf("SMTP: %w", err)
	}
	defer func() { _ = conn.Close() }()
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(sendTimeout)
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return forGood(fmt.Errorf("SMTP: %w", err))
	}
	if err := p.talk(c, host, m); err != nil {
		return forGood(fmt.Errorf("SMTP: %w", err))
	}
	_ = c.Quit() // it is delivered already
	return nil
}

func (p Post) talk(c *smtp.Client, host string, m Message) error {
	if ok, _ := c.Extension("STARTTLS"); ok {
		config := &tls.Config{}
		if p.TLS != nil {
			config = p.TLS.Clone()
		}
		if config.ServerName == "" {
			config.ServerName = host
		}
		config.MinVersion = tls.VersionTLS12
		if err := c.StartTLS(config); err != nil {
			return err
		}
	} else if !loopback(host) {
		return errors.New("the server offers no STARTTLS, and nothing is sent in the clear")
	}
	if p.User != "" {
		if err := c.Auth(smtp.PlainAuth("", p.User, p.Password, host)); err != nil {
			return err
		}
	}
	if err := c.Mail(p.From); err != nil {
		return err
	}
	if err := c.Rcpt(m.To); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(p.letter(m)); err != nil {
		return err
	}
	return w.Close()
}

// forGood marks a refusal of the server that trying again does not change.
func forGood(err error) error {
	if of := new(textproto.Error); errors.As(err, &of) && of.Code/100 == 5 {
		return fmt.Errorf("%w (%w)", err, errForGood)
	}
	return err
}

// letter is the message in the form of RFC 5322. Its id is the notice's, so that a second delivery is known as one.
func (p Post) letter(m Message) []byte {
	now := time.Now
	if p.Now != nil {
		now = p.Now
	}
	_, domain, _ := strings.Cut(p.From, "@")
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", p.From}, {"To", m.To}, {"Subject", mime.BEncoding.Encode("utf-8", m.subject())},
		{"Date", now().Format(time.RFC1123Z)}, {"Message-ID", "<" + m.ID + "@" + domain + ">"},
		{"Auto-Submitted", "auto-generated"}, {"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "base64"},
	} {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	b.WriteString("\r\n")
	const line = 76
	coded := base64.StdEncoding.EncodeToString([]byte(m.body()))
	for len(coded) > 0 {
		n := min(line, len(coded))
		b.WriteString(coded[:n] + "\r\n")
		coded = coded[n:]
	}
	return b.Bytes()
}
