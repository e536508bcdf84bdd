package libcontainer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

func (o hostRecordState) run(_ context.Context, r *runner) error {
	if err := r.firstRecord(); err != nil {
		return err
	}
	if o.Start == nsenter.NoSlot {
		return r.dir.touch(runningFile)
	}
	for slot, name := range map[nsenter.Slot]string{o.Start: makingFifo, o.Result: resultFifo} {
		path := r.dir.path(name)
		if err := unix.Mkfifo(path, 0o600); err != nil {
			return fmt.Errorf("mkfifo %s: %w", path, err)
		}
		// Both directions, so that the init neither waits in open nor sees an end of file before start has come.
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open %s: %w", path, err)
		}
		r.slots[slot] = os.NewFile(uintptr(fd), path)
	}
	return nil
}

// firstRecord writes the state file before there is anything else. What it says of a resctrl group must hold whenever this program is killed.
func (r *runner) firstRecord() error {
	if err := r.lookAtRdt(); err != nil {
		return err
	}
	return r.dir.writeRecord(r.rec)
}

// run keeps the configuration as it was: exec and poststop hooks take it from here.
func (hostKeepConfig) run(_ context.Context, r *runner) error {
	return r.dir.writeFile(configFile, r.raw)
}

func (hostRecordPid) run(_ context.Context, r *runner) error {
	pid := r.child.Pid()
	ticks, alive, err := startTime(pid)
	if err != nil {
		return err
	}
	if !alive {
		return errInitEnded
	}
	r.rec.Pid, r.rec.StartTime = pid, ticks
	return r.dir.writeRecord(r.rec)
}

func (hostRunning) run(_ context.Context, r *runner) error {
	return os.Remove(r.dir.path(runningFile))
}

func (o hostAnnounce) run(_ context.Context, r *runner) error {
	if o.PidFDSocket != "" {
		if err := sendFile(o.PidFDSocket, "pidfd", r.child.PidFD()); err != nil {
			return fmt.Errorf("pidfd socket: %w", err)
		}
	}
	if o.PidFile == "" {
		return nil
	}
	if err := replaceFile(o.PidFile, []byte(strconv.Itoa(r.child.Pid())), 0o644); err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	r.announced = true
	return nil
}

// state is what the specification says of the container, for hooks and agents.
func (r *record) state(status specs.ContainerState, pid int) specs.State {
	return specs.State{
		Version: r.OCIVersion, ID: r.ID, Status: status, Pid: pid, Bundle: r.Bundle, Annotations: r.Annotations,
	}
}

// run tells the process id as the container sees it: that of its own pid namespace.
func (o hostHookState) run(_ context.Context, r *runner) error {
	pid, err := innerPid(r.child.Pid())
	if err != nil {
		return err
	}
	f, err := jsonFile(r.rec.state(o.Status, pid))
	if err != nil {
		return err
	}
	r.ack = append(r.ack, f)
	r.hooks = true // one inside comes next
	return nil
}

// innerPid is the process id in the innermost pid namespace, the last of NSpid in proc_pid_status(5).
func innerPid(pid int) (int, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		if rest, ok := strings.CutPrefix(string(line), "NSpid:"); ok {
			ids := strings.Fields(rest)
			return strconv.Atoi(ids[len(ids)-1])
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no NSpid", pid)
}

// jsonFile holds a document in memory, to be read as a hook's standard input: a hook that does not read it causes no EPIPE.
func jsonFile(v any) (*os.File, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("state", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), "state")
	if _, err := f.WriteAt(b, 0); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
