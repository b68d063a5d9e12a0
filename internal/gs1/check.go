package gs1

import (
	"errors"
	"fmt"
	"strings"
)

// CheckKey says what is wrong with the digits of a GTIN, GLN, GRAI (without serial) or SSCC: the last one has to be the
// check digit (GS1 General Specifications, section 7.9.1).
func CheckKey(key string) error {
	if key == "" {
		return errors.New("empty: want digits")
	}
	if !allDigits(key) {
		return fmt.Errorf("%q: want digits only", key)
	}
	body, last := key[:len(key)-1], key[len(key)-1]
	if want := CheckDigit(body); last != want {
		return fmt.Errorf("%q: check digit %c, want %c", key, last, want)
	}
	return nil
}

// CheckDigit is the digit that completes a key: weights 3 and 1 from the right.
func CheckDigit(body string) byte {
	sum := 0
	for i := range len(body) {
		d := int(body[len(body)-1-i] - '0')
		if i%2 == 0 {
			d *= 3
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10)
}

// GTIN14 writes a GTIN of 8, 12, 13 or 14 digits with 14, as barcodes carry it.
func GTIN14(gtin string) string {
	return strings.Repeat("0", max(0, 14-len(gtin))) + gtin
}

// The check characters of keys with letters (General Specifications, section 7.9.5): each character counts its place in character
// set 82, weighted by primes from the right; the sum modulo 1021 is written as two characters of 5 bits.
const (
	pairModulus  = 1021
	pairLetters  = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	set82InOrder = `!"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz`
)

var pairWeights = [...]int{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73,
	79, 83, 89, 97, 101, 103, 107}

// CheckPair is the two characters that complete a key with letters, as a GMN is. The error is that a character is not of set 82, or
// that there are too many.
func CheckPair(body string) (string, error) {
	if len(body) > len(pairWeights) {
		return "", fmt.Errorf("has %d characters before the check characters, at most %d are reckoned", len(body), len(pairWeights))
	}
	sum := 0
	for i := range len(body) {
		place := strings.IndexByte(set82InOrder, body[len(body)-1-i])
		if place < 0 {
			return "", fmt.Errorf("holds %q, want character set 82", body[len(body)-1-i])
		}
		sum += place * pairWeights[i]
	}
	sum %= pairModulus
	return string([]byte{pairLetters[sum>>5], pairLetters[sum&31]}), nil
}

// ExpandUPCE gives the 12 digits of the UPC-A that a UPC-E of 8 digits leaves the zeros out of, as some readers send it (General
// Specifications, section 5.2.2.4).
func ExpandUPCE(short string) (string, error) {
	if len(short) != 8 || !allDigits(short) || short[0] != '0' {
		return "", fmt.Errorf("%q is no UPC-E: want 8 digits, the first 0", short)
	}
	d, check := short[1:7], short[7:]
	long := ""
	switch last := d[5]; {
	case last <= '2':
		long = d[:2] + d[5:] + "0000" + d[2:5]
	case last == '3':
		long = d[:3] + "00000" + d[3:5]
	case last == '4':
		long = d[:4] + "00000" + d[4:5]
	default:
		long = d[:5] + "0000" + d[5:]
	}
	long = "0" + long + check
	if err := CheckKey(long); err != nil {
		return "", fmt.Errorf("UPC-E %s: %w", short, err)
	}
	return long, nil
}
