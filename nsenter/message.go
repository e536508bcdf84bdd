package nsenter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// message is struct pl_msg of the init.
type message struct {
	kind   EventKind
	index  uint32
	step   uint32
	errno  unix.Errno
	value  int64
	detail string
	files  []*os.File
}

func parseMessage(b []byte) (message, error) {
	if len(b) != messageSize {
		return message{}, fmt.Errorf("a message of %d bytes", len(b))
	}
	detail, _, _ := bytes.Cut(b[24:], []byte{0})
	return message{
		kind:   EventKind(binary.LittleEndian.Uint32(b[0:])),
		index:  binary.LittleEndian.Uint32(b[4:]),
		step:   binary.LittleEndian.Uint32(b[8:]),
		errno:  unix.Errno(binary.LittleEndian.Uint32(b[12:])),
		value:  int64(binary.LittleEndian.Uint64(b[16:])),
		detail: string(bytes.ToValidUTF8(bytes.TrimSpace(detail), []byte("?"))),
	}, nil
}

func (m message) initError() error {
	return &InitError{Index: int(m.index), Step: InitStep(m.step), Value: m.value, Detail: m.detail, Errno: m.errno}
}

// receive returns a message of kind 0 at the end of file.
func receive(sock *os.File) (message, error) {
	buf := make([]byte, messageSize+1)
	oob := make([]byte, unix.CmsgSpace(4*4))
	var n, oobn int
	var err error
	for reset := false; ; {
		n, oobn, _, _, err = unix.Recvmsg(int(sock.Fd()), buf, oob, unix.MSG_CMSG_CLOEXEC)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		// The init has closed its side with an answer unread. That is told once, before what it has sent.
		if reset || !errors.Is(err, unix.ECONNRESET) {
			break
		}
		reset = true
	}
	if errors.Is(err, unix.ECONNRESET) || (err == nil && n == 0) {
		return message{}, nil
	}
	if err != nil {
		return message{}, err
	}
	files, err := receivedFiles(oob[:oobn])
	if err != nil {
		return message{}, err
	}
	m, err := parseMessage(buf[:n])
	m.files = files
	if err != nil {
		closeAll(files)
	}
	return m, err
}

// peek looks at the next message, of kind 0 for the end of file, without taking it or waiting for it.
func peek(sock *os.File) (m message, there bool) {
	buf := make([]byte, messageSize+1)
	for range 2 {
		n, _, err := unix.Recvfrom(int(sock.Fd()), buf, unix.MSG_PEEK|unix.MSG_DONTWAIT)
		if errors.Is(err, unix.ECONNRESET) { // told once, see receive
			continue
		}
		if err != nil || n == 0 {
			return message{}, err == nil
		}
		m, err := parseMessage(buf[:n])
		return m, err == nil
	}
	return message{}, false
}

func receivedFiles(oob []byte) ([]*os.File, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for i := range msgs {
		fds, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			closeAll(files)
			return nil, err
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "from init"))
		}
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
