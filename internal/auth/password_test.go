package auth

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"keepwatch"
)

func TestGeneratePasswordIsReadable(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		p := string(GeneratePassword().Reveal())
		if len(p) != 24 || strings.Count(p, "-") != 4 || strings.ContainsAny(p, "01ilo") || seen[p] {
			t.Fatalf("password of %d characters has the wrong form or came twice", len(p))
		}
		if err := CheckPassword([]byte(p)); err != nil {
			t.Fatal(err)
		}
		seen[p] = true
	}
}

func TestHashAndVerify(t *testing.T) {
	h := NewHasher(0)
	password := []byte("correct horse battery")
	encoded, err := h.Hash(t.Context(), password)
	if err != nil || !strings.HasPrefix(encoded, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("Hash = %q, %v", encoded, err)
	}
	if again, _ := h.Hash(t.Context(), password); again == encoded {
		t.Error("two hashes of one password are equal: no salt")
	}
	tests := []struct {
		name, password, encoded string
		want                    bool
	}{
		{"right", "correct horse battery", encoded, true},
		{"wrong", "correct horse batterY", encoded, false},
		{"empty password", "", encoded, false},
		{"endless password", strings.Repeat("x", MaxPassword+1), encoded, false},
		{"unknown name", "correct horse battery", "", false},
	}
	for _, tt := range tests {
		got, err := h.Verify(t.Context(), []byte(tt.password), tt.encoded)
		if err != nil || got != tt.want {
			t.Errorf("%s: Verify = %v, %v", tt.name, got, err)
		}
	}
}

// A foreign vector: argon2's reference implementation made it.
func TestVerifyReadsOtherCosts(t *testing.T) {
	const encoded = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	ok, err := NewHasher(1).Verify(t.Context(), []byte("password"), encoded)
	if err != nil || !ok {
		t.Errorf("Verify = %v, %v", ok, err)
	}
}

func TestVerifyRefusesDamagedAndCostlyHashes(t *testing.T) {
	h := NewHasher(1)
	for _, encoded := range []string{
		"x", "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=16$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=4000000,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=8,t=4000000,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=8,t=0,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=8,t=1,p=0$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=8,t=1,p=1$!$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$",
	} {
		begin := time.Now()
		ok, err := h.Verify(t.Context(), []byte("password"), encoded)
		if ok || !errors.Is(err, keepwatch.ErrInvalid) || time.Since(begin) > time.Second {
			t.Errorf("%s: %v, %v after %v", encoded, ok, err, time.Since(begin))
		}
	}
}

func TestHasherBoundsConcurrency(t *testing.T) {
	h := NewHasher(1)
	h.slots <- struct{}{} // somebody is hashing
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, []byte("correct horse battery")); !errors.Is(err, context.Canceled) {
		t.Errorf("a full hasher gave %v", err)
	}
	<-h.slots
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := h.Hash(t.Context(), []byte("correct horse battery")); err != nil {
				t.Error(err)
			}
			if len(h.slots) > 1 {
				t.Error("more at a time than allowed")
			}
		})
	}
	wg.Wait()
}

func TestCheckPassword(t *testing.T) {
	for password, ok := range map[string]bool{
		"": false, "short": false, "elevenchars": false, "twelve chars": true, "ÄÖÜäöüßéèêëç": true,
		strings.Repeat("x", MaxPassword): true, strings.Repeat("x", MaxPassword+1): false,
	} {
		if err := CheckPassword([]byte(password)); (err == nil) != ok {
			t.Errorf("CheckPassword of %d bytes: %v", len(password), err)
		}
	}
}
