// controller-runtime's fake client: `items|pods FILE` - creates the objects in FILE, one a
// line, gets each, patches the status of each, and lists them.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

const lists = 5

var ctx = context.Background()

// kind is what differs between a custom resource, which is unstructured, and a built-in one, which has a Go type.
type kind struct {
	object func() client.Object
	list   func() client.ObjectList
	// size is a number in an object's spec, and phase what the patch has written.
	size  func(runtime.Object) int64
	phase func(runtime.Object) string
}

var itemKind = schema.GroupVersionKind{Group: "bench.kubernaut.io", Version: "v1", Kind: "Item"}

var kinds = map[string]kind{
	"items": {
		object: func() client.Object {
			item := &unstructured.Unstructured{}
			item.SetGroupVersionKind(itemKind)
			return item
		},
		list: func() client.ObjectList {
			items := &unstructured.UnstructuredList{}
			items.SetGroupVersionKind(itemKind.GroupVersion().WithKind("ItemList"))
			return items
		},
		size: func(o runtime.Object) int64 {
			size, _, err := unstructured.NestedInt64(o.(*unstructured.Unstructured).Object, "spec", "size")
			check(err)
			return size
		},
		phase: func(o runtime.Object) string {
			phase, _, err := unstructured.NestedString(o.(*unstructured.Unstructured).Object, "status", "phase")
			check(err)
			return phase
		},
	},
	"pods": {
		object: func() client.Object { return &corev1.Pod{} },
		list:   func() client.ObjectList { return &corev1.PodList{} },
		size:   func(o runtime.Object) int64 { return int64(len(o.(*corev1.Pod).Spec.Containers)) },
		phase:  func(o runtime.Object) string { return string(o.(*corev1.Pod).Status.Phase) },
	},
}

func main() {
	k := kinds[os.Args[1]]
	objects := read(k, os.Args[2])
	scheme := runtime.NewScheme()
	// As every scaffolded test begins.
	check(clientgoscheme.AddToScheme(scheme))
	c := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(k.object()).Build()

	warm(c, k, objects[0])
	said := map[string]any{"objects": len(objects)}
	timed(said, "create", len(objects), func() { create(c, objects) })
	timed(said, "get", len(objects), func() { said["sum"] = get(c, k, objects) })
	timed(said, "status", len(objects), func() { patch(c, k, objects) })
	said["patched"] = list(c, k)
	found := 0
	timed(said, "list", lists, func() {
		for range lists {
			found += list(c, k)
		}
	})
	said["listed"] = found / lists
	text, _ := json.Marshal(said)
	fmt.Println(string(text))
}

// warm has one object come and go: what is made once, such as a schema, is no operation's cost.
func warm(c client.Client, k kind, object client.Object) {
	first := object.DeepCopyObject().(client.Object)
	create(c, []client.Object{first})
	get(c, k, []client.Object{first})
	patch(c, k, []client.Object{first})
	list(c, k)
	check(c.Delete(ctx, first))
}

func create(c client.Client, objects []client.Object) {
	for _, object := range objects {
		check(c.Create(ctx, object))
	}
}

// get reads every object; the answer is the sum of one field, so that nothing can leave the reading out.
func get(c client.Client, k kind, objects []client.Object) int64 {
	sum := int64(0)
	for _, object := range objects {
		found := k.object()
		check(c.Get(ctx, client.ObjectKeyFromObject(object), found))
		sum += k.size(found)
	}
	return sum
}

func patch(c client.Client, k kind, objects []client.Object) {
	body := client.RawPatch(types.MergePatchType, []byte(`{"status":{"phase":"Running"}}`))
	for _, object := range objects {
		target := k.object()
		target.SetNamespace(object.GetNamespace())
		target.SetName(object.GetName())
		check(c.Status().Patch(ctx, target, body))
	}
}

// list reads all objects at once; the answer is how many the patch has reached.
func list(c client.Client, k kind) int {
	found, patched := k.list(), 0
	check(c.List(ctx, found))
	check(meta.EachListItem(found, func(object runtime.Object) error {
		if k.phase(object) == "Running" {
			patched++
		}
		return nil
	}))
	return patched
}

// timed notes the microseconds of each of `count` operations: of processor, all threads together, and of wall time.
func timed(said map[string]any, name string, count int, work func()) {
	began, cpu := time.Now(), cpuSeconds()
	work()
	spent, wall := cpuSeconds()-cpu, time.Since(began).Seconds()
	said[name+"_cpu_us"], said[name+"_wall_us"] = spent/float64(count)*1e6, wall/float64(count)*1e6
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

func read(k kind, path string) []client.Object {
	file, err := os.Open(path)
	check(err)
	defer file.Close()
	var objects []client.Object
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		object := k.object()
		check(json.Unmarshal(lines.Bytes(), object))
		objects = append(objects, object)
	}
	check(lines.Err())
	return objects
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
