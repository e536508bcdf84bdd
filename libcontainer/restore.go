package libcontainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/libcontainer/internal/criu"
	"github.com/minirun/minirun/libcontainer/internal/thread"
	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// criuRoot is the directory in a container's that CRIU finds the root filesystem at, in a mount namespace of its own.
const criuRoot = "criu-root"

// RestoreOptions say how a container is brought back.
type RestoreOptions struct {
	// CreateOptions are for the container as for Create. Its bundle must be the one that was saved, or one just like it. NoPivot,
	// NotifySocket, PidFDSocket and PreserveFiles count for nothing: root, sockets and descriptors are those that were saved.
	CreateOptions
	// CRIUOptions say where the checkpoint is, and must allow what it was made with.
	CRIUOptions
	// TCPClose brings open connections back as closed ones.
	TCPClose bool
	// LSMProfile, "TYPE:NAME", replaces the security profile that was saved.
	LSMProfile string
	// LSMMountContext replaces the security context of mounts that was saved.
	LSMMountContext string
}

// Restore makes a container from a checkpoint, running where it was left. The caller is the parent of its first process. On an error
// nothing is left behind.
//
// A checkpoint must be trusted as root is: CRIU makes processes, credentials, namespaces and mounts as its images say. Only what comes from outside
// the container, the sources of bind mounts, cgroups, joined namespaces and standard streams, is the configuration's and the caller's.
func (r *Runtime) Restore(ctx context.Context, id string, o RestoreOptions) (*Container, error) {
	c, err := r.restore(ctx, id, &o)
	if err != nil {
		return nil, &ContainerError{"restore", id, err}
	}
	return c, nil
}

// restorer holds what a restore has made so far.
type restorer struct {
	runner
	o     *RestoreOptions
	p     *prepared
	saved *savedContainer
	criu  *criu.Process
	pid   int // of the restored process, as soon as CRIU names it
}

func (r *Runtime) restore(ctx context.Context, id string, o *RestoreOptions) (*Container, error) {
	create := o.CreateOptions
	create.NotifySocket = false // the container has a socket where it had one
	// The container's process is there already: nothing waits to be started.
	p, err := r.load(id, create, true)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if err := r.decide(ctx, p, create, ""); err != nil {
		return nil, err
	}
	opts, err := o.options(p.spec)
	if err != nil {
		return nil, err
	}
	saved, err := readSaved(o.ImagePath)
	if err != nil {
		return nil, err
	}
	path, err := criu.Find()
	if err != nil {
		return nil, err
	}
	if err := o.beforeMaking(); err != nil {
		return nil, err
	}
	dir, err := makeStateDir(r.root, id)
	if err != nil {
		return nil, err
	}
	defer dir.unlock()
	m := &restorer{o: o, p: p, saved: saved, criu: criu.Prepare(path), runner: runner{
		rt: r, c: p.compiler, stdio: o.Stdio, dir: dir, raw: p.raw, systemd: p.systemd,
		rec: newRecord(id, p.opts, p.spec, p.compiler), slots: map[nsenter.Slot]*os.File{},
	}}
	defer m.close()
	if err := m.restore(ctx, opts); err != nil {
		return nil, errors.Join(err, m.kill(), m.undo(ctx, p.spec))
	}
	child, err := adopt(m.pid)
	if err != nil {
		return nil, errors.Join(err, m.kill(), m.undo(ctx, p.spec))
	}
	return &Container{rt: r, id: id, dir: &stateDir{dir: dir.dir}, init: &Process{child: child}}, nil
}

func (m *restorer) restore(ctx context.Context, opts *criu.Options) error {
	m.rec.Notify = slices.ContainsFunc(m.saved.Mounts, func(s savedMount) bool { return s.Name == notifyName })
	if err := m.firstRecord(); err != nil {
		return err
	}
	if err := m.dir.writeFile(configFile, m.raw); err != nil {
		return err
	}
	if m.rec.Notify { // nobody listens unless the caller does
		if err := makeNotifyDir(m.dir.path(notifyDir)); err != nil {
			return err
		}
	}
	opts.LogFile, opts.RestoreSibling = restoreLog, true
	opts.TCPClose, opts.LSMProfile, opts.LSMMountContext = m.o.TCPClose, m.o.LSMProfile, m.o.LSMMountContext
	opts.Root = m.dir.path(criuRoot)
	if err := m.externals(opts); err != nil {
		return err
	}
	if err := m.checkMountPoints(); err != nil {
		return err
	}
	if err := os.Mkdir(opts.Root, 0o700); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	if err := m.streams(opts); err != nil {
		return err
	}
	files, err := m.namespaces(opts)
	defer closeFiles(files)
	if err != nil {
		return err
	}
	dirs, err := m.start(opts.Root)
	if err != nil {
		return err
	}
	defer dirs.close()
	if err := dirs.isLetIn(m.p.spec); err != nil {
		return errors.Join(err, m.criu.Close())
	}
	opts.ImagesFD, opts.WorkFD = int(dirs.images.Fd()), int(dirs.work.Fd())
	err = m.enterRdt(ctx)
	if err == nil {
		err = m.makeCgroup(ctx, opts)
	}
	if err != nil {
		return errors.Join(err, m.criu.Close())
	}
	_, err = m.criu.Do(ctx, criu.Restore, opts, func(n criu.Notification) error { return m.notified(ctx, n) })
	if err = errors.Join(err, m.criu.Close()); err != nil {
		return dirs.explain(err, restoreLog)
	}
	if m.rec.Pid == 0 {
		return errors.New("criu did not name the restored process")
	}
	return nil
}

// streams gives CRIU the standard streams in place of those that were saved.
func (m *restorer) streams(opts *criu.Options) error {
	std, err := m.standardStreams()
	if err != nil {
		return err
	}
	for i, s := range m.saved.Streams {
		if s.Terminal {
			if err := m.shellJob(i, std[0], opts); err != nil {
				return err
			}
		}
		if s.Key == "" || s.Terminal {
			continue
		}
		f := std[i]
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil {
			return fmt.Errorf("descriptor %d: %w", i, err)
		}
		switch same := st.Mode&unix.S_IFMT == s.Type; {
		case s.Type == unix.S_IFREG && (!same || st.Size != s.Size):
			return fmt.Errorf("descriptor %d: it was a regular file of %d bytes when the checkpoint was made, and must be that again", i, s.Size)
		case s.Type != 0 && !same: // the program had the null device, or some other; it misses nothing
			if f, err = m.null(); err != nil {
				return err
			}
		}
		opts.Inherit = append(opts.Inherit, criu.InheritFD{Key: s.Key, FD: m.criu.Hand(f)})
	}
	return nil
}

// shellJob gives CRIU the terminal that a stream was at: with this option it takes its own standard input.
func (m *restorer) shellJob(i int, in *os.File, opts *criu.Options) error {
	if !opts.ShellJob {
		return fmt.Errorf("descriptor %d was a terminal from outside of the container: only a shell job (--shell-job) may have one", i)
	}
	if _, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS); err != nil {
		return fmt.Errorf("descriptor %d was a terminal, so standard input must be one: %w", i, err)
	}
	m.criu.Terminal(in)
	opts.OrphanPtsMaster = false // nobody is to make another terminal for it
	return nil
}

// externals names the sources of mounts, from the configuration.
func (m *restorer) externals(opts *criu.Options) error {
	for _, s := range m.saved.Mounts {
		if s.Name == "" {
			continue
		}
		source, err := m.source(s)
		if err != nil {
			return err
		}
		opts.ExternalMounts = append(opts.ExternalMounts, criu.ExternalMount{Key: s.Name, Value: source})
	}
	return nil
}

// start starts CRIU in a mount namespace of its own where the root filesystem is a mount: it ends with CRIU, so nothing of it can be left. CRIU
// mounts in its directories, so they are opened in that namespace too.
func (m *restorer) start(root string) (dirs *checkpointDirs, err error) {
	thread.Aside(func() { dirs, err = m.startHere(root) })
	return dirs, err
}

func (m *restorer) startHere(root string) (*checkpointDirs, error) {
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS); err != nil {
		return nil, fmt.Errorf("unshare the mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return nil, fmt.Errorf("make mounts slaves: %w", err)
	}
	if err := unix.Mount(m.rec.Rootfs, root, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return nil, fmt.Errorf("root.path: bind %s: %w", m.rec.Rootfs, err)
	}
	dirs, err := m.o.open(false, restoreLog)
	if err != nil {
		return nil, err
	}
	if err := m.criu.Start(); err != nil {
		dirs.close()
		return nil, err
	}
	return dirs, nil
}

// makeCgroup makes the cgroup and moves CRIU into it: what it restores is limited from the first page on.
func (m *restorer) makeCgroup(ctx context.Context, opts *criu.Options) error {
	g := &m.c.cgroup
	if len(g.record.Dirs) == 0 {
		return nil
	}
	var err error
	if g.record.Unit == nil {
		m.cgroup, err = cgroups.Begin(ctx, g.record)
	} else {
		if err := m.systemd.Start(ctx, *g.record.Unit, g.properties, m.criu.Pid()); err != nil {
			return err
		}
		if m.cgroup, err = cgroups.Adopt(ctx, g.record, m.systemd, m.criu.Pid()); err != nil {
			m.cgroup = cgroups.OpenUnit(g.record, m.systemd)
		}
	}
	if err != nil {
		return err
	}
	if err := (hostLimitCgroup{Writes: g.writes}).run(ctx, &m.runner); err != nil {
		return err
	}
	if opts.CgroupMode == criu.CgroupStrict {
		// What strict asks for, that the cgroup is a new one, is seen here; CRIU would take the one that was just made for an old one.
		for _, d := range m.rec.Cgroup.Dirs {
			if d.Made < 1 {
				return fmt.Errorf("linux.cgroupsPath: %s: %w, and the mode is strict", d.Abs(), os.ErrExist)
			}
		}
		opts.CgroupMode = criu.CgroupFull
	}
	if err := m.cgroup.Attach(m.criu.Pid()); err != nil {
		return err
	}
	if opts.CgroupMode == criu.CgroupIgnore {
		return m.dir.writeRecord(m.rec)
	}
	for _, d := range m.rec.Cgroup.Dirs {
		switch {
		case d.Version == 2:
			opts.CgroupRoots = append(opts.CgroupRoots, criu.CgroupRoot{Path: d.Path})
		case d.Name != "":
			opts.CgroupRoots = append(opts.CgroupRoots, criu.CgroupRoot{Controller: "name=" + d.Name, Path: d.Path})
		default:
			for _, c := range d.Controllers {
				opts.CgroupRoots = append(opts.CgroupRoots, criu.CgroupRoot{Controller: c, Path: d.Path})
			}
		}
	}
	return m.dir.writeRecord(m.rec)
}

// namespaces gives CRIU those that the configuration joins by path. The files stay open until it has them.
func (m *restorer) namespaces(opts *criu.Options) ([]*os.File, error) {
	var files []*os.File
	for i, ns := range linuxOf(m.p.spec).Namespaces {
		if ns.Path == "" {
			continue
		}
		if _, name, ok := criuNamespace(ns.Type); ok {
			f, err := hostOpenNamespace{Path: ns.Path, Kind: ns.Type, Flag: namespaceFlag(ns.Type)}.open(&m.runner)
			if err != nil {
				return files, fieldError(fmt.Sprintf("linux.namespaces[%d].path", i), err)
			}
			files = append(files, f)
			opts.Inherit = append(opts.Inherit, criu.InheritFD{Key: name, FD: m.criu.Hand(f)})
			continue
		}
		switch ns.Type {
		case specs.IPCNamespace, specs.UTSNamespace, specs.UserNamespace, specs.TimeNamespace:
			opts.Join = append(opts.Join, criu.JoinNamespace{Kind: string(ns.Type), Path: ns.Path})
		}
	}
	return files, nil
}

// notified acts on what CRIU tells.
func (m *restorer) notified(ctx context.Context, n criu.Notification) error {
	switch n.Script {
	case criu.SetupNamespaces:
		m.pid = n.Pid // to be ended and reaped, should anything fail from here on
		if ownNetwork(m.p.spec) {
			if err := raiseLoopback(n.Pid); err != nil {
				return err
			}
		}
		m.hooks = true
		for _, k := range []struct {
			kind  string
			hooks []specs.Hook
		}{{"prestart", m.c.hooks().Prestart}, {"createRuntime", m.c.hooks().CreateRuntime}} {
			for i, h := range k.hooks {
				if err := runHook(ctx, k.kind, h, m.rec, n.Pid); err != nil {
					return fieldError(fmt.Sprintf("hooks.%s[%d]", k.kind, i), err)
				}
			}
		}
	case criu.PostRestore:
		return m.record(n.Pid)
	case criu.OrphanMaster:
		if n.File == nil || m.stdio.Console == nil {
			return errors.New("process.terminal: nobody takes the restored terminal")
		}
		return m.stdio.Console(n.File)
	}
	if n.File != nil {
		n.File.Close()
	}
	return nil
}

// record writes who the restored process is, before it goes on.
func (m *restorer) record(pid int) error {
	ticks, alive, err := startTime(pid)
	if err != nil {
		return err
	}
	if !alive {
		return fmt.Errorf("restored process %d has ended", pid)
	}
	m.pid, m.rec.Pid, m.rec.StartTime = pid, pid, ticks
	if err := m.dir.writeRecord(m.rec); err != nil {
		return err
	}
	if m.o.PidFile == "" {
		return nil
	}
	if err := replaceFile(m.o.PidFile, []byte(strconv.Itoa(pid)), 0o644); err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	m.announced = true
	return nil
}

// kill ends what was restored already, and CRIU. The first process is this one's child whoever ends it, and is waited for.
func (m *restorer) kill() error {
	err := m.criu.Close()
	if m.pid == 0 {
		return err
	}
	child, aerr := adopt(m.pid)
	if errors.Is(aerr, unix.ESRCH) {
		return err
	}
	if aerr != nil {
		return errors.Join(err, aerr)
	}
	defer child.Release()
	if kerr := child.Signal(unix.SIGKILL); kerr != nil && !errors.Is(kerr, unix.ESRCH) {
		return errors.Join(err, kerr)
	}
	_, werr := child.Wait()
	return errors.Join(err, werr)
}

// isStreamKey tells whether CRIU can know a standard stream by this: "pipe:[INODE]", or "file[MOUNT:INODE]" in hexadecimal.
func isStreamKey(s string) bool {
	inner, ok := strings.CutPrefix(s, "pipe:[")
	if !ok {
		inner, ok = strings.CutPrefix(s, "file[")
	}
	inner, end := strings.CutSuffix(inner, "]")
	return ok && end && inner != "" && strings.Trim(inner, "0123456789abcdef:") == ""
}

func readSaved(dir string) (*savedContainer, error) {
	path := filepath.Join(dir, checkpointFile)
	b, err := readPlain(path)
	if err != nil {
		return nil, fmt.Errorf("image path: %w", err)
	}
	s := &savedContainer{}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("image path: %s: %w", path, err)
	}
	if s.Version != 1 {
		return nil, fmt.Errorf("image path: %s: version %d, this program knows 1", path, s.Version)
	}
	for i, stream := range s.Streams {
		if stream.Key != "" && !isStreamKey(stream.Key) {
			return nil, fmt.Errorf("image path: %s: streams[%d]: %q is no descriptor", path, i, stream.Key)
		}
	}
	return s, nil
}

// maxSaved is more than thousands of mounts take.
const maxSaved = 16 << 20

// readPlain reads a file that must be a plain one: with nothing else it is certain that there is an end, or even a beginning.
func readPlain(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxSaved {
		return nil, fmt.Errorf("%s: not a regular file of at most %d bytes", path, maxSaved)
	}
	return io.ReadAll(io.LimitReader(f, maxSaved))
}
