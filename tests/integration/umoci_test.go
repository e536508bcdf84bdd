//go:build integration

package integration

import (
	"path/filepath"
	"testing"
)

// An OCI image, made and unpacked by umoci, runs as a person would run it: in
// the unpacked bundle, on a terminal, nothing edited.
func TestUmociBundle(t *testing.T) {
	b := newBox(t)
	if _, err := lookPath("umoci"); err != nil {
		t.Fatalf("umoci is needed (make deps installs it): %v", err)
	}
	image := b.path("image") + ":latest"
	umoci := func(args ...string) { b.hostCommand("umoci", args...) }
	umoci("init", "--layout", b.path("image"))
	umoci("new", "--image", image)
	root := b.path("root")
	makeBusyboxRoot(b, root)
	b.write(filepath.Join(root, "work/greeting"), "hello from the image\n", 0o644)
	umoci("insert", "--image", image, root, "/")
	umoci("config", "--image", image, "--config.user", "user", "--config.workingdir", "/work", "--config.env", "PATH=/bin",
		"--config.env", "COLOUR=green", "--config.entrypoint", "sh", "--config.entrypoint", "-c",
		"--config.cmd", "cat greeting; echo $COLOUR $HOME; id -u; pwd; tty; exit 19")
	bundle := b.path("bundle")
	umoci("unpack", "--image", image, bundle)

	p := b.openPty()
	c := b.containerIn(bundle)
	cmd := c.command("run", c.id)
	cmd.Dir = bundle
	p.start(cmd)
	p.expect("hello from the image\r\n", "green /home/user\r\n", "1000\r\n", "/work\r\n", "/dev/pts/0\r\n")
	equal(b, "exit code", b.waitCommand(cmd), 19)
}
