package storage_test

import (
	"context"
	"io"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	causeway "github.com/causeway-dev/causeway"
	"github.com/causeway-dev/causeway/storage"
)

const benchRecords = 20_000

// BenchmarkSync writes whole models in batches of a thousand: first, again without a change, with one in a hundred changed.
func BenchmarkSync(b *testing.B) {
	first, mixed := samples(0, benchRecords, 0), samples(0, benchRecords, 0)
	for i := 0; i < benchRecords; i += 100 {
		mixed[i] = sample(i, 1)
	}
	for _, c := range []struct {
		name string
		then []causeway.RecordInput // nil: the first sync is measured
	}{{"first", nil}, {"unchanged", first}, {"one in a hundred changed", mixed}} {
		b.Run(c.name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				b.StopTimer()
				r := newRecords(b)
				run := r.begin(1, 1)
				measured := first
				if c.then != nil {
					r.saveAll(run, "M", first)
					measured = c.then
				}
				b.StartTimer()
				for part := range slices.Chunk(measured, causeway.MaxBatch) {
					r.save(run, "M", part...)
				}
				n += len(measured)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// BenchmarkPages reads a whole model as the body of GET /records.
func BenchmarkPages(b *testing.B) {
	r := newRecords(b)
	r.saveAll(r.begin(1, 1), "M", samples(0, benchRecords, 0))
	for _, c := range []struct {
		name  string
		limit int
	}{{"of 10,000", 10_000}, {"of 100", 100}} {
		b.Run(c.name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				for cursor := ""; ; {
					p, err := r.Page(context.Background(), r.env, r.conn, storage.RecordsQuery{Model: "M", Cursor: cursor, Limit: c.limit})
					require.NoError(b, err)
					_, err = p.WriteTo(io.Discard)
					require.NoError(b, err)
					n += p.Count
					if cursor = p.NextCursor; cursor == "" {
						break
					}
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
