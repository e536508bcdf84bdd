package libcontainer_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/minirun/minirun/cgroups"
	"github.com/minirun/minirun/libcontainer"
	"github.com/minirun/minirun/specs"
)

// A plan can be read without root, and without making anything.
func ExampleRuntime_Plan() {
	rt, err := libcontainer.New(libcontainer.Options{Root: "/run/example"})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	spec := specs.Default()
	spec.Hostname = "web"
	plan, err := rt.Plan("web", libcontainer.CreateOptions{Bundle: os.TempDir(), Spec: spec})
	if err != nil {
		log.Fatal(err)
	}
	for _, step := range plan.Items {
		if step.Because == "hostname" {
			fmt.Println(step)
		}
	}
	// Output: uts.hostname name=web
}

// Create and Start are two steps, so that the caller can do something in between: set the network up, for example.
func ExampleRuntime_Create() {
	ctx := context.Background()
	rt, err := libcontainer.New(libcontainer.Options{Root: "/run/example"})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	c, err := rt.Create(ctx, "web", libcontainer.CreateOptions{Bundle: "/srv/web"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("namespaces of process", c.Process().Pid())
	if err := c.Start(ctx); err != nil {
		log.Fatal(err)
	}
}

// Another program goes into a container that runs. Its process is the configuration's, with other arguments.
func ExampleContainer_Exec() {
	ctx := context.Background()
	rt, err := libcontainer.New(libcontainer.Options{Root: "/run/example"})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	c, err := rt.Load(ctx, "web")
	if err != nil {
		log.Fatal(err)
	}
	spec, err := c.Spec()
	if err != nil {
		log.Fatal(err)
	}
	spec.Process.Args = []string{"ls", "-l"}
	stdio := libcontainer.Stdio{Stdout: os.Stdout, Stderr: os.Stderr}
	p, err := c.Exec(ctx, libcontainer.ExecOptions{Process: spec.Process, Stdio: stdio})
	if err != nil {
		log.Fatal(err)
	}
	status, err := p.Wait(ctx)
	fmt.Println(status.ShellCode(), err)
}

// Errors are told apart with errors.Is.
func ExampleRuntime_Load() {
	rt, err := libcontainer.New(libcontainer.Options{Root: "/run/example-of-nothing"})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	_, err = rt.Load(context.Background(), "web")
	fmt.Println(errors.Is(err, libcontainer.ErrNotExist))
	_, err = rt.Load(context.Background(), "../web")
	fmt.Println(errors.Is(err, libcontainer.ErrInvalidID))
	// Output:
	// true
	// true
}

func ExampleExitStatus_ShellCode() {
	fmt.Println(libcontainer.ExitStatus{Code: 3}.ShellCode())
	fmt.Println(libcontainer.ExitStatus{Signal: unix.SIGKILL}.ShellCode())
	// Output:
	// 3
	// 137
}

// What the README shows is the program that the tests build and run.
func TestReadmeShowsTheExample(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("examples/run/main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, program, _ := strings.Cut(string(example), "\npackage main")
	if !strings.Contains(string(readme), "```go\npackage main"+program+"```") {
		t.Error("README.md shows another program than libcontainer/examples/run/main.go")
	}
}

// What a container uses, once a minute, and that it has run out of memory. The channel is closed when the container has ended.
func ExampleContainer_Events() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // who leaves the loop early lets the goroutine behind the channel end
	rt, err := libcontainer.New(libcontainer.Options{Root: "/run/example"})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	c, err := rt.Load(ctx, "web")
	if err != nil {
		log.Fatal(err)
	}
	events, err := c.Events(ctx, libcontainer.EventOptions{StatsInterval: time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	for e := range events {
		switch {
		case e.Err != nil:
			log.Print(e.Err)
		case e.Type == cgroups.EventOOM:
			fmt.Println("out of memory")
		case e.Type == libcontainer.EventStats && e.Stats.Memory != nil:
			fmt.Println("bytes of memory:", e.Stats.Memory.Usage.Current)
		}
	}
}
