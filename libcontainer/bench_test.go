package libcontainer

import (
	"path/filepath"
	"testing"

	"github.com/minirun/minirun/libcontainer/internal/seccomp"
	"github.com/minirun/minirun/specs"
)

// BenchmarkCompileDockerDefault compiles the whole of Docker's default config, its seccomp filter taken from the cache, as every create does but
// the first. What is left to the plan's bytes is in nsenter's BenchmarkEncode.
func BenchmarkCompileDockerDefault(b *testing.B) {
	s, _, err := specs.LoadFile(filepath.Join("..", "tests", "integration", "testdata", "bundles", "docker-default.json"))
	if err != nil {
		b.Fatal(err)
	}
	cache := b.TempDir()
	for _, layout := range []string{"v1", "v2"} {
		b.Run(layout, func(b *testing.B) {
			facts := testFacts(b, layout)
			facts.seccomp = func(profile *specs.LinuxSeccomp, _ func(string)) (*seccompProgram, error) {
				p, _, err := seccomp.Compile(profile, cache)
				if err != nil {
					return nil, err
				}
				return &seccompProgram{filter: p.Filter, flags: p.Flags, listener: p.Listener}, nil
			}
			o := planOptions{id: "web", bundle: "/bundle"}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := compileCreate(s, facts, o, func(string) {}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
