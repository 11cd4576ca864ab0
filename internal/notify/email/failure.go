package email

import (
	"encoding/base64"
	"errors"
	markup "html"
	"net"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"keepwatch"
	"keepwatch/internal/notify"
)

// classify follows SMTP: 4xx may pass, 5xx will not. What never got an answer may
// pass.
func classify(err error, password keepwatch.Secret) error {
	text := failure(err, password)
	var sending *gomail.SendError
	if errors.As(err, &sending) && sending.ErrorCode() > 0 {
		if sending.ErrorCode() >= 500 {
			return notify.Permanent(text)
		}
		return notify.Retryable(text)
	}
	var answer *textproto.Error
	if errors.As(err, &answer) && answer.Code >= 500 {
		return notify.Permanent(text)
	}
	return notify.Retryable(text)
}

// failure is what may be shown of an error of the library.
func failure(err error, password keepwatch.Secret) error {
	return errors.New("the mail server did not take the message: " + scrub(cause(err), password))
}

// cause prefers the network's own words to the library's long ones.
func cause(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Error()
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// scrub takes the password out of foreign text, in the encodings that the
// protocol knows: a server may answer with what it was sent.
func scrub(s string, password keepwatch.Secret) string {
	raw := string(password.Reveal())
	if raw == "" {
		return s
	}
	for _, form := range []string{
		raw,
		base64.StdEncoding.EncodeToString([]byte(raw)),
	} {
		s = strings.ReplaceAll(s, form, "[secret]")
	}
	if repeats(s, raw) {
		return "its answer repeats the password and is not shown"
	}
	// AUTH PLAIN wraps the password together with the name in one word; no word of
	// base64 that decodes to something with the password in it is kept.
	words := strings.Fields(strings.ReplaceAll(s, `\"`, `"`))
	for i, w := range words {
		if strings.ContainsAny(w, `\&%`) { // spelt in a way that words are not
			words[i] = "[…]"
			continue
		}
		if b, err := base64.StdEncoding.DecodeString(strings.Trim(w, "\"'<>:;,.")); err == nil && strings.Contains(string(b), raw) {
			words[i] = "[secret]"
		}
	}
	return opaque.ReplaceAllStringFunc(strings.Join(words, " "), func(w string) string {
		if plainWord(w) {
			return w
		}
		return "[…]"
	})
}

// enough is how much of a password, in a row, is too much to be shown.
const enough = 8

// repeats reports whether a text still holds a part of the password. The library
// quotes what a server says, so a quote or a backslash of the password comes with
// backslashes before it; the server may have cut it, or spelt it as HTML, JSON or an
// address would. What is left of such an answer is not worth the search for its edges.
func repeats(s, raw string) bool {
	raw = unquoted(raw)
	for _, text := range []string{s, markup.UnescapeString(s), spelt.ReplaceAllStringFunc(s, letter), spelt.ReplaceAllStringFunc(markup.UnescapeString(s), letter)} {
		text = unquoted(text)
		for i := 0; i == 0 || i+enough <= len(raw); i++ {
			if part := raw[i:min(i+enough, len(raw))]; part != "" && strings.Contains(text, part) {
				return true
			}
		}
	}
	return false
}

// spelt are characters by their numbers: %3C of an address, \u003c of JSON.
var spelt = regexp.MustCompile(`%[0-9A-Fa-f]{2}|\\+u[0-9A-Fa-f]{4}|\\+x[0-9A-Fa-f]{2}`)

func letter(s string) string {
	n, err := strconv.ParseUint(strings.TrimLeft(s, `%\ux`), 16, 16)
	if err != nil {
		return s
	}
	if strings.Contains(s, "u") {
		return string(rune(n))
	}
	return string([]byte{byte(n)})
}

// unquoted is a text without what quoting adds to it or takes from it.
func unquoted(s string) string { return strings.NewReplacer(`\`, "", `"`, "", "\x00", "").Replace(s) }

// opaque are words that may be a secret in some encoding. Whatever a server says,
// what helps people is words.
var opaque = regexp.MustCompile(`[A-Za-z0-9+/=_%-]{12,}`)

func plainWord(w string) bool {
	return !strings.ContainsFunc(w, func(r rune) bool { return (r < 'a' || r > 'z') && r != '-' && r != '_' })
}
