package spec

import (
	"slices"
	"strings"
)

// Bounds of a diff: lines compared, and lines shown.
const (
	maxCompared = 2000
	maxShown    = 60
	around      = 3
)

// diff shows how two texts differ, line by line: what was expected with a minus, what came with a plus.
func diff(expected, actual string) string {
	a, b := strings.Split(expected, "\n"), strings.Split(actual, "\n")
	if len(a) > maxCompared || len(b) > maxCompared {
		a, b = a[:min(len(a), maxCompared)], b[:min(len(b), maxCompared)]
	}
	lines := edit(a, b)
	var keep []int
	for i, l := range lines {
		if l[0] == ' ' {
			continue
		}
		for j := max(0, i-around); j <= min(len(lines)-1, i+around); j++ {
			keep = append(keep, j)
		}
	}
	slices.Sort(keep)
	keep = slices.Compact(keep)
	if len(keep) == 0 {
		return ""
	}
	out := []string{"- expected", "+ received"}
	for n, i := range keep {
		if n > 0 && keep[n-1] != i-1 {
			out = append(out, "  …")
		}
		if len(out) >= maxShown {
			out = append(out, "  … and more")
			break
		}
		out = append(out, lines[i])
	}
	return strings.Join(out, "\n")
}

// edit is the shortest way from a to b by the longest common subsequence, each line with its sign.
func edit(a, b []string) []string {
	var head, tail []string
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		head, a, b = append(head, "  "+a[0]), a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail, a, b = append(tail, "  "+a[len(a)-1]), a[:len(a)-1], b[:len(b)-1]
	}
	slices.Reverse(tail)
	length := make([][]int32, len(a)+1)
	for i := range length {
		length[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	out := head
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, "  "+a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && length[i+1][j] >= length[i][j+1]:
			out = append(out, "- "+a[i])
			i++
		default:
			out = append(out, "+ "+b[j])
			j++
		}
	}
	return append(out, tail...)
}
