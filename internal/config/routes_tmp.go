package config

import "keepwatch/internal/collect"

var routeNames = []string{collect.RouteHistory, collect.RouteRows, collect.RouteNotSent}
