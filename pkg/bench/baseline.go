package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/gorilla/mux"
)

// Baseline is a bare gorilla/mux handler: what a lookup costs beyond it is
// callflowd's own.
type Baseline struct {
	Listen string   `default:"127.0.0.1:0" help:"Where it listens."`
	Body   string   `required:"" help:"File with the body of every answer."`
	Header []string `sep:"none" help:"A header of every answer."`
}

// baselineReady begins the line that says where a baseline listens.
const baselineReady = "listening on "

// Serve answers until ctx ends.
func (c *Baseline) Serve(ctx context.Context, stdout io.Writer) error {
	handler, err := c.handler()
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	fmt.Fprintln(stdout, baselineReady+listener.Addr().String())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (c *Baseline) handler() (http.Handler, error) {
	body, err := os.ReadFile(c.Body)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	for _, line := range c.Header {
		name, value, ok := strings.Cut(line, ": ")
		if !ok {
			return nil, fmt.Errorf("the header %q is not of the form name: value", line)
		}
		header.Add(name, value)
	}
	router := mux.NewRouter()
	router.HandleFunc("/v2/accounts/{account_id}/routes/{number}", func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			for _, value := range values {
				w.Header().Add(name, value)
			}
		}
		_, _ = w.Write(body)
	}).Methods(http.MethodGet)
	return router, nil
}

// startBaseline runs a baseline as a process and returns its address.
func (b *bench) startBaseline(ctx context.Context, header http.Header, body []byte) (*process, string, error) {
	dir, err := b.place("mux")
	if err != nil {
		return nil, "", err
	}
	file := dir + "/body"
	if err := os.WriteFile(file, body, 0o600); err != nil {
		return nil, "", err
	}
	args := []string{"bench", "baseline-mux", "--body=" + file}
	for name, values := range header {
		for _, value := range values {
			args = append(args, "--header="+name+": "+value)
		}
	}
	p, err := b.spawn(ctx, "mux", args...)
	if err != nil {
		return nil, "", err
	}
	address := ""
	err = p.await(ctx, p.stdout, func(line []byte) bool {
		rest, ok := strings.CutPrefix(strings.TrimSpace(string(line)), baselineReady)
		address = rest
		return ok
	})
	return p, address, err
}
