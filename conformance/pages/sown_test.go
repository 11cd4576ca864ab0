package pages

import (
	"maps"
	"reflect"
	"testing"

	"keepwatch/internal/store"
)

// noText are fields of type string that are no text: keys, references, addresses of
// hosts, names of a fixed list. Everything else of every entity is sown.
var noText = map[string]string{
	"Tenant.Subdomain": "checked letter by letter", "Tenant.AuthURL": "an address that is called", "Tenant.RESTURL": "an address that is called", "Tenant.SOAPURL": "an address that is called",
	"Credential.SecretRef": "a reference that is read", "Credential.Tests": "names of steps, checked", "CertificateSource.Password": "a reference that is read",
	"Dependent.Kind": "of a fixed list", "Dependent.OnOutage": "of a fixed list", "Expectation.OnOutage": "of a fixed list", "Expectation.Zone": "a zone that is loaded", "Effect.OnOutage": "of a fixed list",
	"Observation.Key": "the key of the row", "Incident.Key": "the key of the row", "Transition.Reason": "of a fixed list",
	"Silence.ID": "the key of the row", "Silence.File": "none of the store's has one", "Silence.Timezone": "a zone that is loaded", "Silence.Hours": "hours that are read",
	"Token.ID": "the key of the row", "Token.Hash": "a hash", "Token.Role": "roles that are read", "User.Grants": "roles that are read", "User.PasswordHash": "a hash",
	"Feed.ID": "the key of the row", "Feed.Hash": "a hash", "RotationHolder.TickHash": "a hash", "Scan.ID": "the key of the row", "Acceptance.Finding": "the key of the row",
	"Report.Target": "see targets", "Stranger.Run": "the key of the row", "ShareLink.ID": "the key of the row", "ShareLink.Grants": "roles that are read",
}

// sower writes one payload into every text of whatever it is given, with the name of the
// field behind it, so that a page that shows it says which field that is.
type sower struct {
	payload string
	sown    map[string]bool
}

func (s sower) mark(field string) string { return s.payload + "~" + field + "~" }

// sow fills v, which is addressable. Lists that are empty get one element.
func (s sower) sow(v reflect.Value, owner string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			s.sow(v.Elem(), owner)
		}
	case reflect.Slice:
		if v.Len() == 0 && v.CanSet() && texts(v.Type().Elem(), 0) {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		for i := range v.Len() {
			s.sow(v.Index(i), owner)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name := v.Type().Name() + "." + f.Name
			if _, no := noText[name]; !f.IsExported() || no {
				continue
			}
			s.sow(v.Field(i), name)
		}
	case reflect.String:
		if v.Type() == reflect.TypeFor[string]() && v.CanSet() {
			v.SetString(s.mark(owner))
			s.sown[owner] = true
		}
	}
}

// texts reports whether a type holds text somewhere.
func texts(t reflect.Type, depth int) bool {
	if depth > 6 || t.PkgPath() == "time" {
		return false
	}
	switch t.Kind() {
	case reflect.String:
		return t == reflect.TypeFor[string]()
	case reflect.Pointer, reflect.Slice:
		return texts(t.Elem(), depth+1)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if _, no := noText[t.Name()+"."+f.Name]; f.IsExported() && !no && texts(f.Type, depth+1) {
				return true
			}
		}
	}
	return false
}

func sown[T any](s sower, v T) T {
	s.sow(reflect.ValueOf(&v).Elem(), reflect.TypeFor[T]().Name())
	return v
}

// doors are the ways into the store, and what is sown through them. A new one fails
// TestEveryDoorIsSown until it stands here.
var doors = map[string]string{
	"Apply": "observations, incidents, transitions", "Accept": "", "AddUser": "", "Audit": "", "RecordChanges": "", "Route": "deliveries", "SaveFeed": "", "SaveImpact": "", "SaveRotation": "", "SaveScan": "", "SaveSilence": "", "SaveToken": "", "SaveShare": "", "SeeShare": "it notes a look",
	"Post": "no page shows letters by themselves, and notices hold incidents that come by Apply", "ClaimDue": "it hands rows out", "CloseBundle": "of the mail, shown by its deliveries", "Gather": "deliveries, see Route", "RouteAll": "deliveries, see Route",
	"Release": "deliveries, see Route", "Remind": "deliveries, see Route", "Settle": "deliveries, see Route", "SaveItems": "a record is the Credential of a file", "SaveModels": "numbers", "SaveFeedEvents": "no page shows them",
	"SaveSealed": "ciphertext", "SyncChecks": "the schedule, from the configuration", "UseLink": "shown by the incident's timeline", "Plan": "the schedule",
	"SaveStrangers": "", "AuditLog": "reads", "Incidents": "reads", "DeliveryLog": "reads", "Changes": "reads", "Results": "reads",
}

func TestEveryDoorIsSown(t *testing.T) {
	db, known := reflect.TypeFor[*store.DB](), maps.Clone(doors)
	for i := range db.NumMethod() {
		m := db.Method(i)
		for j := 1; j < m.Type.NumIn(); j++ {
			in := m.Type.In(j)
			for in.Kind() == reflect.Slice || in.Kind() == reflect.Pointer {
				in = in.Elem()
			}
			if in.Kind() == reflect.Struct && texts(in, 0) {
				if _, ok := doors[m.Name]; !ok {
					t.Errorf("texts of %s come in by %s, and nobody sows there: add it to doors", in, m.Name)
				}
				delete(known, m.Name)
			}
		}
	}
	for name := range known {
		if _, ok := db.MethodByName(name); !ok {
			t.Errorf("the store has no %s", name)
		}
	}
}
