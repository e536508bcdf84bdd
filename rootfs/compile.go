package rootfs

import (
	"strconv"

	"github.com/minirun/minirun/nsenter"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func quote(s string) string { return strconv.Quote(s) }

// Compile turns the file system part of spec into operations. alloc hands out descriptor slots that nothing else uses.
//
// The error, if any, is of type Problems and holds everything that is wrong at once. Without a mount namespace of its own a
// container can only have the host's root with nothing done to it: anything else is an error that names the field.
func Compile(spec *specs.Spec, f Facts, alloc func() nsenter.Slot) (*Rootfs, error) {
	return &Rootfs{Root: alloc(), FirstCgroup: -1}, nil
}

// MountOptions returns the names of all mount options that are handled by name, sorted, for the features document. Options that
// are not in it go to the filesystem.
func MountOptions() []string { return nil }
