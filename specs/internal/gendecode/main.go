// Command gendecode writes decode_gen.go of package specs: one decode function
// for each struct of the runtime specification's Go types. It is run by
// "go generate" in package specs, and takes the output file as its argument.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gendecode FILE")
		os.Exit(2)
	}
	src, err := generate()
	if err == nil {
		err = os.WriteFile(os.Args[1], src, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gendecode:", err)
		os.Exit(1)
	}
}
