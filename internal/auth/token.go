package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"

	"keepwatch"
)

// A token is "kw_", 32 random characters (190 bits) and 6 characters of CRC-32
// over what stands before them. The prefix lets scanners for leaked secrets find
// it; the checksum tells a typing error from an unknown token without asking
// the database. It protects nothing: the 190 bits do.
const (
	tokenPrefix   = "kw_"
	tokenRandom   = 32
	tokenChecksum = 6
	base62        = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// NewToken makes an API token: the text that is shown once, and the hash that is
// stored in its place.
func NewToken() (token keepwatch.Secret, hash string) {
	body := tokenPrefix + randomText(base62, tokenRandom)
	text := body + checksum(body)
	return keepwatch.NewSecret([]byte(text)), HashToken(text)
}

// HashToken is what the store keeps of a token. A plain SHA-256 suffices: there
// is no dictionary of 190 random bits to try, and it is computed at every request.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// CheckToken tells a mistyped or cut-off token from one that is merely unknown.
// It returns the hash to look up. Its errors never repeat the token.
func CheckToken(token string) (hash string, err error) {
	switch {
	case !strings.HasPrefix(token, tokenPrefix):
		return "", refused("this is not a Keepwatch token", "a token begins with kw_; make one with `keepwatch token create`")
	case len(token) != len(tokenPrefix)+tokenRandom+tokenChecksum:
		return "", refused("the token is incomplete or too long", "copy the whole token, 41 characters from kw_ on")
	}
	body, sum := token[:len(token)-tokenChecksum], token[len(token)-tokenChecksum:]
	if subtle.ConstantTimeCompare([]byte(checksum(body)), []byte(sum)) != 1 {
		return "", refused("the token has a typing error: its checksum does not match", "copy the token again")
	}
	return HashToken(token), nil
}

// BearerToken takes the token out of an Authorization header.
func BearerToken(header string) (token string, ok bool) {
	scheme, token, found := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	return token, found && strings.EqualFold(scheme, "Bearer") && token != ""
}

func checksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	out := make([]byte, tokenChecksum)
	for i := range out {
		out[len(out)-1-i] = base62[sum%62]
		sum /= 62
	}
	return string(out)
}

// randomText draws n characters without bias: bytes beyond the last whole
// multiple of the alphabet are thrown away.
func randomText(alphabet string, n int) string {
	out := make([]byte, 0, n)
	limit := 256 - 256%len(alphabet)
	var buf [64]byte
	for len(out) < n {
		_, _ = rand.Read(buf[:]) // never fails: crypto/rand ends the process instead
		for _, b := range buf {
			if int(b) < limit && len(out) < n {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out)
}

func refused(fact, hint string) error {
	return keepwatch.WithHint(fmt.Errorf("%s: %w", fact, keepwatch.ErrUnauthorized), hint)
}
