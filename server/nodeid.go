// This file gives a node its name. A name must outlive restarts, moves to another machine and changes of
// the host's name, and two nodes that nobody named must not be called the same; so it is drawn by lot at
// the first start and kept in the data folder, and a folder keeps the name that it has.

package server

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// nodeIDFile is the file in the data folder that holds the name.
const nodeIDFile = "node-id"

// nodeID returns the name of the node that the data folder belongs to, and makes folder and name at the
// first start. wanted is --node-id, or "" for whatever it is. Its errors have ExitDataDir.
func nodeID(dir, wanted string) (string, error) {
	id, err := keepNodeID(dir, wanted)
	return id, WithExit(ExitDataDir, err)
}

func keepNodeID(dir, wanted string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("data folder: %w", err)
	}
	path := filepath.Join(dir, nodeIDFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		id := wanted
		if id == "" {
			id = newNodeID()
		}
		return id, writeNodeID(path, id)
	}
	if err != nil {
		return "", fmt.Errorf("data folder: %w", err)
	}
	stored := strings.TrimSpace(string(text))
	if !validNodeID(stored) {
		return "", fmt.Errorf("%s is damaged: it holds no node's name; write the right one into it", path)
	}
	if wanted != "" && wanted != stored {
		return "", fmt.Errorf("data folder %s belongs to node %q, not to %q: correct --node-id or --dir",
			dir, stored, wanted)
	}
	return stored, nil
}

// newNodeID draws a name: short enough to say on the telephone, and the chance that two of a hundred nodes
// share one is one in a million.
func newNodeID() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return "n" + hex.EncodeToString(b[:])
}

// writeNodeID writes the name whole or not at all, and durably: a name that a crash takes back would be
// another node's to the rest of the cluster.
func writeNodeID(path, id string) error {
	f, err := os.CreateTemp(filepath.Dir(path), nodeIDFile+".*")
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	defer os.Remove(f.Name()) // fails after the rename, as it should
	_, err = f.WriteString(id + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a rename in a folder durable.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return errors.Join(f.Sync(), f.Close())
}
