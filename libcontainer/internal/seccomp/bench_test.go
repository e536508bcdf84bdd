//go:build cgo && !noseccomp

package seccomp

import (
	"testing"
)

func BenchmarkCompile(b *testing.B) {
	for _, name := range engines {
		profile := profileOf(b, name)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := Compile(profile, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCacheHit(b *testing.B) {
	for _, name := range engines {
		profile := profileOf(b, name)
		dir := b.TempDir()
		if _, _, err := Compile(profile, dir); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := Compile(profile, dir); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
