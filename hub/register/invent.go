package register

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"unicode"
)

// Inventor puts invented values of the same shape in the place of those that name somebody, always the same for the same key. Two
// that are equal stay equal, two that differ stay different, and nothing invented is one of the originals it has been told.
type Inventor struct {
	key   []byte
	known map[string]string // kind and original to what was invented for it
	taken map[string]bool
}

// NewInventor makes an inventor. originals are values that must not come out. The key is a secret that whoever gets what is invented never
// has: there are so few telephone numbers and names that anybody could try them all.
func NewInventor(key []byte, originals []string) *Inventor {
	v := &Inventor{key: key, known: map[string]string{}, taken: make(map[string]bool, len(originals))}
	for _, o := range originals {
		v.taken[o] = true
	}
	return v
}

// draw are so many numbers that follow from key, kind, original and try.
type draw struct {
	sum  [sha256.Size]byte
	next int
}

func (v *Inventor) draw(kind, original string, try int) *draw {
	m := hmac.New(sha256.New, v.key)
	m.Write([]byte(kind + "\x00" + original + "\x00"))
	m.Write(binary.BigEndian.AppendUint64(nil, uint64(try)))
	return &draw{sum: [sha256.Size]byte(m.Sum(nil))}
}

// below is a number from 0 to n-1.
func (d *draw) below(n int) int {
	if d.next+4 > len(d.sum) {
		d.sum, d.next = sha256.Sum256(d.sum[:]), 0
	}
	x := binary.BigEndian.Uint32(d.sum[d.next:])
	d.next += 4
	return int(x % uint32(n))
}

// of gives what was invented for an original, or invents it until it is nobody's.
func (v *Inventor) of(kind, original string, invent func(*draw) string) string {
	if original == "" {
		return ""
	}
	if made, ok := v.known[kind+"\x00"+original]; ok {
		return made
	}
	for try := 0; ; try++ {
		made := invent(v.draw(kind, original, try))
		if try >= 64 { // so few are of this shape that all are taken: a longer one
			made += string(rune('a' + v.draw(kind, original, try).below(26)))
		}
		if !v.taken[made] {
			v.known[kind+"\x00"+original], v.taken[made] = made, true
			return made
		}
	}
}

var (
	surnames   = strings.Fields("相川 伊吹 宇佐美 江藤 大槻 桐谷 久我 剣持 香坂 沢渡 篠宮 須藤 瀬尾 立花 千早 都築 遠野 直江 新見 野宮 早瀬 柊 深見 堀川 真壁 三雲 武藤 本城 八神 結城 吉良 若宮")
	givenNames = strings.Fields("葵 樹 海斗 絵里 奏 希美 久遠 慧 小春 咲良 静香 涼 千尋 司 透 凪 虹 望 春香 光 文香 穂高 真琴 湊 睦 桃香 悠 蓮 璃子 渉")
	lastNames  = strings.Fields("Ashby Barlow Calder Denby Ellery Fenwick Garside Hadley Ingram Jarrow Kelby Lorne Marden Norrell Orrin Pellow Quarle Rowley Selwyn Thorley Upton Varley Wexley Yardley")
	firstNames = strings.Fields("Ada Basil Clara Dorian Edith Felix Greta Hollis Iris Jonas Kira Leander Mabel Nolan Olive Percy Quinn Rhea Silas Tessa Ursel Verity Wilbur Yara")
	towns      = strings.Fields("青葉町 若葉町 桜台 緑ヶ丘 朝日町 港町 栄町 本郷台 新川町 花園町 弥生台 東雲町")
)

// Known gives what was invented for an original of a kind.
func (v *Inventor) Known(kind, original string) (string, bool) {
	made, ok := v.known[kind+"\x00"+original]
	return made, ok
}

// Name invents a name in the script of the original.
func (v *Inventor) Name(original string) string {
	return v.of("name", original, func(d *draw) string {
		if strings.ContainsFunc(original, func(r rune) bool { return r > 0x2e80 }) {
			return surnames[d.below(len(surnames))] + " " + givenNames[d.below(len(givenNames))] + number(d, 4)
		}
		return firstNames[d.below(len(firstNames))] + " " + lastNames[d.below(len(lastNames))] + " " + number(d, 4)
	})
}

func number(d *draw, digits int) string {
	var b strings.Builder
	for range digits {
		b.WriteByte(byte('0' + d.below(10)))
	}
	return b.String()
}

// Shape invents a text with a digit for each digit and a letter for each letter; the first keep runes, and all else, stay.
func (v *Inventor) Shape(kind, original string, keep int) string {
	return v.of(kind, original, func(d *draw) string {
		n := 0
		return strings.Map(func(r rune) rune {
			if n++; n <= keep {
				return r
			}
			switch {
			case '0' <= r && r <= '9':
				return rune('0' + d.below(10))
			case 'A' <= r && r <= 'Z':
				return rune('A' + d.below(26))
			case unicode.IsLetter(r):
				return rune('a' + d.below(26))
			}
			return r
		}, original)
	})
}

// Pseudonym invents a pseudonym; what stands before its first - stays.
func (v *Inventor) Pseudonym(original string) string {
	return v.Shape("pseudonym", original, len([]rune(original[:strings.Index(original, "-")+1])))
}

// Contact invents a contact.
func (v *Inventor) Contact(c Contact) Contact {
	c.Name = v.Name(c.Name)
	c.Phone = v.Shape("phone", c.Phone, 1)
	c.Email = v.of("email", c.Email, func(d *draw) string { return "person" + number(d, 9) + "@example.invalid" })
	c.Postcode = v.Shape("postcode", c.Postcode, 0)
	c.Address = v.of("address", c.Address, address)
	return c
}

func address(d *draw) string {
	return "架空県" + towns[d.below(len(towns))] + number(d, 2) + "-" + number(d, 3)
}

// Place invents the name or the address of a place: some are called by the person who lives or works there.
func (v *Inventor) Place(original string) string { return v.of("place", original, address) }

// Replacer puts what was invented in the place of each original that stands somewhere in a text. Originals of fewer than shortest
// bytes would be found everywhere by chance, and name nobody there: they are replaced where they are the whole of a string in quotation
// marks, if quoted.
func (v *Inventor) Replacer(shortest int, quoted bool) *strings.Replacer {
	var originals []string
	invented := map[string]string{}
	put := func(original, made string) {
		if _, twice := invented[original]; !twice {
			originals = append(originals, original)
		}
		invented[original] = made
	}
	for _, kind := range []string{"place", "pin", "address", "email", "phone", "name", "pseudonym"} { // the last counts
		for key, made := range v.known {
			original, ok := strings.CutPrefix(key, kind+"\x00")
			switch {
			case ok && len(original) >= shortest:
				put(original, made)
			case ok && quoted:
				put(`"`+original+`"`, `"`+made+`"`)
			}
		}
	}
	// The longest first: one may begin as another does.
	slices.SortFunc(originals, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	pairs := make([]string, 0, 2*len(originals))
	for _, o := range originals {
		pairs = append(pairs, o, invented[o])
	}
	return strings.NewReplacer(pairs...)
}
