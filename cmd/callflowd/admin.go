package main

import (
	"net/http"
	"net/http/pprof"

	"go.uber.org/zap"
)

// adminHandler serves what only --admin-listen has: the log's level, which GET
// reads and PUT {"level":"debug"} changes, Go's profiles, a backup, and in other
// respects rest. None of it asks for a token, and a profile shows what is in
// memory.
func adminHandler(level zap.AtomicLevel, backup, rest http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/backup", backup)
	mux.Handle("/log/level", level)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", notHere) // it may hold secrets
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.Handle("/", rest)
	return mux
}

func notHere(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
