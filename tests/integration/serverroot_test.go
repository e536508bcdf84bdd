//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// serverUser is the ordinary user of the servers' root.
const serverUser = 4321

// serverRoot returns a Debian root filesystem as an image's author makes it:
// with a user added. All tests with servers share it and mount it read-only.
var serverRoot = sync.OnceValues(func() (string, error) {
	tarball, err := debianTarball()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(baseDir(), "servers")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	for _, command := range []*exec.Cmd{
		exec.Command("tar", "-C", dir, "--numeric-owner", "-xf", tarball),
		exec.Command("chroot", dir, "useradd", "--create-home", "--uid", itoa(serverUser), "--groups", "audio,video", "app"),
	} {
		if out, err := output(command); err != nil {
			return "", fmt.Errorf("%q: %w\n%s", command.Args, err, out)
		}
	}
	return dir, nil
})

// runtimesAdded puts Debian's Java and Python into the servers' root. It fails
// where the packages cannot be had.
var runtimesAdded = sync.OnceValue(func() error {
	dir, err := serverRoot()
	if err != nil {
		return err
	}
	tarball, err := runtimesTarball(dir)
	if err != nil {
		return err
	}
	out, err := output(exec.Command("tar", "-C", dir, "--numeric-owner", "--keep-directory-symlink", "-xf", tarball))
	if err != nil {
		return fmt.Errorf("extract %s: %w\n%s", tarball, err, out)
	}
	return nil
})

// runtimesTarball returns a tarball of what the packages add to the Debian
// root in dir, made on first use.
func runtimesTarball(dir string) (string, error) {
	if tarball := os.Getenv("MINIRUN_RUNTIMES_ROOT"); tarball != "" {
		return tarball, nil
	}
	tarball := filepath.Join(cacheDir(), "runtimes-root.tar")
	if exists(tarball) {
		return tarball, nil
	}
	debs, added := filepath.Join(baseDir(), "debs"), filepath.Join(baseDir(), "added")
	for _, d := range []string{filepath.Join(debs, "partial"), added} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return "", err
		}
	}
	if err := downloadRuntimes(dir, debs); err != nil {
		return "", err
	}
	// Their scripts are not run: neither needs what they set up.
	script := `set -eu; for deb in "$1"/*.deb; do dpkg-deb --fsys-tarfile "$deb" | tar -C "$2" --numeric-owner -x; done
		tar -C "$2" --numeric-owner -cf "$3" .; mv "$3" "$4"; rm -r "$1" "$2"`
	partial := fmt.Sprintf("%s.%d", tarball, os.Getpid())
	if out, err := output(exec.Command("sh", "-c", script, "sh", debs, added, partial, tarball)); err != nil {
		return "", fmt.Errorf("unpack the packages: %w\n%s", err, out)
	}
	return tarball, nil
}

// downloadRuntimes fetches the packages, and those that they need beyond what
// is in the root.
func downloadRuntimes(root, debs string) error {
	apt := func(command ...string) error {
		cmd := exec.Command("apt-get", append([]string{
			"-q", "-y", "--no-install-recommends", "--download-only", "-o", "DPkg::Lock::Timeout=300",
			"-o", "Dir::State::status=" + filepath.Join(root, "var/lib/dpkg/status"), "-o", "Dir::Cache::archives=" + debs,
			"-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=", "-o", "APT::Sandbox::User=root",
		}, command...)...)
		out, err := output(cmd)
		if err != nil {
			err = fmt.Errorf("%q: %w\n%s", cmd.Args, err, out)
		}
		return err
	}
	install := []string{"install", "openjdk-17-jre-headless", "python3"}
	if apt(install...) == nil {
		return nil
	}
	if err := apt("update"); err != nil { // the lists are missing, or too old
		return err
	}
	return apt(install...)
}

// needsRuntimes skips the test where Debian's packages cannot be had.
func needsRuntimes(t *testing.T) {
	t.Helper()
	if _, err := serverRoot(); err != nil {
		t.Fatal(err)
	}
	if err := runtimesAdded(); err != nil {
		t.Skipf("Debian's packages of Java and Python cannot be had: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}
