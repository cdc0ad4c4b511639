//go:build linux

// redis-benchmark with pipelines of 16, as Redis' users know it.

package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// redisBenchmark runs it once and returns requests a second by test.
func redisBenchmark(s *server) (map[string]float64, error) {
	_, port, _ := strings.Cut(s.addr, ":")
	out, err := exec.Command("redis-benchmark", "-p", port, "-q", "-t", "set,get", "-P", "16", "-n", "300000",
		"-r", "100000").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("redis-benchmark against %s: %w: %s", s.name, err, out)
	}
	got := map[string]float64{}
	figures := regexp.MustCompile(`(SET|GET): ([0-9.]+) requests per second`)
	for _, m := range figures.FindAllStringSubmatch(string(out), -1) {
		got[m[1]], _ = strconv.ParseFloat(m[2], 64)
	}
	return got, nil
}

func pipelineMode(b *bed, o options, out *report) error {
	redis, err := b.startRedis()
	if err != nil {
		return err
	}
	defer redis.kill()
	lockd, err := b.startLockd()
	if err != nil {
		return err
	}
	defer lockd.kill()
	all := map[string][]float64{}
	for range o.rounds {
		for _, s := range []*server{lockd, redis} {
			got, err := redisBenchmark(s)
			if err != nil {
				return err
			}
			for test, n := range got {
				all[s.name+test] = append(all[s.name+test], n)
			}
		}
	}
	out.line("| redis-benchmark -P 16 | lockd/s | redis/s | ratio |")
	out.line("|---|---|---|---|")
	for _, test := range []string{"SET", "GET"} {
		a, b := median(all["lockd"+test]), median(all["redis"+test])
		out.line("| %s | %.0f | %.0f | %.2f |", test, a, b, a/b)
	}
	return nil
}
