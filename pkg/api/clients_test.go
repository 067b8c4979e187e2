package api

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/callflowd/callflowd/pkg/api/openapi"
)

// TestGeneratedTypeScriptClient generates types of the OpenAPI document and
// compiles a client with them. NODE_MODULES names a directory that has
// openapi-typescript, openapi-fetch and typescript.
func TestGeneratedTypeScriptClient(t *testing.T) {
	modules := os.Getenv("NODE_MODULES")
	if modules == "" {
		t.Skip("NODE_MODULES does not say where openapi-typescript, openapi-fetch and typescript are")
	}
	dir := clientDir(t, "client.ts", "client.ts")
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	command(t, dir, "node", "node_modules/openapi-typescript/bin/cli.js", "openapi.json", "-o", "openapi.d.ts")
	command(t, dir, "node", "node_modules/typescript/bin/tsc", "--strict", "--noEmit", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes",
		"--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext", "--lib", "es2022,dom,dom.iterable", "client.ts")
}

// TestGeneratedGoClient generates a client in Go and compiles it with a program
// that uses it, in a module of its own. OAPI_CODEGEN names the generator.
func TestGeneratedGoClient(t *testing.T) {
	generator := os.Getenv("OAPI_CODEGEN")
	if generator == "" {
		t.Skip("OAPI_CODEGEN does not say where oapi-codegen is")
	}
	dir := clientDir(t, "client.go.txt", "main.go")
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/client\n\ngo 1.24\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, dir, generator, "-generate", "types,client", "-package", "main", "-o", "openapi.go", "openapi.json")
	command(t, dir, "go", "mod", "tidy")
	command(t, dir, "go", "vet", "./...")
}

// clientDir is a fresh directory with the document and a client.
func clientDir(t *testing.T, source, name string) string {
	t.Helper()
	dir := t.TempDir()
	text, err := openapi.Document("test", new(Server).routes())
	if err != nil {
		t.Fatal(err)
	}
	client, err := os.ReadFile(filepath.Join("testdata", source))
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string][]byte{"openapi.json": text, name: client} {
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// command runs a program, which must succeed.
func command(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
