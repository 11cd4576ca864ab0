package certs

import (
	"crypto/x509"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// clean makes a foreign text fit for a name or a message: printable, one line, short.
func clean(s string, limit int) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if len(s) <= limit {
		return s
	}
	end := limit - len("…")
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

const maxName = 80

// subjectOf is what people call a certificate.
func subjectOf(c *x509.Certificate) string {
	for _, name := range []string{c.Subject.CommonName, first(c.DNSNames), first(c.Subject.Organization), first(c.EmailAddresses), c.Subject.String()} {
		if name = clean(name, maxName); name != "" {
			return name
		}
	}
	return "without a name"
}

func issuerOf(c *x509.Certificate) string {
	for _, name := range []string{c.Issuer.CommonName, first(c.Issuer.Organization), c.Issuer.String()} {
		if name = clean(name, maxName); name != "" {
			return name
		}
	}
	return "an issuer without a name"
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func utf16Units(s string) []uint16 { return utf16.Encode([]rune(s)) }

func wrongPassword(what string) Problem {
	return Problem{
		Name: WrongPassword, Message: "The password does not open the " + what + ", or the file was changed.",
		Hint: "Compare the password's reference with the one the " + what + " was made with.",
	}
}
