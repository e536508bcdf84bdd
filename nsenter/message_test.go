package nsenter

import (
	"encoding/binary"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// What the init reports before it ends arrives, also when it ends with an answer of the host side unread, and another one comes too late.
func TestReceiveAfterReset(t *testing.T) {
	for late := range 3 {
		t.Run(fmt.Sprintf("%d late", late), func(t *testing.T) { receiveAfterReset(t, late) })
	}
}

func receiveAfterReset(t *testing.T, late int) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	host, child := os.NewFile(uintptr(fds[0]), "host"), os.NewFile(uintptr(fds[1]), "init")
	defer host.Close()
	c := Child{sock: host}
	if err := c.Ack(); err != nil {
		t.Fatal(err)
	}
	report := make([]byte, messageSize)
	binary.LittleEndian.PutUint32(report, uint32(eventError))
	binary.LittleEndian.PutUint32(report[4:], 17)
	if _, err := child.Write(report); err != nil {
		t.Fatal(err)
	}
	if err := child.Close(); err != nil {
		t.Fatal(err)
	}
	for range late {
		if err := c.Ack(); err != nil {
			t.Error(err)
		}
	}
	if m, err := receive(host); err != nil || m.kind != eventError || m.index != 17 {
		t.Errorf("received %+v, %v", m, err)
	}
	if m, err := receive(host); err != nil || m.kind != 0 {
		t.Errorf("after the end: %+v, %v", m, err)
	}
}
