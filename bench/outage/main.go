// Command outage plays an outage of every channel: a process records incidents and tells
// of them over real connections, is killed with SIGKILL again and again, before the
// outage, in it and after it; the receivers refuse connections for a while. It says what
// was lost, how long after the outage the last message came, and how many repeats there
// were, and ends with an error when a promise was broken.
//
//	go run ./bench/outage [-down 6m] [-up 1m] [-life 20s] [-every 500ms] [-lease 2m]
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"time"
)

func main() {
	if os.Getenv(envStore) != "" {
		log.Fatal(child(context.Background()))
	}
	var p play
	flag.DurationVar(&p.down, "down", 6*time.Minute, "how long no receiver can be reached")
	flag.DurationVar(&p.up, "up", time.Minute, "how long they can be, before and after that")
	flag.DurationVar(&p.life, "life", 20*time.Second, "how long a process lives at most before it is killed")
	flag.DurationVar(&p.every, "every", 500*time.Millisecond, "time between two incidents")
	flag.DurationVar(&p.lease, "lease", 2*time.Minute, "how long a process that was killed keeps its messages from the next one; the product's is 2m")
	flag.IntVar(&p.count, "count", 20, "messages that one of the receivers is sent one by one in ten minutes; the product's default is 20")
	flag.Parse()
	dir, err := os.MkdirTemp("", "keepwatch-outage")
	if err != nil {
		log.Fatal(err)
	}
	r, err := p.run(context.Background(), dir)
	if err == nil {
		fmt.Println(r)
		err = r.broken()
	}
	if removed := os.RemoveAll(dir); err == nil {
		err = removed
	}
	if err != nil {
		log.Fatal(err)
	}
}
