// What `burst KEYS FRAMES` adds: prepared changes as fast as they come, until the last one of each key was seen.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// latest is the newest change that was seen of each key; see benchmarks/programs/latest.py.
type latest struct {
	sync.Mutex
	host       string
	frames     int64
	last       []int64
	unseen     int
	left       int
	reconciles int
	before     int
	cpu        float64
	began      time.Time
	took       map[string]any
	done       func()
}

func newLatest(host string, keys, frames int, done func()) *latest {
	made := &latest{host: host, frames: int64(frames), last: make([]int64, keys), unseen: keys, left: keys, done: done}
	for index := range made.last {
		made.last[index] = -1
	}
	return made
}

func (l *latest) saw(name string, number int64) {
	index, err := strconv.Atoi(name[len(name)-6:])
	check(err)
	l.Lock()
	defer l.Unlock()
	l.reconciles++
	before := l.last[index]
	if number <= before {
		return
	}
	l.last[index] = number
	if before < 0 {
		l.unseen--
		if l.unseen == 0 {
			l.before, l.cpu, l.began = l.reconciles, processor(), time.Now()
			go l.send()
		}
	}
	if final := l.frames - int64(len(l.last)); before <= final && number > final {
		l.left--
		if l.left == 0 {
			l.ended()
		}
	}
}

func (l *latest) send() {
	answer, err := http.Get(l.host + "/control/items/go")
	check(err)
	check(answer.Body.Close())
}

func (l *latest) ended() {
	sum := int64(0)
	for _, number := range l.last {
		sum += number
	}
	l.took = map[string]any{
		"frames": l.frames, "reconciles": l.reconciles - l.before, "sum": sum,
		"cpu": processor() - l.cpu, "wall": time.Since(l.began).Seconds(),
	}
	l.done()
}

func (l *latest) tell() {
	said, _ := json.Marshal(l.took)
	fmt.Println(string(said))
}

// processor is the user and system time of this process so far, in seconds.
func processor() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return seconds(usage.Utime) + seconds(usage.Stime)
}

func seconds(of syscall.Timeval) float64 {
	return float64(of.Sec) + float64(of.Usec)/1e6
}
