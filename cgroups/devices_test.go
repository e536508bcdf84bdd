package cgroups

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// reference is what a list of rules means: for each kind of access the last
// rule that names the device and the kind decides; without one it is denied.
func reference(list []specs.LinuxDeviceCgroup, typ byte, major, minor int64, want access) bool {
	for bit := accMknod; bit <= accWrite; bit <<= 1 {
		if want&bit == 0 {
			continue
		}
		allowed := false
		for _, r := range list {
			letter := map[access]string{accMknod: "m", accRead: "r", accWrite: "w"}[bit]
			if (r.Type == "" || r.Type == "a" || r.Type[0] == typ) &&
				(r.Major == nil || *r.Major == -1 || *r.Major == major) &&
				(r.Minor == nil || *r.Minor == -1 || *r.Minor == minor) &&
				strings.Contains(r.Access, letter) {
				allowed = r.Allow
			}
		}
		if !allowed {
			return false
		}
	}
	return true
}

// runProgram interprets the instructions that device programs are made of, as
// the kernel would, and fails on any other and on everything that the verifier
// would refuse: jumps backwards or out of the program, registers that were never
// written, a loop, an end without a result.
func runProgram(t *testing.T, prog []byte, typ byte, major, minor int64, want access) bool {
	t.Helper()
	var ctx [12]byte
	kind := map[byte]uint32{'b': bpfBlock, 'c': bpfChar}[typ]
	binary.NativeEndian.PutUint32(ctx[0:], uint32(want)<<16|kind)
	binary.NativeEndian.PutUint32(ctx[4:], uint32(major))
	binary.NativeEndian.PutUint32(ctx[8:], uint32(minor))
	var reg [11]uint64
	written := map[byte]bool{regCtx: true}
	read := func(r byte) uint64 {
		if !written[r] {
			t.Fatalf("register %d is read before it is written", r)
		}
		return reg[r]
	}
	for pc := 0; ; {
		if pc < 0 || pc*insnSize >= len(prog) {
			t.Fatalf("the program runs out at instruction %d", pc)
		}
		in := prog[pc*insnSize:]
		op, dst, src := in[0], in[1]&15, in[1]>>4
		off := int16(binary.NativeEndian.Uint16(in[2:]))
		imm := int32(binary.NativeEndian.Uint32(in[4:]))
		pc++
		jump := false
		switch op {
		case opLoad32:
			if src != regCtx || off < 0 || off > 8 || off%4 != 0 {
				t.Fatalf("load from register %d offset %d", src, off)
			}
			reg[dst], written[dst] = uint64(binary.NativeEndian.Uint32(ctx[off:])), true
		case opMov:
			reg[dst], written[dst] = uint64(int64(imm)), true
		case opMovReg:
			reg[dst], written[dst] = read(src), true
		case opAnd32:
			reg[dst] = uint64(uint32(read(dst)) & uint32(imm))
		case opShr32:
			reg[dst] = uint64(uint32(read(dst)) >> uint32(imm))
		case opJump:
			jump = true
		case opJne32:
			jump = uint32(read(dst)) != uint32(imm)
		case opJset32:
			jump = uint32(read(dst))&uint32(imm) != 0
		case opExit:
			switch read(regResult) {
			case 0:
				return false
			case 1:
				return true
			}
			t.Fatalf("result %d", reg[regResult])
		default:
			t.Fatalf("operation %#x", op)
		}
		if off < 0 {
			t.Fatalf("jump backwards at instruction %d", pc-1)
		}
		if jump {
			pc += int(off)
		}
	}
}

// v1Cgroup behaves like the kernel's version 1 devices controller
// (security/device_cgroup.c) for a cgroup whose parent allows everything.
type v1Cgroup struct {
	allow      bool
	exceptions []struct {
		devices
		access access
	}
}

func (g *v1Cgroup) write(t *testing.T, w Write) {
	t.Helper()
	allow := w.File == "devices.allow"
	if !allow && w.File != "devices.deny" {
		t.Fatalf("write to %s", w.File)
	}
	if w.Value == "a" {
		g.allow, g.exceptions = allow, nil
		return
	}
	var typ rune
	var major, minor, letters string
	if _, err := fmt.Sscanf(strings.ReplaceAll(w.Value, ":", " "), "%c %s %s %s", &typ, &major, &minor, &letters); err != nil || typ == 'a' {
		t.Fatalf("the kernel does not take %q as it is meant: %v", w.Value, err)
	}
	number := func(s string) int64 {
		n := int64(wildcard)
		if s != "*" {
			fmt.Sscan(s, &n)
		}
		return n
	}
	d := devices{int(typ), number(major), number(minor)}
	var acc access
	for bit, l := range map[access]string{accMknod: "m", accRead: "r", accWrite: "w"} {
		if strings.Contains(letters, l) {
			acc |= bit
		}
	}
	for i := range g.exceptions {
		if e := &g.exceptions[i]; e.devices == d {
			if allow == g.allow {
				e.access &^= acc
			} else {
				e.access |= acc
			}
			return
		}
	}
	if allow != g.allow {
		g.exceptions = append(g.exceptions, struct {
			devices
			access access
		}{d, acc})
	}
}

func (g *v1Cgroup) permits(d devices, want access) bool {
	for _, e := range g.exceptions {
		if !e.contains(d) {
			continue
		}
		if !g.allow && want&^e.access == 0 {
			return true
		}
		if g.allow && want&e.access != 0 {
			return false
		}
	}
	return g.allow
}

// matrix calls f for all kinds of access to devices around those that rules of
// the tests name.
func matrix(f func(typ byte, major, minor int64, want access)) {
	for _, typ := range []byte{'b', 'c'} {
		for _, major := range []int64{0, 1, 2, 5, 8, 10, 136, 4294967295} {
			for _, minor := range []int64{0, 1, 2, 3, 200, 229, 4294967295} {
				for want := accMknod; want <= accAll; want++ {
					f(typ, major, minor, want)
				}
			}
		}
	}
}

// compare checks both forms of the rules against the reference. It tells
// whether version 1 could express them.
func compare(t *testing.T, list []specs.LinuxDeviceCgroup) bool {
	t.Helper()
	describe, _ := json.Marshal(list)
	w2, _, err := Compile(&specs.LinuxResources{Devices: list}, hostV2())
	if err != nil || len(w2) != 1 {
		t.Fatalf("%s: %v, %v", describe, w2, err)
	}
	w1, _, err1 := Compile(&specs.LinuxResources{Devices: list}, hostV1())
	g := &v1Cgroup{allow: true}
	for _, w := range w1 {
		g.write(t, w)
	}
	matrix(func(typ byte, major, minor int64, want access) {
		expect := reference(list, typ, major, minor, want)
		if got := runProgram(t, w2[0].Program, typ, major, minor, want); got != expect {
			t.Fatalf("%s: the program says %t for %c %d:%d %s", describe, got, typ, major, minor, want)
		}
		if err1 != nil {
			return
		}
		if got := g.permits(devices{int(typ), major, minor}, want); got != expect {
			t.Fatalf("%s: version 1 lines %q say %t for %c %d:%d %s", describe, w1, got, typ, major, minor, want)
		}
	})
	return err1 == nil
}

func ptr[T any](v T) *T { return &v }

func parse(t *testing.T, s string) []specs.LinuxDeviceCgroup {
	t.Helper()
	var list []specs.LinuxDeviceCgroup
	if err := json.Unmarshal([]byte(s), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

const denyAll = `{"allow":false,"access":"rwm"}`

// What real configurations have, and the cases that other runtimes got wrong.
func TestDevices(t *testing.T) {
	for _, s := range []string{
		`[` + denyAll + `]`,
		`[{"allow":true,"access":"rwm"}]`,
		`[` + denyAll + `,{"allow":true,"type":"c","major":1,"minor":5,"access":"r"}]`,
		`[` + denyAll + `,{"allow":true,"type":"c","major":1,"minor":5,"access":"r"},{"allow":true,"type":"c","major":1,"minor":5,"access":"w"}]`,
		`[` + denyAll + `,{"allow":true,"type":"c","major":1,"access":"r"},{"allow":true,"type":"c","minor":3,"access":"w"}]`,
		`[` + denyAll + `,{"allow":true,"type":"b","access":"m"},{"allow":false,"type":"b","access":"m"}]`,
		`[{"allow":true,"access":"rwm"},{"allow":false,"type":"b","major":8,"access":"w"}]`,
		`[{"allow":true,"access":"rwm"},{"allow":false,"major":8,"minor":1,"access":"rwm"}]`,
		`[{"allow":true,"access":"r"}]`,
		`[{"allow":true,"type":"a","major":-1,"minor":-1,"access":"rwm"},` + denyAll + `]`,
		`[{"allow":true,"type":"c","major":4294967295,"minor":4294967295,"access":"rwm"}]`,
	} {
		list := parse(t, s)
		if !compare(t, list) {
			t.Errorf("%s: version 1 cannot express it", s)
		}
		if !compare(t, append(list, DefaultDeviceRules()...)) {
			t.Errorf("%s with the default rules: version 1 cannot express it", s)
		}
	}
	// Docker's own list denies fuse after what it allows.
	docker := `[` + denyAll + `,{"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"},{"allow":false,"type":"c","major":10,"minor":229,"access":"rwm"}]`
	if !compare(t, append(parse(t, docker), DefaultDeviceRules()...)) {
		t.Error("version 1 cannot express Docker's rules")
	}
}

// Random lists: the two forms always agree with the reference, or version 1
// says that it cannot.
func TestDevicesRandom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(n ...int64) *int64 {
		if i := rnd.IntN(len(n) + 1); i < len(n) {
			return &n[i]
		}
		return nil
	}
	refused := 0
	const rounds = 600
	for range rounds {
		var list []specs.LinuxDeviceCgroup
		if rnd.IntN(3) > 0 {
			list = append(list, specs.LinuxDeviceCgroup{Allow: rnd.IntN(3) == 0, Access: "rwm"})
		}
		for range 1 + rnd.IntN(5) {
			list = append(list, specs.LinuxDeviceCgroup{
				Allow: rnd.IntN(4) > 0, Type: []string{"", "a", "b", "c", "c"}[rnd.IntN(5)],
				Major: pick(1, 5, 8), Minor: pick(1, 3), Access: []string{"rwm", "r", "w", "rw", "m", "mw"}[rnd.IntN(6)],
			})
		}
		if !compare(t, list) {
			refused++
		}
	}
	if refused == 0 || refused > rounds/2 {
		t.Errorf("version 1 refused %d of %d lists", refused, rounds)
	}
}

// The lines for version 1, and the refusal of what it cannot express.
func TestDevicesV1(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`[` + denyAll + `]`, `devices/devices.deny = a`},
		{
			`[` + denyAll + `,{"allow":true,"type":"c","access":"rm"},{"allow":true,"type":"c","major":1,"minor":3,"access":"r"},
			  {"allow":true,"type":"c","major":1,"minor":5,"access":"w"}]`,
			`devices/devices.deny = a
			 devices/devices.allow = c *:* rm
			 devices/devices.allow = c 1:5 rwm`,
		},
		{
			`[` + denyAll + `,{"allow":true,"type":"c","access":"rwm"},{"allow":false,"type":"c","major":1,"minor":3,"access":"w"}]`,
			`error: linux.resources.devices[2]: cgroup v1 cannot deny c 1:3 w and allow the rest of c *:*`,
		},
		{
			`[{"allow":true,"access":"rwm"},{"allow":false,"type":"b","access":"rwm"},{"allow":true,"type":"b","major":8,"access":"r"}]`,
			`error: linux.resources.devices[2]: cgroup v1 cannot allow b 8:* r and deny the rest of b *:*`,
		},
		{`[{"allow":true,"access":""}]`, `error: linux.resources.devices[0].access: is missing, and what the rule means without it is not defined; "rwm" is everything`},
		{`[{"allow":true,"type":"x","access":"r"}]`, `error: linux.resources.devices[0].type: "x" is none of a, b, c`},
		{`[{"allow":true,"access":"rx"}]`, `error: linux.resources.devices[0].access: "rx" has a letter other than r, w, m`},
		{`[{"allow":true,"major":-2,"access":"r"}]`, `error: linux.resources.devices[0].major: -2 is no device number`},
		{`[{"allow":true,"minor":4294967296,"access":"r"}]`, `error: linux.resources.devices[0].minor: 4294967296 is no device number`},
	} {
		check(t, outcome(t, `{"devices":`+c.in+`}`, hostV1()), c.want)
		if strings.Contains(c.want, "error: ") && !strings.Contains(c.want, "cgroup v1") {
			check(t, outcome(t, `{"devices":`+c.in+`}`, hostV2()), c.want)
		}
	}
}

// The encoding of the smallest program, byte for byte, on machines whose bytes
// have the usual order.
func TestDeviceProgram(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the expected bytes are those of a little-endian machine")
	}
	got := fmt.Sprintf("%x", policy{}.program())
	const want = "6112000000000000" + "bf23000000000000" + "54020000ffff0000" + "7403000010000000" +
		"6114040000000000" + "6115080000000000" + "b700000000000000" + "9500000000000000"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	w, _, err := Compile(&specs.LinuxResources{Devices: DefaultDeviceRules()}, hostV2())
	if err != nil || w[0].String() != "devices/bpf = 67 instructions" {
		t.Errorf("default rules: %v, %v", w, err)
	}
}

// The default rules, in words.
func TestDefaultDeviceRules(t *testing.T) {
	rules := DefaultDeviceRules()
	for _, c := range []struct {
		typ          byte
		major, minor int64
		access       access
		want         bool
	}{
		{'c', 99, 99, accMknod, true},
		{'b', 99, 99, accMknod, true},
		{'c', 99, 99, accRead, false},
		{'b', 8, 0, accRead, false},
		{'c', 1, 3, accRead | accWrite, true},
		{'c', 1, 1, accRead, false}, // mem
		{'c', 136, 77, accRead | accWrite, true},
		{'c', 5, 1, accAll, true},
		{'c', 10, 200, accAll, true},
		{'c', 10, 229, accRead, false}, // fuse
	} {
		if got := reference(rules, c.typ, c.major, c.minor, c.access); got != c.want {
			t.Errorf("%c %d:%d %s: %t", c.typ, c.major, c.minor, c.access, got)
		}
	}
	// Each call gives rules of its own.
	*rules[2].Major = 77
	if *DefaultDeviceRules()[2].Major != 1 {
		t.Error("a change of the rules changed those of later calls")
	}
}
