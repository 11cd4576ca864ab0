package config

var routeNames = []string{"journey_history"}
