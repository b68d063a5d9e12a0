package gs1

import (
	"fmt"
	"strings"
)

// URNs, by the GS1 EPC Tag Data Standard, release 2.x, section 6 (pure identities) and section 8 (identity patterns). They name the
// company prefix apart, so that writing one needs its length; reading one does not.

// scheme says how a key is written as a URN and back.
type scheme struct {
	kind    string // after urn:epc:
	name    string
	key     AI
	serial  AI     // the element that makes it one thing; "" where the key has it, or none
	inKey   bool   // what follows the key's digits is the serial number
	size    int    // digits of the key: with its check digit, where it has one
	first   bool   // the key's first digit stands before the company prefix, and in a URN behind it
	missing string // written where there is no serial number; "" where a serial number has to be
	most    int    // characters of the serial number
}

var urnSchemes = []scheme{
	{kind: "id", name: "sgtin", key: GTIN, serial: Serial, size: 14, first: true, most: 20},
	{kind: "class", name: "lgtin", key: GTIN, serial: Lot, size: 14, first: true, most: 20},
	{kind: "idpat", name: "sgtin", key: GTIN, size: 14, first: true, missing: "*"},
	{kind: "id", name: "sscc", key: SSCC, size: 18, first: true},
	{kind: "id", name: "sgln", key: GLN, serial: GLNExtension, size: 13, missing: "0", most: 20},
	{kind: "id", name: "pgln", key: Party, size: 13},
	{kind: "id", name: "grai", key: GRAI, inKey: true, size: 13, most: 16},
	{kind: "idpat", name: "grai", key: GRAI, size: 13, missing: "*"},
	{kind: "id", name: "giai", key: GIAI, inKey: true, most: 30},
}

// URN writes the key of a message as a URN of EPC: SGTIN of (01) with (21), LGTIN of (01) with (10), the pattern of all items of a
// GTIN of (01) alone, SSCC, SGLN of (414) with or without (254), PGLN of (417), GRAI and its pattern, GIAI. The error is that there
// is no such key, or that the length of its company prefix is not known.
func (m Message) URN(prefixes *Prefixes) (string, error) {
	has := map[AI]string{}
	for _, e := range m.Elements {
		has[e.AI] = e.Value
	}
	for _, s := range urnSchemes {
		key, ok := has[s.key]
		if _, named := has[s.serial]; !ok || (s.serial != "" && !named && s.missing == "") {
			continue
		}
		if s.key == GRAI {
			key = key[1:] // a zero that fills it up
		}
		if s.inKey && s.size > 0 && len(key) == s.size {
			continue // a GRAI without serial number is the kind's
		}
		return s.write(key, has[s.serial], prefixes)
	}
	return "", fmt.Errorf("%s has no key that there is a URN of here: SGTIN, LGTIN, SSCC, SGLN, PGLN, GRAI or GIAI", m.Bracketed())
}

func (s scheme) write(key, serial string, prefixes *Prefixes) (string, error) {
	body, indicator := key, ""
	if s.size > 0 {
		body = key[:s.size-1] // without the check digit
		if s.inKey {
			serial = key[s.size:]
		}
	}
	if s.first {
		indicator, body = body[:1], body[1:]
	}
	length, err := prefixes.of(body)
	if err != nil {
		return "", err
	}
	if length > len(body) || !allDigits(body[:length]) {
		return "", fmt.Errorf("(%s)%s: its company prefix has %d digits, says the list of prefixes, and here are fewer", s.key, key,
			length)
	}
	start := "urn:epc:" + s.kind + ":" + s.name + ":" + body[:length] + "."
	switch {
	case s.name == "giai":
		if body[length:] == "" {
			return "", fmt.Errorf("(%s)%s has nothing behind its company prefix", s.key, key)
		}
		return start + escapeURN(body[length:]), nil
	case s.serial == "" && !s.inKey && s.missing == "":
		return start + indicator + body[length:], nil
	case serial == "":
		return start + indicator + body[length:] + "." + s.missing, nil
	}
	return start + indicator + body[length:] + "." + escapeURN(serial), nil
}

// escapeURN writes the characters of set 82 that a URN cannot hold with percent encoding (section 6.3.1 and table A-1).
func escapeURN(value string) string {
	return urnEscapes.Replace(value)
}

var urnEscapes = strings.NewReplacer(`"`, "%22", "%", "%25", "&", "%26", "/", "%2F", "<", "%3C", ">", "%3E", "?", "%3F", "#", "%23")

// ReadURN turns a URN of one of the kinds that URN writes into its elements, with check digits.
func ReadURN(urn string) (Message, error) {
	for _, s := range urnSchemes {
		if rest, ok := strings.CutPrefix(urn, "urn:epc:"+s.kind+":"+s.name+":"); ok && len(urn) <= MaxCode {
			return s.read(urn, rest)
		}
	}
	return Message{}, fmt.Errorf("%.60q is no URN of EPC that is read here: want urn:epc:id:sgtin, sscc, sgln, pgln, grai or giai, "+
		"urn:epc:class:lgtin, or urn:epc:idpat:sgtin or grai", urn)
}

func (s scheme) read(urn, rest string) (Message, error) {
	fields := strings.SplitN(rest, ".", s.fields())
	if len(fields) != s.fields() {
		return Message{}, fmt.Errorf("%s: %d fields with a point between them, want %d", urn, len(fields), s.fields())
	}
	prefix := fields[0]
	if len(prefix) < leastURNPrefix || len(prefix) > mostURNPrefix || !allDigits(prefix) {
		return Message{}, fmt.Errorf("%s: company prefix %q, want %d to %d digits", urn, prefix, leastURNPrefix, mostURNPrefix)
	}
	serial, err := s.serialOf(fields[len(fields)-1])
	if err != nil {
		return Message{}, fmt.Errorf("%s: %w", urn, err)
	}
	key, err := s.keyOf(prefix, fields[1], serial)
	if err != nil {
		return Message{}, fmt.Errorf("%s: %w", urn, err)
	}
	m := Message{Elements: []Element{{s.key, key}}}
	if s.serial != "" && serial != "" {
		m.Elements = append(m.Elements, Element{s.serial, serial})
	}
	if err := Check(m.Elements...); err != nil {
		return Message{}, fmt.Errorf("%s: %v", urn, err)
	}
	return m, nil
}

// fields is how many there are between the points.
func (s scheme) fields() int {
	if s.name == "giai" || s.name == "sscc" || s.name == "pgln" {
		return 2
	}
	return 3
}

// serialOf reads the last field, "" for none.
func (s scheme) serialOf(field string) (string, error) {
	if s.missing != "" && field == s.missing {
		return "", nil
	}
	if s.kind == "idpat" {
		return "", fmt.Errorf("has %q where * stands for any serial number", field)
	}
	if s.most == 0 { // the last field belongs to the key
		return "", nil
	}
	serial, null := unescape(field, false)
	if null >= 0 || serial == "" || !strings.EqualFold(escapeURN(serial), field) || len(serial) > s.most {
		return "", fmt.Errorf("serial number %q, want 1 to %d characters, and percent encoding where it has to be", field, s.most)
	}
	return serial, nil
}

// keyOf puts the digits together.
func (s scheme) keyOf(prefix, reference, serial string) (string, error) {
	if s.name == "giai" {
		return prefix + serial, nil
	}
	if want := s.size - 1 - len(prefix); len(reference) != want || (want > 0 && !allDigits(reference)) {
		return "", fmt.Errorf("reference %q, want %d digits behind a company prefix of %d", reference, want, len(prefix))
	}
	body := prefix + reference
	if s.first {
		body = reference[:1] + prefix + reference[1:]
	}
	key := body + string(CheckDigit(body))
	switch {
	case s.key == GRAI:
		return "0" + key + serial, nil
	case s.inKey:
		return key + serial, nil
	}
	return key, nil
}
