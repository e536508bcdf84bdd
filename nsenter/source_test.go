package nsenter

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestCommittedInit fails when the committed init was not built from the sources beside it: run `make init`.
func TestCommittedInit(t *testing.T) {
	source := sourceHash(t)
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) {
			elf, err := os.ReadFile("init/bin/init." + arch)
			if err != nil {
				t.Fatal(err)
			}
			const limit = 64 << 10
			if len(elf) > limit {
				t.Errorf("%d bytes, the limit is %d", len(elf), limit)
			}
			got, table := buildID(t, elf)
			if !bytes.Equal(got, source) {
				t.Errorf("it was built from other sources (%x) than those in init (%x): run make init", got, source)
			}
			if string(table) != tableHash {
				t.Errorf("it was built for another ops.tab: run go generate ./nsenter and make init")
			}
		})
	}
}

// sourceHash is what init/Makefile computes: over the name and the content of every source.
func sourceHash(t *testing.T) []byte {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*.c", "*.h", "*.S", "Makefile"} {
		m, err := filepath.Glob("init/" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, m...)
	}
	if len(names) < 10 {
		t.Fatalf("only %d sources in init", len(names))
	}
	slices.Sort(names)
	h := sha256.New()
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		h.Write([]byte(filepath.Base(n) + "\n"))
		h.Write(b)
	}
	return h.Sum(nil)
}

// buildID finds struct build_id of init/init.h in the program.
func buildID(t *testing.T, elf []byte) (source, table []byte) {
	t.Helper()
	const magic = "minirun-init-id\x00"
	at := bytes.Index(elf, []byte(magic))
	if at < 0 || at+len(magic)+64 > len(elf) {
		t.Fatal("the program carries no identity")
	}
	id := elf[at+len(magic):]
	return id[:32], id[32:64]
}
