//go:build cgo && !noseccomp

package seccomp

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// small returns a profile that is not like the one of another n.
func small(n int) *specs.LinuxSeccomp {
	errno := uint(n + 1)
	return &specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow,
		Syscalls:      []specs.LinuxSyscall{{Names: []string{"mkdir", "no_such_call"}, Action: specs.ActErrno, ErrnoRet: &errno}},
	}
}

// marked is a program that no compilation gives.
var marked = Program{Filter: encode([]insn{{code: opRet, k: 0x7fff0000}}), Flags: 0x42, Listener: true}

// mark puts marked into the cache for a profile, so that a result tells where it comes from.
func mark(t *testing.T, dir string, profile *specs.LinuxSeccomp) string {
	t.Helper()
	key := profileKey(profile, libraryVersion())
	writeCache(dir, key, &entry{program: marked})
	path := filepath.Join(dir, entryName(key))
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// fromCache says whether Compile takes the marked program.
func fromCache(t *testing.T, dir string, profile *specs.LinuxSeccomp) bool {
	t.Helper()
	p, _, err := Compile(profile, dir)
	if err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(*p, marked)
}

// What comes from the cache is what was compiled, warnings included.
func TestCacheHitGivesTheSame(t *testing.T) {
	for _, name := range engines {
		profile := profileOf(t, name)
		dir := filepath.Join(t.TempDir(), "state", "seccomp")
		want, wantWarnings, err := Compile(profile, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, when := range []string{"first", "second"} {
			p, warnings, err := Compile(profile, dir)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(p, want) || !slices.Equal(warnings, wantWarnings) {
				t.Errorf("%s: the %s result with a cache is another one", name, when)
			}
		}
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("cache directory: %v, %v", info, err)
		}
		if !fromCache(t, dir, func() *specs.LinuxSeccomp { mark(t, dir, profile); return profile }()) {
			t.Errorf("%s: a stored program is not taken", name)
		}
	}
}

// Files that are not exactly what was written are ignored and written anew.
func TestCacheIgnoresWhatIsOdd(t *testing.T) {
	profile := small(0)
	rewrite := func(change func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, change(b), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, spoil := range map[string]func(t *testing.T, path string){
		"empty":        rewrite(func([]byte) []byte { return nil }),
		"shorter":      rewrite(func(b []byte) []byte { return b[:len(b)-1] }),
		"longer":       rewrite(func(b []byte) []byte { return append(b, 0) }),
		"other magic":  rewrite(func(b []byte) []byte { b[0] ^= 1; return b }),
		"other format": rewrite(func(b []byte) []byte { b[sumStart-1]++; return b }),
		"wrong sum":    rewrite(func(b []byte) []byte { b[sumStart] ^= 1; return b }),
		"flipped bit":  rewrite(func(b []byte) []byte { b[len(b)-8] ^= 4; return b }),
		"text":         rewrite(func([]byte) []byte { return []byte("hello") }),
		"huge": func(t *testing.T, path string) {
			must(t, os.Truncate(path, maxEntrySize+1))
		},
		"of another profile": func(t *testing.T, path string) {
			other := mark(t, filepath.Dir(path), small(1))
			must(t, os.Rename(other, path))
		},
		"group may write": func(t *testing.T, path string) { must(t, os.Chmod(path, 0o620)) },
		"all may write":   func(t *testing.T, path string) { must(t, os.Chmod(path, 0o602)) },
		"symlink": func(t *testing.T, path string) {
			elsewhere := filepath.Join(t.TempDir(), "file")
			must(t, os.Rename(path, elsewhere))
			must(t, os.Symlink(elsewhere, path))
		},
		"pipe": func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, unix.Mkfifo(path, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "cache")
			path := mark(t, dir, profile)
			if !fromCache(t, dir, profile) {
				t.Fatal("the stored program is not taken before anything is odd about it")
			}
			spoil(t, path)
			if fromCache(t, dir, profile) {
				t.Fatal("the program was taken")
			}
			info, err := os.Lstat(path)
			if err != nil || !info.Mode().IsRegular() || info.Mode().Perm() != 0o600 {
				t.Errorf("the file was not written anew: %v, %v", info, err)
			}
			if _, ok := readCache(dir, profileKey(profile, libraryVersion())); !ok {
				t.Error("the file that was written anew is not taken")
			}
		})
	}
}

// A directory that others may change, or that is something else, is not used; and nothing of this is an error.
func TestCacheDirectoryNotTrusted(t *testing.T) {
	profile := small(0)
	t.Run("others may write", func(t *testing.T) {
		for _, mode := range []os.FileMode{0o770, 0o707} {
			dir := filepath.Join(t.TempDir(), "cache")
			mark(t, dir, profile)
			if err := os.Chmod(dir, mode); err != nil {
				t.Fatal(err)
			}
			if fromCache(t, dir, profile) {
				t.Errorf("mode %o: the program was taken", mode)
			}
		}
	})
	t.Run("symlink", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "cache")
		mark(t, dir, profile)
		link := dir + ".link"
		if err := os.Symlink(dir, link); err != nil {
			t.Fatal(err)
		}
		if fromCache(t, link, profile) {
			t.Error("the program was taken")
		}
	})
	t.Run("file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "cache")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, dir := range []string{file, filepath.Join(file, "below")} {
			if fromCache(t, dir, profile) {
				t.Error("a program was taken out of a file")
			}
		}
	})
	t.Run("entry is a directory", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "cache")
		path := mark(t, dir, profile)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if fromCache(t, dir, profile) {
			t.Error("a program was taken out of a directory")
		}
		names, err := os.ReadDir(dir)
		if err != nil || len(names) != 1 {
			t.Errorf("a temporary file was left: %v, %v", names, err)
		}
	})
}

// The newest programs are kept, and what a killed runtime left goes.
func TestCacheIsBounded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	start := time.Now().Add(-2 * time.Hour)
	var paths []string
	for n := range cacheEntries {
		path := mark(t, dir, small(n))
		stamp := start.Add(time.Duration(n) * time.Second)
		if err := os.Chtimes(path, stamp, stamp); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	for name, age := range map[string]time.Duration{"old": 2 * time.Hour, "young": time.Minute} {
		path := filepath.Join(dir, tempPrefix+name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		stamp := time.Now().Add(-age)
		if err := os.Chtimes(path, stamp, stamp); err != nil {
			t.Fatal(err)
		}
	}
	foreign := filepath.Join(dir, "README")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	paths = append(paths, mark(t, dir, small(cacheEntries)), mark(t, dir, small(cacheEntries+1)))
	exists := func(path string) bool { _, err := os.Stat(path); return err == nil }
	for n, path := range paths {
		if want := n >= 2; exists(path) != want {
			t.Errorf("entry %d: exists is %t, want %t", n, exists(path), want)
		}
	}
	if exists(filepath.Join(dir, tempPrefix+"old")) || !exists(filepath.Join(dir, tempPrefix+"young")) || !exists(foreign) {
		t.Error("the old temporary file should be gone, the young one and the foreign one still there")
	}
}

// The key changes with every field that can change the program, and with nothing else.
func TestKeyCoversTheProfile(t *testing.T) {
	one := uint(1)
	profile := func() *specs.LinuxSeccomp {
		return &specs.LinuxSeccomp{
			DefaultAction: specs.ActErrno, DefaultErrnoRet: &one, Architectures: []specs.Arch{"a", "b"},
			Flags: []specs.LinuxSeccompFlag{"f"},
			Syscalls: []specs.LinuxSyscall{{
				Names: []string{"n", "m"}, Action: specs.ActAllow, ErrnoRet: &one,
				Args: []specs.LinuxSeccompArg{{Index: 1, Value: 2, ValueTwo: 3, Op: specs.OpEqualTo}},
			}},
		}
	}
	base := profileKey(profile(), "1.2.3")
	if base != profileKey(profile(), "1.2.3") {
		t.Fatal("equal profiles have different keys")
	}
	if base == profileKey(profile(), "1.2.4") {
		t.Error("another libseccomp has the same key")
	}
	seen := map[digest]string{base: "the profile itself"}
	check := func(what string, p *specs.LinuxSeccomp) {
		key := profileKey(p, "1.2.3")
		if other, ok := seen[key]; ok {
			t.Errorf("%s has the key of %s", what, other)
		}
		seen[key] = what
	}
	for _, path := range leaves(reflect.TypeFor[specs.LinuxSeccomp](), nil) {
		p := profile()
		name := alter(reflect.ValueOf(p).Elem(), path)
		if name == ".ListenerPath" || name == ".ListenerMetadata" {
			if profileKey(p, "1.2.3") != base {
				t.Errorf("%s changes the key, and would only fill the cache", name)
			}
			continue
		}
		check("another "+name, p)
	}
	for what, change := range map[string]func(p *specs.LinuxSeccomp){
		"no default errno":    func(p *specs.LinuxSeccomp) { p.DefaultErrnoRet = nil },
		"no flags":            func(p *specs.LinuxSeccomp) { p.Flags = nil },
		"an empty flags list": func(p *specs.LinuxSeccomp) { p.Flags = []specs.LinuxSeccompFlag{} },
		"no errno":            func(p *specs.LinuxSeccomp) { p.Syscalls[0].ErrnoRet = nil },
		"joined names":        func(p *specs.LinuxSeccomp) { p.Syscalls[0].Names = []string{"nm"} },
		"names split":         func(p *specs.LinuxSeccomp) { p.Syscalls = append(p.Syscalls, p.Syscalls[0]) },
		"another order":       func(p *specs.LinuxSeccomp) { slices.Reverse(p.Syscalls[0].Names) },
	} {
		p := profile()
		change(p)
		check(what, p)
	}
}

// leaves returns the field indexes of all values below a type; going into pointers and the first element of slices.
func leaves(typ reflect.Type, path []int) [][]int {
	for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct {
		return [][]int{slices.Clone(path)}
	}
	var all [][]int
	for i := range typ.NumField() {
		all = append(all, leaves(typ.Field(i).Type, append(path, i))...)
	}
	return all
}

// alter changes the value at a path and returns the path's name.
func alter(v reflect.Value, path []int) string {
	var name strings.Builder
	for _, i := range path {
		name.WriteString("." + v.Type().Field(i).Name)
		v = v.Field(i)
		switch v.Kind() {
		case reflect.Slice:
			v = v.Index(0)
		case reflect.Pointer:
			fresh := reflect.New(v.Type().Elem())
			fresh.Elem().Set(v.Elem())
			v.Set(fresh)
			v = fresh.Elem()
		}
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Uint, reflect.Uint32, reflect.Uint64:
		v.SetUint(v.Uint() + 100)
	default:
		panic(fmt.Sprintf("%s: kind %v", name.String(), v.Kind()))
	}
	return name.String()
}

// An entry that was cut or changed anywhere is refused, also with a right checksum.
func TestEntryDecoding(t *testing.T) {
	key := profileKey(small(0), "")
	e := &entry{program: marked, warnings: []Warning{{"a.b", "text", true}, {"c", "", false}}}
	b := encodeEntry(e, key)
	got, ok := decodeEntry(b, key)
	if !ok || !reflect.DeepEqual(got, e) {
		t.Fatalf("got %+v %t, want %+v", got, ok, e)
	}
	for n := range b {
		if _, ok := decodeEntry(b[:n], key); ok {
			t.Errorf("the first %d bytes are accepted", n)
		}
		changed := bytes.Clone(b)
		changed[n] ^= 0x20
		if _, ok := decodeEntry(changed, key); ok {
			t.Errorf("a change of byte %d is accepted", n)
		}
	}
	for name, filter := range map[string][]byte{
		"empty":    {},
		"half":     make([]byte, insnSize+1),
		"too long": make([]byte, (maxInsns+1)*insnSize),
	} {
		if _, ok := decodeEntry(encodeEntry(&entry{program: Program{Filter: filter}}, key), key); ok {
			t.Errorf("%s filter is accepted", name)
		}
	}
}
