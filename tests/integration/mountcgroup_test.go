//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// cgroupView is a script that says of each hierarchy in the container what is
// seen there and whether a group can be made in it.
const cgroupView = `cd /sys/fs/cgroup; [ -e cgroup.procs ] && set . || set *
for h; do
	[ -L $h ] && continue
	[ -e $h/cgroup.procs ] || { echo "$h: no cgroup"; continue; }
	grep -qx $$ $h/cgroup.procs || echo "$h: not in it"
	ls -d $h/*/ 2>/dev/null
	mkdir $h/made 2>/dev/null && rmdir $h/made && echo "$h: written"
done; true`

// The cgroup mount in every combination of cgroup namespace, user namespace
// and read-only: the container's own groups, nothing above and beside them.
func TestCgroupMountCombinations(t *testing.T) {
	for _, ns := range []bool{false, true} {
		for _, userns := range []bool{false, true} {
			for _, mode := range []string{"ro", "rw"} {
				name := map[bool]string{true: "own", false: "shared"}[ns] + " " + map[bool]string{true: "user", false: "plain"}[userns] + " " + mode
				t.Run(name, func(t *testing.T) {
					b := newBox(t)
					c := b.container()
					mods := []mod{mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", mode), script(cgroupView)}
					if ns {
						mods = append(mods, namespace(specs.CgroupNamespace, ""))
					}
					if userns {
						mods = append(mods, c.inUserNamespace())
					}
					c.configure(mods...)
					checkCgroupView(b, c.run().ok().stdout, mode == "rw" && !userns, userns)
				})
			}
		}
	}
}

// checkCgroupView wants every hierarchy written or none. Groups of a container
// with a user namespace belong to the host's root unless they are delegated.
func checkCgroupView(b *box, out string, writable, userns bool) {
	b.Helper()
	written := 0
	for line := range strings.Lines(out) {
		switch line = strings.TrimSpace(line); {
		case strings.HasSuffix(line, ": written"):
			written++
		default:
			b.Errorf("%s", line)
		}
	}
	switch {
	case writable && written != len(hierarchies()):
		b.Errorf("%d of %d hierarchies can be written to", written, len(hierarchies()))
	case !writable && !userns && written > 0:
		b.Errorf("%d read-only hierarchies were written to", written)
	}
}

// A version 2 hierarchy mounted by its own name shows the container's group as
// its root when that is the cgroup namespace's.
func TestMountCgroup2ByName(t *testing.T) {
	b := newBox(t)
	b.container(mount("/cg", "cgroup2", "cgroup", "nosuid", "noexec", "nodev"), namespace(specs.CgroupNamespace, ""),
		script("cat /cg/cgroup.procs | head -1; ls -d /cg/*/ 2>/dev/null; true")).run().ok().prints("1\n")
}

// A bind of /sys brings the host's cgroups along; the cgroup mount that the
// configuration has on top hides them, although other containers' groups
// belong to the user of this one.
func TestCVE_2023_25809(t *testing.T) {
	b := newBox(t)
	c := b.container()
	var victims []string
	for _, h := range hierarchies() {
		dir := filepath.Join(h.dir, cgroupParent(), c.id+"-victim")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(dir)
		victims = append(victims, dir)
		if err := os.Chown(dir, 100000, 100000); err != nil {
			t.Fatal(err)
		}
	}
	for _, mode := range []string{"ro", "rw"} {
		c.configure(noMount("/sys"), mount("/sys", "none", "/sys", "rbind", "nosuid", "noexec", "nodev", "ro"),
			mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", mode), noMasks(), c.inUserNamespace(),
			script("find /sys/fs/cgroup -name '*-victim' | head -3; for d in "+strings.Join(victims, " ")+"; do mkdir $d/made 2>/dev/null && echo made $d; done; true"))
		c.run().ok().prints("")
	}
	for _, dir := range victims {
		if exists(filepath.Join(dir, "made")) {
			b.Errorf("a group was made in %s", dir)
			os.Remove(filepath.Join(dir, "made"))
		}
	}
}
