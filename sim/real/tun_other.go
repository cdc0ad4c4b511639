//go:build !linux

package real

import (
	"errors"
	"os"
)

func openTun(string) (*os.File, error) { return nil, errors.ErrUnsupported }
