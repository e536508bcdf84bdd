package criu

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// searchPath is where CRIU is looked for when the caller has no PATH: some engines call with an empty environment.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Names of notifications (action scripts in criu(8)) that callers act on.
const (
	SetupNamespaces = "setup-namespaces"
	PostRestore     = "post-restore"
	OrphanMaster    = "orphan-pts-master"
	StatusReady     = "status-ready"
)

// Notification is something that CRIU tells in the middle of its work; it goes on when the handler has returned.
type Notification struct {
	Script string
	Pid    int      // of the container's first process, in the caller's pid namespace
	File   *os.File // the descriptor that comes with OrphanMaster, nil otherwise; the handler owns it
}

// grace is how long CRIU may take to put everything back after its caller has gone away.
const grace = 10 * time.Second

// Process is a running "criu swrk", which serves one request.
type Process struct {
	cmd    *exec.Cmd
	grace  time.Duration
	sock   *os.File
	stderr bytes.Buffer
	files  []*os.File
}

// Find returns the path of CRIU.
func Find() (string, error) {
	if path, err := exec.LookPath("criu"); err == nil {
		return path, nil
	}
	for dir := range strings.SplitSeq(searchPath, ":") {
		path := dir + "/criu"
		if unix.Access(path, unix.X_OK) == nil {
			return path, nil
		}
	}
	return "", errors.New("criu: executable file not found in $PATH")
}

// Prepare makes a Process that is not started yet. What a terminal sends to its foreground is not for CRIU: it would leave processes behind
// as it has them just then, and is to put them back instead.
func Prepare(path string) *Process {
	p := &Process{cmd: exec.Command(path, "swrk", "3"), grace: grace}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stderr = &p.stderr
	p.cmd.WaitDelay = time.Second
	p.files = []*os.File{nil} // the socket's place
	return p
}

// Terminal is CRIU's standard input, which it hands on to a shell job. It stays open in the caller. CRIU changes the terminal's modes, so it has to
// be in the foreground.
func (p *Process) Terminal(f *os.File) { p.cmd.Stdin, p.cmd.SysProcAttr = f, nil }

// Hand passes a file on and returns the number that it has in CRIU. It stays open in the caller.
func (p *Process) Hand(f *os.File) int {
	p.files = append(p.files, f)
	return 2 + len(p.files)
}

// Start starts CRIU in the mount namespace of the calling thread.
func (p *Process) Start() error {
	fds, err := unix.Socketpair(unix.AF_LOCAL, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socketpair: %w", err)
	}
	p.sock = os.NewFile(uintptr(fds[0]), "criu")
	theirs := os.NewFile(uintptr(fds[1]), "criu")
	defer theirs.Close()
	p.files[0] = theirs
	p.cmd.ExtraFiles = p.files
	if err := p.cmd.Start(); err != nil {
		p.sock.Close()
		return fmt.Errorf("start %s: %w", p.cmd.Path, err)
	}
	return nil
}

// Pid is CRIU's own process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// wait waits until CRIU has noticed that its caller has gone away, and has ended. One that does not end is killed.
func (p *Process) wait() error {
	kill := time.AfterFunc(p.grace, func() { p.cmd.Process.Kill() })
	defer kill.Stop()
	return p.cmd.Wait()
}

// Close ends CRIU, if it still runs, and waits for its end.
func (p *Process) Close() error {
	if p.sock == nil {
		return nil
	}
	p.sock.Close()
	p.sock = nil
	err := p.wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) || errors.Is(err, exec.ErrWaitDelay) {
		return nil // what went wrong has been answered
	}
	return err
}

// Do sends the request and handles notifications until it is answered. It returns the id of the restored process. When ctx ends CRIU is left alone,
// which makes it put back what it has done so far.
func (p *Process) Do(ctx context.Context, kind Kind, o *Options, handle func(Notification) error) (int, error) {
	conn, err := p.sock.SyscallConn()
	if err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() {
		_ = conn.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	})
	defer stop()
	pid, err := p.serve(kind, o, handle)
	if err != nil && ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	return pid, err
}

func (p *Process) serve(kind Kind, o *Options, handle func(Notification) error) (int, error) {
	if err := p.send(encode(kind, o)); err != nil {
		return 0, err
	}
	for {
		r, file, err := p.receive()
		if err != nil {
			return 0, err
		}
		if r.kind == notify && r.success {
			herr := handle(Notification{r.script, r.pid, file})
			if err := p.send(acknowledge(herr == nil)); err != nil {
				return 0, errors.Join(herr, err)
			}
			if herr != nil {
				return 0, herr
			}
			continue
		}
		if file != nil {
			file.Close()
		}
		if !r.success {
			return 0, r.err()
		}
		if r.kind != kind {
			return 0, fmt.Errorf("criu answers %d to the request %d", r.kind, kind)
		}
		return r.restoredPid, nil
	}
}

// err is what CRIU says of a failure. Details are in its log only.
func (r *response) err() error {
	text := strings.TrimSpace(r.message)
	if Harmless(text) {
		text = ""
	}
	switch {
	case text != "":
		return fmt.Errorf("criu: %s", text)
	case r.errno != 0:
		return fmt.Errorf("criu: %w", unix.Errno(r.errno))
	}
	return errors.New("criu failed")
}

// Harmless tells of a line in CRIU's log that it calls an error and goes on after: it asks for more descriptors than it may have.
func Harmless(line string) bool { return strings.Contains(line, "RLIMIT_NOFILE") }

func (p *Process) send(b []byte) error {
	for {
		err := unix.Sendmsg(int(p.sock.Fd()), b, nil, nil, unix.MSG_NOSIGNAL)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return p.gone(err)
		}
		return nil
	}
}

// maxMessage is more than CRIU ever answers; its request buffer has the same bound.
const maxMessage = 64 << 10

func (p *Process) receive() (*response, *os.File, error) {
	b := make([]byte, maxMessage)
	oob := make([]byte, unix.CmsgSpace(4))
	for {
		n, oobn, flags, _, err := unix.Recvmsg(int(p.sock.Fd()), b, oob, unix.MSG_CMSG_CLOEXEC)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return nil, nil, p.gone(err)
		}
		if flags&unix.MSG_TRUNC != 0 {
			return nil, nil, errors.New("criu: answer too long")
		}
		file, err := passedFile(oob[:oobn])
		if err != nil {
			return nil, nil, err
		}
		r, err := decode(b[:n])
		if err != nil {
			if file != nil {
				file.Close()
			}
			return nil, nil, fmt.Errorf("criu: answer: %w", err)
		}
		return r, file, nil
	}
}

func passedFile(oob []byte) (*os.File, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("criu: control message: %w", err)
	}
	if len(messages) != 1 {
		return nil, fmt.Errorf("criu: %d control messages, expected one", len(messages))
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, fmt.Errorf("criu: passed descriptors: %w", err)
	}
	if len(fds) != 1 {
		for _, fd := range fds {
			unix.Close(fd)
		}
		return nil, fmt.Errorf("criu: %d descriptors passed, expected one", len(fds))
	}
	return os.NewFile(uintptr(fds[0]), "from criu"), nil
}

// gone says why CRIU does not answer any more.
func (p *Process) gone(err error) error {
	p.sock.Close()
	p.sock = nil
	werr := p.wait()
	if said := strings.Join(strings.Fields(p.stderr.String()), " "); said != "" {
		return fmt.Errorf("criu ended: %s", said)
	}
	if werr != nil {
		return fmt.Errorf("criu ended: %w", werr)
	}
	return fmt.Errorf("criu ended without an answer: %w", errors.Join(err, unix.ECONNRESET))
}

// AskVersion returns the version of a CRIU.
func AskVersion(path string) (Version, error) {
	p := Prepare(path)
	if err := p.Start(); err != nil {
		return Version{}, err
	}
	defer p.Close()
	if err := p.send(askVersion()); err != nil {
		return Version{}, err
	}
	r, _, err := p.receive()
	if err != nil {
		return Version{}, err
	}
	if !r.success {
		return Version{}, r.err()
	}
	return r.version, nil
}

// AtLeast tells whether a version is another or newer.
func (v Version) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}
