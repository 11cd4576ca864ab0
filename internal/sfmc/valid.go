package sfmc

// maxNesting is how deep arrays and objects may stand in each other, as in encoding/json.
const maxNesting = 10_000

// valid reports what json.Valid reports, which spends a call of a function on each
// byte: with two answers and a token's claims in every proof, the look at their shape
// was the dearest thing that was done with them.
func valid(b []byte) bool {
	at, ok := validValue(b, skipSpace(b, 0), 0)
	return ok && skipSpace(b, at) == len(b)
}

// validValue returns the index after the value that begins at at.
func validValue(b []byte, at, depth int) (int, bool) {
	if at >= len(b) || depth > maxNesting {
		return at, false
	}
	switch b[at] {
	case '"':
		return validString(b, at)
	case '{':
		return validList(b, at, depth+1, '}', validMember)
	case '[':
		return validList(b, at, depth+1, ']', validValue)
	case 't':
		return validWord(b, at, "true")
	case 'f':
		return validWord(b, at, "false")
	case 'n':
		return validWord(b, at, "null")
	}
	return validNumber(b, at)
}

// validList reads what stands between brackets, each entry by entry.
func validList(b []byte, at, depth int, end byte, entry func([]byte, int, int) (int, bool)) (int, bool) {
	if depth > maxNesting {
		return at, false
	}
	if at = skipSpace(b, at+1); at < len(b) && b[at] == end {
		return at + 1, true
	}
	for {
		var ok bool
		if at, ok = entry(b, at, depth); !ok {
			return at, false
		}
		if at = skipSpace(b, at); at >= len(b) {
			return at, false
		}
		switch b[at] {
		case end:
			return at + 1, true
		case ',':
			at = skipSpace(b, at+1)
		default:
			return at, false
		}
	}
}

// validMember reads a key, a colon and a value.
func validMember(b []byte, at, depth int) (int, bool) {
	if at >= len(b) || b[at] != '"' {
		return at, false
	}
	at, ok := validString(b, at)
	if at = skipSpace(b, at); !ok || at >= len(b) || b[at] != ':' {
		return at, false
	}
	return validValue(b, skipSpace(b, at+1), depth)
}

func validString(b []byte, at int) (int, bool) {
	for at++; at < len(b); at++ {
		switch c := b[at]; {
		case c == '"':
			return at + 1, true
		case c < ' ':
			return at, false
		case c == '\\':
			var ok bool
			if at, ok = validEscape(b, at+1); !ok {
				return at, false
			}
		}
	}
	return at, false
}

// validEscape returns the index of the escape's last byte.
func validEscape(b []byte, at int) (int, bool) {
	if at >= len(b) {
		return at, false
	}
	switch b[at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return at, true
	case 'u':
		if len(b) < at+5 {
			return at, false
		}
		for _, c := range b[at+1 : at+5] {
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return at, false
			}
		}
		return at + 4, true
	}
	return at, false
}

func validWord(b []byte, at int, word string) (int, bool) {
	end := at + len(word)
	return end, end <= len(b) && string(b[at:end]) == word
}

// validNumber takes -0, 12, 1.5 and 1e+9, but not 012, .5 or 1.
func validNumber(b []byte, at int) (int, bool) {
	if b[at] == '-' {
		at++
	}
	start := at
	if at = skipDigits(b, at); at == start || (b[start] == '0' && at > start+1) {
		return at, false
	}
	if at < len(b) && b[at] == '.' {
		start = at + 1
		if at = skipDigits(b, start); at == start {
			return at, false
		}
	}
	if at < len(b) && b[at]|0x20 == 'e' {
		start = at + 1
		if start < len(b) && (b[start] == '+' || b[start] == '-') {
			start++
		}
		if at = skipDigits(b, start); at == start {
			return at, false
		}
	}
	return at, true
}

func skipDigits(b []byte, at int) int {
	for at < len(b) && b[at] >= '0' && b[at] <= '9' {
		at++
	}
	return at
}
