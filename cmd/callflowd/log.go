package main

import (
	"io"
	"os"
	"runtime/debug"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// A record waits at most this long, in a buffer of so many bytes.
const (
	logDelay  = time.Second
	logBuffer = 256 << 10
)

// newLogger writes one record a line to w: JSON, or readable text where
// format is console, or auto and w a terminal. JSON is buffered, since a system
// call for each record would cost more than a lookup; stop writes the rest.
func newLogger(level zap.AtomicLevel, format string, w io.Writer) (log *zap.Logger, stop func()) {
	cfg := zap.NewProductionEncoderConfig()
	cfg.TimeKey = "time"
	cfg.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	if format == "console" || format == "auto" && isTerminal(w) {
		cfg.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		cfg.EncodeLevel = zapcore.CapitalLevelEncoder
		return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(cfg), zapcore.Lock(zapcore.AddSync(w)), level)), func() {}
	}
	out := &zapcore.BufferedWriteSyncer{WS: zapcore.AddSync(w), Size: logBuffer, FlushInterval: logDelay}
	stop = func() { _ = out.Stop() } // there is nowhere to report the error
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(cfg), out, level)), stop
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// stamped is the version that a build sets by -ldflags "-X main.stamped=…",
// where the sources come without their history.
var stamped string

// version is the module's version, or the commit the binary was built from.
func version() string {
	if stamped != "" {
		return stamped
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return "devel"
}
