package inventory

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// decodeText makes UTF-8 of what spreadsheets and editors write: UTF-8 and UTF-16
// with or without a byte order mark, else the Western code page of Windows. The
// note says what was assumed.
func decodeText(data []byte) (text, note string) {
	switch {
	case bytes.HasPrefix(data, []byte{0xEF, 0xBB, 0xBF}):
		data = data[3:]
	case bytes.HasPrefix(data, []byte{0xFF, 0xFE}):
		return fromUTF16(data[2:], binary.LittleEndian), ""
	case bytes.HasPrefix(data, []byte{0xFE, 0xFF}):
		return fromUTF16(data[2:], binary.BigEndian), ""
	case halfZero(data, 1):
		return fromUTF16(data, binary.LittleEndian), "read as UTF-16 without a byte order mark"
	case halfZero(data, 0):
		return fromUTF16(data, binary.BigEndian), "read as UTF-16 without a byte order mark"
	}
	if utf8.Valid(data) {
		return string(data), ""
	}
	western, err := charmap.Windows1252.NewDecoder().Bytes(data)
	if err != nil {
		return string(bytes.ToValidUTF8(data, []byte("\uFFFD"))), "has bytes that are no text"
	}
	return string(western), "is not UTF-8: read as Windows-1252; look at names with accents"
}

// halfZero reports whether most bytes at odd (or even) places are zero, as in
// UTF-16 text of Latin letters.
func halfZero(data []byte, at int) bool {
	sample := data[:min(len(data), 512)]
	zeros := 0
	for i := at; i < len(sample); i += 2 {
		if sample[i] == 0 {
			zeros++
		}
	}
	return len(sample) >= 4 && zeros*4 > len(sample) // more than half of the half
}

func fromUTF16(data []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return string(utf16.Decode(units))
}
