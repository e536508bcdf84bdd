//go:build integration

package integration

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
)

func lookPath(name string) (string, error) { return exec.LookPath(name) }

// hostCommand runs a program of the host; it must succeed.
func (b *box) hostCommand(name string, args ...string) string {
	b.Helper()
	out, err := output(exec.Command(name, args...))
	if err != nil {
		b.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return out
}

// owner returns the ids that own a path, a last symlink not followed.
func owner(b *box, path string) (uid, gid int) {
	b.Helper()
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		b.Fatalf("stat %s: %v", path, err)
	}
	return int(st.Uid), int(st.Gid)
}

// needsKernel skips the test on an older kernel than the one that has what it
// is about.
func (b *box) needsKernel(major, minor int, what string) {
	b.Helper()
	release := strings.TrimSpace(b.read("/proc/sys/kernel/osrelease"))
	var have [2]int
	if n, err := fmt.Sscanf(release, "%d.%d", &have[0], &have[1]); n != 2 {
		b.Fatalf("kernel release %q: %v", release, err)
	}
	if have[0] < major || have[0] == major && have[1] < minor {
		b.Skipf("%s needs Linux %d.%d", what, major, minor)
	}
}
