package hostcheck

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// defaultPath is where programs are looked for without PATH, as in a create.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// program looks into the root filesystem for what the process needs.
func (c *checker) program() {
	p := c.Spec.Process
	if c.root < 0 || p == nil {
		return
	}
	st, err := c.inside(p.Cwd)
	if path.IsAbs(p.Cwd) && (errors.Is(err, unix.ENOTDIR) || err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR) {
		c.fail("process.cwd", p.Cwd, "not a directory")
	}
	if len(p.Args) > 0 {
		c.executable(p.Args[0], p.Env, p.Cwd)
	}
	if h := c.Spec.Hooks; h != nil {
		for i, hook := range h.StartContainer {
			if problem := c.candidate(hook.Path); problem != "" {
				c.fail(index("hooks.startContainer", i)+".path", hook.Path, "%s in the root filesystem", problem)
			}
		}
	}
	c.home()
}

// errUnknown: something may be mounted there.
var errUnknown = errors.New("not known")

// inside looks at a path in the root filesystem, as far as mounts do not hide it.
func (c *checker) inside(p string) (st unix.Stat_t, err error) {
	if c.covered(p) {
		return st, errUnknown
	}
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_SYMLINKS}
	fd, err := unix.Openat2(c.root, p, &how)
	if errors.Is(err, unix.ELOOP) {
		// Symbolic links may lead below a mount.
		how.Resolve &^= unix.RESOLVE_NO_SYMLINKS
		fd, err = unix.Openat2(c.root, p, &how)
		if err != nil && c.foreign() {
			return st, errUnknown
		}
	}
	if err != nil {
		return st, err
	}
	defer unix.Close(fd)
	return st, unix.Fstat(fd, &st)
}

// covered tells whether a mount of the configuration is at the path or above it.
func (c *checker) covered(p string) bool {
	p = path.Clean("/" + p)
	for i := range c.Spec.Mounts {
		d := path.Clean("/" + c.Spec.Mounts[i].Destination)
		if d == "/" || p == d || strings.HasPrefix(p, d+"/") {
			return true
		}
	}
	return false
}

// foreign tells whether there are other mounts than those of every container.
func (c *checker) foreign() bool {
	for i := range c.Spec.Mounts {
		d := path.Clean("/" + c.Spec.Mounts[i].Destination)
		if top, _, _ := strings.Cut(d[1:], "/"); top != "proc" && top != "sys" && top != "dev" {
			return true
		}
	}
	return false
}

// candidate says why a program cannot be executed, "" where it can or where it is not known.
func (c *checker) candidate(p string) string {
	st, err := c.inside(p)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return errnoText(err)
	case err != nil:
		return ""
	}
	return notExecutable(st.Mode)
}

// executable looks for args[0] as the init does.
func (c *checker) executable(name string, env []string, cwd string) {
	if strings.Contains(name, "/") {
		p := name
		if !path.IsAbs(p) {
			p = path.Join(cwd, p)
		}
		if problem := c.candidate(p); problem != "" {
			c.fail("process.args[0]", name, "%s", problem)
		}
		return
	}
	dirs := defaultPath
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "PATH="); ok {
			dirs = v
		}
	}
	worst := ""
	for dir := range strings.SplitSeq(dirs, ":") {
		if !path.IsAbs(dir) {
			continue
		}
		switch problem := c.candidate(path.Join(dir, name)); {
		case problem == "":
			return
		case strings.HasPrefix(problem, "permission"):
			worst = path.Join(dir, name) + ": " + problem
		}
	}
	if worst != "" {
		c.fail("process.args[0]", name, "%s", worst)
		return
	}
	c.fail("process.args[0]", name, "executable file not found in $PATH")
}

// home warns where the home directory will be "/", which few programs expect.
func (c *checker) home() {
	p := c.Spec.Process
	for _, e := range p.Env {
		if strings.HasPrefix(e, "HOME=") && e != "HOME=" {
			return
		}
	}
	if c.covered("/etc/passwd") {
		return
	}
	how := unix.OpenHow{Flags: unix.O_RDONLY | unix.O_NONBLOCK | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	fd, err := unix.Openat2(c.root, "etc/passwd", &how)
	if err != nil {
		return // an image without users
	}
	f := os.NewFile(uintptr(fd), "passwd")
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return
	}
	for in := bufio.NewScanner(io.LimitReader(f, 1<<20)); in.Scan(); {
		if fields := strings.Split(in.Text(), ":"); len(fields) > 5 && fields[2] == strconv.FormatUint(uint64(p.User.UID), 10) {
			return
		}
	}
	c.warn("process.user.uid", "", "%d is not in /etc/passwd, so that HOME will be \"/\"", p.User.UID)
}
