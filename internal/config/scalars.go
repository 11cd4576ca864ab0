package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"keepwatch"
	"keepwatch/internal/secrets"
)

// words is one scalar: its value, and how faults may show it. What came out of
// the environment is shown as it is written in the file, ${env:NAME}.
type words struct {
	value, shown string
}

var envPattern = regexp.MustCompile(`\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}`)

// envText is what a schema allows in place of any value that is not free text.
func envText() schema { return schema{"type": "string", "pattern": `\$\{env:[A-Za-z_][A-Za-z0-9_]*\}`} }

func orEnv(s schema) schema { return schema{"anyOf": []schema{s, envText()}} }

// read takes the text of a scalar and expands ${env:NAME} in it, once: a value
// from the environment is never expanded again.
func (s spot) read(allowed string) (words, bool) {
	if !s.is(yaml.ScalarNode, allowed) {
		return words{}, false
	}
	if isNull(s.node) {
		s.fault(allowed, "has no value")
		return words{}, false
	}
	return s.expand(s.node.Value)
}

// setAllowed is what ${env:NAME} and env:NAME may name.
const setAllowed = "a variable that is set in the environment of this process"

func (s spot) expand(raw string) (words, bool) {
	w := words{value: raw, shown: quote(raw)}
	if s.w.plain || !strings.Contains(raw, "${env:") {
		return w, true
	}
	ok := true
	w.value = envPattern.ReplaceAllStringFunc(raw, func(m string) string {
		name := envPattern.FindStringSubmatch(m)[1]
		value, set := s.w.lookup(name)
		if !set {
			s.fault(setAllowed, "the environment variable %s is not set", name)
			ok = false
		}
		return value
	})
	if strings.Contains(envPattern.ReplaceAllString(raw, ""), "${env:") {
		s.fault("${env:NAME} with letters, digits and _", "%s has an expansion that cannot be read", w.shown)
		ok = false
	}
	return w, ok
}

var userinfo = regexp.MustCompile(`://.*@`)

// quote shows a foreign value: clipped, without a password in a URL, and with
// every control character escaped.
func quote(s string) string {
	s = userinfo.ReplaceAllString(s, "://…@")
	if utf8.RuneCountInString(s) > 80 {
		s = string([]rune(s)[:80]) + "…"
	}
	return strconv.Quote(s)
}

// free is any text of at most limit characters on one line.
func free(limit int) kind[string] {
	allowed := fmt.Sprintf("1 to %d characters on one line", limit)
	return kind[string]{schema{"type": []string{"string", "number", "boolean"}}, func(s spot) (string, bool) {
		w, ok := s.read(allowed)
		if !ok {
			return "", false
		}
		n := utf8.RuneCountInString(w.value)
		if n == 0 || n > limit || strings.ContainsFunc(w.value, isControl) {
			s.fault(allowed, "is empty, too long or has control characters")
			return "", false
		}
		return w.value, true
	}}
}

// nameOrRef reads a name that may be a secret: as it is, or a reference to it.
func nameOrRef(limit int) kind[string] {
	plain := free(limit)
	return kind[string]{secretly(plain.schema), func(s spot) (string, bool) {
		if s.node.Kind == yaml.ScalarNode && secrets.IsReference(s.node.Value) {
			return secretRef().decode(s)
		}
		return plain.decode(s)
	}}
}

// document is text of several lines. Its braces belong to whoever reads it, so
// nothing in it is expanded.
func document(limit int) kind[string] {
	allowed := fmt.Sprintf("text of 1 to %d bytes", limit)
	return kind[string]{schema{"type": []string{"string", "number", "boolean"}}, func(s spot) (string, bool) {
		if !s.is(yaml.ScalarNode, allowed) {
			return "", false
		}
		if v := s.node.Value; v != "" && len(v) <= limit && utf8.ValidString(v) && !strings.ContainsRune(v, 0) {
			return v, true
		}
		s.fault(allowed, "is empty, too long or has control characters")
		return "", false
	}}
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 }

// parsed is a scalar that parse turns into a V. what completes "… is not …".
func parsed[V any](sch schema, what, allowed string, parse func(string) (V, bool)) kind[V] {
	return kind[V]{orEnv(sch), func(s spot) (V, bool) {
		var none V
		w, ok := s.read(allowed)
		if !ok {
			return none, false
		}
		v, ok := parse(w.value)
		if !ok {
			s.fault(allowed, "%s is not %s", w.shown, what)
			return none, false
		}
		return v, true
	}}
}

func identifier[V ~string](what string) kind[V] {
	return parsed(schema{"type": []string{"string", "number"}, "pattern": idPattern.String()}, what, idAllowed, func(v string) (V, bool) {
		return V(v), idPattern.MatchString(v)
	})
}

func choice[V ~string](what string, values ...V) kind[V] {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = string(v)
	}
	allowed := strings.Join(names, ", ")
	return kind[V]{orEnv(schema{"type": "string", "enum": names}), func(s spot) (V, bool) {
		w, ok := s.read(allowed)
		if !ok {
			return "", false
		}
		if slices.Contains(names, w.value) {
			return V(w.value), true
		}
		if guess := nearest(w.value, names); guess != "" {
			s.fault(allowed, "%s is not %s; did you mean %s?", w.shown, what, guess)
		} else {
			s.fault(allowed, "%s is not %s", w.shown, what)
		}
		return "", false
	}}
}

func duration(least, most time.Duration) kind[time.Duration] {
	allowed := fmt.Sprintf("%s to %s, written like 90s, 15m, 2h or 30d", keepwatch.FormatDuration(least), keepwatch.FormatDuration(most))
	return parsed(schema{"type": "string", "pattern": `^[0-9]`}, "a duration that fits here", allowed, func(v string) (time.Duration, bool) {
		d, err := keepwatch.ParseDuration(v)
		return d, err == nil && d >= least && d <= most
	})
}

func integer[V ~int | ~int64](what string, least, most V) kind[V] {
	sch := schema{"type": "integer", "minimum": int64(least), "maximum": int64(most)}
	allowed := fmt.Sprintf("%d to %d", least, most)
	if least == most {
		allowed = fmt.Sprint(least)
	}
	k := parsed(sch, what, allowed, func(v string) (V, bool) {
		n, err := strconv.ParseInt(v, 10, 64)
		return V(n), err == nil && n >= int64(least) && n <= int64(most)
	})
	return quotable(k)
}

// share is a part of a whole, in percent.
var share = parsed(schema{"type": "string", "pattern": `^[0-9]{2}(\.[0-9]{1,3})?%$`}, "a share in percent", "50% to 99.99%, such as 99.5%", func(v string) (float64, bool) {
	number, ok := strings.CutSuffix(v, "%")
	n, err := strconv.ParseFloat(number, 64)
	return n / 100, ok && err == nil && n >= 50 && n <= 99.99
})

// quotable lets a number stand in quotes, which generated files often do.
func quotable[V any](k kind[V]) kind[V] {
	sch := maps.Clone(k.schema)
	sch["anyOf"] = append([]schema{{"type": "string", "pattern": `^[0-9.]+$`}}, sch["anyOf"].([]schema)...)
	return kind[V]{sch, k.decode}
}

func amount() kind[float64] {
	return quotable(parsed(schema{"type": "number", "minimum": 0}, "an amount", "a number from 0 on", func(v string) (float64, bool) {
		f, err := strconv.ParseFloat(v, 64)
		return f, err == nil && f >= 0 && f <= 1e12
	}))
}

func boolean() kind[bool] {
	return parsed(schema{"type": "boolean"}, "true or false", "true, false", func(v string) (bool, bool) {
		return v == "true", v == "true" || v == "false"
	})
}

// date reads a day, as midnight UTC, or an instant.
func date() kind[keepwatch.Date] {
	sch := schema{"type": "string", "pattern": `^[0-9]{4}-[0-9]{2}-[0-9]{2}`}
	return parsed(sch, "a date", "2026-09-28 or 2026-09-28T14:30:00Z", func(v string) (keepwatch.Date, bool) {
		d, err := keepwatch.ParseDate(v)
		return d, err == nil && !d.Before(keepwatch.Day(2000, 1, 1)) && d.Before(keepwatch.Day(2100, 1, 1))
	})
}

// secretRef reads a reference to a secret. The text is never repeated: where no
// reference stands, it is the secret.
func secretRef() kind[string] {
	sch := schema{"type": "string", "pattern": "^(env|file|sealed):"}
	return kind[string]{sch, func(s spot) (string, bool) {
		if !s.is(yaml.ScalarNode, secrets.Allowed) {
			return "", false
		}
		raw := s.node.Value
		if !secrets.IsReference(raw) && strings.Contains(raw, "${env:") {
			s.fault(secrets.Allowed, "a secret is never expanded into the configuration; write the reference env:NAME instead")
			return "", false
		}
		if err := secrets.Validate(raw); err != nil && !strings.Contains(raw, "${env:") {
			s.fault(secrets.Allowed, "%s", fact(err))
			return "", false
		}
		w, ok := s.expand(raw)
		if !ok {
			return "", false
		}
		if err := secrets.Validate(w.value); err != nil {
			s.fault(secrets.Allowed, "%s", fact(err))
			return "", false
		}
		ref := secrets.Absolute(w.value, s.w.dir)
		*s.w.refs = append(*s.w.refs, boundRef{ref: ref, at: s.where()})
		return ref, true
	}}
}

// fact is an error's text without the kind it wraps, which is clear from here.
func fact(err error) string {
	text := err.Error()
	for _, kind := range []error{keepwatch.ErrInvalid, keepwatch.ErrUnavailable} {
		text = strings.TrimSuffix(text, ": "+kind.Error())
	}
	return text
}

const webAllowed = "https://HOST/PATH, or http:// where nothing secret travels"

// webURL reads a URL that people follow or that messages go to.
func webURL() kind[string] {
	return parsed(schema{"type": "string", "pattern": "^https?://"}, "a web address without user name, spaces and fragment", webAllowed, func(v string) (string, bool) {
		_, ok := parseWeb(v)
		return v, ok
	})
}

func parseWeb(v string) (*url.URL, bool) {
	u, err := url.Parse(v)
	if err != nil || len(v) > 2048 || strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return nil, false
	}
	return u, (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && u.Fragment == ""
}

const endpointAllowed = "https://HOST/, or http:// on a loopback, private or single-name host"

// endpoint reads the address of an SFMC host. Plain http carries the secret in
// clear, so it is for the simulator beside us, never for the open network.
func endpoint() kind[string] {
	return parsed(schema{"type": "string", "pattern": "^https?://"}, "the address of a host that may be sent a secret", endpointAllowed, func(v string) (string, bool) {
		u, ok := parseWeb(v)
		return v, ok && u.RawQuery == "" && (u.Scheme == "https" || nearby(u.Hostname()))
	})
}

func nearby(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback() || addr.IsPrivate()
	}
	return !strings.Contains(host, ".") || host == "localhost"
}

// hostPort reads host:port; an empty host means every address of this machine.
func hostPort(emptyHost bool) kind[string] {
	allowed := "HOST:PORT, like 127.0.0.1:8484"
	return parsed(schema{"type": "string", "pattern": ":[0-9]+$"}, "a host and port", allowed, func(v string) (string, bool) {
		host, port, err := net.SplitHostPort(v)
		if err != nil || host == "" && !emptyHost || strings.ContainsAny(host, " /@") {
			return "", false
		}
		n, err := strconv.Atoi(port)
		return v, err == nil && n >= 0 && n <= 65535 && (n > 0 || emptyHost)
	})
}

// loopback reports whether a listen address is reachable from this machine only.
func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

const storeAllowed = "sqlite:PATH, postgres://USER@HOST/DATABASE, or a reference to one of them (env:NAME, file:/path)"

// storeURL reads where the rows are kept. A password may come out of the
// environment (${env:NAME}, PGPASSWORD or a reference to the whole URL); in the
// file it would be a literal secret.
func storeURL() kind[string] {
	sch := orEnv(schema{"type": "string", "pattern": "^(sqlite:|postgres://|postgresql://|env:|file:)"})
	return kind[string]{sch, func(s spot) (string, bool) {
		w, ok := s.read(storeAllowed)
		if !ok {
			return "", false
		}
		if secrets.IsReference(w.value) {
			return secretRef().decode(s)
		}
		if path, found := strings.CutPrefix(w.value, "sqlite:"); found && path != "" {
			return w.value, true
		}
		u, err := url.Parse(w.value)
		if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Host == "" && u.Query().Get("host") == "" {
			s.fault(storeAllowed, "this is not the address of a store")
			return "", false
		}
		if raw, err := url.Parse(envPattern.ReplaceAllString(s.node.Value, "")); err == nil && hasPassword(raw) {
			s.fault(storeAllowed, "this address holds a literal password; set PGPASSWORD, or write ${env:NAME} in its place")
			return "", false
		}
		return w.value, true
	}}
}

func hasPassword(u *url.URL) bool {
	password, _ := u.User.Password()
	return password != "" || u.Query().Get("password") != ""
}

// hiddenURL reads the address that messages are posted to, or a reference to it.
// Such addresses often hold a token, so a faulty one is not repeated.
func hiddenURL() kind[string] {
	const allowed = "https://HOST/PATH, http://HOST/PATH, or a reference (env:NAME, file:/path)"
	sch := secretly(orEnv(schema{"type": "string", "pattern": "^(https?://|env:|file:)"}))
	return kind[string]{sch, func(s spot) (string, bool) {
		w, ok := s.read(allowed)
		if !ok {
			return "", false
		}
		if secrets.IsReference(w.value) {
			return secretRef().decode(s)
		}
		u, ok := parseWeb(w.value)
		if u != nil && u.User != nil {
			s.fault(allowed, "this address holds a literal user name or password; write a reference to the whole address")
			return "", false
		}
		if !ok {
			s.fault(allowed, "this is not a web address")
		}
		return w.value, ok
	}}
}
