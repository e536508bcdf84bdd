//go:build integration

package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// imageScript is the program of the image: it tells who it is and where it
// may write.
const imageScript = `#!/bin/sh
id -u; id -g; id -G; echo "$HOME"; pwd
cat /data/seed; [ -e /gone ] || echo "removed by a layer"
echo "$1" >/data/written && ls -ld /data/written | cut -d' ' -f1
(: >/etc/written) 2>/dev/null || echo refused
trap 'echo bye; exit 5' TERM
echo ready
while :; do sleep 0.05; done
`

// An image as a Dockerfile makes it (two layers, users, groups, a volume, a
// working directory, USER) runs with its volume's content kept by the host.
func TestImageWithUsersAndVolume(t *testing.T) {
	b := newBox(t)
	bundle := b.unpackedImage()
	c := b.containerIn(bundle)
	volume := b.path("volume")
	b.write(filepath.Join(volume, "seed"), "seed of the volume\n", 0o644)
	b.chown(volume, 1500, 1600, 0o750)
	spec := &specs.Spec{}
	if err := json.Unmarshal([]byte(b.read(filepath.Join(bundle, "config.json"))), spec); err != nil {
		t.Fatal(err)
	}
	spec.Linux.CgroupsPath = cgroupParent() + "/" + c.id
	spec.Process.Terminal = false
	noMount("/data")(spec) // umoci makes a tmpfs of each volume
	mount("/data", "bind", volume, "rbind", "rprivate")(spec)
	c.writeConfig(spec)
	c.runDetached().ok()
	pid := c.pid()
	b.until("the image's program", func() bool { return strings.HasSuffix(c.output(), "ready\n") })
	equal(b, "output", c.output(), "1500\n1600\n1600 1700\n/home/app\n/work\nseed of the volume\nremoved by a layer\n-rw-r--r--\nrefused\nready\n")
	equal(b, "file in the volume", b.read(filepath.Join(volume, "written")), "argument\n")
	uid, gid := owner(b, filepath.Join(volume, "written"))
	equal(b, "owner of the file", itoa(uid)+":"+itoa(gid), "1500:1600")
	c.exec("sh", "-c", "id -u; id -G; echo $HOME; pwd").ok().prints("1500\n1600 1700\n/home/app\n/work\n")
	c.execWith([]string{"--user", "0:0"}, "sh", "-c", "id -u; : >/etc/written && echo wrote").ok().prints("0\nwrote\n")
	c.kill("TERM").ok()
	equal(b, "exit code", b.wait(pid), 5)
}

// unpackedImage makes the image and returns its bundle.
func (b *box) unpackedImage() string {
	b.Helper()
	if _, err := lookPath("umoci"); err != nil {
		b.Fatalf("umoci is needed (make deps installs it): %v", err)
	}
	image, root, layer := b.path("image")+":latest", b.path("root"), b.path("layer")
	umoci := func(args ...string) { b.hostCommand("umoci", args...) }
	umoci("init", "--layout", b.path("image"))
	umoci("new", "--image", image)
	makeBusyboxRoot(b, root)
	b.write(filepath.Join(root, "gone"), "", 0o644)
	umoci("insert", "--image", image, root, "/")
	umoci("insert", "--image", image, "--whiteout", "/gone")
	b.write(filepath.Join(layer, "etc/passwd"), "root:x:0:0::/root:/bin/sh\napp:x:1500:1600::/home/app:/bin/sh\n", 0o644)
	b.write(filepath.Join(layer, "etc/group"), "root:x:0:\napp:x:1600:\nextra:x:1700:app\n", 0o644)
	b.write(filepath.Join(layer, "usr/bin/service"), imageScript, 0o755)
	for _, dir := range []string{"home/app", "work", "data"} {
		b.mkdir(filepath.Join(layer, dir))
		b.chown(filepath.Join(layer, dir), 1500, 1600, os.FileMode(0o755))
	}
	umoci("insert", "--image", image, layer, "/")
	umoci("config", "--image", image, "--config.user", "app", "--config.workingdir", "/work", "--config.volume", "/data",
		"--config.env", "PATH=/usr/bin:/bin", "--config.entrypoint", "service", "--config.cmd", "argument")
	bundle := b.path("bundle")
	umoci("unpack", "--image", image, bundle)
	return bundle
}
