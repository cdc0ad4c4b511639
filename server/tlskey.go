// This file decrypts private keys. Go's library reads the old form of PEM encryption only, and OpenSSL 3
// writes PKCS #8 (RFC 5958) with PBES2 (RFC 8018) by default; so the part of it that OpenSSL writes stands
// here: PBKDF2 with SHA-1 or SHA-256, AES-CBC.

package server

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
)

// What can be wrong with an encrypted key. Which byte of it is not said: it would help only a guesser.
var (
	errNoPassphrase  = errors.New("the key is encrypted: tls-key-file-pass is needed")
	errPassphrase    = errors.New("tls-key-file-pass does not open the key")
	errOldEncryption = errors.New("the key is encrypted in the old PEM form; " +
		"convert it: openssl pkcs8 -topk8 -in KEY")
)

// The object identifiers of what is read here.
const (
	oidPBES2  = "1.2.840.113549.1.5.13"
	oidPBKDF2 = "1.2.840.113549.1.5.12"
)

// maxKDFRounds keeps a key file from stopping the start for minutes.
const maxKDFRounds = 50_000_000

// The parts of an encrypted PKCS #8 key.
type (
	encryptedKey struct {
		Algorithm struct {
			ID     asn1.ObjectIdentifier
			Params pbes2Params
		}
		Data []byte
	}
	pbes2Params struct {
		KDF struct {
			ID     asn1.ObjectIdentifier
			Params pbkdf2Params
		}
		Cipher struct {
			ID asn1.ObjectIdentifier
			IV []byte
		}
	}
	pbkdf2Params struct {
		Salt      []byte
		Rounds    int
		KeyLength int                      `asn1:"optional"`
		Hash      pkix.AlgorithmIdentifier `asn1:"optional"`
	}
)

// decryptKey returns a PEM file's text with its private key in the clear. A file without an encrypted key
// comes back as it is.
func decryptKey(text []byte, passphrase string) ([]byte, error) {
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return text, nil
		}
		if block.Headers["DEK-Info"] != "" {
			return nil, errOldEncryption
		}
		if block.Type != "ENCRYPTED PRIVATE KEY" {
			continue
		}
		if passphrase == "" {
			return nil, errNoPassphrase
		}
		plain, err := decryptPKCS8(block.Bytes, passphrase)
		if err != nil {
			return nil, err
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: plain}), nil
	}
}

// decryptPKCS8 decrypts one key.
func decryptPKCS8(der []byte, passphrase string) ([]byte, error) {
	var key encryptedKey
	if _, err := asn1.Unmarshal(der, &key); err != nil {
		return nil, fmt.Errorf("the key's encryption is none that lockd knows (PBES2 with PBKDF2 and AES): %w", err)
	}
	params := key.Algorithm.Params
	if key.Algorithm.ID.String() != oidPBES2 || params.KDF.ID.String() != oidPBKDF2 {
		return nil, errors.New("the key's encryption is none that lockd knows (PBES2 with PBKDF2 and AES)")
	}
	secret, err := stretch(passphrase, params)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	size := block.BlockSize()
	if len(params.Cipher.IV) != size || len(key.Data) == 0 || len(key.Data)%size != 0 {
		return nil, errPassphrase
	}
	plain := make([]byte, len(key.Data))
	cipher.NewCBCDecrypter(block, params.Cipher.IV).CryptBlocks(plain, key.Data)
	padding := int(plain[len(plain)-1])
	if padding == 0 || padding > size {
		return nil, errPassphrase
	}
	plain = plain[:len(plain)-padding]
	var inside asn1.RawValue // a wrong passphrase leaves noise, which is no sequence of this length
	if rest, err := asn1.Unmarshal(plain, &inside); err != nil || len(rest) > 0 {
		return nil, errPassphrase
	}
	return plain, nil
}

// stretch makes the cipher's key from the passphrase.
func stretch(passphrase string, params pbes2Params) ([]byte, error) {
	length := map[string]int{
		"2.16.840.1.101.3.4.1.2":  16, // AES-128-CBC
		"2.16.840.1.101.3.4.1.22": 24,
		"2.16.840.1.101.3.4.1.42": 32,
	}[params.Cipher.ID.String()]
	kdf := params.KDF.Params
	if length == 0 || kdf.Rounds < 1 || kdf.Rounds > maxKDFRounds {
		return nil, errors.New("the key's cipher is none that lockd knows (AES-CBC)")
	}
	switch kdf.Hash.Algorithm.String() {
	case "1.2.840.113549.2.9":
		return pbkdf2.Key(sha256.New, passphrase, kdf.Salt, kdf.Rounds, length)
	case "", "1.2.840.113549.2.7":
		return pbkdf2.Key(sha1.New, passphrase, kdf.Salt, kdf.Rounds, length)
	}
	return nil, errors.New("the key's hash is none that lockd knows (HMAC with SHA-1 or SHA-256)")
}
