package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// mcdev keeps {"NAME": {"client_id": …, "client_secret": …, "auth_url": …,
// "account_id": …}}; before version 3 it was {"credentials": {"NAME":
// {"clientId": …, "clientSecret": …, "tenant": …, "eid": …}}}.

// readMcdev reads .mcdev-auth.json.
func readMcdev(data []byte, name string, o ReadOptions) (Sheet, error) {
	text, note := decodeText(data)
	sheet := Sheet{Format: Mcdev, Name: name, Columns: []string{"id", "tenant", "client_id", "business_unit"}}
	if note != "" {
		sheet.Notes = append(sheet.Notes, note)
	}
	if err := eachMember([]byte(text), 0, func(member string, line int, value json.RawMessage) error {
		if member == "credentials" && !isEntry(value) {
			return eachMember(value, line-1, func(member string, line int, value json.RawMessage) error {
				readEntry(&sheet, member, line, value, o)
				return nil
			})
		}
		readEntry(&sheet, member, line, value, o)
		return nil
	}); err != nil {
		return Sheet{}, keepwatch.WithHint(fmt.Errorf("%s: %w: %w", name, err, keepwatch.ErrInvalid), `it should look like {"NAME": {"client_id": "…", "auth_url": "https://…", "account_id": 1}}`)
	}
	if sheet.Count() == 0 {
		return Sheet{}, noRows(name)
	}
	return sheet, nil
}

// eachMember walks over an object member by member: two of one name are both
// seen, and each has its line. above is how many lines stand before the object.
func eachMember(data []byte, above int, visit func(name string, line int, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("is not a JSON object")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return badJSON(data, above, d.InputOffset())
		}
		line := lineAt(data, above, d.InputOffset())
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return badJSON(data, above, d.InputOffset())
		}
		if err := visit(fmt.Sprint(t), line, value); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return badJSON(data, above, d.InputOffset())
	}
	return nil
}

// badJSON does not repeat the decoder's words: they may quote a secret.
func badJSON(data []byte, above int, offset int64) error {
	return fmt.Errorf("line %d is not JSON", lineAt(data, above, offset))
}

func lineAt(data []byte, above int, offset int64) int {
	return above + 1 + bytes.Count(data[:min(offset, int64(len(data)))], []byte("\n"))
}

// entry is one credential of either shape.
type entry struct {
	ClientID  string      `json:"client_id"`
	Secret    string      `json:"client_secret"`
	AuthURL   string      `json:"auth_url"`
	AccountID json.Number `json:"account_id"`
	EID       json.Number `json:"eid"`

	OldClientID string `json:"clientId"`
	OldSecret   string `json:"clientSecret"`
	Tenant      string `json:"tenant"`
}

func isEntry(value json.RawMessage) bool {
	var e entry
	return json.Unmarshal(value, &e) == nil && e.ClientID+e.OldClientID != ""
}

func readEntry(sheet *Sheet, name string, line int, value json.RawMessage, o ReadOptions) {
	var p troubles
	row := Row{Line: line}
	var e entry
	if json.Unmarshal(value, &e) != nil {
		p.add(clip(name), wrong("an object with client_id, auth_url and account_id", "is not a credential"))
	} else {
		e.fill(sheet, &row, name, o, &p)
	}
	finish(sheet, row, o, &p)
}

func (e *entry) fill(sheet *Sheet, row *Row, name string, o ReadOptions, p *troubles) {
	put := func(field, value string) {
		if value == "" {
			return
		}
		i := fieldAt[field]
		if err := fields[i].set(&row.Credential, value); err != nil {
			p.add(field, err)
			return
		}
		row.says.add(i)
	}
	row.named = name
	put("client_id", e.ClientID+e.OldClientID)
	if e.ClientID+e.OldClientID == "" {
		p.add("client_id", wrong("the client id of the installed package", "is missing"))
	}
	if tenant, ok := e.tenant(o.Tenants); ok {
		put("tenant", string(tenant.ID))
		put("business_unit", e.unit(sheet, tenant))
	} else if e.AuthURL+e.Tenant != "" && o.Tenant == "" {
		p.add("auth_url", wrong("register the tenant first, or name it for the import", "no tenant has the host %s", shownHost(hostOf(e.AuthURL+e.Tenant))))
	} else {
		put("business_unit", e.account())
	}
	if secret := e.Secret + e.OldSecret; secret != "" {
		keepSecret(sheet, row, secret, o)
	}
}

func (e *entry) account() string {
	if e.AccountID != "" {
		return e.AccountID.String()
	}
	return e.EID.String()
}

// unit is the business unit, unless the tenant lists its units and not this one:
// mcdev keeps the number of the enterprise, which need not be one that is watched.
func (e *entry) unit(sheet *Sheet, tenant keepwatch.Tenant) string {
	account := e.account()
	for _, u := range tenant.BusinessUnits {
		if u.MID.String() == account {
			return account
		}
	}
	if len(tenant.BusinessUnits) == 0 || account == "" {
		return account
	}
	sheet.Notes = append(sheet.Notes, fmt.Sprintf("tenant %s does not list the business unit %s: left out", tenant.ID, clip(account)))
	return ""
}

// tenant finds the tenant whose host the entry names.
func (e *entry) tenant(tenants []keepwatch.Tenant) (keepwatch.Tenant, bool) {
	host := hostOf(e.AuthURL + e.Tenant)
	for _, t := range tenants {
		sub, _, _ := strings.Cut(host, ".")
		if host != "" && (t.Subdomain != "" && sub == t.Subdomain || t.AuthURL != "" && host == hostOf(t.AuthURL)) {
			return t, true
		}
	}
	return keepwatch.Tenant{}, false
}

// hostOf is the host of an address, or a text that is a host by itself.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return strings.ToLower(u.Host)
	}
	return strings.ToLower(strings.Trim(address, "/ "))
}

// shownHost is a host in a message. What has no dot is none, and may be anything.
func shownHost(host string) string {
	if !strings.Contains(host, ".") {
		return shown(host)
	}
	return clip(host)
}

// writeMcdev writes the packages that have a client id, without their secrets:
// mcdev asks for these.
func writeMcdev(w io.Writer, credentials []keepwatch.Credential, tenants []keepwatch.Tenant) error {
	hosts := map[keepwatch.TenantID]string{}
	for _, t := range tenants {
		if e, err := sfmc.EndpointsOf(t); err == nil {
			hosts[t.ID] = e.Auth.String()
		}
	}
	type written struct {
		ClientID  string      `json:"client_id"`
		AuthURL   string      `json:"auth_url,omitempty"`
		AccountID json.Number `json:"account_id,omitempty"`
	}
	var b strings.Builder
	for _, c := range credentials {
		if c.ClientID == "" {
			continue
		}
		value, err := json.Marshal(written{c.ClientID, hosts[c.Tenant], json.Number(c.BusinessUnit.String())})
		if err != nil {
			return err
		}
		if b.Len() > 0 {
			b.WriteString(",\n")
		}
		b.WriteString("  " + strconv.Quote(string(c.ID)) + ": " + string(value))
	}
	_, err := io.WriteString(w, "{\n"+b.String()+"\n}\n")
	return err
}
