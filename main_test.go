// The layout of DESIGN.md as a test: which package may import which, and what the state machine and the
// command handlers must not use, because every node must come to the same state from the same log.

package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/divtxt/lockd"

// mayImport is the order of imports. A package that is not listed may import nothing of this module; one
// that imports "*" may import all. Test files are free.
var mayImport = map[string][]string{
	"":                {"server"},
	"server":          {"*"},
	"resp":            {},
	"fsm":             {"resp"},
	"commands":        {"fsm", "resp", "script"},
	"script":          {"resp"},
	"backup":          {"cluster", "cluster/storage", "fsm"},
	"session":         {"commands", "fsm", "resp"},
	"discovery":       {"commands", "fsm", "resp", "session"},
	"cluster":         {"fsm", "resp"},
	"cluster/storage": {},
	"cluster/memnet":  {"cluster"},
	"cluster/peer":    {"cluster"},
	"compat_test":     {"client"},
	"sim":             {"*"},
	"sim/history":     {},
	"sim/report":      {},
	"sim/state":       {"commands", "fsm", "resp", "script", "sim/report"},
	"sim/mutants":     {},
	"sim/real":        {"sim/history", "sim/report"},
	"sim/prove":       {"sim/report"},
	"bench":           {"*"},
}

// pure are the packages whose code runs on every node and must do the same there.
var pure = []string{"fsm", "commands"}

// forbidden are the imports that would make it differ.
var forbidden = map[string]string{
	"math/rand": "dice", "math/rand/v2": "dice", "crypto/rand": "dice",
	"os": "the machine", "net": "the network", "time": "a clock", "sync": "locks", "sync/atomic": "shared memory",
	"maps": "a map's order", "runtime": "the machine", "log": "output", "log/slog": "output",
}

// allowed are exceptions to forbidden, each with its reason.
var allowed = map[string]string{
	"commands/conn.go time":        "a connection's age; Conn is for Locals, which handlers never see",
	"commands/scan.go sync/atomic": "what a node remembers of its own SCANs, beside the state; see its head",
}

func TestImports(t *testing.T) {
	for path, file := range sources(t) {
		pkg := filepath.ToSlash(filepath.Dir(path))
		if pkg == "." {
			pkg = ""
		}
		for _, spec := range file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if rest, ours := strings.CutPrefix(name, module+"/"); ours {
				may := mayImport[pkg]
				if !slices.Contains(may, rest) && !slices.Contains(may, "*") {
					t.Errorf("%s imports %s: the order of imports in DESIGN.md does not allow it", path, rest)
				}
			}
		}
	}
}

func TestStateMachineIsDeterministic(t *testing.T) {
	used := map[string]bool{}
	for path, file := range sources(t) {
		if !slices.Contains(pure, filepath.ToSlash(filepath.Dir(path))) {
			continue
		}
		for _, spec := range file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			key := filepath.ToSlash(path) + " " + name
			if _, ok := allowed[key]; ok {
				used[key] = true
			} else if why, bad := forbidden[name]; bad {
				t.Errorf("%s imports %s: %s has no place in the replicated state", path, name, why)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s starts a goroutine at byte %d", path, g.Pos())
			}
			return true
		})
	}
	for key := range allowed {
		if !used[key] {
			t.Errorf("the exception %q is no longer needed", key)
		}
	}
}

// TestNoMapOrder finds loops over maps in the pure packages: their order differs from run to run.
func TestNoMapOrder(t *testing.T) {
	byDir := map[string][]*ast.File{}
	fset := token.NewFileSet()
	for _, dir := range pure {
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(fset, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			byDir[dir] = append(byDir[dir], f)
		}
	}
	for dir, files := range byDir {
		info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
		// Imports are not resolved: a map type written in the package itself is known all the same.
		conf := types.Config{Importer: nothing{}, Error: func(error) {}}
		_, _ = conf.Check(dir, fset, files, info)
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				r, ok := n.(*ast.RangeStmt)
				if !ok {
					return true
				}
				if typ := info.Types[r.X].Type; typ != nil {
					if _, isMap := typ.Underlying().(*types.Map); isMap {
						t.Errorf("%s ranges over a map", fset.Position(r.Pos()))
					}
				}
				return true
			})
		}
	}
}

// nothing imports empty packages.
type nothing struct{}

func (nothing) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, filepath.Base(path))
	p.MarkComplete()
	return p, nil
}

// sources parses the imports and bodies of all files that are no tests.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "." || d.Name() == "testdata" || d.Name() == "lockd-data"):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		files[path] = f
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
