package nsenter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ReadResult reads the reports of an init that waited at sync.created, from the reading end of its result fifo, which must be in
// blocking mode, and returns nil once the program has been executed. A failure is an *InitError. An init that ended without a report is io.ErrUnexpectedEOF.
func ReadResult(ctx context.Context, fifo *os.File) error {
	final := false
	for {
		if err := waitReadable(ctx, fifo); err != nil {
			return err
		}
		buf := make([]byte, messageSize)
		n, err := unix.Read(int(fifo.Fd()), buf)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
			continue
		case err != nil:
			return fmt.Errorf("read result of init: %w", err)
		case n == 0 && final:
			return nil
		case n == 0:
			return io.ErrUnexpectedEOF
		}
		m, err := parseMessage(buf[:n])
		if err != nil {
			return fmt.Errorf("read result of init: %w", err)
		}
		switch m.kind {
		case EventFinal:
			final = true
		case eventError:
			return m.initError()
		}
	}
}

// waitReadable returns when there is something to read, or the last writer has gone, or ctx ended.
func waitReadable(ctx context.Context, f *os.File) error {
	const step = 100 // milliseconds between looks at ctx
	p := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		n, err := unix.Poll(p, step)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("poll: %w", err)
		}
		if n > 0 {
			return nil
		}
	}
}
