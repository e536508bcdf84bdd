//go:build integration

package integration

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	osuser "os/user"

	"golang.org/x/sys/unix"
)

// goServerVariable in the environment makes the test binary a server.
const goServerVariable = "MINIRUN_TEST_SERVER"

// goServer is the Go program of the tests with servers: it answers with what
// it sees of itself until a SIGTERM, and returns its exit code.
func goServer() int {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: http.HandlerFunc(goAnswer)}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	select {
	case err := <-ended:
		fmt.Fprintln(os.Stderr, err)
		return 1
	case <-ctx.Done():
	}
	if err := server.Shutdown(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("stopped")
	return 0
}

func goAnswer(w http.ResponseWriter, _ *http.Request) {
	me, err := osuser.Current()
	if err == nil {
		err = os.WriteFile("/data/asked", []byte("go\n"), 0o644)
	}
	if err == nil {
		err = os.WriteFile(os.TempDir()+"/asked", nil, 0o644)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(w, "pid %d\nhome %s\nuser %s\n", os.Getpid(), os.Getenv("HOME"), me.Username)
}
