// `KUBECONFIG FILE CONNECTIONS WARMING` - posts the bodies in FILE, one a line, over so many connections of HTTP/1.1,
// and times what comes after the first WARMING of them.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const path = "/api/v1/namespaces/default/configmaps"

func main() {
	connections, err := strconv.Atoi(os.Args[3])
	check(err)
	warming, err := strconv.Atoi(os.Args[4])
	check(err)
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	check(err)
	http1 := clientFor(config, connections)
	text, err := os.ReadFile(os.Args[2])
	check(err)
	bodies := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	url := config.Host + path
	post(http1, url, bodies[:warming], connections)
	bodies = bodies[warming:]
	began, cpu := time.Now(), cpuSeconds()
	created := post(http1, url, bodies, connections)
	said, _ := json.Marshal(map[string]any{
		"created": created, "seconds": time.Since(began).Seconds(), "client_cpu": cpuSeconds() - cpu,
	})
	fmt.Println(string(said))
}

// clientFor keeps every connection open. It speaks HTTP/1.1 only: over HTTP/2 all would be one connection, and only one
// of the two servers speaks it.
func clientFor(config *rest.Config, connections int) *http.Client {
	tls, err := rest.TLSConfigFor(config)
	check(err)
	transport := &http.Transport{TLSClientConfig: tls, MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections}
	authenticated, err := rest.HTTPWrappersForConfig(config, transport)
	check(err)
	return &http.Client{Transport: authenticated}
}

// post sends every body once and answers how many the server created.
func post(c *http.Client, url string, bodies [][]byte, connections int) int64 {
	var next, created atomic.Int64
	var group sync.WaitGroup
	for range connections {
		group.Go(func() {
			for {
				at := int(next.Add(1)) - 1
				if at >= len(bodies) {
					return
				}
				answer, err := c.Post(url, "application/json", bytes.NewReader(bodies[at]))
				check(err)
				said, err := io.ReadAll(answer.Body)
				check(err)
				check(answer.Body.Close())
				if answer.StatusCode != http.StatusCreated {
					check(fmt.Errorf("%s: %s", answer.Status, said))
				}
				created.Add(1)
			}
		})
	}
	group.Wait()
	return created.Load()
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
