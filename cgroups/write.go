package cgroups

import (
	"fmt"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// core is the "controller" of the version 2 files that every cgroup has
// (cgroup.*).
const core = "cgroup"

// Missing says what it means that the file of a Write does not exist.
type Missing int

const (
	// Fail makes it an error: the host cannot do what the field asks.
	Fail Missing = iota
	// Skip makes it a success: without the file the kernel behaves as asked.
	Skip
)

// Write is one value for one file of a cgroup. A Write with a Program is the
// exception: it attaches a device program to the version 2 directory.
type Write struct {
	// Field is the field of config.json that asked for it.
	Field string
	// Controller is the controller whose hierarchy has the file, or "cgroup" for
	// the core files of version 2.
	Controller string
	// File is the name of the file.
	File string
	// Value is what is written, in one write(2).
	Value string
	// Else is tried instead when the file does not exist; OnMissing is then that
	// of the last one.
	Else *Write
	// OnMissing says what it means that the file does not exist.
	OnMissing Missing
	// Keep takes the first word of Value from the file as it is, which the
	// configuration does not change; Value has that of a new cgroup.
	Keep bool
	// Retry puts the write after all others and tries it once more when the
	// kernel answers EINVAL: it may depend on a value that a later write changes.
	Retry bool
	// Usage is a file of the same cgroup with the present usage, above which
	// Value must be (memory.checkBeforeUpdate); empty for no check.
	Usage string
	// Program is a cgroup device program in the kernel's encoding, eight bytes an
	// instruction, or nil.
	Program []byte
	// Devices are the rules that this write, with those after it for the same
	// controller, brings about. The first of them has it, for a Manager.
	Devices []specs.LinuxDeviceCgroup
}

// String returns the write as one stable line for people, for instance
// "memory/memory.max = 1048576".
func (w Write) String() string {
	var b strings.Builder
	if w.Program != nil {
		fmt.Fprintf(&b, "%s/bpf = %d instructions", w.Controller, len(w.Program)/insnSize)
	} else {
		fmt.Fprintf(&b, "%s/%s = %s", w.Controller, w.File, w.Value)
	}
	if w.Keep {
		b.WriteString(", first word kept")
	}
	if w.Usage != "" {
		fmt.Fprintf(&b, ", if above %s", w.Usage)
	}
	if w.Else != nil {
		fmt.Fprintf(&b, ", else %s", w.Else)
	} else if w.OnMissing == Skip {
		b.WriteString(", if there")
	}
	if w.Retry {
		b.WriteString(", retried")
	}
	return b.String()
}
