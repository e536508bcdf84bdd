package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	unified    = "/sys/fs/cgroup/unified"
	privateEnv = "MINIRUN_BENCH_PRIVATE" // set in the second process, whose mount namespace is its own
)

// hideUnified makes a hybrid host whose v2 half has controllers look like plain v1: crun refuses such a hybrid, and all
// runtimes shall work on the same. The bench runs itself again in a mount namespace of its own and takes the mount of v2 away
// there. It returns true, and the exit code, if that has happened and there is nothing left to do here.
func hideUnified() (done bool, code int, err error) {
	if os.Getenv(privateEnv) != "" {
		if err := unix.Unmount(unified, unix.MNT_DETACH); err != nil {
			return false, 0, fmt.Errorf("unmount %s in the bench's own namespace: %w", unified, err)
		}
		return false, 0, os.Unsetenv(privateEnv)
	}
	controllers, err := os.ReadFile(unified + "/cgroup.controllers")
	if err != nil || strings.TrimSpace(string(controllers)) == "" {
		return false, 0, nil // no such hierarchy, or nothing in it
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), privateEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGTERM}
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return true, exit.ExitCode(), nil
	}
	return true, 0, err
}

// onTmpfs returns a new directory on a tmpfs, where runtimes keep their state (/run is one on most machines), or one
// below other where there is none.
func onTmpfs(other string) (string, error) {
	for _, base := range []string{"/run", "/dev/shm"} {
		var fs unix.Statfs_t
		if unix.Statfs(base, &fs) == nil && fs.Type == unix.TMPFS_MAGIC {
			return os.MkdirTemp(base, "minirun-bench.")
		}
	}
	return os.MkdirTemp(other, "state.")
}
