package libcontainer

import (
	"bufio"
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

	"github.com/minirun/minirun/libcontainer/internal/criu"
	"github.com/minirun/minirun/specs"
)

// Files of a checkpoint beside CRIU's own.
const (
	checkpointFile = "minirun.json"
	dumpLog        = "dump.log"
	restoreLog     = "restore.log"
)

// CgroupsMode says what CRIU does about the properties of the container's cgroups: see --manage-cgroups in criu(8).
type CgroupsMode string

// The modes. The empty one is CRIU's default, soft.
const (
	CgroupsSoft   CgroupsMode = "soft"
	CgroupsFull   CgroupsMode = "full"
	CgroupsStrict CgroupsMode = "strict"
	CgroupsIgnore CgroupsMode = "ignore"
)

// CRIUOptions are what checkpointing and restoring have in common. They are those of criu(8) by the same name.
type CRIUOptions struct {
	// ImagePath is the directory of the checkpoint. It is made when missing.
	ImagePath string
	// WorkPath is the directory of CRIU's logs and statistics; empty: ImagePath.
	WorkPath string
	// TCPEstablished keeps open connections.
	TCPEstablished bool
	// ExtUnixSockets allows sockets that are connected to processes outside.
	ExtUnixSockets bool
	// ShellJob allows standard streams at a terminal from outside of the container; a restored program goes on at the one that is Stdio.Stdin.
	ShellJob bool
	// FileLocks keeps file locks, which is safe only when nobody else uses the files.
	FileLocks bool
	// Cgroups says what is done about cgroups.
	Cgroups CgroupsMode
	// EmptyNamespaces are made without what was in them. A network namespace of the container's own always is: its devices reach
	// out of the container, and are for hooks or an engine to make again.
	EmptyNamespaces []specs.LinuxNamespaceType
	// AutoDedup removes from older images what newer ones have.
	AutoDedup bool
	// LazyPages leaves memory behind, to be fetched when it is used.
	LazyPages bool
	// NetworkLock is "iptables", "nftables" or "skip"; empty: CRIU's default.
	NetworkLock string
}

// CheckpointOptions say how a container is written to files.
type CheckpointOptions struct {
	CRIUOptions
	// ParentPath is the directory of an earlier checkpoint or pre-dump of the same container, relative to ImagePath: memory that did
	// not change since is not written again.
	ParentPath string
	// LeaveRunning lets the container go on; otherwise it ends and is removed.
	LeaveRunning bool
	// PreDump writes memory only, and lets the container go on.
	PreDump bool
	// PageServer is the "ADDRESS:PORT" where memory is sent instead of into files; with LazyPages, where it is served.
	PageServer string
	// StatusFD, if not nil, gets a NUL byte when a container with LazyPages is ready to be fetched from.
	StatusFD *os.File
	// TCPSkipInFlight leaves connections out that are not established yet.
	TCPSkipInFlight bool
	// LinkRemap keeps files that were removed while they are open.
	LinkRemap bool
}

// savedContainer is the content of checkpointFile.
type savedContainer struct {
	Version int          `json:"version"`
	Mounts  []savedMount `json:"mounts"`
	// Streams are the three standard streams.
	Streams [3]savedStream `json:"streams"`

	spec *specs.Spec // not written
}

// savedStream is a standard stream that comes from outside the container.
type savedStream struct {
	// Key is by what CRIU knows it; empty: it opens it again by itself.
	Key string `json:"key,omitempty"`
	// Type is the file type (the S_IFMT part of st_mode, inode(7)) where it was a file, and Size a regular file's size: CRIU puts
	// nothing else in its place.
	Type uint32 `json:"type,omitempty"`
	Size int64  `json:"size,omitempty"`
	// Terminal tells that it was one. The restored program goes on at the terminal that is the restorer's standard input.
	Terminal bool `json:"terminal,omitempty"`
}

// Checkpoint writes the container's processes to files with CRIU (criu(8), which must be installed), for Runtime.Restore to bring them
// back. Unless they are left running, the container is removed. On an error the container goes on as before.
func (c *Container) Checkpoint(ctx context.Context, o CheckpointOptions) error {
	return c.locked(ctx, "checkpoint", func(rec *record) error {
		status, err := c.statusLocked(rec)
		if err != nil {
			return err
		}
		if status != specs.StateRunning && status != statusPaused {
			return fmt.Errorf("container is %s: %w", status, ErrNotRunning)
		}
		if err := c.checkpoint(ctx, rec, &o); err != nil {
			if status == statusPaused || rec.Cgroup == nil {
				return err
			}
			return errors.Join(err, rec.thaw(ctx)) // a CRIU that was killed leaves the freezer as it was just then
		}
		if o.LeaveRunning || o.PreDump {
			return nil
		}
		return c.rt.removeLocked(ctx, c.dir, rec, true)
	})
}

func (c *Container) checkpoint(ctx context.Context, rec *record, o *CheckpointOptions) error {
	spec, _, err := specs.LoadFile(c.dir.path(configFile))
	if err != nil {
		return err
	}
	opts, err := o.options(spec)
	if err != nil {
		return err
	}
	if err := o.parent(opts); err != nil {
		return err
	}
	if opts.PageServerAddress, opts.PageServerPort, err = pageServer(o.PageServer); err != nil {
		return err
	}
	saved := &savedContainer{Version: 1, spec: spec}
	opts.Pid, opts.Root, opts.LogFile = rec.Pid, rec.Rootfs, dumpLog
	opts.LeaveRunning, opts.TCPSkipInFlight, opts.LinkRemap = o.LeaveRunning, o.TCPSkipInFlight, o.LinkRemap
	opts.FreezeCgroup = freezer(rec)
	kind := criu.Dump
	if o.PreDump {
		kind, opts.TrackMemory = criu.PreDump, true
	} else {
		if opts.ParentImages != "" {
			opts.TrackMemory = true
		}
		if err := saved.describe(rec, spec, opts); err != nil {
			return err
		}
	}
	return o.do(ctx, kind, opts, saved, o.StatusFD, func() error {
		// CRIU goes by the number. Once it holds the processes, which it tells, the number cannot become another's any more.
		alive, err := rec.alive()
		if !alive {
			return errors.Join(ErrNotRunning, err)
		}
		return nil
	})
}

// freezer is the directory of the cgroup by which the container's processes are stopped all at once.
func freezer(rec *record) string {
	if rec.Cgroup == nil {
		return ""
	}
	if d, ok := rec.Cgroup.Dir("freezer"); ok {
		return d.Abs()
	}
	if d, ok := rec.Cgroup.Unified(); ok {
		return d.Abs()
	}
	return ""
}

// do runs CRIU. At each of its notifications same tells whether the process is still the one that is meant.
func (o *CRIUOptions) do(ctx context.Context, kind criu.Kind, opts *criu.Options, saved *savedContainer, statusFD *os.File, same func() error) error {
	path, err := criu.Find()
	if err != nil {
		return err
	}
	_, made := os.Stat(o.ImagePath)
	dirs, err := o.open(true, opts.LogFile)
	if err != nil {
		return err
	}
	defer dirs.close()
	if made != nil {
		if err := dirs.letIn(saved.spec); err != nil {
			return err
		}
	}
	if kind == criu.Dump {
		if err := saved.write(o.ImagePath); err != nil {
			return err
		}
	}
	p := criu.Prepare(path)
	opts.ImagesFD, opts.WorkFD = int(dirs.images.Fd()), int(dirs.work.Fd())
	if statusFD != nil {
		opts.StatusFD = int(statusFD.Fd())
	}
	if err := p.Start(); err != nil {
		return err
	}
	_, err = p.Do(ctx, kind, opts, func(criu.Notification) error { return same() })
	err = errors.Join(err, p.Close())
	if err != nil {
		return dirs.explain(err, opts.LogFile)
	}
	return nil
}

// options are those that checkpointing and restoring have in common.
func (o *CRIUOptions) options(spec *specs.Spec) (*criu.Options, error) {
	if o.ImagePath == "" {
		return nil, errors.New("image path: it is needed")
	}
	opts := &criu.Options{
		LogLevel: 4, NotifyScripts: true, EvasiveDevices: true, ManageCgroups: true, OrphanPtsMaster: true,
		TCPEstablished: o.TCPEstablished, ExtUnixSockets: o.ExtUnixSockets, ShellJob: o.ShellJob, FileLocks: o.FileLocks,
		AutoDedup: o.AutoDedup, LazyPages: o.LazyPages,
	}
	var ok bool
	if opts.CgroupMode, ok = o.Cgroups.criu(); !ok {
		return nil, fmt.Errorf("manage cgroups mode %q: it must be soft, full, strict or ignore", o.Cgroups)
	}
	if opts.NetworkLock, ok = networkLock(o.NetworkLock); !ok {
		return nil, fmt.Errorf("network lock %q: it must be iptables, nftables or skip", o.NetworkLock)
	}
	for _, ns := range o.EmptyNamespaces {
		if ns != specs.NetworkNamespace {
			return nil, fmt.Errorf("empty namespace %q: only network can be left empty", ns)
		}
		opts.EmptyNamespaces |= unix.CLONE_NEWNET
	}
	if ownNetwork(spec) {
		opts.EmptyNamespaces |= unix.CLONE_NEWNET
	}
	var err error
	opts.ConfigFile, err = criuConfig(spec)
	return opts, err
}

// ownNetwork tells whether the container has a network namespace that was made for it.
func ownNetwork(spec *specs.Spec) bool {
	return slices.ContainsFunc(linuxOf(spec).Namespaces, func(ns specs.LinuxNamespace) bool {
		return ns.Type == specs.NetworkNamespace && ns.Path == ""
	})
}

func (m CgroupsMode) criu() (criu.CgroupMode, bool) {
	switch m {
	case "":
		return 0, true
	case CgroupsSoft:
		return criu.CgroupSoft, true
	case CgroupsFull:
		return criu.CgroupFull, true
	case CgroupsStrict:
		return criu.CgroupStrict, true
	case CgroupsIgnore:
		return criu.CgroupIgnore, true
	}
	return 0, false
}

func networkLock(s string) (criu.NetworkLock, bool) {
	switch s {
	case "":
		return 0, true
	case "iptables":
		return criu.LockIPTables, true
	case "nftables":
		return criu.LockNFTables, true
	case "skip":
		return criu.LockSkip, true
	}
	return 0, false
}

// criuConfigFile is read when it is there, as other runtimes do, unless an annotation names another file, or none by an empty value.
const (
	criuConfigFile       = "/etc/criu/runc.conf"
	criuConfigAnnotation = "org.criu.config"
)

func criuConfig(spec *specs.Spec) (string, error) {
	if path, ok := spec.Annotations[criuConfigAnnotation]; ok {
		if path != "" && !filepath.IsAbs(path) {
			return "", fmt.Errorf("annotations[%q]: %q is not absolute", criuConfigAnnotation, path)
		}
		return path, nil
	}
	if _, err := os.Stat(criuConfigFile); err != nil {
		return "", nil
	}
	return criuConfigFile, nil
}

func (o *CheckpointOptions) parent(opts *criu.Options) error {
	if o.ParentPath == "" {
		return nil
	}
	if filepath.IsAbs(o.ParentPath) {
		return fmt.Errorf("parent path %s: it must be relative to the image path", o.ParentPath)
	}
	st, err := os.Stat(filepath.Join(o.ImagePath, o.ParentPath))
	if err != nil {
		return fmt.Errorf("parent path: %w", err)
	}
	if !st.IsDir() {
		return fmt.Errorf("parent path %s: not a directory", o.ParentPath)
	}
	opts.ParentImages = o.ParentPath
	return nil
}

func pageServer(s string) (string, int, error) {
	if s == "" {
		return "", 0, nil
	}
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", 0, fmt.Errorf("page server %q: it must be ADDRESS:PORT", s)
	}
	port, err := strconv.ParseUint(s[i+1:], 10, 16)
	if err != nil || port == 0 {
		return "", 0, fmt.Errorf("page server %q: the port must be a number from 1 to 65535", s)
	}
	return strings.Trim(s[:i], "[]"), int(port), nil
}

// checkpointDirs are the directories that CRIU gets.
type checkpointDirs struct{ images, work *os.File }

func (o *CRIUOptions) open(create bool, log string) (*checkpointDirs, error) {
	d := &checkpointDirs{}
	var err error
	if d.images, err = openCheckpointDir("image path", o.ImagePath, create); err != nil {
		return nil, err
	}
	work := o.WorkPath
	if work == "" {
		work = o.ImagePath
	}
	if d.work, err = openCheckpointDir("work path", work, true); err != nil {
		d.images.Close()
		return nil, err
	}
	if err := d.clear(log, "stats-dump", "stats-restore"); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// clear removes what CRIU is going to write besides images: it opens these files for writing whatever is there under their names. In a checkpoint
// that came from elsewhere that can be a link to any file of the host, or a FIFO that nobody reads.
func (d *checkpointDirs) clear(names ...string) error {
	for _, name := range names {
		if err := unix.Unlinkat(int(d.work.Fd()), name, 0); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("work path: remove %s: %w", filepath.Join(d.work.Name(), name), err)
		}
	}
	return nil
}

func openCheckpointDir(what, path string, create bool) (*os.File, error) {
	if create {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: open %s: %w", what, path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

func (d *checkpointDirs) close() {
	d.images.Close()
	d.work.Close()
}

// explain adds the first error of CRIU's log, which says more than its answer.
func (d *checkpointDirs) explain(err error, log string) error {
	path := filepath.Join(d.work.Name(), log)
	f, oerr := os.Open(path)
	if oerr != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, 64<<20))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		_, text, ok := strings.Cut(lines.Text(), "Error (")
		if ok && !criu.Harmless(text) {
			if text = "(" + strings.TrimSpace(text); strings.Contains(err.Error(), text) {
				break
			}
			return fmt.Errorf("%w: %s: see %s", err, text, path)
		}
	}
	return fmt.Errorf("%w: see %s", err, path)
}

func (s *savedContainer) write(dir string) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, checkpointFile), b, 0o600)
}
