// Backup files that are damaged or made up: never a panic, and nothing is taken from a file that is not
// whole. The sums are made right for half of them, or nothing behind these would be tested.

package backup

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/divtxt/lockd/commands"
	"github.com/divtxt/lockd/fsm"
)

// seal makes the sums of a backup right, and the length that it says, as far as there is room for them.
func seal(data []byte) []byte {
	data = bytes.Clone(data)
	lines := bytes.SplitN(data, []byte("\n"), 4)
	if len(lines) < 4 || len(lines[3]) < endSize {
		return data
	}
	head := fmt.Appendf(nil, "%s\n%s\n", lines[0], lines[1])
	head = fmt.Appendf(head, "%s%08x\n", sumTitle, crc32.Checksum(head, castagnoli()))
	body := lines[3][:len(lines[3])-endSize]
	if n := len(body) - 4; n >= 0 { // it has a sum of its own
		binary.LittleEndian.PutUint32(body[n:], crc32.Checksum(body[:n], castagnoli()))
	}
	data = append(append(head, body...), endMark...)
	data = binary.LittleEndian.AppendUint64(data, uint64(len(body)))
	return binary.LittleEndian.AppendUint32(data, crc32.Checksum(data, castagnoli()))
}

func FuzzLoad(f *testing.F) {
	for _, m := range []*fsm.Machine{fsm.New(commands.New()), state(f, 3)} {
		var b bytes.Buffer
		if err := Write(&b, header, m.View()); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
		f.Add(b.Bytes()[:b.Len()-1])
		f.Add(seal(append(b.Bytes()[:b.Len()-40], b.Bytes()[b.Len()-endSize:]...)))
	}
	f.Add([]byte(title))
	f.Add([]byte("lockd backup 2\n{}\n"))
	path := filepath.Join(f.TempDir(), "b")
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, data := range [][]byte{data, seal(data)} {
			var whole, pieces Verifier
			_, _ = whole.Write(data)
			for rest := data; len(rest) > 0; {
				n := min(1+len(rest)%7, len(rest))
				_, _ = pieces.Write(rest[:n])
				rest = rest[n:]
			}
			said, wrong := whole.End()
			if again, err := pieces.End(); fmt.Sprint(err) != fmt.Sprint(wrong) || again != said {
				t.Fatalf("in one piece: %v, in many: %v", wrong, err)
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			m, h, err := Load(path, commands.New())
			if wrong != nil && err == nil {
				t.Fatalf("taken from a file that is not whole: %v", wrong)
			}
			if err != nil {
				continue
			}
			var b bytes.Buffer
			if err := Write(&b, h, m.View()); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			if back, _, err := Load(path, commands.New()); err != nil || back.Hash() != m.Hash() {
				t.Fatalf("what was loaded is not loaded again: %v", err)
			}
		}
	})
}
