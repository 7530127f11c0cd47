// Package unzipper is the module "unzipper": reading of zip archives that a script has in memory. What would need a file system, a
// network or a password is refused by name.
//
// Start reading with unzipper.js, which has the shapes that scripts know; the archive itself is read here.
package unzipper

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/dop251/goja"

	"github.com/causeway-dev/causeway/script/modules"
)

//go:embed unzipper.js
var source string

// Module is the module "unzipper".
func Module() modules.Module {
	return modules.Module{Name: "unzipper", Source: source, Natives: natives}
}

// Bounds of an archive. The last one keeps the reader from making millions of entries before the first can be counted: file names
// and stored archives may hold the mark of an entry too, so it is far above the second.
const (
	maxUnpacked = 256 << 20 // bytes of all entries that are read
	maxEntries  = 10_000
	maxMarks    = 100_000
)

// entryMark begins each entry of an archive's directory.
var entryMark = []byte("PK\x01\x02")

func natives(env *modules.Env) map[string]modules.Native {
	return map[string]modules.Native{
		"open": func(c goja.FunctionCall) goja.Value { return open(env, c.Argument(0)) },
	}
}

// archive is what a script has opened. Its bytes are a copy: the script may write into its own.
type archive struct {
	env      *modules.Env
	files    []*zip.File
	read     map[int]bool
	unpacked uint64
}

// open takes the bytes of an archive and returns {comment, entries, read(index)}, entries in the order of the directory.
func open(env *modules.Env, v goja.Value) goja.Value {
	raw := bytes.Clone(env.MustBytes(v))
	if bytes.Count(raw, entryMark) > maxMarks {
		env.Throw("Error", "", "The archive has more than %d entries", maxEntries)
	}
	r, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // nothing is written anywhere
		env.Throw("Error", "", "FILE_ENDED")
	}
	if len(r.File) > maxEntries {
		env.Throw("Error", "", "The archive has more than %d entries", maxEntries)
	}
	a := &archive{env: env, files: r.File, read: map[int]bool{}}
	entries := make([]any, len(r.File))
	for i, f := range r.File {
		entries[i] = a.entry(f)
	}
	o := env.VM.NewObject()
	_ = o.Set("comment", r.Comment)
	_ = o.Set("entries", env.VM.NewArray(entries...))
	_ = o.Set("read", a.content)
	return o
}

func (a *archive) entry(f *zip.File) *goja.Object {
	o := a.env.VM.NewObject()
	offset := int64(-1)
	if at, err := f.DataOffset(); err == nil {
		offset = at
	}
	for _, field := range []struct {
		name  string
		value any
	}{
		{"signature", 0x02014b50},
		{"versionMadeBy", f.CreatorVersion},
		{"versionsNeededToExtract", f.ReaderVersion},
		{"flags", f.Flags},
		{"compressionMethod", f.Method},
		{"lastModifiedTime", f.ModifiedTime}, //nolint:staticcheck // the raw field of the format is asked for
		{"lastModifiedDate", f.ModifiedDate}, //nolint:staticcheck // the raw field of the format is asked for
		{"crc32", f.CRC32},
		{"compressedSize", f.CompressedSize64},
		{"uncompressedSize", f.UncompressedSize64},
		{"fileNameLength", len(f.Name)},
		{"extraFieldLength", len(f.Extra)},
		{"fileCommentLength", len(f.Comment)},
		{"diskNumber", 0},
		{"internalFileAttributes", 0},
		{"externalFileAttributes", f.ExternalAttrs},
		{"dataOffset", offset},
		{"comment", f.Comment},
		{"pathBuffer", a.env.VM.NewArrayBuffer([]byte(f.Name))},
	} {
		_ = o.Set(field.name, field.value)
	}
	_ = o.Set("path", strings.ToValidUTF8(f.Name, "\uFFFD"))
	return o
}

// content unpacks an entry by its index. The format's own checks hold its size to what the directory says.
func (a *archive) content(c goja.FunctionCall) goja.Value {
	i := int(c.Argument(0).ToInteger())
	if i < 0 || i >= len(a.files) {
		a.env.Throw("RangeError", "", "There is no such entry")
	}
	f := a.files[i]
	if f.Flags&1 != 0 {
		a.env.Throw("Error", "", "The entry is encrypted, which is not supported")
	}
	if !a.read[i] {
		if f.UncompressedSize64 > maxUnpacked-a.unpacked {
			a.env.Throw("Error", "", "The archive is too large: at most %d bytes may be unpacked", maxUnpacked)
		}
		a.read[i] = true
		a.unpacked += f.UncompressedSize64
	}
	r, err := f.Open()
	if err != nil {
		a.env.Throw("Error", "", "The entry can't be read: %v", err)
	}
	defer func() { _ = r.Close() }()
	var out bytes.Buffer
	out.Grow(int(min(f.UncompressedSize64, 1<<20))) //nolint:gosec // bounded
	if _, err := io.Copy(&out, r); err != nil {     //nolint:gosec // not more than the size that was checked above
		a.env.Throw("Error", "", "The entry can't be read: %v", err)
	}
	return a.env.ArrayBuffer(slices.Clip(out.Bytes()))
}
