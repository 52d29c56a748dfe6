// controller-runtime: `noop|patch|pods COUNT`, `burst KEYS FRAMES` - a manager with one controller, 16 workers, metrics and logs on.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

type ending struct {
	sync.Mutex
	seen map[string]bool
	sum  int64
	left int
	done context.CancelFunc
}

func (e *ending) saw(name string, read int64) {
	e.Lock()
	defer e.Unlock()
	if e.seen[name] {
		return
	}
	e.seen[name] = true
	e.sum += read
	e.left--
	if e.left == 0 {
		e.done()
	}
}

type reconciler struct {
	client client.Client
	mode   string
	end    *ending
	latest *latest
}

func (r *reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	if r.mode == "pods" {
		var pod corev1.Pod
		if err := r.client.Get(ctx, request.NamespacedName, &pod); err != nil {
			return reconcile.Result{}, client.IgnoreNotFound(err)
		}
		r.end.saw(request.Name, int64(len(pod.Spec.Containers)))
		return reconcile.Result{}, nil
	}
	item := newItem()
	if err := r.client.Get(ctx, request.NamespacedName, item); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if r.mode == "burst" {
		number, _, _ := unstructured.NestedInt64(item.Object, "status", "observedSize")
		r.latest.saw(request.Name, number)
		return reconcile.Result{}, nil
	}
	size, _, _ := unstructured.NestedInt64(item.Object, "spec", "size")
	if r.mode == "noop" {
		r.end.saw(request.Name, size)
		return reconcile.Result{}, nil
	}
	if phase, _, _ := unstructured.NestedString(item.Object, "status", "phase"); phase == "Ready" {
		r.end.saw(request.Name, size)
		return reconcile.Result{}, nil
	}
	before := item.DeepCopy()
	status := map[string]any{"phase": "Ready", "observedSize": size, "observedGeneration": int64(1)}
	if err := unstructured.SetNestedMap(item.Object, status, "status"); err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{}, r.client.Status().Patch(ctx, item, client.MergeFrom(before))
}

func newItem() *unstructured.Unstructured {
	item := &unstructured.Unstructured{}
	item.SetGroupVersionKind(schema.GroupVersionKind{Group: "bench.kubernaut.io", Version: "v1", Kind: "Item"})
	return item
}

func main() {
	flag.Parse()
	mode := flag.Arg(0)
	count, err := strconv.Atoi(flag.Arg(1))
	check(err)
	ctrl.SetLogger(zap.New())
	ctx, done := context.WithCancel(context.Background())
	end := &ending{seen: map[string]bool{}, left: count, done: done}
	began := time.Now()
	config := ctrl.GetConfigOrDie()
	// Its default of 20 requests a second is no measure of anything here.
	config.QPS, config.Burst = 100000, 100000
	options := ctrl.Options{Metrics: server.Options{BindAddress: "127.0.0.1:0"}}
	manager, err := ctrl.NewManager(config, options)
	check(err)
	frames := 0
	if mode == "burst" {
		frames, err = strconv.Atoi(flag.Arg(2))
		check(err)
	}
	latest := newLatest(config.Host, count, frames, done)
	var kind client.Object = newItem()
	if mode == "pods" {
		kind = &corev1.Pod{}
	}
	err = builder.ControllerManagedBy(manager).
		For(kind).
		Named("bench").
		WithOptions(controller.Options{MaxConcurrentReconciles: 16}).
		Complete(&reconciler{client: clientOf(manager, mode), mode: mode, end: end, latest: latest})
	check(err)
	check(manager.Start(ctx))
	if mode == "burst" {
		latest.tell()
		return
	}
	said, _ := json.Marshal(map[string]any{"seen": len(end.seen), "sum": end.sum, "seconds": time.Since(began).Seconds()})
	fmt.Println(string(said))
}

// clientOf reads unstructured objects from the cache too, which the manager's own client does not by default.
func clientOf(manager ctrl.Manager, mode string) client.Client {
	options := client.Options{Cache: &client.CacheOptions{Reader: manager.GetCache(), Unstructured: true}}
	made, err := client.New(manager.GetConfig(), options)
	check(err)
	return made
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
