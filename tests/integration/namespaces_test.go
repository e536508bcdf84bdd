//go:build integration

package integration

import (
	"os"
	"path/filepath"
)

// namespaceOf returns the link text of a namespace of a process; process is a
// number or "self".
func namespaceOf(b *box, process, name string) string {
	b.Helper()
	link, err := os.Readlink(filepath.Join("/proc", process, "ns", name))
	if err != nil {
		b.Fatal(err)
	}
	return link
}
