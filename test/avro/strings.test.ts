// Strings whose bytes are not UTF-8 are copied unchanged or rejected, but never altered.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createContainerWriter, openContainer, parseSchema, refresher, resolver } from '../../src/avro/index.ts'
import { tempDir } from '../support/stack.ts'

const fields = [
  { name: 'diaSourceId', type: 'long' }, { name: 'text', type: 'string' }, { name: 'maybe', type: ['null', 'string'] },
  { name: 'tags', type: { type: 'map', values: 'string' } }, { name: 'raw', type: 'bytes' }
]
const schema = parseSchema(JSON.stringify({ type: 'record', name: 'alert', namespace: 'a', fields }))
const readerOf = (rawType = 'bytes') => parseSchema(JSON.stringify({
  type: 'record', name: 'alert', namespace: 'b', fields: fields.map(field => field.name === 'raw' ? { ...field, type: rawType } : field)
}))
const value = { diaSourceId: 5n, text: 'text', maybe: 'maybe', tags: { key: 'tag' }, raw: Buffer.from('raw') }
const datum = schema.encode(value)

/** The datum with the last byte of `word` replaced by a byte that is not UTF-8. */
function broken (word: string, bytes = datum): Buffer {
  const copy = Buffer.from(bytes)
  copy[copy.indexOf(word) + word.length - 1] = 0xff
  return copy
}

await t.test('rejects strings and map keys that are not UTF-8, when a datum is decoded or read with another schema', async t => {
  const read = resolver(schema, readerOf())
  for (const word of ['text', 'maybe', 'key', 'tag']) {
    t.throws(() => schema.decode(broken(word)), { code: 'DATUM_INVALID', message: /a string is not valid UTF-8/ }, word)
    t.throws(() => read(broken(word)), { code: 'DATUM_INVALID', message: /a string at byte \d+ is not UTF-8/ }, word)
  }
})

await t.test('decodes all valid strings, including U+FFFD', async t => {
  const text = '\ufffd \u00e9 \u{1f52d} \0'
  const all = { ...value, text, maybe: text, tags: { [text]: text } }
  t.same(schema.decode(schema.encode(all)), all)
  t.throws(() => schema.decode(schema.encode(all).subarray(0, 8)), { code: 'DATUM_INVALID' })
})

await t.test('reads bytes as a string only if they are valid UTF-8, and names the field', async t => {
  const reader = readerOf('string')
  const read = (datum: Buffer) => reader.decode(resolver(schema, reader)(datum))
  t.equal(read(datum)['raw'], 'raw')
  t.throws(() => read(broken('raw')), { code: 'RESOLUTION_IMPOSSIBLE', message: /raw: these bytes are not valid UTF-8/ })
  t.equal(read(datum)['raw'], 'raw', 'a failure does not affect later records')
})

await t.test('rejects strings that have no UTF-8 form when it encodes a value', async t => {
  for (const changed of [{ text: '\ud800' }, { maybe: 'a\udfffb' }, { tags: { a: '\ud800' } }, { tags: { '\ud800': 'a' } }]) {
    t.throws(() => schema.encode({ ...value, ...changed }), { code: 'VALUE_INVALID', message: /has no UTF-8 form/ })
  }
  t.throws(() => schema.encode({ ...value, tags: null }), { code: 'VALUE_INVALID' })
})

await t.test('new ids and times leave the bytes of strings as they are', async t => {
  const words = ['text', 'maybe', 'key', 'tag', 'raw']
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), words.reduce((bytes, word) => broken(word, bytes), datum)])
  const renewed = refresher(schema, { ids: true, times: true }).find(frame).renew({ second: 1_800_000_000, index: 0, shiftDays: 1 }).frame
  const strings = (bytes: Buffer) => bytes.subarray(-datum.length + 1)
  t.ok(strings(renewed).equals(strings(frame)))
  t.notOk(renewed.equals(frame))
})

await t.test('rejects a file whose schema is not UTF-8', async t => {
  const path = join(await tempDir(t), 'a.avro')
  const documented = parseSchema('{"type":"record","name":"alert","doc":"words","fields":[{"name":"id","type":"long"}]}')
  const writer = await createContainerWriter(path, documented)
  await writer.append({ id: 1n })
  await writer.close()
  await writeFile(path, broken('words', await readFile(path)))
  await t.rejects(openContainer(path), { code: 'AVRO_NOT_A_CONTAINER', message: /not valid UTF-8/, where: path })
})
