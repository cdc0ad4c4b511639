// What Docker needs, as far as it can be checked without Docker: the settings of docker-compose.yml are settings
// that a node starts with, and .dockerignore lets through all that the binary is built from.

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/divtxt/lockd/server"
)

// composeVariable is LOCKD_NAME: value, with or without quotes.
var composeVariable = regexp.MustCompile(`(?m)^ +(LOCKD_[A-Z_]+): "?([^"\n]*)"?$`)

// composeDefault is ${NAME:-value}.
var composeDefault = regexp.MustCompile(`\$\{[A-Z_]+:-([^}]*)\}`)

// composeEnvironment returns the variables in a part of docker-compose.yml as a process gets them.
func composeEnvironment(part string) []string {
	var environ []string
	for _, found := range composeVariable.FindAllStringSubmatch(part, -1) {
		environ = append(environ, found[1]+"="+composeDefault.ReplaceAllString(found[2], "$1"))
	}
	return environ
}

// imageEnvironment returns what the Dockerfile's ENV line sets.
func imageEnvironment(t *testing.T) []string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^ENV (.*)$`).FindStringSubmatch(readFile(t, "Dockerfile"))
	if found == nil {
		t.Fatal("the Dockerfile sets nothing")
	}
	return strings.Fields(found[1])
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestCompose loads the settings of each service as its container would.
func TestCompose(t *testing.T) {
	common, services, ok := strings.Cut(readFile(t, "docker-compose.yml"), "\nservices:\n")
	services, _, ok2 := strings.Cut(services, "\nnetworks:\n")
	if !ok || !ok2 {
		t.Fatal("docker-compose.yml has no services, or no networks after them")
	}
	names := regexp.MustCompile(`(?m)^  ([a-z0-9]+):$`).FindAllStringSubmatchIndex(services, -1)
	if len(names) != 3 {
		t.Fatalf("%d services", len(names))
	}
	var ids []string
	for i, at := range names {
		end := len(services)
		if i+1 < len(names) {
			end = names[i+1][0]
		}
		name, part := services[at[2]:at[3]], services[at[0]:end]
		environ := slices.Concat(imageEnvironment(t), composeEnvironment(common), composeEnvironment(part))
		settings, warnings, err := server.Load(server.Source{Environ: environ})
		if err != nil || len(warnings) > 0 {
			t.Fatalf("%s: %v %v", name, err, warnings)
		}
		c := settings.Config()
		ids = append(ids, c.Storage.NodeID)
		if c.Security.RequirePass == "" || c.Storage.Dir != "/data" {
			t.Errorf("%s has no password, or its data is not on its volume:\n%v", name, c)
		}
		bind, err := c.ClusterBind(false)
		if err != nil || !slices.Equal(bind, []string{"*"}) {
			t.Errorf("%s: the cluster port listens on %q %v", name, bind, err)
		}
		address, err := c.Advertised(t.Context(), c.PeerPort(), false)
		if err != nil || address != name+":"+strconv.Itoa(c.PeerPort()) || len(c.Cluster.Plan().Members) != 3 {
			t.Errorf("%s advertises %s %v, its plan is %v", name, address, err, c.Cluster.Plan())
		}
		for _, want := range []string{":/data", `"127.0.0.1:638`, ":6380\"", "healthcheck"} {
			if !strings.Contains(part, want) {
				t.Errorf("%s has no %s", name, want)
			}
		}
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 3 {
		t.Errorf("the nodes are called %q", ids)
	}
}

// TestDockerIgnore finds folders that the binary is built from and that the image's build does not get.
func TestDockerIgnore(t *testing.T) {
	ignore := strings.Split(readFile(t, ".dockerignore"), "\n")
	files := sources(t)
	imports := map[string][]string{}
	for path, file := range files {
		dir := filepath.ToSlash(filepath.Dir(path))
		for _, spec := range file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if rest, ours := strings.CutPrefix(name, module+"/"); ours {
				imports[dir] = append(imports[dir], rest)
			}
		}
	}
	needed := []string{"."}
	for i := 0; i < len(needed); i++ {
		for _, dir := range imports[needed[i]] {
			if slices.Contains(needed, dir) {
				continue
			}
			needed = append(needed, dir)
			top, _, _ := strings.Cut(dir, "/")
			if !slices.Contains(ignore, "!"+top) {
				t.Errorf(".dockerignore keeps %s from the image's build: add !%s", dir, top)
			}
		}
	}
	if len(needed) < 5 {
		t.Errorf("the binary is built from %q only", needed)
	}
}
