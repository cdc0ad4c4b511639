// Package mutants shows that the checks bite: it builds lockd with one mistake in it at a time, and each
// must be noticed by name, within its time, by the simulations that guard the real one. A check that never
// fails proves nothing; these are mistakes that lock servers do make, and ones that this one could make.
//
// A mutant is a file in list: what it breaks, which check is to notice, how soon, and a few edits of the
// source. The production code has no switch for any of them: an edit goes into a copy of a file, and the
// compiler is told to take that instead (go build -overlay). An edit whose old text is not there exactly
// once is an error, so who changes the code is told of the mutant that has lost its place: TestEdits looks
// at all of them in each `go test ./...`.
//
// What catches a mutant must not happen to the program without it from the same seed, which is tried; nor
// may the checks find anything in that for as long as a mutant would have.
//
//	go test -tags mutants -timeout 30m -v ./sim/mutants                          builds and runs all
//	go test -tags mutants -timeout 30m -v ./sim/mutants -run 'TestMutants/clock' those whose name matches
//
// LOCKD_MUTANTS names a file for the table of what came of it.
//
// What has to come with the parts it breaks: script effects that stay after an error, with the scripts.
package mutants
