//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"testing"
)

// A caller that keeps its own files to itself does not keep the container's users from reading their cgroup.
func TestCallerUmask(t *testing.T) {
	b := newBox(t)
	c := b.container(sleeping())
	cmd := c.detachedCommand(c.verb("run", "-d")...)
	cmd.Args = append([]string{"sh", "-c", `umask 077; exec "$0" "$@"`}, cmd.Args...)
	cmd.Path = "/bin/sh"
	c.made(cmd).ok()
	for _, h := range hierarchies() {
		st, err := os.Stat(filepath.Join(h.dir, cgroupParent(), c.id))
		if err != nil {
			t.Fatal(err)
		}
		equal(b, h.dir, st.Mode().Perm(), os.FileMode(0o755))
	}
}
