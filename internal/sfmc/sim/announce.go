package sim

import "keepwatch"

// Announcement is the first line that `keepwatch sim` prints: all that a client
// or a script needs to begin.
type Announcement struct {
	AuthURL    string            `json:"auth_url"`
	RESTURL    string            `json:"rest_url"`
	SOAPURL    string            `json:"soap_url"`
	ControlURL string            `json:"control_url"`
	Clients    []AnnouncedClient `json:"clients"`
}

// AnnouncedClient is a client with its secret in clear: it opens nothing but
// this simulator.
type AnnouncedClient struct {
	ClientID     string         `json:"client_id"`
	ClientSecret string         `json:"client_secret"`
	MID          keepwatch.MID  `json:"mid"`
	Name         string         `json:"name"`
	EID          keepwatch.MID  `json:"eid"`
	Kind         keepwatch.Kind `json:"kind"`
}

// Announce describes the simulator as reached at base, which ends with a slash.
func (s *Sim) Announce(base string) Announcement {
	a := Announcement{AuthURL: base, RESTURL: base, SOAPURL: base + "Service.asmx", ControlURL: base + ControlPath[1:], Clients: []AnnouncedClient{}}
	for _, c := range s.Clients() {
		a.Clients = append(a.Clients, AnnouncedClient{c.ClientID, c.Secret, c.MID, c.Name, c.EID, c.Kind})
	}
	return a
}

// Sample is the estate of `keepwatch sim` when nothing else is asked for: one
// enterprise with two business units, and a client of each kind.
func Sample() []ClientSpec {
	const eid, germany, france = 510000100, 510000123, 510000124
	return []ClientSpec{
		{Name: "Order confirmations", MID: germany, EID: eid, BusinessUnits: []keepwatch.MID{france}},
		{Name: "Enterprise reporting", MID: eid, EID: eid, BusinessUnits: []keepwatch.MID{germany, france}},
		{Name: "Asset sync", MID: france, EID: eid, Scopes: []string{"documents_and_images_read", "documents_and_images_write"}},
		{Name: "Preference centre", Kind: keepwatch.WebApp, MID: germany, EID: eid, RedirectURI: "https://preferences.example.com/callback"},
		{Name: "Old importer", Kind: keepwatch.LegacyPackage, MID: germany, EID: eid},
		{ClientID: "soap-import", Name: "SOAP import", Kind: keepwatch.APIUser, MID: germany, EID: eid},
	}
}
