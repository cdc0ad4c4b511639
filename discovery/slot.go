package discovery

import "bytes"

// slots is how many hash slots a Redis Cluster has.
const slots = 16384

// keySlot is the slot of a key: the CRC16 (XMODEM) of what is between its first { and the next }, if that is
// anything, and else of all of it. Slots decide nothing here, as one shard has all of them. A redirection has
// to name one, and clients compute it too, so it is done as they do it; without a table, for it is rare.
func keySlot(key []byte) int {
	if open := bytes.IndexByte(key, '{'); open >= 0 {
		if length := bytes.IndexByte(key[open+1:], '}'); length > 0 {
			key = key[open+1 : open+1+length]
		}
	}
	var crc uint16
	for _, b := range key {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc % slots)
}
