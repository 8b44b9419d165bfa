// The load generator: reads a plan from standard input, carries it out, checks every answer, and writes what it took to
// standard output. One wrong answer ends it with an error. With `-serve` it is a server that answers every request with
// the same few bytes: what the generator reaches there is its ceiling.
package main

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Plan is a list of operations and who carries them out: each operation once, or all of them over and over for a time.
type Plan struct {
	Address       string      `json:"address"`
	Authorization string      `json:"authorization"`
	InFlight      int         `json:"inFlight"`
	Seconds       float64     `json:"seconds"`
	Operations    []Operation `json:"operations"`
}

// An Operation is timed as a whole: its requests follow one another on one connection.
type Operation []Step

// A Step is a request and the answer that is due.
type Step struct {
	Method string `json:"method"`
	// Empty: where the Location of the answer before points.
	Path    string            `json:"path"`
	Query   string            `json:"query"`
	Headers map[string]string `json:"headers"`
	Body    *Content          `json:"body"`
	// Whether the body is sent in chunks, as docker does, and without its length.
	Chunked bool   `json:"chunked"`
	Status  int    `json:"status"`
	Digest  string `json:"digest"`
	// The bytes of the answer. Those of a HEAD are not sent: only their number is looked at.
	Answer *Content `json:"answer"`
}

// Content is a text, or so many bytes of what is endless, looks random, and is the same for the same seed.
type Content struct {
	Text string `json:"text"`
	Seed byte   `json:"seed"`
	Size int    `json:"size"`
	// Where in the stream of the seed it begins.
	Skip  int `json:"skip"`
	bytes []byte
}

// Result says what the operations took. Milliseconds are of whole operations.
type Result struct {
	Operations int     `json:"operations"`
	Seconds    float64 `json:"seconds"`
	P50        float64 `json:"p50"`
	P99        float64 `json:"p99"`
}

const chunkBytes = 256 * 1024

func main() {
	var err error
	if len(os.Args) > 1 && os.Args[1] == "-serve" {
		err = serve()
	} else {
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var plan Plan
	if err := json.NewDecoder(os.Stdin).Decode(&plan); err != nil {
		return err
	}
	if err := prepare(plan.Operations); err != nil {
		return err
	}
	workers := make([]*worker, plan.InFlight)
	for i := range workers {
		w, err := dial(&plan)
		if err != nil {
			return err
		}
		workers[i] = w
	}
	startedAt := time.Now()
	deadline := startedAt.Add(time.Duration(plan.Seconds * float64(time.Second)))
	var next atomic.Int64
	take := func() *Operation {
		index := int(next.Add(1)) - 1
		if plan.Seconds > 0 {
			if time.Now().After(deadline) {
				return nil
			}
			index %= len(plan.Operations)
		}
		if index >= len(plan.Operations) {
			return nil
		}
		return &plan.Operations[index]
	}
	var group sync.WaitGroup
	for _, w := range workers {
		group.Go(func() { w.work(take) })
	}
	group.Wait()
	elapsed := time.Since(startedAt)
	var latencies []time.Duration
	for _, w := range workers {
		if w.err != nil {
			return w.err
		}
		latencies = append(latencies, w.latencies...)
	}
	if len(latencies) == 0 {
		return errors.New("there was nothing to do")
	}
	slices.Sort(latencies)
	at := func(share float64) float64 {
		index := min(int(share*float64(len(latencies))), len(latencies)-1)
		return float64(latencies[index]) / float64(time.Millisecond)
	}
	return json.NewEncoder(os.Stdout).Encode(Result{len(latencies), elapsed.Seconds(), at(0.5), at(0.99)})
}

// Makes the bytes of all contents, those of one seed only once.
func prepare(operations []Operation) error {
	longest := map[byte]int{}
	each := func(do func(*Content)) {
		for _, operation := range operations {
			for _, step := range operation {
				for _, content := range []*Content{step.Body, step.Answer} {
					if content != nil {
						do(content)
					}
				}
			}
		}
	}
	each(func(content *Content) { longest[content.Seed] = max(longest[content.Seed], content.Skip+content.Size) })
	streams := map[byte][]byte{}
	for seed, size := range longest {
		block, err := aes.NewCipher(bytes.Repeat([]byte{seed}, 16))
		if err != nil {
			return err
		}
		streams[seed] = make([]byte, size)
		cipher.NewCTR(block, make([]byte, 16)).XORKeyStream(streams[seed], streams[seed])
	}
	each(func(content *Content) {
		content.bytes = []byte(content.Text)
		if content.Size > 0 {
			content.bytes = streams[content.Seed][content.Skip : content.Skip+content.Size]
		}
	})
	return nil
}

// A worker has a connection of its own and carries out one operation after the other.
type worker struct {
	plan      *Plan
	conn      net.Conn
	reader    *bufio.Reader
	head      bytes.Buffer
	buffer    []byte
	location  string
	latencies []time.Duration
	err       error
}

func dial(plan *Plan) (*worker, error) {
	conn, err := net.Dial("tcp", plan.Address)
	if err != nil {
		return nil, err
	}
	return &worker{plan: plan, conn: conn, reader: bufio.NewReaderSize(conn, 64*1024), buffer: make([]byte, chunkBytes)}, nil
}

func (w *worker) work(take func() *Operation) {
	for operation := take(); operation != nil; operation = take() {
		startedAt := time.Now()
		for i := range *operation {
			if err := w.do(&(*operation)[i]); err != nil {
				w.err = err
				return
			}
		}
		w.latencies = append(w.latencies, time.Since(startedAt))
	}
	w.conn.Close()
}

func (w *worker) do(step *Step) error {
	path := step.Path
	if path == "" {
		path = w.location
	}
	if step.Query != "" {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		path += separator + step.Query
	}
	if err := w.send(step, path); err != nil {
		return fmt.Errorf("%s %s: %w", step.Method, path, err)
	}
	if err := w.check(step); err != nil {
		return fmt.Errorf("%s %s: %w", step.Method, path, err)
	}
	return nil
}

func (w *worker) send(step *Step, path string) error {
	w.head.Reset()
	fmt.Fprintf(&w.head, "%s %s HTTP/1.1\r\nHost: %s\r\n", step.Method, path, w.plan.Address)
	if w.plan.Authorization != "" {
		fmt.Fprintf(&w.head, "Authorization: %s\r\n", w.plan.Authorization)
	}
	for name, value := range step.Headers {
		fmt.Fprintf(&w.head, "%s: %s\r\n", name, value)
	}
	switch {
	case step.Chunked:
		w.head.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	case step.Body != nil:
		fmt.Fprintf(&w.head, "Content-Length: %d\r\n\r\n", len(step.Body.bytes))
	case step.Method == "GET" || step.Method == "HEAD":
		w.head.WriteString("\r\n")
	default:
		w.head.WriteString("Content-Length: 0\r\n\r\n")
	}
	parts := net.Buffers{w.head.Bytes()}
	if step.Body != nil {
		if step.Chunked {
			for chunk := range slices.Chunk(step.Body.bytes, chunkBytes) {
				parts = append(parts, fmt.Appendf(nil, "%x\r\n", len(chunk)), chunk, []byte("\r\n"))
			}
			parts = append(parts, []byte("0\r\n\r\n"))
		} else {
			parts = append(parts, step.Body.bytes)
		}
	}
	_, err := parts.WriteTo(w.conn)
	return err
}

func (w *worker) check(step *Step) error {
	response, err := http.ReadResponse(w.reader, &http.Request{Method: step.Method})
	if err != nil {
		return err
	}
	if response.StatusCode != step.Status {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
		return fmt.Errorf("%d where %d was due: %s", response.StatusCode, step.Status, text)
	}
	if location := response.Header.Get("Location"); location != "" {
		// Absolute or not: the connection is to the same server.
		if _, rest, found := strings.Cut(location, "://"); found {
			location = rest[strings.Index(rest, "/"):]
		}
		w.location = location
	}
	if digest := response.Header.Get("Docker-Content-Digest"); step.Digest != "" && digest != step.Digest {
		return fmt.Errorf("the digest %s where %s was due", digest, step.Digest)
	}
	if step.Method == "HEAD" {
		if step.Answer != nil && response.ContentLength != int64(len(step.Answer.bytes)) {
			return fmt.Errorf("the length %d where %d was due", response.ContentLength, len(step.Answer.bytes))
		}
		return nil
	}
	return w.compare(response.Body, step.Answer)
}

// Reads the answer to its end, and compares each byte with what is due: that says more than its digest would. Where a text
// is due, white space after it does not count.
func (w *worker) compare(body io.Reader, due *Content) error {
	length := 0
	for {
		n, err := body.Read(w.buffer)
		if due != nil && due.Text != "" && length+n > len(due.bytes) {
			n = len(bytes.TrimRight(w.buffer[:n], "\n"))
		}
		if due != nil && (length+n > len(due.bytes) || !bytes.Equal(w.buffer[:n], due.bytes[length:length+n])) {
			return fmt.Errorf("other bytes than were due after %d", length)
		}
		length += n
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if due != nil && length != len(due.bytes) {
		return fmt.Errorf("%d bytes where %d were due", length, len(due.bytes))
	}
	return nil
}

const trivialAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

func serve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			reader := bufio.NewReader(conn)
			for {
				line, err := reader.ReadSlice('\n')
				if err != nil {
					return
				}
				if len(line) == len("\r\n") {
					if _, err := io.WriteString(conn, trivialAnswer); err != nil {
						return
					}
				}
			}
		}()
	}
}
