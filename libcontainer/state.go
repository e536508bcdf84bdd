package libcontainer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/cgroups/resctrl"
	"github.com/minirun/minirun/specs"
)

// Names in the directory of a container. The state file is not called as other runtimes call theirs, which may use the same root.
const (
	stateFile  = "minirun.json"
	configFile = "config.json"
	startFifo  = "start.fifo"
	// makingFifo is startFifo's name until the container is created: hooks inside may still run.
	makingFifo = "start.fifo.making"
	resultFifo = "result.fifo"
	// runningFile is there from the beginning of a run until its program has been executed.
	runningFile = "run.making"
)

// stateVersion is raised when a field changes its meaning; a file of a newer version is refused.
const stateVersion = 1

// record is the state on disk. It is written before the first kernel object exists and holds everything that is needed to find and
// remove what was made, whenever the runtime was killed.
type record struct {
	Version    int       `json:"version"`
	ID         string    `json:"id"`
	OCIVersion string    `json:"ociVersion"`
	Bundle     string    `json:"bundle"`
	Rootfs     string    `json:"rootfs"`
	Created    time.Time `json:"created"`
	OwnerUID   int       `json:"owner"`
	// Pid and StartTime (clock ticks after boot, proc_pid_stat(5)) name the init process; 0 while it is being made.
	Pid       int    `json:"pid,omitempty"`
	StartTime uint64 `json:"startTime,omitempty"`
	// Namespaces are the CLONE_NEW* bits of the namespaces that are not the host's, for exec to join.
	Namespaces uint64 `json:"namespaces,omitempty"`
	// Cgroup is where the cgroup is; it is recorded before it is made, and is cgroups.Pending then.
	Cgroup      *cgroups.Record   `json:"cgroup,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	// Rdt is the container's resctrl group; it is recorded before it is made, and pending then.
	Rdt *resctrl.Group `json:"rdt,omitempty"`
	// Options that the plan depended on: with them the same plan can be compiled again, to word a failure after start.
	NoPivot      bool `json:"noPivot,omitempty"`
	NoNewKeyring bool `json:"noNewKeyring,omitempty"`
	Preserve     int  `json:"preserve,omitempty"`
	Notify       bool `json:"notify,omitempty"`
	Moved        bool `json:"moved,omitempty"`
	// Poststop tells whether there are hooks to run after the end, which are in the configuration.
	Poststop bool `json:"poststop,omitempty"`
	// NoPoststart tells that start needs nothing of the configuration, as there are no hooks to run after it.
	NoPoststart bool `json:"noPoststart,omitempty"`
}

func (r *record) planOptions() planOptions {
	return planOptions{
		id: r.ID, bundle: r.Bundle, noPivot: r.NoPivot, noNewKeyring: r.NoNewKeyring, preserve: r.Preserve, moved: r.Moved,
	}
}

// State is what is known of a container at one moment.
type State struct {
	specs.State
	// Rootfs is the absolute path of the root filesystem on the host.
	Rootfs string
	// Created is when the container was made, UTC.
	Created time.Time
	// OwnerUID is the user who made it.
	OwnerUID int
	// Resources are in force instead of those of the configuration, after an Update; nil before.
	Resources *specs.LinuxResources
}

// statusPaused is beyond the four of the specification, as the specification allows.
const statusPaused specs.ContainerState = "paused"

// readRecord reads the state file in a container's directory. fs.ErrNotExist means that there is none (yet).
func (d *stateDir) readRecord() (*record, error) {
	b, err := os.ReadFile(d.path(stateFile))
	if err != nil {
		return nil, err
	}
	r := &record{}
	if !r.decodePlain(b) {
		r = &record{} // without what was read so far
		if err := json.Unmarshal(b, r); err != nil {
			return nil, fmt.Errorf("state file %s: %w", d.path(stateFile), err)
		}
	}
	if r.Version > stateVersion {
		return nil, fmt.Errorf("state file %s: version %d, this program knows up to %d", d.path(stateFile), r.Version, stateVersion)
	}
	return r, nil
}

func (d *stateDir) writeRecord(r *record) error {
	return d.writeFile(stateFile, r.encode())
}

// startTime returns the start time of a process and whether it is alive: a zombie is not.
func startTime(pid int) (ticks uint64, alive bool, err error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	st, err := parseStat(string(b))
	if err != nil {
		return 0, false, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	return st.startTime, st.state != 'Z' && st.state != 'X', nil
}

// alive tells whether the recorded init process lives: pid numbers are used again, so its start time must be right.
func (r *record) alive() (bool, error) {
	if r.Pid == 0 {
		return false, nil
	}
	t, alive, err := startTime(r.Pid)
	return alive && t == r.StartTime, err
}
