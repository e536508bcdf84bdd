package nsenter

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// randomOps returns one operation of every kind, with random arguments.
func randomOps(r *rand.Rand, slots int) []InitOp {
	var ops []InitOp
	for code := uint16(1); ; code++ {
		op := newInitOp(code)
		if op == nil {
			return ops
		}
		v := reflect.ValueOf(op).Elem()
		for i := range v.NumField() {
			v.Field(i).Set(randomValue(r, v.Field(i).Interface(), slots))
		}
		ops = append(ops, op.value())
	}
}

func randomValue(r *rand.Rand, like any, slots int) reflect.Value {
	switch like.(type) {
	case uint32:
		return reflect.ValueOf(r.Uint32())
	case uint64:
		return reflect.ValueOf(r.Uint64())
	case Slot:
		return reflect.ValueOf(Slot(r.IntN(slots+1) - 1))
	case string:
		return reflect.ValueOf(randomString(r))
	case []string:
		var list []string
		for range r.IntN(5) {
			list = append(list, randomString(r))
		}
		return reflect.ValueOf(list)
	case []uint32:
		var list []uint32
		for range r.IntN(5) {
			list = append(list, r.Uint32())
		}
		return reflect.ValueOf(list)
	case []byte:
		b := make([]byte, 8*r.IntN(6))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if len(b) == 0 {
			b = nil
		}
		return reflect.ValueOf(b)
	}
	panic(fmt.Sprintf("ops.tab has a new kind of field: %T", like))
}

// randomString has every byte but NUL, often looks like a path, and is sometimes empty or long.
func randomString(r *rand.Rand) string {
	n := []int{0, 1, 5, 20, 300}[r.IntN(5)]
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(1 + r.IntN(255))
		if r.IntN(2) == 0 {
			b[i] = "/.ab-="[r.IntN(6)]
		}
	}
	return string(b)
}

// randomPlan puts the operations into a random order, some of them as attempts with alternatives.
func randomPlan(r *rand.Rand, slots int) *Plan {
	p := &Plan{}
	var try bool
	for _, op := range randomOps(r, slots) {
		it := Item{Op: op}
		if try && r.IntN(2) == 0 {
			it.Flags |= FlagOpElse
		}
		if try = r.IntN(4) == 0; try {
			it.Flags |= FlagOpTry
		}
		p.Items = append(p.Items, it)
	}
	return p
}

func encoded(t *testing.T, p *Plan, slots int) []byte {
	t.Helper()
	h := header{syncFD: 3, exeFD: 4, slots: make([]int32, slots)}
	for i := range h.slots {
		h.slots[i] = int32(i%7) - 1
	}
	b, err := p.encode(h)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPlanRoundTrip wants decoding to be the inverse of encoding, for plans with every operation.
func TestPlanRoundTrip(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		slots := 1 + r.IntN(9)
		p := randomPlan(r, slots)
		b := encoded(t, p, slots)
		got, err := decodePlan(b)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !reflect.DeepEqual(got, p.Items) {
			for i := range got {
				if !reflect.DeepEqual(got[i], p.Items[i]) {
					t.Fatalf("seed %d: item %d is %v, want %v", seed, i, got[i], p.Items[i])
				}
			}
			t.Fatalf("seed %d: %d items, want %d", seed, len(got), len(p.Items))
		}
		if again := encoded(t, p, slots); !bytes.Equal(b, again) {
			t.Fatalf("seed %d: encoded twice, the bytes differ", seed)
		}
	}
}

// TestPlanDecoderSurvives feeds the Go decoder with damaged plans: it must refuse or read them, and not panic.
func TestPlanDecoderSurvives(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	good := encoded(t, randomPlan(r, 4), 4)
	for range 20000 {
		b := bytes.Clone(good)
		for range 1 + r.IntN(4) {
			b[40+r.IntN(len(b)-40)] = byte(r.Uint32())
		}
		_, _ = decodePlan(b[:len(b)-r.IntN(2)*r.IntN(len(b))])
	}
}

func TestPlanRefused(t *testing.T) {
	for _, tc := range []struct {
		name string
		op   InitOp
		want error
	}{
		{"NUL in a string", UtsHostname{Name: "a\x00b"}, errNUL},
		{"NUL in a list", ProcExec{Args: []string{"a", "b\x00"}}, errNUL},
		{"slot too high", RootPivot{Root: MaxSlots}, errSlots},
		{"slot too low", RootPivot{Root: -2}, errSlot},
		{"too large", SeccompLoad{Filter: make([]byte, maxPlan)}, errPlanSize},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := (&Plan{Items: []Item{{Op: tc.op}}}).encode(header{})
			if err == nil || !strings.Contains(err.Error(), tc.want.Error()) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

// harness builds the hosted init with the sanitizers.
func harness(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"gcc", "make"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("the C decoder is not tested: ", err)
		}
	}
	dir := t.TempDir()
	out, err := exec.Command("make", "-C", "init", "OUT="+dir, dir+"/harness").CombinedOutput()
	if err != nil {
		t.Fatalf("make harness: %v\n%s", err, out)
	}
	return dir + "/harness"
}

// TestDecoderInC wants the init's decoder to see what the encoder was given, and to refuse damaged plans without a sanitizer's
// complaint.
func TestDecoderInC(t *testing.T) {
	bin := harness(t)
	dir := t.TempDir()
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		slots := 1 + r.IntN(9)
		p := randomPlan(r, slots)
		file := filepath.Join(dir, fmt.Sprint(seed))
		if err := os.WriteFile(file, encoded(t, p, slots), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := exec.Command(bin, "dump", file).CombinedOutput()
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, got)
		}
		if want := dump(p); string(got) != want {
			t.Fatalf("seed %d: the init reads\n%s\nwant\n%s", seed, got, want)
		}
	}
	t.Run("damaged", func(t *testing.T) { damagedPlans(t, bin) })
	t.Run("corpus", func(t *testing.T) {
		files, err := filepath.Glob("init/testdata/corpus/*")
		if err != nil || len(files) == 0 {
			t.Fatalf("no corpus: %v", err)
		}
		runHarness(t, bin, files)
	})
}

// damagedPlans carries plans out over the harness's kernel, the seed of whose answers stands before them.
func damagedPlans(t *testing.T, bin string) {
	dir := t.TempDir()
	var files []string
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 3))
		b := binary.LittleEndian.AppendUint64(nil, r.Uint64())
		b = append(b, encoded(t, randomPlan(r, 4), 4)...)
		for range r.IntN(3) {
			b[8+r.IntN(len(b)-8)] = byte(r.Uint32())
		}
		file := filepath.Join(dir, fmt.Sprint(seed))
		if err := os.WriteFile(file, b[:len(b)-r.IntN(2)*r.IntN(20)], 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	runHarness(t, bin, files)
}

func runHarness(t *testing.T, bin string, files []string) {
	t.Helper()
	out, err := exec.Command(bin, append([]string{"run"}, files...)...).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// dump writes a plan as the harness does.
func dump(p *Plan) string {
	var b strings.Builder
	for i, it := range p.Items {
		fmt.Fprintf(&b, "%d %d %d", i, it.Op.(InitOp).code(), it.Flags)
		for _, f := range it.Op.Fields() {
			b.WriteString(" " + dumpField(f.Value))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func dumpField(v any) string {
	quoted := func(s string) string { return `"` + hex.EncodeToString([]byte(s)) + `"` }
	var b strings.Builder
	switch v := v.(type) {
	case Slot:
		return fmt.Sprint(uint64(int64(v)))
	case string:
		return quoted(v)
	case []byte:
		return quoted(string(v))
	case []string:
		for _, s := range v {
			b.WriteString(quoted(s))
		}
	case []uint32:
		for _, n := range v {
			fmt.Fprintf(&b, "%d,", n)
		}
	default:
		return fmt.Sprint(v)
	}
	return "[" + b.String() + "]"
}
