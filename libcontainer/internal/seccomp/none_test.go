//go:build !cgo || noseccomp

package seccomp

import (
	"errors"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestUnsupported(t *testing.T) {
	_, _, err := Compile(&specs.LinuxSeccomp{DefaultAction: specs.ActAllow}, t.TempDir())
	if !errors.Is(err, ErrUnsupported) || err.Error() != "linux.seccomp: this build of minirun has no seccomp support" {
		t.Errorf("got %v", err)
	}
	if info := Info(); info.Enabled || info.Actions != nil || info.LibraryVersion != "" {
		t.Errorf("info: %+v", info)
	}
}
