//go:build integration

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/minirun/minirun/specs"
)

// needCRIU skips the test where no criu works on this kernel, or not with the
// features.
func (b *box) needCRIU(features ...string) {
	b.Helper()
	args := []string{"check"}
	for _, f := range features {
		args = append(args, "--feature", f)
	}
	cmd := exec.Command("criu", args...)
	if cmd.Err != nil {
		b.Skip(cmd.Err)
	}
	if r := b.finish(cmd); r.code != 0 {
		b.Skipf("criu %s fails on this kernel: %s", strings.Join(args, " "), strings.TrimSpace(r.stdout+r.stderr))
	}
}

// counting is a program that writes a rising number to /tmp/n, on a tmpfs, so
// that a second start would be seen.
func counting() mod {
	return func(s *specs.Spec) {
		script("i=0; while :; do i=$((i+1)); echo $i >/tmp/n; sleep 0.05; done")(s)
		mount("/tmp", "tmpfs", "tmpfs", "nosuid")(s)
	}
}

// count is the number that the program has got to.
func (c *container) count() int {
	c.Helper()
	n, _ := strconv.Atoi(strings.TrimSpace(c.exec("cat", "/tmp/n").stdout))
	return n
}

// countsOn waits until the program has gone on from a number.
func (c *container) countsOn(from int) {
	c.Helper()
	c.until("the program goes on", func() bool { return c.count() > from })
}

// counts runs a container that counts.
func (b *box) counts(mods ...mod) *container {
	b.Helper()
	c := b.container(append([]mod{counting()}, mods...)...)
	c.runDetached().ok()
	c.countsOn(1)
	return c
}

// checkpoint writes the container to the test's directory "images", where flags do not say something else.
func (c *container) checkpoint(flags ...string) result {
	c.Helper()
	return c.finish(c.checkpointCommand(flags...))
}

func (c *container) checkpointCommand(flags ...string) *exec.Cmd {
	return c.command(append(append([]string{"checkpoint", "--image-path", c.path("images")}, flags...), c.id)...)
}

// restoreCommand brings the container back from there, detached.
func (c *container) restoreCommand(flags ...string) *exec.Cmd {
	c.Helper()
	return c.detachedCommand(append(append([]string{"restore", "--detach", "--image-path", c.path("images"), "--bundle", c.bundle}, flags...), c.id)...)
}

func (c *container) restore(flags ...string) result {
	c.Helper()
	return c.made(c.restoreCommand(flags...))
}

// restoreForeground starts a call that stays, with a variable more in its environment, and waits for the program. The file receives its standard error.
func (c *container) restoreForeground(variable string, flags ...string) (*exec.Cmd, *os.File) {
	c.Helper()
	cmd := c.detachedCommand(append(append([]string{"restore", "--image-path", c.path("images"), "--bundle", c.bundle}, flags...), c.id)...)
	stderr, err := c.tempFile()
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { stderr.Close() })
	cmd.Stderr, cmd.Env = stderr, append(cmd.Env, variable)
	c.box.start(cmd)
	c.until("restored", func() bool {
		if said := readBack(stderr); said != "" {
			c.Fatal(said)
		}
		r := c.do("state", c.id)
		return r.code == 0 && strings.Contains(r.stdout, `"running"`)
	})
	return cmd, stderr
}

// networkLock is what criu holds connections with here. Before version 4 it does
// not find its nftables rules again when it comes back as another process.
func networkLock() string {
	if _, err := exec.LookPath("iptables-restore"); err == nil {
		return "iptables"
	}
	return "nftables"
}

// holdNetwork makes a network namespace with a file that leads to it.
func holdNetwork(b *box) string {
	b.Helper()
	file := b.path("netns")
	b.write(file, "", 0o644)
	b.hostCommand("unshare", "--net="+file, "ip", "link", "set", "lo", "up")
	b.Cleanup(func() { b.hostCommand("umount", file) })
	return file
}

// listens tells whether a TCP port of this network namespace is listened on, without connecting: a page server takes one connection only.
func listens(port int) bool {
	text, _ := os.ReadFile("/proc/net/tcp")
	return strings.Contains(string(text), ":"+strings.ToUpper(strconv.FormatInt(int64(port), 16))+" 00000000:0000 0A")
}

// size is how much memory a checkpoint holds, in bytes.
func size(b *box, dir string) int64 {
	b.Helper()
	var sum int64
	pages, _ := filepath.Glob(filepath.Join(dir, "pages-*.img"))
	for _, p := range pages {
		st, err := os.Stat(p)
		if err != nil {
			b.Fatal(err)
		}
		sum += st.Size()
	}
	return sum
}
