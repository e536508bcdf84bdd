// Command gen makes the Go and the C side of the operation table: it reads ops.tab and writes op_gen.go and
// init/ops_gen.h into the directory it is run in (go generate ./nsenter).
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"go/format"
	"log"
	"os"
)

func main() {
	log.SetFlags(0)
	src, err := os.ReadFile("ops.tab")
	if err != nil {
		log.Fatal(err)
	}
	t, err := parse(src)
	if err != nil {
		log.Fatalf("ops.tab:%v", err)
	}
	t.hash = sha256.Sum256(src)
	goSrc, err := format.Source(t.goFile())
	if err != nil {
		log.Fatal(err)
	}
	for name, content := range map[string][]byte{"op_gen.go": goSrc, "init/ops_gen.h": t.cFile()} {
		if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, content) {
			continue
		}
		if err := os.WriteFile(name, content, 0o644); err != nil {
			log.Fatal(err)
		}
		fmt.Println("wrote", name)
	}
}
