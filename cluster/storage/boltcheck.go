// A check of a bolt file's structure before bbolt opens it. bbolt trusts its file: a damaged page
// makes it panic, partly in goroutines of its own where nobody can catch that (db.go freepages,
// tx_check.go), a damaged free list makes it write over live pages, and when the newest of the two
// meta pages is damaged it goes back to the other one, which for term and vote means to forget the
// last vote.
//
// The format is that of bbolt's page.go, bucket.go and db.go, in the machine's byte order.

package storage

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"io"
	"os"
)

const (
	boltMagic    = 0xED0CDAED
	boltVersion  = 2
	boltHead     = 16 // of a page
	boltElement  = 16 // of a branch or leaf page
	boltBucket   = 16 // a bucket's root page and sequence, at the start of its value
	boltMetaSum  = 56 // bytes of a meta page that its checksum covers
	noFreeList   = ^uint64(0)
	pageBranch   = 0x01
	pageLeaf     = 0x02
	pageMeta     = 0x04
	pageFreeList = 0x10
	isBucket     = 0x01
	minBoltPage  = 512 // bytes
	maxBoltPage  = 1 << 20
)

// boltMeta is what a meta page says; the one with the higher txid is in force.
type boltMeta struct {
	pageSize                int
	root, free, pages, txid uint64
}

type boltPage struct {
	kind  uint16
	count int
	body  []byte // the page and its overflow
}

// boltCheck walks a file. Its errors say what is wrong; checkBolt adds the file's name.
type boltCheck struct {
	file io.ReaderAt
	size int64
	meta boltMeta
	seen []uint64 // a bit for each page in use
	used uint64
	bufs [][]byte // for the page at each depth
	// visit gets each key in order, with its bucket's name (of the innermost, "" at the root). Its
	// errors are final. A nil key announces the bucket itself.
	visit func(bucket string, key, value []byte) error
}

var errBolt = errors.New("its pages do not fit together")

// checkBolt gives a CorruptError if the file's structure is damaged in any way, and shows what is
// in it.
func checkBolt(path string, visit func(bucket string, key, value []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	stat, err := f.Stat()
	if err != nil {
		return err
	}
	c := &boltCheck{file: f, size: stat.Size(), visit: visit}
	if err = c.readMeta(); err == nil {
		err = c.tree(c.meta.root, nil, "", 0)
	}
	if err == nil {
		err = c.freeList()
	}
	var known *CorruptError
	if err == nil || brokenDisk(err) || errors.As(err, &known) {
		return err
	}
	return corrupt(path, "%v", err)
}

// readMeta wants both meta pages whole. A crash cannot damage one: what matters of it is in one
// sector, and it is written only after all it refers to is synced.
func (c *boltCheck) readMeta() error {
	first, err := c.metaAt(0)
	if err != nil {
		return err
	}
	second, err := c.metaAt(int64(first.pageSize))
	if err != nil {
		return err
	}
	if c.meta = first; second.txid > first.txid {
		c.meta = second
	}
	if second.pageSize != first.pageSize {
		return errors.New("it is shorter than it was, or of another page size")
	}
	c.seen = make([]uint64, c.meta.pages/64+1)
	return nil
}

// use marks a page as used, once: a page used twice is damage.
func (c *boltCheck) use(id uint64) error {
	if id < 2 || id >= c.meta.pages || c.seen[id/64]&(1<<(id%64)) != 0 {
		return errBolt
	}
	c.seen[id/64] |= 1 << (id % 64)
	c.used++
	return nil
}

// metaAt reads a meta page. bbolt lets a checksum of zero pass (db.go, validate); nobody writes
// one.
func (c *boltCheck) metaAt(at int64) (m boltMeta, err error) {
	b := make([]byte, boltHead+boltMetaSum+8)
	if _, err := c.file.ReadAt(b, at); err != nil {
		return m, err
	}
	order := binary.NativeEndian
	kind := order.Uint16(b[8:])
	b = b[boltHead:]
	sum := fnv.New64a()
	_, _ = sum.Write(b[:boltMetaSum])
	if kind != pageMeta || order.Uint32(b) != boltMagic || order.Uint32(b[4:]) != boltVersion ||
		sum.Sum64() != order.Uint64(b[boltMetaSum:]) {
		return m, errors.New("a meta page does not match its checksum")
	}
	m = boltMeta{
		pageSize: int(order.Uint32(b[8:])), root: order.Uint64(b[16:]),
		free: order.Uint64(b[32:]), pages: order.Uint64(b[40:]), txid: order.Uint64(b[48:]),
	}
	// All that follows counts with these two: a page size of zero, or pages that make a product overflow,
	// must not get further.
	if m.pageSize < minBoltPage || m.pageSize > maxBoltPage || m.pages > uint64(c.size)/uint64(m.pageSize) {
		return m, errors.New("it is shorter than it was, or of another page size")
	}
	return m, nil
}

// page reads a page with its overflow into the buffer of its depth.
func (c *boltCheck) page(id uint64, depth int) (p boltPage, err error) {
	if err := c.use(id); err != nil {
		return p, err
	}
	size := c.meta.pageSize
	for len(c.bufs) <= depth {
		c.bufs = append(c.bufs, make([]byte, size))
	}
	buf := c.bufs[depth]
	if _, err := c.file.ReadAt(buf[:size], int64(id)*int64(size)); err != nil {
		return p, err
	}
	order := binary.NativeEndian
	overflow := uint64(order.Uint32(buf[12:]))
	if order.Uint64(buf) != id || overflow >= c.meta.pages-id {
		return p, errBolt
	}
	for i := id + 1; i <= id+overflow; i++ {
		if err := c.use(i); err != nil {
			return p, err
		}
	}
	whole := int(overflow+1) * size
	if whole > len(buf) {
		buf = append(buf, make([]byte, whole-len(buf))...)
		c.bufs[depth] = buf
	}
	if _, err := c.file.ReadAt(buf[size:whole], int64(id+1)*int64(size)); err != nil && overflow > 0 {
		return p, err
	}
	return boltPage{kind: order.Uint16(buf[8:]), count: int(order.Uint16(buf[10:])), body: buf[:whole]}, nil
}

// maxBoltDepth is far beyond any real tree; it stops a circle of inline buckets.
const maxBoltDepth = 32

// tree walks the pages below id, whose keys must not be lower than from.
func (c *boltCheck) tree(id uint64, from []byte, bucket string, depth int) error {
	if depth > maxBoltDepth {
		return errBolt
	}
	p, err := c.page(id, depth)
	if err != nil {
		return err
	}
	return c.elements(p, from, bucket, depth)
}

// elements checks that keys rise, and that keys and values lie packed in the page as bbolt writes
// them (node.go, write): that is what shows a damaged count or size, which would hide elements.
func (c *boltCheck) elements(p boltPage, last []byte, bucket string, depth int) error {
	packed := uint64(boltHead + p.count*boltElement)
	if p.kind != pageBranch && p.kind != pageLeaf || packed > uint64(len(p.body)) {
		return errBolt
	}
	order := binary.NativeEndian
	for i := range p.count {
		at := boltHead + i*boltElement
		e := p.body[at:]
		// A branch has pos, ksize, page; a leaf has flags, pos, ksize, vsize; pos counts from the
		// element.
		pos, keySize, valueSize := order.Uint32(e), order.Uint32(e[4:]), uint32(0)
		if p.kind == pageLeaf {
			pos, keySize, valueSize = order.Uint32(e[4:]), order.Uint32(e[8:]), order.Uint32(e[12:])
		}
		middle := packed + uint64(keySize)
		end := middle + uint64(valueSize)
		if uint64(at)+uint64(pos) != packed || end > uint64(len(p.body)) {
			return errBolt
		}
		key, value := p.body[packed:middle], p.body[middle:end]
		if string(key) < string(last) || i > 0 && string(key) == string(last) {
			return errBolt
		}
		if err := c.child(p.kind, e, key, value, bucket, depth); err != nil {
			return err
		}
		last, packed = key, end
	}
	return nil
}

// child goes down from an element, or shows it.
func (c *boltCheck) child(kind uint16, element, key, value []byte, bucket string, depth int) error {
	order := binary.NativeEndian
	if kind == pageBranch {
		return c.tree(order.Uint64(element[8:]), key, bucket, depth+1)
	}
	switch order.Uint32(element) {
	case 0:
		return c.visit(bucket, key, value)
	case isBucket:
	default:
		return errBolt
	}
	if len(value) < boltBucket || depth > maxBoltDepth {
		return errBolt
	}
	bucket = string(key)
	if err := c.visit(bucket, nil, nil); err != nil {
		return err
	}
	if root := order.Uint64(value); root != 0 {
		return c.tree(root, nil, bucket, depth+1)
	}
	// A small bucket's only page stands in its value.
	inline := value[boltBucket:]
	if len(inline) < boltHead {
		return errBolt
	}
	return c.elements(boltPage{
		kind: order.Uint16(inline[8:]), count: int(order.Uint16(inline[10:])), body: inline,
	}, nil, bucket, depth+1)
}

// freeList wants the free pages to be exactly those that nothing uses.
func (c *boltCheck) freeList() error {
	if c.meta.free == noFreeList {
		return nil
	}
	p, err := c.page(c.meta.free, 0)
	if err != nil {
		return err
	}
	order := binary.NativeEndian
	ids, count := p.body[boltHead:], uint64(p.count)
	if count == 0xFFFF {
		count, ids = order.Uint64(ids), ids[8:]
	}
	if p.kind != pageFreeList || count > uint64(len(ids)/8) {
		return errBolt
	}
	for i := range count {
		if err := c.use(order.Uint64(ids[i*8:])); err != nil {
			return err
		}
	}
	if c.used != c.meta.pages-2 {
		return errBolt
	}
	return nil
}
