package store_test

import (
	"testing"

	"keepwatch/internal/store"
	"keepwatch/internal/store/storetest"
)

func TestConformanceSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) *store.DB { return storetest.New(t) })
}

func TestConformancePostgres(t *testing.T) {
	storetest.Run(t, storetest.Postgreses(t)) // skips once, not in every part
}
