//go:build integration

package differential

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/containerd/cgroups/v3/cgroup1"
	v1 "github.com/containerd/cgroups/v3/cgroup1/stats"
	"github.com/containerd/cgroups/v3/cgroup2"
	v2 "github.com/containerd/cgroups/v3/cgroup2/stats"
	"google.golang.org/protobuf/proto"

	ours "github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/cgroups/metrics"
)

// The metrics are those that containerd's own readers find in the same cgroup,
// but for what is taken out below.
func TestMetrics(t *testing.T) {
	host, err := ours.Detect("/")
	if err != nil {
		t.Fatal(err)
	}
	path := fmt.Sprintf("/minirun-metrics-%d", os.Getpid())
	record, err := ours.Place(host, path, "id")
	if err != nil {
		t.Fatal(err)
	}
	writes, _, err := ours.Compile(parse(t, `{"memory": {"limit": 67108864}, "pids": {"limit": 9}, "cpu": {"quota": 50000, "period": 100000}}`, numbers(t)), host)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ours.Create(context.Background(), record, writes)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "1000")
	t.Cleanup(func() {
		if err := errors.Join(c.Kill(context.Background()), c.Destroy(context.Background()), c.Close()); err != nil {
			t.Error(err)
		}
		cmd.Wait()
	})
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := c.Attach(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	// The process sleeps, but what it did before may still be counted late.
	var got, want proto.Message
	for range 50 {
		if got, err = metrics.Collect(c); err != nil {
			t.Fatal(err)
		}
		want = theirMetrics(t, host, path)
		leaveOut(got)
		leaveOut(want)
		if proto.Equal(got, want) {
			return
		}
	}
	t.Errorf("ours   %v\ntheirs %v", got, want)
}

func theirMetrics(t *testing.T, host *ours.Host, path string) proto.Message {
	t.Helper()
	if host.Mode() == ours.Unified {
		m, err := cgroup2.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := m.Stat()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	cg, err := cgroup1.Load(cgroup1.StaticPath(path))
	if err != nil {
		t.Fatal(err)
	}
	s, err := cg.Stat(cgroup1.IgnoreNotExist)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// leaveOut takes out what differs for a reason.
func leaveOut(m proto.Message) {
	switch m := m.(type) {
	case *v1.Metrics:
		// They look at all sizes that there are, also where the controller is not.
		m.Hugetlb = nil
		// A controller without devices is an empty message or none.
		m.Rdma = nil
	case *v2.Metrics:
		m.Hugetlb, m.Rdma = nil, nil
		// They add nothing up where the kernel divides the figure (since Linux 5.9),
		// which leaves zero.
		m.Memory.WorkingsetRefault, m.Memory.WorkingsetActivate = 0, 0
		// Averages change by themselves.
		for _, p := range []*v2.PSIStats{m.CPU.PSI, m.Memory.PSI, m.Io.PSI} {
			for _, d := range []*v2.PSIData{p.GetSome(), p.GetFull()} {
				if d != nil {
					d.Avg10, d.Avg60, d.Avg300 = 0, 0, 0
				}
			}
		}
	}
}
