package report

import "os"

// Append adds the run to the file at path, which many processes may do at once; an empty path adds nothing.
func (r *Run) Append(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if err := r.Write(f); err != nil { // one write a line
		f.Close()
		return err
	}
	return f.Close()
}
