package specs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestUnknownFields(t *testing.T) {
	for text, want := range map[string][]string{
		`{"ociVersion":"1.0.0","annotations":{"any":"x"},"hooks":{"poststop":[{"path":"/x","when":1}]}}`:                         {"hooks.poststop[0].when"},
		`{"process":{"Args":["x"],"user":{"uid":0,"name":"x"}},"zzz":{"deep":{}}}`:                                               {"process.Args", "process.user.name", "zzz"},
		`{"linux":{"maskedPath":[],"resources":{"blockIO":{"weightDevice":[{"major":1,"minor":2,"weight":3,"heavy":1}]}}}}`:      {"linux.maskedPath", "linux.resources.blockIO.weightDevice[0].heavy"},
		`{"linux":{"sysctl":{"a.b":"c"},"netDevices":{"eth0":{"name":"x","mtu":1}},"resources":{"unified":{"memory.max":"1"}}}}`: {"linux.netDevices.eth0.mtu"},
		`{"mounts":[{"destination":"/x","option":["ro"]}],"linux":null}`:                                                         {"mounts[0].option"},
		`{`:    nil,
		`[]`:   nil,
		`null`: nil,
	} {
		if got := UnknownFields([]byte(text)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestNoUnknownFieldsInDefaults(t *testing.T) {
	for _, s := range []*Spec{Default(), DefaultRootless(1, 1)} {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := UnknownFields(text); got != nil {
			t.Errorf("%q", got)
		}
	}
}

// What engines write is known: a false warning would be worse than none.
func TestNoUnknownFieldsInRealBundles(t *testing.T) {
	files, err := filepath.Glob("testdata/bundles/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bundles: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := UnknownFields(text); got != nil {
			t.Errorf("%s: %q", file, got)
		}
	}
}
