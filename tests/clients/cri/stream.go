package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/websocket"
	"google.golang.org/protobuf/proto"
)

// The channels of a streamed command: the first byte of each message of the subprotocol "v4.channel.k8s.io".
// A forwarded port has two: 0 for data, 1 for errors; their first message is the port's number.
const (
	channelStdin  = 0
	channelStdout = 1
	channelStderr = 2
	channelError  = 3
	channelResize = 4
)

// stream does what the kubelet's client does with the address that the engine answered: standard input goes in, what comes out
// goes to standard output and standard error. A line "COLUMNSxROWS" in $CRI_RESIZE is sent as the terminal's size first.
//
// It returns the exit code of the command. Standard input has no end in this protocol: it ends with the command. Of a forwarded
// port the end is that of the other side.
func stream(ctx context.Context, method, request string, answer proto.Message) (int, error) {
	at, ok := answer.(interface{ GetUrl() string })
	if !ok {
		return 1, fmt.Errorf("%s: does not stream", method)
	}
	address, err := url.Parse(at.GetUrl())
	if err != nil {
		return 1, err
	}
	address.Scheme = "ws"
	if method == "PortForward" {
		if address.RawQuery, err = portQuery(request); err != nil {
			return 1, err
		}
	}
	config, err := websocket.NewConfig(address.String(), "http://localhost/")
	if err != nil {
		return 1, err
	}
	config.Protocol = []string{"v4.channel.k8s.io"}
	connection, err := config.DialContext(ctx)
	if err != nil {
		return 1, fmt.Errorf("stream: %w", err)
	}
	defer func() { _ = connection.Close() }()
	s := session{connection: connection, forward: method == "PortForward"}
	if size := os.Getenv("CRI_RESIZE"); size != "" {
		if err := s.resize(size); err != nil {
			return 1, err
		}
	}
	go s.input(os.Stdin)
	return s.output()
}

// portQuery is the query of a forwarded port: the protocol has the port there, and the address that was answered has none.
func portQuery(request string) (string, error) {
	var r struct{ Port []int32 }
	if err := json.Unmarshal([]byte(request), &r); err != nil || len(r.Port) != 1 {
		return "", errors.New("PortForward: one port is needed")
	}
	return "port=" + strconv.Itoa(int(r.Port[0])), nil
}

type session struct {
	connection *websocket.Conn
	forward    bool
	writing    sync.Mutex
}

func (s *session) send(channel byte, data []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return websocket.Message.Send(s.connection, append([]byte{channel}, data...))
}

func (s *session) resize(size string) error {
	columns, rows, _ := strings.Cut(size, "x")
	return s.send(channelResize, fmt.Appendf(nil, `{"Width":%s,"Height":%s}`, columns, rows))
}

func (s *session) input(from io.Reader) {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if n > 0 && s.send(channelStdin, buffer[:n]) != nil || err != nil {
			return
		}
	}
}

// output copies until the end, and returns the code that the error channel tells.
func (s *session) output() (int, error) {
	begun := map[byte]bool{}
	for {
		var message []byte
		err := websocket.Message.Receive(s.connection, &message)
		if errors.Is(err, io.EOF) && s.forward {
			return 0, nil
		}
		if err != nil {
			return 1, fmt.Errorf("stream ended early: %w", err)
		}
		if len(message) == 0 {
			continue
		}
		channel, data := message[0], message[1:]
		if s.forward {
			if !begun[channel] {
				begun[channel] = true
				continue
			}
			if channel == 1 {
				return 1, fmt.Errorf("port: %s", data)
			}
			channel = channelStdout
		}
		switch channel {
		case channelStdout:
			_, _ = os.Stdout.Write(data)
		case channelStderr:
			_, _ = os.Stderr.Write(data)
		case channelError:
			return exitCode(data)
		}
	}
}

// exitCode reads the status object that ends a streamed command.
func exitCode(status []byte) (int, error) {
	var s struct {
		Status, Message, Reason string
		Details                 struct {
			Causes []struct{ Reason, Message string }
		}
	}
	if err := json.Unmarshal(status, &s); err != nil {
		return 1, fmt.Errorf("status %q: %w", status, err)
	}
	if s.Status == "Success" {
		return 0, nil
	}
	for _, cause := range s.Details.Causes {
		if code, err := strconv.Atoi(cause.Message); err == nil && s.Reason == "NonZeroExitCode" {
			return code, nil
		}
	}
	return 1, errors.New(s.Message)
}
