//go:build integration

package integration

import (
	"bytes"
	_ "embed"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// testProfile is what apparmor_parser(8) 3.0 makes for the features of abi/3.0 of
//
//	profile minirun-test flags=(attach_disconnected,mediate_deleted) {
//		file, capability, network, signal, unix, ptrace, mount, umount, pivot_root,
//		deny /denied rwl,
//	}
//
//go:embed testdata/minirun-test.apparmor
var testProfile []byte

// loadProfile loads the profile into the kernel for the time of the test.
func (b *box) loadProfile() { b.loadProfileAs("minirun-test") }

// loadProfileAs does so under another name, which must be of the same length: the format has it before the name.
func (b *box) loadProfileAs(name string) {
	b.Helper()
	text := bytes.ReplaceAll(testProfile, []byte("minirun-test"), []byte(name))
	if len(text) != len(testProfile) {
		b.Fatalf("profile name %s", name)
	}
	const dir = "/sys/kernel/security"
	if !exists(dir + "/apparmor") {
		if err := unix.Mount("securityfs", dir, "securityfs", 0, ""); err != nil {
			b.Fatalf("mount securityfs: %v", err)
		}
		b.Cleanup(func() { unix.Unmount(dir, 0) })
	}
	if err := os.WriteFile(dir+"/apparmor/.replace", text, 0); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.WriteFile(dir+"/apparmor/.remove", []byte(name), 0) })
}

func apparmor(profile string) mod {
	return func(s *specs.Spec) { s.Process.ApparmorProfile = profile }
}

// The program is confined, with and without no_new_privs, and so is what exec adds; a profile that is not there is named.
func TestAppArmor(t *testing.T) {
	enabled, _ := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	if !strings.HasPrefix(string(enabled), "Y") {
		t.Skip("this kernel has no AppArmor, or it is off")
	}
	b := newSerialBox(t)
	b.loadProfile()
	const probe = "cat /proc/self/attr/current; touch /allowed && echo allowed; touch /denied 2>&1; true"
	const confined = "minirun-test (enforce)\nallowed\ntouch: /denied: Permission denied\n"
	b.container(script(probe), apparmor("minirun-test")).run().ok().prints(confined)
	b.container(script(probe), apparmor("minirun-test"), noNewPrivileges(), user(0, 0)).run().ok().prints(confined)
	c := b.sleeper(apparmor("minirun-test"))
	equal(b, "label", strings.TrimSpace(b.read(procPath(c.pid(), "attr/current"))), "minirun-test (enforce)")
	c.exec("sh", "-c", probe).ok().prints(confined)
	plain := b.sleeper()
	plain.exec("cat", "/proc/self/attr/current").ok().prints("unconfined\n")
	plain.execWith([]string{"--apparmor", "minirun-test"}, "sh", "-c", probe).ok().prints(confined)
	plain.execWith([]string{"--apparmor", "minirun-none"}, "true").
		fails(255, "process.apparmorProfile minirun-none: the profile is not loaded: no such file or directory")
	b.container(apparmor("minirun-none")).run().
		fails(1, "process.apparmorProfile minirun-none: the profile is not loaded: no such file or directory")
}

// Where there is no AppArmor or no SELinux, a label is an error and not ignored.
func TestLabelsWithoutModules(t *testing.T) {
	b := newBox(t)
	enabled, _ := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	c := b.sleeper()
	if !strings.HasPrefix(string(enabled), "Y") {
		b.container(apparmor("minirun-test")).run().fails(1, "process.apparmorProfile: AppArmor is not enabled on this host")
		c.execWith([]string{"--apparmor", "x"}, "true").fails(255, "process.apparmorProfile: AppArmor is not enabled on this host")
	}
	if !exists("/sys/fs/selinux/enforce") {
		label := func(s *specs.Spec) { s.Process.SelinuxLabel = "system_u:system_r:container_t:s0" }
		b.container(label).run().fails(1, "process.selinuxLabel: SELinux is not enabled on this host")
		c.execWith([]string{"--process-label", "x"}, "true").fails(255, "process.selinuxLabel: SELinux is not enabled on this host")
	}
}
