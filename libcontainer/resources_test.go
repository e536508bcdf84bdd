package libcontainer

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/minirun/minirun/specs"
)

func parseResources(t *testing.T, text string) *specs.LinuxResources {
	t.Helper()
	r, err := specs.DecodeResources([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

// What is in force after a change, and what of it is written.
func TestMergeResources(t *testing.T) {
	for _, c := range []struct{ name, old, change, merged, written string }{
		{"nothing", `{"memory":{"limit":5}}`, `{}`, `{"memory":{"limit":5}}`, `{}`},
		{"first", `{}`, `{"pids":{"limit":0}}`, `{"pids":{"limit":0}}`, `{"pids":{"limit":0}}`},
		{"others stay", `{"memory":{"limit":5,"swappiness":7},"pids":{"limit":3}}`, `{"pids":{"limit":4}}`, `{"memory":{"limit":5,"swappiness":7},"pids":{"limit":4}}`, `{"pids":{"limit":4}}`},
		{
			"zeros are not set", `{"memory":{"limit":5},"cpu":{"shares":6,"quota":7},"blockIO":{"weight":10}}`,
			`{"memory":{"limit":0,"reservation":0,"swap":0,"swappiness":0},"cpu":{"shares":0,"quota":0,"period":0,"burst":0,"cpus":""},"blockIO":{"weight":0}}`,
			`{"memory":{"limit":5,"swappiness":0},"cpu":{"shares":6,"quota":7,"burst":0},"blockIO":{"weight":10}}`,
			`{"memory":{"swappiness":0},"cpu":{"burst":0},"blockIO":{}}`,
		},
		{"limit beside swap", `{"memory":{"limit":5,"swap":9}}`, `{"memory":{"limit":6}}`, `{"memory":{"limit":6,"swap":9}}`, `{"memory":{"limit":6,"swap":9}}`},
		{"swap beside limit", `{"memory":{"limit":5,"swap":9}}`, `{"memory":{"swap":-1}}`, `{"memory":{"limit":5,"swap":-1}}`, `{"memory":{"limit":5,"swap":-1}}`},
		{"no limit at all", `{"memory":{"limit":5,"swap":9}}`, `{"memory":{"limit":-1}}`, `{"memory":{"limit":-1,"swap":-1}}`, `{"memory":{"limit":-1,"swap":-1}}`},
		{"no limit, no swap", `{"memory":{"limit":5}}`, `{"memory":{"limit":-1}}`, `{"memory":{"limit":-1}}`, `{"memory":{"limit":-1}}`},
		{"reservation alone", `{"memory":{"limit":5,"swap":9}}`, `{"memory":{"reservation":4}}`, `{"memory":{"limit":5,"swap":9,"reservation":4}}`, `{"memory":{"reservation":4}}`},
		{
			"check stays", `{"memory":{"limit":5,"checkBeforeUpdate":true}}`, `{"memory":{"limit":6}}`,
			`{"memory":{"limit":6,"checkBeforeUpdate":true}}`, `{"memory":{"limit":6,"checkBeforeUpdate":true}}`,
		},
		{"quota keeps the period", `{"cpu":{"quota":5,"period":6,"shares":7}}`, `{"cpu":{"quota":8}}`, `{"cpu":{"quota":8,"period":6,"shares":7}}`, `{"cpu":{"quota":8,"period":6}}`},
		{"period keeps the quota", `{"cpu":{"quota":5,"period":6}}`, `{"cpu":{"period":8}}`, `{"cpu":{"quota":5,"period":8}}`, `{"cpu":{"quota":5,"period":8}}`},
		{"processors", `{"cpu":{"cpus":"0-3","mems":"0"}}`, `{"cpu":{"cpus":"1"}}`, `{"cpu":{"cpus":"1","mems":"0"}}`, `{"cpu":{"cpus":"1"}}`},
		{
			"page sizes", `{"hugepageLimits":[{"pageSize":"2MB","limit":1},{"pageSize":"1GB","limit":2}]}`, `{"hugepageLimits":[{"pageSize":"1GB","limit":3},{"pageSize":"64KB","limit":4}]}`,
			`{"hugepageLimits":[{"pageSize":"2MB","limit":1},{"pageSize":"1GB","limit":3},{"pageSize":"64KB","limit":4}]}`,
			`{"hugepageLimits":[{"pageSize":"1GB","limit":3},{"pageSize":"64KB","limit":4}]}`,
		},
		{
			"block devices", `{"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":10,"leafWeight":20}],"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":1}]}}`,
			`{"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":30}],"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":0},{"major":8,"minor":1,"rate":2}]}}`,
			`{"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":30,"leafWeight":20}],"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":0},{"major":8,"minor":1,"rate":2}]}}`,
			`{"blockIO":{"weightDevice":[{"major":8,"minor":0,"weight":30}],"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":0},{"major":8,"minor":1,"rate":2}]}}`,
		},
		{
			"by name", `{"unified":{"a.b":"1","a.c":"2"},"rdma":{"x":{"hcaHandles":1,"hcaObjects":2}},"network":{"classID":1,"priorities":[{"name":"eth0","priority":1}]}}`,
			`{"unified":{"a.c":"3"},"rdma":{"x":{"hcaHandles":3},"y":{"hcaObjects":4}},"network":{"priorities":[{"name":"eth0","priority":2}]}}`,
			`{"unified":{"a.b":"1","a.c":"3"},"rdma":{"x":{"hcaHandles":3,"hcaObjects":2},"y":{"hcaObjects":4}},"network":{"classID":1,"priorities":[{"name":"eth0","priority":2}]}}`,
			`{"unified":{"a.c":"3"},"rdma":{"x":{"hcaHandles":3},"y":{"hcaObjects":4}},"network":{"priorities":[{"name":"eth0","priority":2}]}}`,
		},
		{
			"device rules replace", `{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":1,"access":"r"}]}`, `{"devices":[{"allow":false,"access":"rwm"}]}`,
			`{"devices":[{"allow":false,"access":"rwm"}]}`, `{"devices":[{"allow":false,"access":"rwm"}]}`,
		},
		{"no device rules", `{"devices":[{"allow":false,"access":"rwm"}]}`, `{"devices":[]}`, `{"devices":[{"allow":false,"access":"rwm"}]}`, `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			old, change := parseResources(t, c.old), parseResources(t, c.change)
			merged := mergeResources(old, change)
			same(t, "in force", merged, c.merged)
			same(t, "written", changeOf(change, merged), c.written)
			if again := parseResources(t, c.old); !reflect.DeepEqual(old, again) {
				t.Errorf("the old resources were changed to %+v", old)
			}
			if again := parseResources(t, c.change); !reflect.DeepEqual(change, again) {
				t.Errorf("the change itself was changed to %+v", change)
			}
		})
	}
	same(t, "nothing at all", mergeResources(nil, nil), `{}`)
}

func same(t *testing.T, what string, got *specs.LinuxResources, want string) {
	t.Helper()
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	wantText, err := json.Marshal(parseResources(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != string(wantText) {
		t.Errorf("%s: %s, want %s", what, text, wantText)
	}
}

// What an update has written is part of the configuration from then on; what is no JSON any more is an error with the file's name.
func TestReadInForce(t *testing.T) {
	d := newStateDir(t)
	spec := &specs.Spec{}
	if err := d.readInForce(spec); err != nil || spec.Linux != nil {
		t.Errorf("without an update: %v, %+v", err, spec.Linux)
	}
	if err := d.writeFile(resourcesFile, []byte(`{"resources":{"pids":{"limit":7}}}`)); err != nil {
		t.Fatal(err)
	}
	if err := d.readInForce(spec); err != nil {
		t.Fatal(err)
	}
	same(t, "read", spec.Linux.Resources, `{"pids":{"limit":7}}`)
	if err := d.writeFile(resourcesFile, []byte(`{`)); err != nil {
		t.Fatal(err)
	}
	if err := d.readInForce(spec); err == nil || err.Error() != "state file "+d.path(resourcesFile)+": unexpected end of JSON input" {
		t.Errorf("broken: %v", err)
	}
}
