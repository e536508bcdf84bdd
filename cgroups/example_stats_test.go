package cgroups_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/minirun/minirun/cgroups"
)

// Print what a process's cgroup has used. Any cgroup can be asked, whoever made
// it.
func ExampleCgroup_Stats() {
	if err := printStats(os.Getpid()); err != nil {
		fmt.Println(err)
	}
}

func printStats(pid int) error {
	host, err := cgroups.Detect("/")
	if err != nil {
		return err
	}
	record, err := host.Of(pid)
	if err != nil {
		return err
	}
	cg := cgroups.Open(record)
	defer cg.Close()
	s, err := cg.Stats()
	if err != nil {
		return err
	}
	// What the kernel does not count is nil.
	if m := s.Memory; m != nil {
		fmt.Println("bytes of memory:", m.Usage.Current)
		if m.Usage.Limited() {
			fmt.Println("  at most:", m.Usage.Limit)
		}
	}
	if c := s.CPU; c != nil && c.Pressure != nil {
		fmt.Printf("waited for a processor: %.1f %% of the last ten seconds\n", c.Pressure.Some.Avg10)
	}
	return nil
}

// Report processes that are killed for want of memory, until the cgroup's last
// process has ended or the context has.
func ExampleCgroup_Watch() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cg := cgroups.Open(cgroups.Record{}) // normally of a cgroup that Create made
	defer cg.Close()
	if err := report(ctx, cg); err != nil {
		fmt.Println(err)
	}
}

func report(ctx context.Context, cg *cgroups.Cgroup) error {
	w, err := cg.Watch(nil)
	if err != nil {
		return err
	}
	defer w.Close()
	for {
		e, err := w.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if e.Type == cgroups.EventOOM {
			fmt.Println("out of memory, times:", e.Count)
		}
	}
}
