// client-go's typed rate limiting queue: `COUNT KEYS` - bursts of KEYS adds, each key then got, forgotten and done.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// burst adds every key and works all of them off; the answer is the sum of the namespaces' and names' lengths.
func burst(q queue, keys []reconcile.Request) int {
	sum := 0
	for _, key := range keys {
		q.Add(key)
	}
	for range keys {
		key, _ := q.Get()
		sum += len(key.Namespace) + len(key.Name)
		q.Forget(key)
		q.Done(key)
	}
	return sum
}

func main() {
	count, keys := number(os.Args[1]), made(number(os.Args[2]))
	limiter := workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]()
	q := workqueue.NewTypedRateLimitingQueue(limiter)
	burst(q, keys)
	sum, items := 0, 0
	began, cpu := time.Now(), cpuSeconds()
	for ; items < count; items += len(keys) {
		sum += burst(q, keys)
	}
	spent, wall := cpuSeconds()-cpu, time.Since(began).Seconds()
	said, _ := json.Marshal(map[string]any{
		"items": items, "left": q.Len(), "sum": sum,
		"cpu_us": spent / float64(items) * 1e6, "wall_us": wall / float64(items) * 1e6,
	})
	fmt.Println(string(said))
}

func made(count int) []reconcile.Request {
	keys := make([]reconcile.Request, count)
	for number := range keys {
		name := fmt.Sprintf("item-%06d", number)
		keys[number] = reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "bench", Name: name}}
	}
	return keys
}

// cpuSeconds is what the process has taken so far, garbage collection in other threads included.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

func number(text string) int {
	found, err := strconv.Atoi(text)
	if err != nil || found < 1 {
		fmt.Fprintf(os.Stderr, "%q is no count\n", text)
		os.Exit(2)
	}
	return found
}
