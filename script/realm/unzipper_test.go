package realm_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// archiveInput is the archive of testdata as an action's input: a.txt (stored), dir/, dir/ü.csv and zero.bin (deflated), comment
// "an archive", all of 2024-05-06 07:08:10.
func archiveInput(t *testing.T) option {
	t.Helper()
	raw, err := os.ReadFile("testdata/archive.zip")
	require.NoError(t, err)
	return withInput(`"` + base64.StdEncoding.EncodeToString(raw) + `"`)
}

// The expectations are what Node 20 prints with unzipper 0.12.5.
func TestUnzipper(t *testing.T) {
	const stream = `(() => { const s = new Response(b.subarray(0)).body; return s; })()`
	for name, test := range map[string]struct{ body, want string }{
		"the directory": {
			`const d = await u.Open.buffer(b); return [d.comment, d.numberOfRecords, d.files.map(f => [f.path, f.type, f.uncompressedSize, f.compressedSize,
				f.crc32, f.compressionMethod, f.flags, f.isUnicode, f.offsetToLocalFileHeader, f.lastModifiedDateTime, f.lastModifiedDate])]`,
			`["an archive",4,[["a.txt","File",5,5,907060870,0,0,false,0,"2024-05-06T07:08:10.000Z",22694],
				["dir/","Directory",0,0,0,0,0,false,40,"2024-05-06T07:08:10.000Z",22694],
				["dir/ü.csv","File",8,10,1329910589,8,2048,true,74,"2024-05-06T07:08:10.000Z",22694],
				["zero.bin","File",100000,114,3557922173,8,0,false,124,"2024-05-06T07:08:10.000Z",22694]]]`},
		"contents": {
			`const d = await u.Open.buffer(b); const f = d.files.find(f => /csv$/.test(f.path)); const all = [];
			 for (const x of d.files) all.push((await x.buffer()).length);
			 return [Buffer.isBuffer(await f.buffer()), String(await f.buffer()), all]`,
			`[true,"b,c\n1,2\n",[5,0,8,100000]]`},
		"a content as a stream": {
			`const d = await u.Open.buffer(b); let s = "";
			 await new Promise((done, failed) => d.files[0].stream().on("data", c => s += c).on("error", failed).on("end", done)); return s`,
			`"hello"`},
		"the script's bytes may change": {
			`const d = await u.Open.buffer(b); b.fill(0); return String(await d.files[0].buffer())`, `"hello"`},
		"no archive": {
			`const out = []; for (const x of [Buffer.from("nonsense"), Buffer.alloc(0), b.subarray(0, 200)]) {
				try { await u.Open.buffer(x) } catch (e) { out.push(e.message) } } return out`,
			`["FILE_ENDED","FILE_ENDED","FILE_ENDED"]`},
		"entries of a stream": {
			`const seen = []; const p = ` + stream + `.pipe(u.Parse()); p.on("entry", async e => { seen.push([e.path, e.type, e.vars.uncompressedSize, e.props.flags.isUnicode]);
				if (e.path === "a.txt") seen.push(String(await e.buffer())); else e.autodrain(); });
			 await p.promise(); await null; return seen`,
			`[["a.txt","File",5,false],["dir/","Directory",0,false],["dir/ü.csv","File",8,true],["zero.bin","File",100000,false],"hello"]`},
		"entries one after another": {
			`const seen = []; const it = ` + stream + `.pipe(u.Parse({forceStream: true}))[Symbol.asyncIterator]();
			 for (let e = await it.next(); !e.done; e = await it.next()) { seen.push(e.value.path); await e.value.autodrain().promise(); } return seen`,
			`["a.txt","dir/","dir/ü.csv","zero.bin"]`},
		"written by hand": {
			`const p = u.Parse(); const done = p.promise(); let n = 0; p.on("entry", () => n++); p.write(b.subarray(0, 100)); p.end(b.subarray(100)); await done; return n`, `4`},
		"one entry": {
			`let s = ""; const p = ` + stream + `.pipe(u.ParseOne(/csv/)); await new Promise((done, failed) => p.on("data", c => s += c).on("end", done).on("error", failed)); return s`,
			`"b,c\n1,2\n"`},
		"a broken stream": {
			`try { const p = u.Parse(); p.end(Buffer.from("nonsense")); await p.promise() } catch (e) { return e instanceof Error }`, `true`},
		"nothing outside": {
			`const out = []; for (const f of [() => u.Open.file("x"), () => u.Open.url(null, "https://x"), async () => u.Extract({path: "/"}), async () => (await u.Open.buffer(b)).extract({path: "/"})]) {
				try { await f() } catch (e) { out.push(/is not supported here/.test(e.message)) } } return out`,
			`[true,true,true,true]`},
		"by default import": {`return u.default === u && require("node:unzipper") === u`, `true`},
	} {
		t.Run(name, func(t *testing.T) {
			result := runBody(t, &fakeHost{}, `const u = require("unzipper"), b = Buffer.from(input, "base64"); `+test.body, archiveInput(t))
			require.JSONEq(t, test.want, output(t, result))
		})
	}
}

func TestArchivesHaveBounds(t *testing.T) {
	pack := func(entries int, header zip.FileHeader, content string) string {
		var out bytes.Buffer
		w := zip.NewWriter(&out)
		for i := range entries {
			h := header
			h.Name = fmt.Sprint(i)
			f, err := w.CreateRaw(&h)
			require.NoError(t, err)
			_, err = f.Write([]byte(content))
			require.NoError(t, err)
		}
		require.NoError(t, w.Close())
		return base64.StdEncoding.EncodeToString(out.Bytes())
	}
	stored := func(size uint64) zip.FileHeader {
		return zip.FileHeader{Method: zip.Store, CompressedSize64: 4, UncompressedSize64: size, CRC32: 0xd9eae2b2}
	}
	locked := stored(4)
	locked.Flags = 1
	read := `const d = await require("unzipper").Open.buffer(Buffer.from(input, "base64")); let n = 0; for (const f of d.files) n += (await f.buffer()).length; return n`
	for name, test := range map[string]struct{ input, message string }{
		"entries":        {pack(10_001, stored(0), ""), "The archive has more than 10000 entries"},
		"cut short":      {pack(2, stored(200<<20), "four"), "The entry can't be read: unexpected EOF"},
		"unpacked bytes": {pack(1, stored(300<<20), "four"), "The archive is too large: at most 268435456 bytes may be unpacked"},
		"a false size":   {pack(1, stored(3), "four"), "The entry can't be read: zip: not a valid zip file"},
		"encrypted":      {pack(1, locked, "four"), "The entry is encrypted, which is not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			result := runBody(t, &fakeHost{}, `try { `+read+` } catch (e) { return e.message }`, withInput(`"`+test.input+`"`))
			require.JSONEq(t, quote(t, test.message), output(t, result))
		})
	}
}
