package report

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// A signed report is a PDF with an incremental update behind it (ISO 32000-1, 7.5.6): a signature field (12.8) whose signature covers
// every byte of the file but its own digits. Any PDF reader can check it; Verify is stricter than they are: nothing may stand behind
// what is signed, and the digits are the only ones that the signature can have.

// signatureSize is the room for the signature, in bytes: a certificate of this authority takes some 500, the rest 300.
const signatureSize = 2048

var (
	rootReference = regexp.MustCompile(`/Root (\d+) 0 R`)
	sizeOf        = regexp.MustCompile(`/Size (\d+)`)
	startXref     = regexp.MustCompile(`startxref\n(\d+)\n%%EOF\n?$`)
	firstPage     = regexp.MustCompile(`(\d+) 0 obj\n<</Type /Page\n`)
)

// ErrPDF is a file that this package has not made.
var ErrPDF = errors.New("not a PDF as a hub makes it")

// Sign adds a signature to a PDF that Write has made. Time is that of the signature, to the second.
func Sign(pdf []byte, key crypto.Signer, cert *x509.Certificate, at time.Time) ([]byte, error) {
	u, err := newUpdate(pdf)
	if err != nil {
		return nil, err
	}
	out, open := u.write(at, cert.Subject.CommonName)
	end := open + 2 + 2*signatureSize // behind the digits and what encloses them
	ranges := fmt.Sprintf("[0 %010d %010d %010d]", open, end, len(out)-end)
	copy(out[bytes.LastIndex(out, []byte(noRanges)):], ranges)
	cms, err := sign(key, cert, digestOf(out, open, end), at)
	if err != nil {
		return nil, err
	}
	if len(cms) > signatureSize {
		return nil, fmt.Errorf("a signature of %d bytes: there is room for %d", len(cms), signatureSize)
	}
	copy(out[open+1:], digits(cms))
	return out, nil
}

func digits(cms []byte) []byte {
	all := bytes.Repeat([]byte("0"), 2*signatureSize)
	hex.Encode(all, cms)
	return all
}

func digestOf(out []byte, open, end int) (digest [sha256.Size]byte) {
	h := sha256.New()
	h.Write(out[:open])
	h.Write(out[end:])
	h.Sum(digest[:0])
	return digest
}

const noRanges = "[0 0000000000 0000000000 0000000000]"

// update is what an incremental update of a PDF has to know.
type update struct {
	pdf                     []byte
	root, size, page, start int
	catalog                 []byte // between << and >>
}

func newUpdate(pdf []byte) (u update, err error) {
	u.pdf = pdf
	for _, f := range []struct {
		into *int
		in   *regexp.Regexp
	}{{&u.root, rootReference}, {&u.size, sizeOf}, {&u.start, startXref}, {&u.page, firstPage}} {
		m := f.in.FindSubmatch(pdf)
		if m == nil {
			return u, fmt.Errorf("%w: no %s", ErrPDF, f.in)
		}
		if *f.into, err = strconv.Atoi(string(m[1])); err != nil {
			return u, fmt.Errorf("%w: %w", ErrPDF, err)
		}
	}
	head := []byte(fmt.Sprintf("\n%d 0 obj\n<<\n", u.root))
	_, rest, ok := bytes.Cut(pdf, head)
	if !ok {
		return u, fmt.Errorf("%w: no catalog", ErrPDF)
	}
	if u.catalog, _, ok = bytes.Cut(rest, []byte(">>\nendobj")); !ok {
		return u, fmt.Errorf("%w: no end of the catalog", ErrPDF)
	}
	return u, nil
}

// write gives the file with the update, without digits, and where they are to stand.
func (u update) write(at time.Time, name string) (out []byte, open int) {
	var b bytes.Buffer
	b.Write(u.pdf)
	if !bytes.HasSuffix(u.pdf, []byte("\n")) {
		b.WriteByte('\n')
	}
	field, signature := u.size, u.size+1
	offsets := make([]int, 0, 3)
	object := func(number int, text string) {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", number, text)
	}
	object(u.root, fmt.Sprintf("<<\n%s/AcroForm <</Fields [%d 0 R] /SigFlags 3>>\n>>", u.catalog, field))
	object(field, fmt.Sprintf("<</Type /Annot /Subtype /Widget /FT /Sig /T (Hub) /F 132 /Rect [0 0 0 0] /P %d 0 R /V %d 0 R>>", u.page, signature))
	object(signature, fmt.Sprintf("<</Type /Sig /Filter /Adobe.PPKLite /SubFilter /adbe.pkcs7.detached /Name (%s) /M (D:%s) /ByteRange %s /Contents <%s>>>",
		name, at.UTC().Format("20060102150405Z"), noRanges, bytes.Repeat([]byte("0"), 2*signatureSize)))
	open = bytes.LastIndex(b.Bytes(), []byte("/Contents <")) + len("/Contents ")
	start := b.Len()
	fmt.Fprintf(&b, "xref\n%d 1\n%010d 00000 n \n%d 2\n%010d 00000 n \n%010d 00000 n \n", u.root, offsets[0], field, offsets[1], offsets[2])
	fmt.Fprintf(&b, "trailer\n<</Size %d /Root %d 0 R /Prev %d>>\nstartxref\n%d\n%%%%EOF\n", signature+1, u.root, u.start, start)
	return b.Bytes(), open
}

// Signature is what Verify finds.
type Signature struct {
	Certificate *x509.Certificate // whose key signed
	At          time.Time         // as the hub's clock said
}

// Errors of Verify.
var (
	ErrUnsigned = errors.New("the file has no signature of a hub")
	ErrAltered  = errors.New("the file was altered after it was signed")
)

var byteRange = regexp.MustCompile(`/ByteRange \[0 (\d{10}) (\d{10}) (\d{10})\] /Contents <`)

// Verify checks that not a byte of a report is another than when it was signed, and says by which certificate that was. Whether the
// certificate is one of a hub that is to be trusted is to be asked of pki. Errors: ErrUnsigned, ErrAltered.
func Verify(pdf []byte) (s Signature, err error) {
	all := byteRange.FindAllSubmatchIndex(pdf, 2)
	if len(all) == 0 {
		return s, ErrUnsigned
	}
	if len(all) > 1 {
		return s, fmt.Errorf("%w: it has two signatures", ErrAltered)
	}
	m := all[0]
	var numbers [3]int
	for i := range numbers {
		if numbers[i], err = strconv.Atoi(string(pdf[m[2+2*i]:m[3+2*i]])); err != nil {
			return s, fmt.Errorf("%w: %w", ErrAltered, err)
		}
	}
	open, end := m[1]-1, m[1]+1+2*signatureSize
	if numbers[0] != open || numbers[1] != end || end > len(pdf) || numbers[2] != len(pdf)-end || pdf[end-1] != '>' {
		return s, fmt.Errorf("%w: the signature is not of the whole file", ErrAltered)
	}
	cms := make([]byte, signatureSize)
	text := pdf[open+1 : end-1]
	if _, err := hex.Decode(cms, text); err != nil {
		return s, fmt.Errorf("%w: digits of the signature", ErrAltered)
	}
	cms = cms[:lengthOf(cms)]
	if !bytes.Equal(digits(cms), text) {
		return s, fmt.Errorf("%w: digits of the signature", ErrAltered)
	}
	if s.Certificate, s.At, err = check(cms, digestOf(pdf, open, end)); err != nil {
		return s, fmt.Errorf("%w: %w", ErrAltered, err)
	}
	return s, nil
}

// lengthOf is how long the DER value at the beginning of b says to be, at most all of it.
func lengthOf(b []byte) int {
	if b[1] != 0x82 {
		return len(b)
	}
	return min(4+int(b[2])<<8+int(b[3]), len(b))
}
