package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"sync"
	"time"

	"keepwatch/internal/notify/webhook"
)

// arrival is a message that a receiver has read to its end.
type arrival struct {
	key  string
	life string // number of the process that sent it
}

// receiver is a service on a loopback port that can be gone.
type receiver struct {
	kind, addr string
	heard      chan<- struct{} // a message came; nobody may be listening

	mu    sync.Mutex
	l     net.Listener
	conns map[net.Conn]bool
	took  []arrival
}

func newReceiver(kind string, heard chan<- struct{}) (*receiver, error) {
	r := &receiver{kind: kind, addr: "127.0.0.1:0", heard: heard, conns: map[net.Conn]bool{}}
	return r, r.rise()
}

// rise takes connections, at the same port as before.
func (r *receiver) rise() error {
	l, err := net.Listen("tcp", r.addr)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.l, r.addr = l, l.Addr().String()
	r.mu.Unlock()
	go r.accept(l)
	return nil
}

// fall refuses connections from now on, and breaks those there are.
func (r *receiver) fall() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.l.Close()
	for c := range r.conns {
		_ = c.Close()
	}
}

func (r *receiver) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		r.conns[c] = true
		r.mu.Unlock()
		go func() {
			if r.kind == "mail" {
				_ = r.mail(c)
			} else {
				_ = r.post(c)
			}
			_ = c.Close()
			r.mu.Lock()
			delete(r.conns, c)
			r.mu.Unlock()
		}()
	}
}

// thinks is how long a receiver takes from reading a message to its answer: the time in
// which a kill makes a repeat.
const thinks = 3 * time.Millisecond

func (r *receiver) note(key, life string) {
	r.mu.Lock()
	r.took = append(r.took, arrival{key, life})
	r.mu.Unlock()
	select {
	case r.heard <- struct{}{}:
	default:
	}
	time.Sleep(thinks)
}

func (r *receiver) list() []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]arrival(nil), r.took...)
}

// post answers HTTP requests of one connection.
func (r *receiver) post(c net.Conn) error {
	in := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return err // cut off by a kill
		}
		key, err := r.keyOf(req.Header, body)
		if err != nil {
			return err
		}
		r.note(key, req.Header.Get(headerLife))
		const answer = `{"status":"success","message":"Event processed"}`
		if _, err := fmt.Fprintf(c, "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer); err != nil {
			return err
		}
	}
}

var errNoKey = errors.New("a message without a key")

func (r *receiver) keyOf(h http.Header, body []byte) (string, error) {
	var m struct {
		ID     string
		Dedup  string `json:"dedup_key"`
		Action string `json:"event_action"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return "", err
	}
	key := h.Get(webhook.HeaderDelivery)
	switch r.kind {
	case "events":
		key = m.ID
	case "pager":
		key = m.Dedup + " " + m.Action
	}
	if strings.TrimSpace(key) == "" {
		return "", errNoKey
	}
	return key, nil
}

// mail is a mail server; the key of a mail is its Message-ID.
func (r *receiver) mail(c net.Conn) error {
	text := textproto.NewConn(c)
	answer := "220 mail.example.com ESMTP"
	for {
		if err := text.PrintfLine("%s", answer); err != nil {
			return err
		}
		line, err := text.ReadLine()
		if err != nil {
			return err
		}
		answer = "250 ok"
		switch word, _, _ := strings.Cut(strings.ToUpper(line), " "); word {
		case "QUIT":
			return text.PrintfLine("221 bye")
		case "DATA":
			if err := text.PrintfLine("354 go ahead"); err != nil {
				return err
			}
			whole, err := io.ReadAll(text.DotReader())
			if err != nil {
				return err
			}
			header, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(whole))).ReadMIMEHeader()
			if err != nil {
				return err
			}
			life, _, _ := strings.Cut(strings.TrimLeft(header.Get("From"), "<k"), "@")
			r.note(header.Get("Message-Id"), life)
		}
	}
}
