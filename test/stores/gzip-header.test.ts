// Extra fields of gzip members, judged by independent readers: Python's gzip, GNU gunzip, Go's compress/gzip, node:zlib and zlib-sync.
import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { gzipFrame, inflate, inflateAsync, inflaterKind } from '../../src/stores/gzip.ts'
import { extraField, gzipHeader, maxFieldBytes, withExtraField } from '../../src/stores/gzip-header.ts'
import { tempDir } from '../support/stack.ts'

const frame = Buffer.concat([randomBytes(30_000), Buffer.alloc(50_000, 'alert')])
const gz = await gzipFrame(frame)
const time = 1_764_451_234
const sizes = [0, 1, 300, 40_000, maxFieldBytes]
const objects = sizes.map(size => withExtraField(gz, { id: 'LA', data: Buffer.alloc(size, 'data') }, time))

await t.test('adds a field and the time to the header, and changes nothing else', async t => {
  for (const [index, object] of objects.entries()) {
    const size = sizes[index]!
    t.equal(object.length, gz.length + 2 + 4 + size)
    t.strictSame(gzipHeader(object), { time, extraBytes: 2 + 4 + size })
    t.ok(extraField(object, 'LA')?.equals(Buffer.alloc(size, 'data')))
    t.equal(extraField(object, 'XX'), undefined)
    t.ok(object.subarray(-gz.length + 10).equals(gz.subarray(10)))
    t.strictSame([...object.subarray(0, 10)], [0x1f, 0x8b, 8, 4, 0xa2, 0x63, 0x2b, 0x69, 0, 255])
  }
  t.throws(() => withExtraField(gz, { id: 'LA', data: Buffer.alloc(maxFieldBytes + 1) }, time), RangeError)
  for (const none of [-1, 2 ** 32, 2 ** 60, -(2 ** 60)]) {
    t.equal(gzipHeader(withExtraField(gz, { id: 'LA', data: Buffer.alloc(9) }, none))?.time, 0, `${none} is out of range`)
  }
})

await t.test('our own inflater returns exactly the frame', async t => {
  t.comment(inflaterKind)
  for (const object of objects) {
    t.ok(inflate(object).equals(frame))
    t.ok((await inflateAsync(object)).equals(frame))
    t.ok(gunzipSync(object).equals(frame), 'node:zlib')
  }
})

await t.test('Python and GNU gunzip return exactly the frame', async t => {
  for (const input of objects) {
    const python = spawnSync('python3', ['-c', 'import gzip,sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))'],
      { input, maxBuffer: 1e8 })
    t.ok(frame.equals(python.stdout), python.stderr.toString())
    const gunzip = spawnSync('gunzip', ['-c'], { input, maxBuffer: 1e8 })
    t.strictSame([gunzip.status, gunzip.stderr.toString(), frame.equals(gunzip.stdout)], [0, '', true])
    const tested = spawnSync('gunzip', ['-t'], { input })
    t.strictSame([tested.status, tested.stderr.toString()], [0, ''])
  }
})

const goProgram = `package main

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

func main() {
	for _, path := range os.Args[1:] {
		file, err := os.Open(path)
		if err != nil { panic(err) }
		reader, err := gzip.NewReader(file)
		if err != nil { panic(err) }
		frame, err := io.ReadAll(reader)
		if err != nil { panic(err) }
		fmt.Println(reader.ModTime.Unix(), hex.EncodeToString(reader.Extra[:4]), len(reader.Extra), hex.EncodeToString(frame))
	}
}
`

const hasGo = spawnSync('go', ['version']).status === 0

await t.test('Go returns exactly the frame, the time and the field', { skip: !hasGo && 'Go is not installed' }, async t => {
  const folder = await tempDir(t)
  await writeFile(join(folder, 'main.go'), goProgram)
  const paths = await Promise.all(objects.map(async (object, index) => {
    const path = join(folder, `${index}.gz`)
    await writeFile(path, object)
    return path
  }))
  const env = { ...process.env, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local', GO111MODULE: 'off' }
  const output = execFileSync('go', ['run', join(folder, 'main.go'), ...paths], { cwd: folder, env, encoding: 'utf8', maxBuffer: 1e8 })
  const expected = sizes.map(size => {
    const length = Buffer.alloc(2)
    length.writeUInt16LE(size)
    return `${time} 4c41${length.toString('hex')} ${4 + size} ${frame.toString('hex')}`
  })
  t.strictSame(output.trimEnd().split('\n'), expected)
})

await t.test('a header without extra fields, and bytes that are not gzip, have no field', async t => {
  for (const bytes of [gz, Buffer.alloc(0), Buffer.alloc(100), gz.subarray(0, 5), Buffer.from('plain text, not gzip')]) {
    t.equal(extraField(bytes, 'LA'), undefined)
  }
  t.strictSame(gzipHeader(gz), { time: 0, extraBytes: 0 })
  t.equal(gzipHeader(Buffer.from('plain text, not gzip')), undefined)
})

/** A gzip header whose extra fields are these bytes. `stated` is the length that the header claims. */
function headerOf (fields: Buffer, stated = fields.length): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16LE(stated)
  return Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255]), length, fields])
}

await t.test('finds a field behind other fields', async t => {
  const fields = Buffer.from([0x42, 0x43, 2, 0, 7, 7, 0x4c, 0x41, 1, 0, 9])
  t.strictSame(extraField(headerOf(fields), 'LA'), Buffer.from([9]))
  t.strictSame(extraField(headerOf(fields), 'BC'), Buffer.from([7, 7]))
})

await t.test('wrong lengths are errors, never reads beyond the fields', async t => {
  const damaged: Record<string, Buffer> = {
    'the header is cut': headerOf(Buffer.from([0x4c, 0x41, 1, 0, 9]), 500),
    'a field is longer than the space': headerOf(Buffer.from([0x4c, 0x41, 2, 0, 9])),
    'a field claims 65,535 bytes': headerOf(Buffer.from([0x4c, 0x41, 255, 255, 9])),
    'the header of a field is cut': headerOf(Buffer.from([0x42, 0x43, 0, 0, 0x4c, 0x41])),
    'a single byte': headerOf(Buffer.from([0x4c]))
  }
  for (const [name, bytes] of Object.entries(damaged)) t.throws(() => extraField(bytes, 'LA'), /gzip header/, name)
  t.equal(extraField(headerOf(Buffer.alloc(0)), 'LA'), undefined)
})
