package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/libcontainer/internal/criu"
	"github.com/minirun/minirun/specs"
)

// describe looks at a running container and tells CRIU what of it is not its own: bind mounts, cgroups, namespaces of others, standard
// streams.
func (s *savedContainer) describe(rec *record, spec *specs.Spec, opts *criu.Options) error {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(rec.Pid) + "/mountinfo")
	if err != nil {
		return err
	}
	mounts, err := parseMountinfo(string(text))
	if err != nil {
		return err
	}
	made := spec
	if rec.Notify {
		made = withNotify(spec, "") // one mount more, at the end
	}
	resolved, err := resolveMounts(rec.Pid, made, mounts)
	if err != nil {
		return err
	}
	n := &mountNamer{spec: spec, resolved: resolved[:len(spec.Mounts)], cgroup: rec.Cgroup}
	if rec.Notify {
		n.notify = resolved[len(spec.Mounts)]
	}
	if s.Mounts, err = n.name(mounts); err != nil {
		return err
	}
	for _, m := range s.Mounts {
		if m.Name != "" {
			opts.ExternalMounts = append(opts.ExternalMounts, criu.ExternalMount{Key: m.Path, Value: m.Name})
		}
	}
	if err := s.streams(rec.Pid, mounts, opts); err != nil {
		return err
	}
	return externalNamespaces(spec, rec.Pid, opts)
}

// resolveMounts finds where the mounts of the configuration are in the container. What the descriptor leads to must be a mount point that the
// kernel lists under this very path: links in the container's tree can lead anywhere, but not invent a mount.
func resolveMounts(pid int, spec *specs.Spec, mounts []mountEntry) ([]string, error) {
	root, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("root of process %d: %w", pid, err)
	}
	defer unix.Close(root)
	resolved := make([]string, len(spec.Mounts))
	for i, m := range spec.Mounts {
		fd, err := unix.Openat2(root, strings.TrimLeft(m.Destination, "/")+"/.", &unix.OpenHow{
			Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
		})
		if errors.Is(err, unix.ENOTDIR) {
			fd, err = unix.Openat2(root, strings.TrimLeft(m.Destination, "/"), &unix.OpenHow{
				Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
			})
		}
		if err != nil {
			continue // the container has removed or covered it
		}
		var st unix.Statx_t
		err = unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &st)
		unix.Close(fd)
		if err != nil {
			return nil, fmt.Errorf("mounts[%d] %s: statx: %w", i, m.Destination, err)
		}
		if j := slices.IndexFunc(mounts, func(e mountEntry) bool { return e.id == int(st.Mnt_id) }); j >= 0 && mounts[j].path != "/" {
			resolved[i] = mounts[j].path
		}
	}
	return resolved, nil
}

// streams names the standard streams that come from outside, so that the restored program gets others in their place.
func (s *savedContainer) streams(pid int, mounts []mountEntry, opts *criu.Options) error {
	for fd := range s.Streams {
		at := fmt.Sprintf("/proc/%d/fd/%d", pid, fd)
		link, err := os.Readlink(at)
		if errors.Is(err, unix.ENOENT) {
			continue // closed
		}
		if err != nil {
			return err
		}
		if strings.HasPrefix(link, "pipe:[") {
			s.Streams[fd].Key = link
			continue
		}
		if !strings.HasPrefix(link, "/") {
			continue
		}
		id, err := mountOf(pid, fd)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(mounts, func(m mountEntry) bool { return m.id == id }) {
			continue // a file, or the terminal, of the container's own
		}
		var st unix.Stat_t
		if err := unix.Stat(at, &st); err != nil {
			return fmt.Errorf("stat %s: %w", at, err)
		}
		if isTerminal(&st) {
			if !opts.ShellJob {
				return fmt.Errorf("descriptor %d is %s, a terminal from outside of the container: only a shell job (--shell-job) may have one", fd, link)
			}
			s.Streams[fd].Terminal = true
		}
		key := fmt.Sprintf("file[%x:%x]", id, st.Ino)
		s.Streams[fd] = savedStream{Key: key, Type: st.Mode & unix.S_IFMT, Terminal: isTerminal(&st)}
		if s.Streams[fd].Type == unix.S_IFREG {
			s.Streams[fd].Size = st.Size
		}
		if !slices.Contains(opts.External, key) {
			opts.External = append(opts.External, key)
		}
	}
	return nil
}

// isTerminal tells what CRIU takes for one, by the major numbers of Documentation/admin-guide/devices.txt: consoles and the slaves of pseudoterminals.
func isTerminal(st *unix.Stat_t) bool {
	major := unix.Major(st.Rdev)
	return st.Mode&unix.S_IFMT == unix.S_IFCHR && (major == 4 || major == 5 || major >= 136 && major <= 143)
}

// mountOf is the mount that an open descriptor is on, proc_pid_fdinfo(5).
func mountOf(pid, fd int) (int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", pid, fd))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "mnt_id:"); ok {
			return strconv.Atoi(strings.TrimSpace(rest))
		}
	}
	return 0, fmt.Errorf("/proc/%d/fdinfo/%d: no mnt_id", pid, fd)
}

// externalNamespaces are those joined by path: they are there again when the container comes back.
func externalNamespaces(spec *specs.Spec, pid int, opts *criu.Options) error {
	for _, ns := range linuxOf(spec).Namespaces {
		file, name, ok := criuNamespace(ns.Type)
		if ns.Path == "" || !ok {
			continue
		}
		var st unix.Stat_t
		at := fmt.Sprintf("/proc/%d/ns/%s", pid, file)
		if err := unix.Stat(at, &st); err != nil {
			return fmt.Errorf("stat %s: %w", at, err)
		}
		opts.External = append(opts.External, fmt.Sprintf("%s[%d]:%s", file, st.Ino, name))
	}
	return nil
}

// criuNamespace is a namespace that CRIU can leave out and be given again: its file in /proc, and the name for it.
func criuNamespace(kind specs.LinuxNamespaceType) (file, name string, ok bool) {
	switch kind {
	case specs.NetworkNamespace:
		return "net", "extRootNetNS", true
	case specs.PIDNamespace:
		return "pid", "extRootPidNS", true
	}
	return "", "", false
}

func linuxOf(spec *specs.Spec) *specs.Linux {
	if spec.Linux == nil {
		return &specs.Linux{}
	}
	return spec.Linux
}
