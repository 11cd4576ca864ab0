package sfmc

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"keepwatch"
)

const (
	maxEvidence = 300
	// window is the shortest run of a secret whose echo counts as a leak.
	window = 6
	// maxWord is the longest word that is shown as it is; longer ones with a digit
	// or mixed case are as likely a token as a name.
	maxWord = 20
)

const withheld = "(text withheld: it repeats a secret of the request)"

// evidence makes a foreign text fit to be shown: one line, short, without long
// opaque words, and withheld as a whole when a piece of a secret is in it.
// Replacing the piece was rejected: what is left tells where it began and ended.
func evidence(s string, hide [][]byte) string {
	s = oneLine(s)
	if echoes(s, hide) {
		return withheld
	}
	return cut(maskWords(s), maxEvidence)
}

func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := limit - len("…")
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// maskWords hides every long word that could be a token or a key.
func maskWords(s string) string {
	words := strings.Split(s, " ")
	for i, w := range words {
		if opaque(w) {
			words[i] = "[…]"
		}
	}
	return strings.Join(words, " ")
}

func opaque(word string) bool {
	run, digit, odd := 0, false, false
	for i := 0; i <= len(word); i++ {
		if i < len(word) && wordByte(word[i]) {
			run++
			digit = digit || (word[i] >= '0' && word[i] <= '9')
			odd = odd || word[i] == '%' || word[i] == '+' || word[i] == '='
			continue
		}
		if run > maxWord && (digit || odd || run > 2*maxWord) {
			return true
		}
		run, digit, odd = 0, false, false
	}
	return false
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '+' || c == '=' || c == '_' || c == '%' || c == '-'
}

// echoes reports whether s holds a piece of one of the secrets, plain or in an
// encoding that a server or proxy is likely to put it in.
func echoes(s string, hide [][]byte) bool {
	// An entity has many spellings (&lt;, &#60;, &#x3c;, with zeros in front): they
	// are read, not listed.
	texts := []string{strings.ToLower(s)}
	if read := strings.ToLower(html.UnescapeString(s)); read != texts[0] {
		texts = append(texts, read)
	}
	for _, secret := range hide {
		if len(secret) == 0 {
			continue
		}
		for _, text := range texts {
			if echoesIn(text, secret) {
				return true
			}
		}
	}
	return false
}

type hidden struct{}

// Hiding returns a context under which no verdict shows a piece of secret, on
// whatever route. A request knows by itself what it carries; but a server may also
// repeat on one route what it was told on another.
func Hiding(ctx context.Context, secret keepwatch.Secret) context.Context {
	earlier, _ := ctx.Value(hidden{}).([][]byte)
	return context.WithValue(ctx, hidden{}, append(slices.Clip(earlier), secret.Reveal()))
}

func hiddenBy(ctx context.Context) [][]byte {
	all, _ := ctx.Value(hidden{}).([][]byte)
	return all
}

func echoesIn(lower string, secret []byte) bool {
	for _, form := range forms(secret) {
		if echoesForm(lower, form, window) {
			return true
		}
	}
	// Where each byte is spelled out by itself, a window of bytes is a long text: six
	// characters of it would be one byte, and nearly every secret has an "a" in it.
	for _, form := range spellings(secret) {
		if echoesForm(lower, form, window*len(form)/len(secret)) {
			return true
		}
	}
	return false
}

// echoesForm compares without case, and by windows, so that half a secret counts.
func echoesForm(lower, form string, window int) bool {
	form = strings.ToLower(form)
	if len(form) <= window {
		return len(form) >= 3 && strings.Contains(lower, form) && !ordinary(form)
	}
	for at := 0; at+window <= len(form); at++ {
		if strings.Contains(lower, form[at:at+window]) && !ordinary(form[at:at+window]) {
			return true
		}
	}
	return false
}

// ordinary excuses windows that are plain words of SFMC's own sentences, which a
// weak password may contain: without it every message would be withheld.
func ordinary(piece string) bool {
	const words = "client authentication failed secret invalid password package installed enabled account login expired unauthorized request token"
	for i := range len(piece) {
		if piece[i] < 'a' || piece[i] > 'z' {
			return false
		}
	}
	return strings.Contains(words, piece)
}

func forms(secret []byte) []string {
	plain := string(secret)
	query := url.QueryEscape(plain)
	out := []string{
		plain, query, url.PathEscape(plain), url.QueryEscape(query), html.EscapeString(plain),
		hex.EncodeToString(secret), base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret),
		reversed(secret), string(appendString(nil, secret)),
	}
	// Base64 looks different at each of three alignments inside a longer text.
	for shift := range 3 {
		padded := append(bytes.Repeat([]byte{'x'}, shift), secret...)
		skip := (shift*8 + 5) / 6
		if std := base64.RawStdEncoding.EncodeToString(padded); len(std) > skip+2 {
			out = append(out, std[skip:len(std)-2], base64.RawURLEncoding.EncodeToString(padded)[skip:len(std)-2])
		}
	}
	return out
}

func reversed(b []byte) string {
	out := make([]byte, len(b))
	for i, c := range b {
		out[len(b)-1-i] = c
	}
	return string(out)
}

// spellings are the forms in which each byte of a secret has as many characters.
func spellings(secret []byte) []string {
	return []string{spelled(secret, "&#x", ";"), spelled(secret, "%", ""), spelled(secret, `\u00`, "")}
}

func spelled(b []byte, before, after string) string {
	var s strings.Builder
	for _, c := range b {
		s.WriteString(before + hex.EncodeToString([]byte{c}) + after)
	}
	return s.String()
}

// Evidence makes a text of our own side fit to be shown beside a verdict.
func Evidence(s string) string { return cut(oneLine(s), maxEvidence) }
