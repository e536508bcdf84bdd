//go:build integration

package rootfs

import (
	"os"
	"path/filepath"
	"testing"
)

// hostileRoot makes a bundle whose image has links, by name in its root, and a directory outside of the root for them to lead to.
func hostileRoot(t *testing.T, links map[string]string) (bundle, outside string) {
	t.Helper()
	bundle = busybox(t)
	outside = filepath.Join(bundle, "outside")
	if err := os.Mkdir(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	for link, target := range links {
		if err := os.Symlink(target, filepath.Join(bundle, "rootfs", link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(bundle, "file"), []byte("bound"), 0o644); err != nil {
		t.Fatal(err)
	}
	return bundle, outside
}

func isEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("outside of the root: %v %v", left, err)
	}
}

// TestHostileRoot has an image whose directories are links, absolute and relative, to what exists outside and inside of it: all of them
// are resolved inside.
func TestHostileRoot(t *testing.T) {
	bundle, outside := hostileRoot(t, map[string]string{"dev": "/outside", "etc": "../outside", "run": "../../../../../../outside"})
	if err := os.Mkdir(filepath.Join(bundle, "rootfs", "outside"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := spec(mnt("/etc/hosts", "bind", "file", "bind"), mnt("/run/x/y", "tmpfs", "t", ""))
	f := plain()
	f.Bundle = bundle
	if got := inside(t, s, f, "$b cat /etc/hosts /outside/hosts; $b test -d /run/x/y -a -c /outside/null && $b echo ' inside'"); got != "boundbound inside\n" {
		t.Errorf("got %q", got)
	}
	isEmpty(t, outside)
}
