package fuzzapi

import (
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"pgregory.net/rapid"

	"meguri/hub/api/apitest"
)

// source draws values that a schema allows, many of them such as the hub has answered with before: a request for what is there goes
// further into the hub than one for what nobody ever made.
type source struct {
	*rand.Rand
	known *known
}

const maxDepth = 6 // of values that are drawn

// value draws a value of a schema; name is what the document calls it, place the path whose things it may name.
func (s *source) value(name, place string, schema *openapi3.Schema, depth int) any {
	switch {
	case len(schema.OneOf) > 0:
		return s.value(name, place, schema.OneOf[s.IntN(len(schema.OneOf))].Value, depth)
	case len(schema.Enum) > 0:
		return schema.Enum[s.IntN(len(schema.Enum))]
	case schema.Const != nil:
		return schema.Const
	case schema.Type.Is("object"):
		return s.object(place, schema, depth)
	case schema.Type.Is("array"):
		return s.list(name, place, schema, depth)
	case schema.Type.Is("integer"):
		return s.integer(schema)
	case schema.Type.Is("number"):
		return s.Float64() * 100
	case schema.Type.Is("boolean"):
		return s.IntN(2) == 0
	case schema.Type.Is("string"):
		return s.text(name, place, schema)
	}
	return s.words()
}

func (s *source) object(place string, schema *openapi3.Schema, depth int) any {
	made := map[string]any{}
	names := make([]string, 0, len(schema.Properties))
	for name := range schema.Properties {
		names = append(names, name)
	}
	slices.Sort(names) // a map's order would not be the seed's
	for _, name := range names {
		if slices.Contains(schema.Required, name) || depth < maxDepth && s.IntN(2) == 0 {
			made[name] = s.value(name, place, schema.Properties[name].Value, depth+1)
		}
	}
	for len(made) < int(schema.MinProps) && len(names) > 0 {
		name := names[s.IntN(len(names))]
		made[name] = s.value(name, place, schema.Properties[name].Value, depth+1)
	}
	return made
}

func (s *source) list(name, place string, schema *openapi3.Schema, depth int) any {
	most := int(schema.MinItems) + 3
	if schema.MaxItems != nil {
		most = min(most, int(*schema.MaxItems))
	}
	n := int(schema.MinItems) + s.IntN(most-int(schema.MinItems)+1)
	list := make([]any, 0, n)
	for range n {
		list = append(list, s.value(name, place, schema.Items.Value, depth+1))
	}
	return list
}

func (s *source) integer(schema *openapi3.Schema) any {
	low, high := int64(-1<<40), int64(1<<40)
	if schema.Min != nil {
		low = int64(math.Ceil(*schema.Min))
	}
	if schema.Max != nil {
		high = int64(math.Floor(*schema.Max))
	}
	switch s.IntN(6) {
	case 0:
		return low
	case 1:
		return high
	case 2:
		return low + s.Int64N(high-low+1)
	}
	return min(max(low, s.Int64N(10)), high) // most limits leave no room for more
}

// text draws a text of a schema: known ones that fit it first.
func (s *source) text(name, place string, schema *openapi3.Schema) string {
	if s.IntN(10) > 1 {
		for range 4 {
			if v, ok := s.known.draw(s, name, place); ok && fits(v, schema) {
				return v
			}
		}
	}
	switch {
	case schema.Format == "date":
		return s.date()
	case schema.Format == "date-time":
		return s.moment()
	case schema.Pattern != "":
		return rapid.StringMatching(schema.Pattern).Example(s.Int())
	}
	v := s.words()
	for utf8.RuneCountInString(v) < int(schema.MinLength) {
		v += "x"
	}
	if schema.MaxLength != nil {
		if most := int(*schema.MaxLength); s.IntN(8) == 0 {
			v = strings.Repeat("長", most)
		} else if r := []rune(v); len(r) > most {
			v = string(r[:most])
		}
	}
	return v
}

func fits(v string, schema *openapi3.Schema) bool {
	n := uint64(utf8.RuneCountInString(v))
	if n < schema.MinLength || schema.MaxLength != nil && n > *schema.MaxLength {
		return false
	}
	switch schema.Format {
	case "date":
		_, err := time.Parse(time.DateOnly, v)
		return err == nil
	case "date-time":
		_, err := time.Parse(time.RFC3339, v)
		return err == nil
	}
	return schema.Pattern == "" || regexp.MustCompile(schema.Pattern).MatchString(v)
}

var dates = []string{apitest.Date, "2026-12-02", "2026-12-03", "2026-12-04", "2026-11-30", "2024-02-29", "0001-01-01", "0000-01-01", "9999-12-31", "1969-12-31"}

func (s *source) date() string {
	if s.IntN(4) > 0 {
		return dates[s.IntN(4)]
	}
	return dates[s.IntN(len(dates))]
}

func (s *source) moment() string {
	far := []string{"0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59+14:00",
		"2262-04-11T23:47:17Z", "2026-12-01T00:00:00-12:00", "1677-09-21T00:12:43Z"}
	if s.IntN(6) == 0 {
		return far[s.IntN(len(far))]
	}
	return apitest.Now.Add(time.Duration(s.IntN(2*48*3600)-48*3600) * time.Second).Format(time.RFC3339)
}

// odd are texts that have broken other people's programs.
var odd = []string{"wish", "the door was forced", "佐藤 花子", "09012345678", "", " ", "a\x00b", "\u202eabc", "é", "👩‍👩‍👧", "' OR '1'='1", "\"; DROP TABLE orders; --",
	"<script>alert(1)</script>", "{{.}}", "%s%n", "../../etc/passwd", "a\r\nSet-Cookie: x=1", "=1+1", "\ufeffx", "\ud7ff", "NaN", "-0", "null", "%00", "a/b", "a?b#c",
	"(01)09520001000010(21)P1", "𝕏", "\u0000", "\u200b", "İ", "ß", "true", "1e9", "0x10"}

func (s *source) words() string {
	v := odd[s.IntN(len(odd))]
	if s.IntN(4) == 0 {
		v += odd[s.IntN(len(odd))]
	}
	return v
}

// known are the texts that the hub has answered with, by the name of their field and by the path that answered. At most maxKnown of each.
type known struct {
	by  map[string][]string
	all []string // the keys of by, as they came
}

const maxKnown = 300

func newKnown() *known { return &known{by: map[string][]string{}} }

func (k *known) add(s *source, key, text string) {
	if len(text) == 0 || len(text) > 200 || slices.Contains(k.by[key], text) {
		return
	}
	if k.by[key] == nil {
		k.all = append(k.all, key)
	}
	if len(k.by[key]) < maxKnown {
		k.by[key] = append(k.by[key], text)
		return
	}
	k.by[key][s.IntN(maxKnown)] = text
}

// harvest keeps the texts of an answer, or of a request that was taken.
func (k *known) harvest(s *source, name, place string, v any) {
	switch v := v.(type) {
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			k.harvest(s, name, place, v[name])
		}
	case []any:
		for _, one := range v[:min(len(v), 50)] {
			k.harvest(s, name, place, one)
		}
	case string:
		k.add(s, name, v)
		if name == "id" || strings.HasSuffix(name, "_id") {
			k.add(s, "@"+place, v)
		}
	}
}

// thing is the field that names the things of a path: order_id for /v1/orders.
func thing(place string) string {
	return strings.ReplaceAll(strings.TrimSuffix(place[strings.LastIndexByte(place, '/')+1:], "s"), "-", "_") + "_id"
}

func (k *known) draw(s *source, name, place string) (string, bool) {
	keys := []string{name, name, name + "_id"}
	if name == "id" {
		keys = []string{thing(place), thing(place), "@" + place}
		if k.by[keys[0]] == nil { // of a thing whose kind another field says
			keys = []string{"fridge_id", "container_id", "product_id", "device_id", "location_id", "@" + place}
		}
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return k.by[key] == nil })
	if len(keys) == 0 || s.IntN(20) == 0 {
		keys = k.all
	}
	if len(keys) == 0 {
		return "", false
	}
	of := k.by[keys[s.IntN(len(keys))]]
	return of[s.IntN(len(of))], true
}
