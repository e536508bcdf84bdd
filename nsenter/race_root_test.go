//go:build integration

package nsenter

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRenameRace exchanges a directory with links out of the root while the init makes and mounts things below it (CVE-2021-30465,
// CVE-2024-45310). Whatever the init reports, nothing may appear outside.
func TestRenameRace(t *testing.T) {
	outside := t.TempDir()
	root := busyboxRoot(t)
	for _, d := range []string{"race/dir/sub", "race/other"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	up := "../../../../../../../../.." + outside
	for name, target := range map[string]string{"link": outside, "up": up} {
		if err := os.Symlink(target, filepath.Join(root, "race", name)); err != nil {
			t.Fatal(err)
		}
	}
	var stop atomic.Bool
	var swaps sync.WaitGroup
	defer swaps.Wait()
	defer stop.Store(true)
	for _, pair := range [][2]string{{"dir", "link"}, {"link", "up"}, {"up", "other"}} {
		a, b := filepath.Join(root, "race", pair[0]), filepath.Join(root, "race", pair[1])
		swaps.Go(func() {
			for !stop.Load() {
				_ = unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
			}
		})
	}
	for round := range 5 {
		items := concat(enter(root), []InitOp{MountFs{Root: slotRoot, Path: "/tmp", Fstype: "tmpfs"}})
		for i := range 100 {
			path := fmt.Sprintf("/race/dir/../dir/sub/%d-%d", round, i)
			for _, op := range []InitOp{
				FsMkdir{Root: slotRoot, Path: path + "/d", Mode: 0o755},
				FsSymlink{Root: slotRoot, Path: path + "/l", Target: "x"},
				FsMknod{Root: slotRoot, Path: path + "/n", Mode: unix.S_IFCHR | 0o666, Major: 1, Minor: 3},
				MountBind{Root: slotRoot, Path: path + "/f", Source: "/etc/hostname", From: NoSlot, Userns: NoSlot, Flags: FlagMountMkauto},
			} {
				items = append(items, Item{Op: op, Flags: FlagOpTry})
			}
		}
		items = append(items, plan(shell("ls -R "+outside)...)...)
		out := launch{clone: isolated, items: items}.run(t)
		if out.err != nil {
			t.Fatal(out.err)
		}
	}
	left, err := os.ReadDir(outside)
	if err != nil || len(left) != 0 {
		t.Errorf("outside the root there is %v, error %v", left, err)
	}
}

// TestIDMap shifts the owners of a bind by a user namespace.
func TestIDMap(t *testing.T) {
	root := busyboxRoot(t)
	if err := os.Chown(filepath.Join(root, "tmp"), 5, 6); err != nil {
		t.Fatal(err)
	}
	// A process that waits in a user namespace with maps lends it.
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	lender, err := (&Launch{
		Plan:       &Plan{Items: plan(NsUnshare{Flags: unix.CLONE_NEWUSER}, SyncWait{Point: 1, Into: NoSlot})},
		Executable: executable(t), Stdio: [3]*os.File{null, null, null},
	}).Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lender.Kill(); err != nil {
			t.Error(err)
		}
		lender.Release()
	})
	if _, err := lender.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"uid_map", "gid_map"} {
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/%s", lender.Pid(), f), []byte("0 1000 100\n"), 0); err != nil {
			t.Fatal(err)
		}
	}
	userns, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", lender.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	defer userns.Close()
	bind := MountBind{Root: slotRoot, Path: "/mapped", Source: filepath.Join(root, "tmp"), From: NoSlot, AttrSet: unix.MOUNT_ATTR_IDMAP, Userns: slotExtra, Flags: FlagMountMkauto}
	expect(t, launch{clone: isolated, slots: map[Slot]*os.File{slotExtra: userns}, items: concat(enter(root), []InitOp{bind}, shell("stat -c %u:%g /mapped /tmp"))},
		"1005:1006\n5:6")
	bind.Userns = NoSlot
	out := launch{clone: isolated, items: concat(enter(root), []InitOp{bind})}.run(t)
	if out.err == nil || out.err.Step != StepMountSetattr || out.err.Errno != unix.EINVAL {
		t.Errorf("without a user namespace: got %v, want mount_setattr: invalid argument", out.err)
	}
}
