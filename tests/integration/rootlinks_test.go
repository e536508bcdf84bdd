//go:build integration

package integration

import (
	"path/filepath"
	"testing"

	"github.com/minirun/minirun/specs"
)

// The root as a read-only path is read-only with all that is mounted below it,
// also where a link of the image leads there. What is mounted on the root shows
// nowhere, so that nothing is: neither a mount nor a mask.
func TestPathsThatAreTheRoot(t *testing.T) {
	b := newBox(t)
	const writes = "for d in /tmp /dev/shm /etc; do touch $d/x 2>/dev/null && echo $d; done; echo done"
	readonly := func(path string) mod { return func(s *specs.Spec) { s.Linux.ReadonlyPaths = []string{path} } }
	for _, path := range []string{"/", "/..", "/link", "/link/"} {
		c := b.container(readonly(path), script(writes))
		b.symlink("/", filepath.Join(c.rootfs(), "link"))
		c.run().ok().prints("done\n")
		equal(b, "a file in the root", exists(filepath.Join(c.rootfs(), "tmp/x")), false)
	}
	c := b.container(mount("/link", "tmpfs", "tmpfs"), mount("/other/..", "bind", b.path("x"), "bind"))
	b.symlink("/", filepath.Join(c.rootfs(), "link"))
	c.run().fails(1, "mounts[7].destination", "the root cannot be mounted over")
	c.configure(mount("/link", "tmpfs", "tmpfs"))
	c.run().fails(1, "mounts[6] /link: the target is the root of the container", "device or resource busy")
	c.configure(func(s *specs.Spec) { s.Linux.MaskedPaths = []string{"/proc/kcore", "/link"} })
	c.run().fails(1, "linux.maskedPaths[1] /link: the target is the root of the container", "device or resource busy")
}

// Mounts that are asked for twice, by the engine and by the user, are made
// twice, procfs too. What the image has for /proc then cannot lead elsewhere.
func TestMountsTwice(t *testing.T) {
	b := newBox(t)
	c := b.container(func(s *specs.Spec) { s.Mounts = append(s.Mounts, s.Mounts...) },
		script("grep -c ' /proc ' /proc/mounts; test -e /proc/self/ns/pid && echo new"))
	c.run().ok().prints("2\nnew\n")
	c.configure(mount("/proc", "bind", "/proc/", "rbind"), script("grep -c ' - proc ' /proc/self/mountinfo"))
	c.run().ok()
	b.write(b.path("self/attr/current"), "", 0o644)
	c.configure(mount("/proc", "bind", b.path("self"), "bind"))
	c.run().fails(1, "mounts[6]", "the target is inside a procfs")
}
