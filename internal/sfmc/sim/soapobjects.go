package sim

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
)

// objectKind is one SOAP object type that can be retrieved.
type objectKind struct {
	scope  string // "" needs none
	fields string // space separated
	rows   func(c *call, allAccounts bool) []row
}

// unknown returns the properties that the object does not have.
func (k objectKind) unknown(properties []string) []string {
	return slices.DeleteFunc(slices.Clone(properties), func(p string) bool {
		return p == "" || slices.Contains(strings.Fields(k.fields), p)
	})
}

var objectKinds = map[string]objectKind{
	"BusinessUnit": {"",
		"ID Name ParentID ParentName IsActive CustomerKey AccountType BusinessName Email FromName Phone Address City State Zip Country Locale.LocaleCode TimeZone.Name Client Client.ID Client.EnterpriseID CreatedDate ModifiedDate PartnerKey IsTestAccount DBID Description EditionID DefaultSendClassification.ObjectID ParentAccount.ID MasterUnsubscribeBehavior UnsubscribeBehavior Subscription.EmailsPurchased Subscription.Period Subscription.AccountsPurchased Subscription.LPAccountsPurchased Subscription.DOTOAccountsPurchased Subscription.BUAccountsPurchased Subscription.AdvAccountsPurchased Subscription.BeginDate Subscription.EndDate Subscription.Notes Subscription.ContractNumber Subscription.ContractModifier Subscription.IsRenewal Subscription.NumberofEmails InheritAddress RoleIDs Roles SubscriberFilter PrivateLabels",
		businessUnits},
	"AccountUser": {"users_read",
		"ID AccountUserID UserID CustomerKey Name Email NotificationEmailAddress ActiveFlag IsAPIUser IsLocked MustChangePassword LastSuccessfulLogin CreatedDate ModifiedDate DefaultBusinessUnit DefaultBusinessUnitObject.ID Client Client.ID Client.EnterpriseID Client.ModifiedBy Locale.LocaleCode TimeZone.ID TimeZone.Name Roles UserPermissions PartnerKey",
		accountUsers},
	"AccountUserAccount": {"users_read", "AccountUser.AccountUserID AccountUser.UserID Account.ID ObjectID PartnerKey", accountUserAccounts},
	"DataFolder": {"",
		"ID ObjectID CustomerKey Name Description ContentType IsActive IsEditable AllowChildren CreatedDate ModifiedDate Client Client.ID ParentFolder.ID ParentFolder.ObjectID ParentFolder.CustomerKey ParentFolder.Name",
		dataFolders},
	"DataExtension": {"data_extensions_read",
		"ObjectID CustomerKey Name Description CategoryID IsSendable IsTestable CreatedDate ModifiedDate Client Client.ID Status SendableDataExtensionField.Name SendableSubscriberField.Name",
		dataExtensions},
	"List": {"list_and_subscribers_read",
		"ID ObjectID CustomerKey ListName Description Category Type ListClassification CreatedDate ModifiedDate Client Client.ID PartnerKey",
		lists},
	"Account": {"", "ID Name CustomerKey AccountType IsActive ParentID ParentName Client Client.ID CreatedDate ModifiedDate",
		func(c *call, _ bool) []row { return businessUnits(c, false) }},
	// These are allowed or not, and empty.
	"Subscriber":              {"list_and_subscribers_read", "ID SubscriberKey EmailAddress Status Client Client.ID CreatedDate", noRows},
	"Email":                   {"email_read", "ID ObjectID CustomerKey Name Subject Client Client.ID CreatedDate ModifiedDate", noRows},
	"TriggeredSendDefinition": {"email_read", "ObjectID CustomerKey Name TriggeredSendStatus Client Client.ID CreatedDate ModifiedDate", noRows},
	"QueryDefinition":         {"automations_read", "ObjectID CustomerKey Name Status Client Client.ID CreatedDate ModifiedDate", noRows},
	"DataExtensionField":      {"data_extensions_read", "ObjectID CustomerKey Name FieldType Client Client.ID", noRows},
	"Role":                    {"users_read", "ObjectID CustomerKey Name Description CreatedDate ModifiedDate IsSystemDefined IsPrivate PermissionSets Client Client.ID PartnerKey", noRows},
	"Send":                    {"tracking_events_read", "ID Status SendDate Client Client.ID", noRows},
}

func noRows(*call, bool) []row { return nil }

// visible are the accounts that a token sees: its own, or with QueryAllAccounts
// from the enterprise's own account all of the enterprise.
func (c *call) visible(allAccounts bool) []BusinessUnit {
	var out []BusinessUnit
	eid := c.client.spec.EID
	for _, u := range c.s.units {
		if u.MID == c.mid || (allAccounts && c.mid == eid && u.EID == eid) {
			out = append(out, u)
		}
	}
	slices.SortFunc(out, func(a, b BusinessUnit) int {
		return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.MID, b.MID))
	})
	return out
}

// soapTime prints a time as SOAP answers do: Central, without saying so.
func soapTime(t time.Time) string { return centralTime(t) }

func number[N ~int64 | ~int](n N) string { return strconv.FormatInt(int64(n), 10) }

func businessUnits(c *call, all bool) []row {
	var out []row
	for _, u := range c.visible(all) {
		r := row{
			"ID": number(u.MID), "Name": u.Name, "ParentID": number(u.Parent), "IsActive": flag(!u.Inactive), "CustomerKey": number(u.MID),
			"AccountType": "BUSINESS_UNIT", "BusinessName": u.Name, "Client.ID": number(u.MID), "Client.EnterpriseID": number(u.EID),
			"Locale.LocaleCode": "en-US", "CreatedDate": soapTime(c.now.Add(-9000 * time.Hour)), "ModifiedDate": soapTime(c.now.Add(-900 * time.Hour)),
			"Email": "team@example.com", "FromName": u.Name, "City": "Berlin", "Country": "DE", "DBID": "1", "EditionID": "1",
		}
		if u.Parent == 0 {
			r["AccountType"] = "EXACTTARGET"
		} else {
			r["ParentName"] = c.s.units[u.Parent].Name
		}
		out = append(out, r)
	}
	return out
}

// accountUsers are the API users, and the hidden user that each package owns:
// its name ends in "app user" and it has neither address nor login date. Users that
// were added beside the clients come too.
func accountUsers(c *call, all bool) []row {
	seen := c.seen(all)
	out := addedUsers(c, seen)
	for _, k := range c.s.clients {
		if !seen[k.spec.MID] || !k.installed {
			continue
		}
		r := row{
			"ID": userIDText(k), "AccountUserID": userIDText(k), "UserID": guidOf("user", k.spec.ClientID), "CustomerKey": guidOf("user", k.spec.ClientID),
			"Name": k.spec.Name + " app user", "ActiveFlag": flag(k.enabled), "IsAPIUser": "true", "IsLocked": "false", "MustChangePassword": "false",
			"CreatedDate": soapTime(k.added), "ModifiedDate": soapTime(k.added), "DefaultBusinessUnit": number(k.spec.MID),
			"Client.ID": number(k.spec.MID), "Client.EnterpriseID": number(k.spec.EID), "Locale.LocaleCode": "en-US",
		}
		if k.spec.Kind == keepwatch.APIUser {
			r["Name"], r["UserID"], r["Email"] = k.spec.Name, k.spec.ClientID, k.spec.ClientID+"@example.com"
			r["IsLocked"], r["MustChangePassword"] = flag(k.locked), flag(k.mustChange)
			if !k.lastLogin.IsZero() {
				r["LastSuccessfulLogin"] = soapTime(k.lastLogin)
			}
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b row) int { return cmp.Compare(a["AccountUserID"], b["AccountUserID"]) })
	return out
}

func flag(b bool) string { return strconv.FormatBool(b) }

var folderTypes = []string{
	"dataextension", "shared_dataextension", "queryactivity", "automations", "asset", "email", "list", "mysubs", "suppression_list",
	"triggered_send", "userinitiatedsends", "ssjsactivity",
}

func dataFolders(c *call, all bool) []row {
	var out []row
	for _, u := range c.visible(all) {
		for i, kind := range folderTypes {
			id := int64(u.MID)%1_000_000*100 + int64(i)
			out = append(out, row{
				"ID": number(id), "ObjectID": guidOf("folder", number(id)), "CustomerKey": kind + "_default", "Name": kind, "ContentType": kind,
				"IsActive": "true", "IsEditable": "false", "AllowChildren": "true", "Client.ID": number(u.MID), "ParentFolder.ID": "0",
				"CreatedDate": soapTime(c.now.Add(-9000 * time.Hour)), "ModifiedDate": soapTime(c.now.Add(-9000 * time.Hour)),
			})
		}
	}
	return out
}

func dataExtensions(c *call, all bool) []row {
	var out []row
	for _, u := range c.visible(all) {
		for _, name := range []string{"Orders", "Contacts", "Consents"} {
			out = append(out, row{
				"ObjectID": guidOf("de", number(u.MID)+name), "CustomerKey": name, "Name": name, "Client.ID": number(u.MID),
				"IsSendable": flag(name == "Contacts"), "IsTestable": "false", "CategoryID": number(int64(u.MID) % 1_000_000 * 100), "Status": "Normal",
				"CreatedDate": soapTime(c.now.Add(-8000 * time.Hour)), "ModifiedDate": soapTime(c.now.Add(-8000 * time.Hour)),
			})
		}
	}
	return out
}

func lists(c *call, all bool) []row {
	var out []row
	for _, u := range c.visible(all) {
		for i, name := range []string{"All Subscribers", "Newsletter"} {
			out = append(out, row{
				"ID": number(i + 1), "ObjectID": guidOf("list", number(u.MID)+name), "CustomerKey": name, "ListName": name, "Client.ID": number(u.MID),
				"Type": "Public", "ListClassification": "ExactTargetList", "Category": "1",
				"CreatedDate": soapTime(c.now.Add(-8000 * time.Hour)), "ModifiedDate": soapTime(c.now.Add(-8000 * time.Hour)),
			})
		}
	}
	return out
}
