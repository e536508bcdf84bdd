// Command cri calls Kubernetes' runtime interface (CRI), as the kubelet does, for the checks of tests/clients.
//
//	cri SOCKET METHOD [JSON]        one call, RunPodSandbox for example; prints the answer as JSON
//	cri SOCKET stream METHOD JSON   Exec, Attach or PortForward: asks for the address and streams (see stream.go)
//
// The requests and answers are those of api.proto in JSON, found by reflection, so that no call needs code of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// limit is how long a call may take: longer than the kubelet waits for anything but images.
const limit = 2 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code, err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cri:", err)
	}
	os.Exit(code)
}

// run returns the exit code: 1 where something failed, and of a streamed command its own.
func run(ctx context.Context, args []string) (int, error) {
	streamed := len(args) == 4 && args[1] == "stream"
	if !streamed && (len(args) < 2 || len(args) > 3) {
		return 2, errors.New("usage: cri SOCKET [stream] METHOD [JSON]")
	}
	socket, args := args[0], args[1:]
	if streamed {
		args = args[1:]
	}
	request := "{}"
	if len(args) == 2 {
		request = args[1]
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answer, err := call(ctx, socket, args[0], request)
	if err != nil {
		return 1, fmt.Errorf("%s: %w", args[0], err)
	}
	if streamed {
		return stream(ctx, args[0], request, answer)
	}
	text, err := protojson.MarshalOptions{Multiline: true, EmitDefaultValues: true}.Marshal(answer)
	if err != nil {
		return 1, err
	}
	fmt.Println(string(text))
	return 0, nil
}

// call does one call of the runtime or the image service, whichever has the method.
func call(ctx context.Context, socket, method, request string) (proto.Message, error) {
	service, found := findMethod(method)
	if found == nil {
		return nil, errors.New("no such method")
	}
	in, out, err := messages(found)
	if err != nil {
		return nil, err
	}
	if err := protojson.Unmarshal([]byte(request), in); err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	connection, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = connection.Close() }()
	if err := connection.Invoke(ctx, "/"+service+"/"+method, in, out); err != nil {
		return nil, err
	}
	return out, nil
}

// findMethod finds a method in the services of the CRI.
func findMethod(name string) (service string, found protoreflect.MethodDescriptor) {
	services := runtime.File_staging_src_k8s_io_cri_api_pkg_apis_runtime_v1_api_proto.Services()
	for i := range services.Len() {
		if m := services.Get(i).Methods().ByName(protoreflect.Name(name)); m != nil {
			return string(services.Get(i).FullName()), m
		}
	}
	return "", nil
}

// messages makes an empty request and an empty answer of the method.
func messages(method protoreflect.MethodDescriptor) (in, out proto.Message, err error) {
	input, err := protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName())
	if err != nil {
		return nil, nil, err
	}
	output, err := protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName())
	if err != nil {
		return nil, nil, err
	}
	return input.New().Interface(), output.New().Interface(), nil
}
