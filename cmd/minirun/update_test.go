package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{
		"-1": -1, "0": 0, "67108864": 67108864, "9223372036854771712": 9223372036854771712, "1b": 1, "1B": 1,
		"1k": 1024, "1K": 1024, "1kb": 1024, "1KiB": 1024, "64 MB": 64 << 20, "64m": 64 << 20, "2Gi": 2 << 30, "1.5g": 3 << 29, "1t": 1 << 40, "1PiB": 1 << 50,
		".5k": 512,
	} {
		if got, err := parseSize(in); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "-2", "m", "1x", "1mm", "1bk", "1ib", "1.2.3m", "1  m", "0x10", "1e3", "+1", "1m ", "9223372036854775808", "8192p", "99999999999t"} {
		if got, err := parseSize(in); err == nil {
			t.Errorf("%q: %d and no error", in, got)
		}
	}
	if math.MaxInt64/(1<<50) < 8191 {
		t.Fatal("the largest unit is too large")
	}
}

// resourcesOf returns what the flags of update ask for, as JSON.
func resourcesOf(t *testing.T, args ...string) (string, error) {
	t.Helper()
	u := &updateFlags{}
	f := newFlags("update")
	u.register(f)
	err := f.Parse(args)
	text, jerr := json.Marshal(u.LinuxResources)
	if jerr != nil {
		t.Fatal(jerr)
	}
	return string(text), err
}

func TestUpdateFlags(t *testing.T) {
	for args, want := range map[string]string{
		"": `{"memory":{},"cpu":{},"pids":{},"blockIO":{}}`,
		"--memory 64m --memory-reservation=32m --memory-swap -1": `{"memory":{"limit":67108864,"reservation":33554432,"swap":-1},"cpu":{},"pids":{},"blockIO":{}}`,
		"--cpu-period 1000 --cpu-quota -1 --cpu-share 5 --cpu-rt-period 6 --cpu-rt-runtime 7 --cpu-burst 8 --cpu-idle 1 --cpuset-cpus 0-1 --cpuset-mems 0": `{"memory":{},` +
			`"cpu":{"shares":5,"quota":-1,"burst":8,"period":1000,"realtimeRuntime":7,"realtimePeriod":6,"cpus":"0-1","mems":"0","idle":1},"pids":{},"blockIO":{}}`,
		"--pids-limit 0 --blkio-weight 1000":        `{"memory":{},"cpu":{},"pids":{"limit":0},"blockIO":{"weight":1000}}`,
		"--kernel-memory 1m --kernel-memory-tcp=1k": `{"memory":{"kernel":1048576,"kernelTCP":1024},"cpu":{},"pids":{},"blockIO":{}}`,
		"--memory= --cpu-quota= --cpu-share=":       `{"memory":{},"cpu":{},"pids":{},"blockIO":{}}`,
	} {
		got, err := resourcesOf(t, strings.Fields(args)...)
		if err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", args, got, err, want)
		}
	}
	for args, want := range map[string]string{
		"--memory lots":        `invalid value "lots" for flag -memory: it must be a size such as 1048576, 512m or 1.5GiB, or -1`,
		"--cpu-share -1":       `invalid value "-1" for flag -cpu-share: invalid syntax`,
		"--blkio-weight 70000": `invalid value "70000" for flag -blkio-weight: value out of range`,
		"--pids-limit many":    `invalid value "many" for flag -pids-limit: invalid syntax`,
	} {
		if _, err := resourcesOf(t, strings.Fields(args)...); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
}

// What cannot be read is an error before the container is looked for; flags may stand behind the id.
func TestUpdateErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "r.json")
	if err := os.WriteFile(file, []byte(`{"memory":{"limit":"1m"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"update":           "update: exactly 1 argument is needed",
		"update web other": "update: exactly 1 argument is needed",
		"update --resources " + dir + "/none.json web": dir + "/none.json: open: no such file or directory",
		"update -r " + file + " web":                   "linux.resources.memory.limit",
		"update -r - web":                              "standard input:1:1: the file is empty",
		"update web --memory 1m":                       "container does not exist",
		"update web --memory lots":                     `update: invalid value "lots" for flag -memory`,
		"pause web":                                    "container does not exist",
		"resume web":                                   "container does not exist",
	} {
		got := call(t, append([]string{"--root", dir}, strings.Fields(args)...)...)
		if got.status != 1 || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: %d, %q; want %q", args, got.status, got.stderr, want)
		}
	}
}
