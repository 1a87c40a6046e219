// Checks a published record with Go's golang.org/x/mod/sumdb/{note,tlog}: code that nobody here
// wrote. Reads only what is published (record/checkpoint, record/tile/…) and the entries from the
// segments; knows nothing of hereby but the formats.
//
//	go run main.go RECORD_DIR VKEY [OLD_CHECKPOINT_FILE]
//
// Prints one line of counts and exits 0 when everything agrees.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

// tiles reads C2SP tlog-tiles from a directory. The paths are Go's without the height.
type tiles struct {
	dir  string
	read int
}

func (t *tiles) Height() int { return tileHeight }

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range wanted {
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight), "tile/", 1)
		data, err := os.ReadFile(filepath.Join(t.dir, path))
		if err != nil && tile.W < 1<<tileHeight {
			// A partial tile may have become full since.
			full := tile
			full.W = 1 << tileHeight
			path = strings.Replace(full.Path(), fmt.Sprintf("tile/%d/", tileHeight), "tile/", 1)
			data, err = os.ReadFile(filepath.Join(t.dir, path))
			if err == nil && len(data) >= tile.W*tlog.HashSize {
				data = data[:tile.W*tlog.HashSize]
			}
		}
		if err != nil {
			return nil, err
		}
		t.read++
		out = append(out, data)
	}
	return out, nil
}

func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// open verifies a C2SP checkpoint and returns its tree.
func open(file string, verifier note.Verifier) tlog.Tree {
	data, err := os.ReadFile(file)
	check(err)
	opened, err := note.Open(data, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		log.Fatalf("%s: not a checkpoint of %s", file, verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return tlog.Tree{N: size, Hash: root}
}

// entries calls visit with each entry of the segments up to size, in order.
func entries(dir string, size int64, visit func(index int64, entry []byte)) {
	segments, err := filepath.Glob(filepath.Join(dir, "segments", "*.jsonl"))
	check(err)
	sort.Strings(segments)
	index := int64(0)
	for _, segment := range segments {
		file, err := os.Open(segment)
		check(err)
		reader := bufio.NewReaderSize(file, 1<<20)
		for index < size {
			line, err := reader.ReadBytes('\n')
			if err != nil {
				break
			}
			if bytes.HasPrefix(line, []byte(`{"actor":`)) {
				visit(index, bytes.TrimSuffix(line, []byte("\n")))
				index++
			}
		}
		file.Close()
	}
	if index != size {
		log.Fatalf("the segments hold %d entries, the checkpoint covers %d", index, size)
	}
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 3 {
		log.Fatal("usage: main RECORD_DIR VKEY [OLD_CHECKPOINT_FILE]")
	}
	dir := os.Args[1]
	verifier, err := note.NewVerifier(os.Args[2])
	check(err)
	tree := open(filepath.Join(dir, "checkpoint"), verifier)
	store := &tiles{dir: dir}
	hashes := tlog.TileHashReader(tree, store)

	root, err := tlog.TreeHash(tree.N, hashes)
	check(err)
	if root != tree.Hash {
		log.Fatalf("the tiles' root is %v, the checkpoint's %v", root, tree.Hash)
	}

	// Every entry hashes to the leaf in the tiles.
	var indexes []int64
	var leaves []tlog.Hash
	compare := func() {
		stored, err := hashes.ReadHashes(indexes)
		check(err)
		for i := range stored {
			if stored[i] != leaves[i] {
				log.Fatalf("a leaf in the tiles is not the hash of its entry (%d before it)", i)
			}
		}
		indexes, leaves = nil, nil
	}
	entries(dir, tree.N, func(index int64, entry []byte) {
		indexes = append(indexes, tlog.StoredHashIndex(0, index))
		leaves = append(leaves, tlog.RecordHash(entry))
		if len(indexes) == 4096 {
			compare()
		}
	})
	compare()

	// Inclusion, at both ends and at odd places between.
	proofs := 0
	for _, index := range places(tree.N) {
		leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
		check(err)
		proof, err := tlog.ProveRecord(tree.N, index, hashes)
		check(err)
		check(tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf[0]))
		proofs++
	}

	consistent := 0
	if len(os.Args) > 3 {
		old := open(os.Args[3], verifier)
		if old.N > 0 {
			proof, err := tlog.ProveTree(tree.N, old.N, hashes)
			check(err)
			check(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash))
			consistent++
		}
	}
	fmt.Printf("ok size=%d root=%v tiles=%d inclusion=%d consistency=%d\n",
		tree.N, tree.Hash, store.read, proofs, consistent)
}

func places(size int64) []int64 {
	var out []int64
	for _, index := range []int64{0, 1, 2, 255, 256, 257, 65535, 65536, 65537, size / 2, size - 2, size - 1} {
		if index >= 0 && index < size {
			out = append(out, index)
		}
	}
	for index := int64(7); index < size; index = index*3 + 1 {
		out = append(out, index)
	}
	return out
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
