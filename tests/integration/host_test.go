//go:build integration

package integration

import (
	"os/exec"
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
