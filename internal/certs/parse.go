package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"encoding/xml"
	"fmt"
	"strings"

	"keepwatch"
)

// parse reads a file by what it holds, not by its name: a .crt is PEM as often as
// DER. It never fails; what cannot be read is a fault of the bundle.
func parse(raw []byte, password keepwatch.Secret, alias string) (b bundle) {
	switch {
	case len(raw) == 0:
		return spoiled("an empty file", "The file is empty.")
	case len(raw) > maxFile:
		return spoiled("a large file", fmt.Sprintf("The file is larger than %d KiB, so it was not read.", maxFile>>10))
	case isKeystore(raw):
		return parseJKS(raw, password, alias)
	case bytes.Contains(raw, []byte("-----BEGIN ")):
		return parsePEM(raw)
	case raw[0] == 0x30:
		return parseBinary(raw, password, alias)
	case bytes.HasPrefix(bytes.TrimLeft(raw, "\xef\xbb\xbf \t\r\n"), []byte("<")):
		return parseMetadata(raw)
	}
	if der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(raw)), "")); err == nil && len(der) > 0 && der[0] == 0x30 {
		return parseBinary(der, password, alias)
	}
	return spoiled("an unknown format", "The file is neither PEM, DER, PKCS#12 nor JKS.")
}

// spoiled is a source that no certificate could be read from.
func spoiled(basis, message string) bundle {
	return bundle{basis: basis, faults: []Problem{broken(message)}}
}

func broken(message string) Problem {
	return Problem{Name: Broken, Message: message, Hint: "Look at the file with `openssl x509 -in FILE -noout -text` (`openssl pkcs12 -info`, `keytool -list`), and put it there anew."}
}

// take adds the certificate in der, unless it is there already; what does not
// parse becomes a fault.
func (b *bundle) take(der []byte, name string) {
	if len(b.certs) >= maxCerts {
		if len(b.faults) == 0 || b.faults[len(b.faults)-1].Message != tooMany {
			b.faults = append(b.faults, broken(tooMany))
		}
		return
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		if len(b.faults) < maxFaults {
			b.faults = append(b.faults, broken(fmt.Sprintf("Certificate %d of the source cannot be read: %s.", len(b.certs)+len(b.faults)+1, clean(err.Error(), 160))))
		}
		return
	}
	for i, have := range b.certs {
		if have.Equal(c) {
			if b.names[i] == "" {
				b.names[i] = name
			}
			return
		}
	}
	b.certs, b.names = append(b.certs, c), append(b.names, name)
}

const (
	maxFaults = 8
	tooMany   = "The source holds more certificates than are looked at; the rest was left out."
)

// leaf marks the certificate in der as one that has its key beside it.
func (b *bundle) leaf(der []byte) {
	for i, c := range b.certs {
		if bytes.Equal(c.Raw, der) {
			b.leaves = append(b.leaves, i)
		}
	}
}

func parsePEM(raw []byte) bundle {
	b := bundle{basis: "PEM"}
	blocks, begun := 0, 0
	for _, kind := range []string{"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"} {
		begun += bytes.Count(raw, []byte("-----BEGIN "+kind+"-----"))
	}
	for rest := raw; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch block.Type {
		case "CERTIFICATE", "X509 CERTIFICATE":
			b.take(block.Bytes, "")
			blocks++
		case "TRUSTED CERTIFICATE": // OpenSSL appends its trust settings
			b.take(firstElement(block.Bytes), "")
			blocks++
		}
	}
	switch {
	case begun > blocks:
		b.faults = append(b.faults, broken(fmt.Sprintf("The file begins %d certificates, and %d of them are whole.", begun, blocks)))
	case begun == 0:
		b.faults = append(b.faults, broken("The file is PEM but holds no certificate."))
	}
	return b
}

func firstElement(der []byte) []byte {
	var v asn1.RawValue
	if _, err := asn1.Unmarshal(der, &v); err != nil {
		return der
	}
	return v.FullBytes
}

// parseBinary tells the three things that begin with a DER sequence apart: a
// certificate goes on with a sequence, PKCS#12 with the number 3, PKCS#7 with an
// object identifier.
func parseBinary(raw []byte, password keepwatch.Secret, alias string) bundle {
	var outer, inner asn1.RawValue
	if _, err := asn1.Unmarshal(raw, &outer); err != nil {
		if len(raw) > 1 && raw[1] == 0x80 {
			return spoiled("BER", "The file is written with indefinite lengths (BER), which Keepwatch does not read.")
		}
		return spoiled("DER", "The file is cut short or is not DER.")
	}
	if _, err := asn1.Unmarshal(outer.Bytes, &inner); err != nil {
		return spoiled("DER", "The file is DER but not a certificate.")
	}
	switch inner.Tag {
	case asn1.TagInteger:
		return parsePKCS12(raw, password, alias)
	case asn1.TagOID:
		b := spoiled("PKCS#7", "The file is PKCS#7, which Keepwatch does not read.")
		b.faults[0].Hint = "Turn it into PEM: `openssl pkcs7 -inform DER -in FILE -print_certs -out FILE.pem`."
		return b
	}
	b := bundle{basis: "DER"}
	for rest := raw; len(rest) > 0; {
		var one asn1.RawValue
		next, err := asn1.Unmarshal(rest, &one)
		if err != nil {
			b.faults = append(b.faults, broken("Bytes that are no certificate follow after the last one."))
			break
		}
		b.take(one.FullBytes, "")
		rest = next
	}
	return b
}

// parseMetadata takes the certificates out of SAML metadata, the form in which
// identity providers and SFMC hand them out.
func parseMetadata(raw []byte) bundle {
	b := bundle{basis: "SAML metadata"}
	d := xml.NewDecoder(bytes.NewReader(raw))
	for {
		token, err := d.Token()
		if err != nil {
			break // the end, or where the file stops making sense
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "X509Certificate" {
			continue
		}
		var text string
		if d.DecodeElement(&text, &start) != nil {
			break
		}
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			b.faults = append(b.faults, broken("A certificate of the metadata is not base64."))
			continue
		}
		b.take(der, "")
	}
	if len(b.certs) == 0 && len(b.faults) == 0 {
		b.faults = append(b.faults, broken("The file is XML without a certificate in it."))
	}
	return b
}

func isKeystore(raw []byte) bool {
	if len(raw) < 4 {
		return false
	}
	magic := binary.BigEndian.Uint32(raw)
	return magic == magicJKS || magic == magicJCEKS
}
