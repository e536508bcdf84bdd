package nsenter_test

import (
	"path/filepath"
	"testing"

	"github.com/minirun/minirun/libcontainer"
	"github.com/minirun/minirun/nsenter"
	"github.com/minirun/minirun/specs"
)

// BenchmarkEncode makes the bytes of the plan for Docker's default config on this machine. What comes before is in libcontainer's
// BenchmarkCompileDockerDefault.
func BenchmarkEncode(b *testing.B) {
	s, _, err := specs.LoadFile(filepath.Join("..", "tests", "integration", "testdata", "bundles", "docker-default.json"))
	if err != nil {
		b.Fatal(err)
	}
	bundle := b.TempDir()
	s.Root.Path = bundle
	s.Hooks = nil
	r, err := libcontainer.New(libcontainer.Options{Root: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	plan, err := r.Plan("web", libcontainer.CreateOptions{Bundle: bundle, Spec: s})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		bytes, err := nsenter.EncodePlan(plan)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(bytes)), "plan-bytes")
	}
}
