// Command run runs the container of a bundle and prints how it ended: a whole program on top of the library.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/minirun/minirun/libcontainer"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: run BUNDLE")
	}
	if err := run(context.Background(), os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, bundle string) (err error) {
	rt, err := libcontainer.New(libcontainer.Options{Root: "/run/minirun-example"})
	if err != nil {
		return err
	}
	defer rt.Close()
	output, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	defer output.Close()
	stdio := libcontainer.Stdio{Stdin: os.Stdin, Stdout: theirs, Stderr: theirs}
	c, err := rt.Run(ctx, "hello", libcontainer.CreateOptions{Bundle: bundle, Stdio: stdio})
	theirs.Close() // the container has its own copy: the output ends with its last process
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Delete(ctx, libcontainer.DeleteOptions{Force: true})) }()
	if _, err := io.Copy(os.Stdout, output); err != nil {
		return err
	}
	status, err := c.Wait(ctx)
	if err != nil {
		return err
	}
	fmt.Println("exit status", status.ShellCode())
	return nil
}
