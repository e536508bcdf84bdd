//go:build integration

package integration

import (
	"encoding/binary"
	"encoding/json"
	"testing"
	"unsafe"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Requests of seccomp_unotify(2) with their structures' sizes in them.
const (
	notifyReceive = 0xc0502100 // struct seccomp_notif, 80 bytes
	notifySend    = 0xc0182101 // struct seccomp_notif_resp, 24 bytes
)

// notifying sends mkdir and mkdirat to an agent.
func notifying(socket string) mod {
	return func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{
			DefaultAction: specs.ActAllow, ListenerPath: socket, ListenerMetadata: "for the agent",
			Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir", "mkdirat"}, Action: specs.ActNotify}},
		}
	}
}

// agent takes one listener from the socket, answers one system call with an errno (0: none), and returns what
// came with the listener.
func (s *consoleSocket) agent(errno unix.Errno) <-chan specs.ContainerProcessState {
	got := make(chan specs.ContainerProcessState, 1)
	go func() {
		defer close(got)
		conn, _, err := unix.Accept4(s.fd, unix.SOCK_CLOEXEC)
		if err != nil {
			return // the test has ended
		}
		payload, oob := make([]byte, 1<<16), make([]byte, 256)
		n, oobn, _, _, err := unix.Recvmsg(conn, payload, oob, unix.MSG_CMSG_CLOEXEC)
		unix.Close(conn)
		messages, perr := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil || perr != nil || len(messages) != 1 {
			s.b.Errorf("receive the listener: %v, %v, %d control messages", err, perr, len(messages))
			return
		}
		fds, err := unix.ParseUnixRights(&messages[0])
		if err != nil || len(fds) != 1 {
			s.b.Errorf("descriptors %v, %v", fds, err)
			return
		}
		defer unix.Close(fds[0])
		var state specs.ContainerProcessState
		if err := json.Unmarshal(payload[:n], &state); err != nil {
			s.b.Errorf("state: %v: %s", err, payload[:n])
		}
		if errno != 0 {
			answer(s.b, fds[0], errno)
		}
		got <- state
	}()
	return got
}

func answer(b *box, listener int, errno unix.Errno) {
	var call [80]byte
	if e := request(listener, notifyReceive, unsafe.Pointer(&call)); e != 0 {
		b.Errorf("receive a system call: %v", e)
		return
	}
	var reply [24]byte
	copy(reply[:8], call[:8])
	binary.NativeEndian.PutUint32(reply[16:], uint32(-int32(errno)))
	if e := request(listener, notifySend, unsafe.Pointer(&reply)); e != 0 {
		b.Errorf("answer a system call: %v", e)
	}
}

// request is an ioctl that is done again after a signal, of which the Go runtime sends itself some.
func request(fd int, number uintptr, argument unsafe.Pointer) unix.Errno {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), number, uintptr(argument))
		if errno != unix.EINTR {
			return errno
		}
	}
}

// An agent gets the listener and the state, and decides about system calls, whenever the filter is loaded.
func TestSeccompAgent(t *testing.T) {
	for name, privileged := range map[string]bool{"with no_new_privs": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			socket := b.listenConsole()
			c := b.container(notifying(socket.path), script("mkdir /tmp/x; echo $?"), func(s *specs.Spec) {
				s.Process.NoNewPrivileges = !privileged
				s.Annotations = map[string]string{"a": "b"}
			})
			states := socket.agent(unix.ENOTEMPTY)
			r := c.run().ok().prints("1\n")
			b.contains("stderr", r.stderr, "Directory not empty")
			state, ok := <-states
			if !ok {
				t.Fatal("the agent got nothing")
			}
			equal(b, "metadata", state.Metadata, "for the agent")
			equal(b, "id", state.State.ID, c.id)
			equal(b, "annotation", state.State.Annotations["a"], "b")
			equal(b, "descriptors", len(state.Fds), 1)
			equal(b, "name of the descriptor", state.Fds[0], specs.SeccompFdName)
		})
	}
}

// The listener is handed over by create, long before the program runs.
func TestSeccompAgentCreate(t *testing.T) {
	b := newBox(t)
	socket := b.listenConsole()
	c := b.container(notifying(socket.path), script("mkdir /tmp/x; exit $?"), func(s *specs.Spec) { s.Process.NoNewPrivileges = true })
	states := socket.agent(unix.ENOTEMPTY)
	c.create().ok()
	pid := c.pid()
	c.start().ok()
	equal(b, "exit code", b.wait(pid), 1)
	state := <-states
	equal(b, "pid", state.Pid, pid)
}

// An exec has its own filter and so its own listener.
func TestSeccompAgentExec(t *testing.T) {
	b := newBox(t)
	socket := b.listenConsole()
	c := b.container(notifying(socket.path), sleeping())
	first := socket.agent(0)
	c.runDetached().ok()
	<-first
	second := socket.agent(unix.ENOTEMPTY)
	r := c.exec("mkdir", "/tmp/x").exits(1)
	b.contains("stderr", r.stderr, "Directory not empty")
	equal(b, "status", string((<-second).State.Status), "running")
}

func TestSeccompAgentMissing(t *testing.T) {
	b := newBox(t)
	c := b.container(notifying(b.path("nobody.sock")))
	c.run().fails(1, "linux.seccomp.listenerPath", "nobody.sock", "no such file or directory")
}
