package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
)

// row is one figure beside its targets; a target of 0 is none.
type row struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Must  float64 `json:"must,omitempty"`
	Aims  float64 `json:"aims,omitempty"`
	// Ratio says how much better than Must the figure is: above 1 it holds, whichever direction is better.
	Ratio float64 `json:"ratio_to_must,omitempty"`
}

type table struct{ rows []row }

// add adds a figure of which less is better.
func (t *table) add(name string, value float64, unit string, must, aims float64) {
	r := row{Name: name, Value: value, Unit: unit, Must: must, Aims: aims}
	if must > 0 && value > 0 {
		r.Ratio = must / value
	}
	t.rows = append(t.rows, r)
}

// addRate adds a figure of which more is better.
func (t *table) addRate(name string, value float64, unit string, must, aims float64) {
	r := row{Name: name, Value: value, Unit: unit, Must: must, Aims: aims}
	if must > 0 {
		r.Ratio = value / must
	}
	t.rows = append(t.rows, r)
}

func (t *table) write(w io.Writer, path string) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	number := func(v float64) string {
		switch {
		case v == 0:
			return "–"
		case v < 100:
			return fmt.Sprintf("%.2f", v)
		default:
			return fmt.Sprintf("%.0f", v)
		}
	}
	if _, err := fmt.Fprint(tw, "measured\tfigure\tunit\tmust\taims\tof must\t\n"); err != nil {
		return err
	}
	for _, r := range t.rows {
		if _, err := fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t\n", r.Name, number(r.Value), r.Unit, number(r.Must), number(r.Aims), number(r.Ratio)); err != nil {
			return err
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(t.rows, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o600)
}
