package cgroups_test

import (
	"context"
	"fmt"
	"os/exec"
	"syscall"

	"github.com/minirun/minirun/cgroups"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A program runs with at most 64 MiB of memory and 20 processes, on any kind of
// host. Running it needs root.
func Example() {
	err := limited(exec.Command("make", "-j"))
	if err != nil {
		fmt.Println(err)
	}
}

func limited(cmd *exec.Cmd) error {
	ctx := context.Background()
	memory, pids := int64(64<<20), int64(20)
	host, err := cgroups.Detect("/")
	if err != nil {
		return err
	}
	writes, _, err := cgroups.Compile(&specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: &memory},
		Pids:   &specs.LinuxPids{Limit: &pids},
	}, host)
	if err != nil {
		return err
	}
	record, err := cgroups.Place(host, "/example/build", "build")
	if err != nil {
		return err
	}
	cg, err := cgroups.Create(ctx, record, writes)
	if err != nil {
		return err
	}
	defer cg.Close()
	fd, unified, err := cg.FD()
	if err != nil {
		return err
	}
	// Born inside where the kernel can do that, moved where it cannot.
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: unified, CgroupFD: fd}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := cg.AttachV1(cmd.Process.Pid); err != nil {
		return err
	}
	fmt.Println(cmd.Wait())
	if err := cg.Kill(ctx); err != nil {
		return err
	}
	return cg.Destroy(ctx)
}

// What Compile makes of a limit depends on where the controller is.
func ExampleCompile() {
	host := cgroups.NewHost(
		cgroups.Hierarchy{Version: 1, MountPoint: "/sys/fs/cgroup/memory", Controllers: []string{"memory"}},
		cgroups.Hierarchy{Version: 2, MountPoint: "/sys/fs/cgroup/unified", Controllers: []string{"pids"}},
	)
	limit := int64(1048576)
	writes, _, err := cgroups.Compile(&specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: &limit},
		Pids:   &specs.LinuxPids{Limit: &limit},
	}, host)
	fmt.Println(host.Mode(), err)
	for _, w := range writes {
		fmt.Println(w.Field, "->", w)
	}
	// Output:
	// hybrid <nil>
	// linux.resources.memory.limit -> memory/memory.limit_in_bytes = 1048576, retried
	// linux.resources.pids.limit -> pids/pids.max = 1048576
}
