// go-copy forwards TCP the way a Go program usually does: accept, dial, and io.Copy in both
// directions. Between two TCP connections io.Copy is splice(2) on Linux, and Go sets TCP_NODELAY
// on every connection by itself. It stands for the forwarders that are written in Go.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "-version" {
		fmt.Println("go-copy, built with Go", strings.TrimPrefix(runtime.Version(), "go"))
		return
	}
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go-copy LISTEN TARGET")
		os.Exit(2)
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go forward(client.(*net.TCPConn), os.Args[2])
	}
}

// forward carries one session until both of its directions have ended.
func forward(client *net.TCPConn, to string) {
	defer client.Close()
	connection, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	target := connection.(*net.TCPConn)
	defer target.Close()
	up := make(chan struct{})
	go func() {
		defer close(up)
		pass(target, client)
	}()
	pass(client, target)
	<-up
}

// pass copies until the source ends, and then ends the other side in the same direction. As in most
// programs of this kind, a reset is passed on as an end.
func pass(to, from *net.TCPConn) {
	io.Copy(to, from)
	to.CloseWrite()
}
