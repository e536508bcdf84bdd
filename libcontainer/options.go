package libcontainer

import (
	"os"

	"github.com/minirun/minirun/cgroups/resctrl"
	"github.com/minirun/minirun/specs"
)

// Options are the settings of a Runtime.
type Options struct {
	// Root is the directory that holds a directory for each container. It is made when missing (mode 0711) and should be on a tmpfs such as
	// /run, so that it is empty after a boot. It must be absolute and not "/".
	Root string
	// Rootless tells whether to do without what only root may do and no configuration asks for: a cgroup of one's own, rules for devices. nil
	// decides by the caller: true for all but root of the host.
	Rootless *bool
	// Warn, if not nil, is called for everything that is odd but no error: an unknown capability, a limit that the host ignores. The
	// text is one line and names the field. It may be called from any goroutine.
	Warn func(text string)
	// Resctrl is the resctrl file system for linux.intelRdt. nil is the one that is mounted.
	Resctrl *resctrl.FS
	// Debug, if not nil, is called for every step of a plan before it is carried out or waited for.
	Debug func(text string)
}

// Stdio says where the standard streams of a program go.
type Stdio struct {
	// Stdin, Stdout and Stderr become descriptors 0 to 2 of the program as they are; nil is /dev/null. Without a terminal only. They
	// stay open in the caller.
	Stdin, Stdout, Stderr *os.File
	// Console receives the controlling side of the terminal when process.terminal is true, before the program starts. It owns the
	// descriptor. An error ends the start. ConsoleSocket makes one that hands it to an engine.
	Console func(master *os.File) error
}

// CreateOptions say how a container is made from a bundle.
type CreateOptions struct {
	// Bundle is the directory of the bundle. Relative paths in the configuration are relative to it.
	Bundle string
	// Spec is used instead of the bundle's config.json when it is not nil. It is not changed.
	Spec *specs.Spec
	// SpecJSON is the text that Spec was decoded from, for callers that have it: it is kept for later execs as it is, which saves encoding Spec again.
	// It must be nil when Spec was changed since.
	SpecJSON []byte
	// Stdio are the standard streams of the program.
	Stdio Stdio
	// PidFile, if not empty, is where the process id is written in decimal, without a newline, once the process stands and before its program runs. It
	// is replaced as a whole by rename(2).
	PidFile string
	// PidFDSocket, if not empty, is an AF_UNIX socket that receives a pidfd of the process.
	PidFDSocket string
	// PreserveFiles become descriptors 3 and up of the program.
	PreserveFiles []*os.File
	// NoPivot changes the root by MS_MOVE and chroot(2), for hosts on an initramfs where pivot_root(2) is impossible. It is less safe.
	NoPivot bool
	// SystemdCgroup has systemd make the cgroup, as a scope: the system's, or that of the user for callers other than root. linux.cgroupsPath is then
	// slice:prefix:name. What is done to the container later finds out by itself.
	SystemdCgroup bool
	// NoCgroup makes none: the processes stay in the caller's, as those of an ordinary user do who may not make one. linux.cgroupsPath and limits
	// are errors then; rules for devices are left out.
	NoCgroup bool
	// NotifySocket gives the program a socket for sd_notify(3), in a directory of its own at /run/notify. See Container.ListenNotify.
	NotifySocket bool
	// NoNewKeyring leaves the process in the caller's session keyring.
	NoNewKeyring bool
	// BeforeMaking, if not nil, is called when everything has been read, checked and decided, before anything is made that would have to be
	// removed again. An error ends the call.
	BeforeMaking func() error
}

func (o *CreateOptions) beforeMaking() error {
	if o.BeforeMaking == nil {
		return nil
	}
	return o.BeforeMaking()
}

// ExecOptions say how another program is started in a container.
type ExecOptions struct {
	// Process is the program. Fields that are not set do not default to those of the configuration's process: start from
	// Container.Spec().Process for that.
	Process *specs.Process
	// Stdio, PidFile, PidFDSocket and PreserveFiles are as in CreateOptions.
	Stdio         Stdio
	PidFile       string
	PidFDSocket   string
	PreserveFiles []*os.File
	// IgnorePaused starts the program in a paused container too; it runs when the container is resumed.
	IgnorePaused bool
	// SubCgroups are cgroups below the container's own that the process starts in: a relative path for all hierarchies, or
	// "CONTROLLER[,CONTROLLER...]:PATH" for some. They must exist. A path that leads out of the container's cgroup is an error.
	SubCgroups []string
}

// DeleteOptions say how a container is removed.
type DeleteOptions struct {
	// Force kills what is left of the container first, and is content with one that does not exist or was never finished.
	Force bool
}
