package hostcheck

import (
	"errors"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/specs"
)

func (c *checker) mounts() {
	if joined, _ := c.has(specs.MountNamespace); joined != "" {
		return
	}
	for i := range c.Spec.Mounts {
		m := &c.Spec.Mounts[i]
		has := func(o string) bool { return slices.Contains(m.Options, o) }
		switch field := index("mounts", i); {
		case has("remount"):
		case has("bind") || has("rbind"):
			c.source(field+".source", m.Source, has("src-nofollow") || has("copy-symlink"))
		default:
			c.filesystem(field+".type", m.Type)
			c.options(field, m)
			c.device(field+".source", m)
			c.layers(field, m)
		}
	}
}

// source looks for what is bound.
func (c *checker) source(field, source string, noFollow bool) {
	p := source
	if p == "" || strings.HasPrefix(p, "/proc/self/") || strings.HasPrefix(p, "/proc/thread-self/") {
		return // another process's business
	}
	if !path.IsAbs(p) {
		p = path.Join(c.Bundle, p)
	}
	var st unix.Stat_t
	err := unix.Stat(p, &st)
	if noFollow {
		err = unix.Lstat(p, &st)
	}
	if err != nil && !errors.Is(err, unix.EACCES) {
		c.failErrno(field, source, err)
	}
}

// filesystem looks for a type of filesystem: in the kernel, or among its modules, which are loaded when they are needed.
func (c *checker) filesystem(field, fstype string) {
	if fstype == "" || fstype == "bind" || fstype == "none" || fstype == "cgroup" {
		return
	}
	known := c.read("/proc/filesystems")
	name, _, _ := strings.Cut(fstype, ".") // fuse.sshfs is a fuse
	if known == "" || slices.Contains(strings.Fields(known), name) {
		return
	}
	modules := c.host("/lib/modules/" + c.read("/proc/sys/kernel/osrelease"))
	deps, err := os.ReadFile(modules + "/modules.dep")
	if err == nil && strings.Contains(string(deps), "/"+name+".ko") {
		return
	}
	if aliases, err := os.ReadFile(modules + "/modules.alias"); err == nil && strings.Contains(string(aliases), "fs-"+name+" ") {
		return
	}
	c.fail(field, fstype, "this kernel has no such filesystem")
}

// hooks run on the host, all but startContainer.
func (c *checker) hooks() {
	h := c.Spec.Hooks
	if h == nil {
		return
	}
	for _, kind := range []struct {
		name string
		list []specs.Hook
	}{
		{"prestart", h.Prestart}, //nolint:staticcheck // deprecated, but in use
		{"createRuntime", h.CreateRuntime},
		{"createContainer", h.CreateContainer},
		{"poststart", h.Poststart},
		{"poststop", h.Poststop},
	} {
		for i, hook := range kind.list {
			field := index("hooks."+kind.name, i) + ".path"
			var st unix.Stat_t
			if !path.IsAbs(hook.Path) {
				continue
			}
			if err := unix.Stat(hook.Path, &st); err != nil {
				c.failErrno(field, hook.Path, err)
			} else if problem := notExecutable(st.Mode); problem != "" {
				c.fail(field, hook.Path, "%s", problem)
			}
		}
	}
}

// notExecutable says why a file cannot be executed by anybody, "" where it can.
func notExecutable(mode uint32) string {
	switch {
	case mode&unix.S_IFMT == unix.S_IFDIR:
		return "is a directory"
	case mode&unix.S_IFMT != unix.S_IFREG:
		return "is not a regular file"
	case mode&0o111 == 0:
		return "permission denied: it is not executable"
	}
	return ""
}
