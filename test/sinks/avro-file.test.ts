import { readdir, writeFile, readFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openContainer, parseSchema, type AlertValue } from '../../src/avro/index.ts'
import { createGraph, noRetry, type Source } from '../../src/pipeline/index.ts'
import { avroFileSink } from '../../src/sinks/avro-file.ts'
import { tempDir } from '../support/stack.ts'

const schema = parseSchema(JSON.stringify({ type: 'record', name: 'alert', fields: [{ name: 'diaSourceId', type: 'long' }] }))

function run (path: string, values: readonly AlertValue[], expected = values.length) {
  const sink = avroFileSink(path, () => schema, { syncMarker: 'x', blockBytes: 4 }, written => written === expected)
  const source: Source<AlertValue> = {
    kind: 'values',
    async * records () { for (const [index, value] of values.entries()) yield { value, bytes: 1, position: String(index) } }
  }
  const graph = createGraph('write', { retry: noRetry })
  graph.source('values', source).to('file', sink)
  return { sink, done: graph.build().run().done }
}

const ids = (count: number): AlertValue[] => Array.from({ length: count }, (_, n) => ({ diaSourceId: BigInt(n) }))

await t.test('writes the values in order and renames the file when it is complete', async t => {
  const path = join(await tempDir(t), 'x.avro')
  const { sink, done } = run(path, ids(20))
  await done
  t.equal(sink.complete, true)
  const container = await openContainer(path)
  const seen: unknown[] = []
  for await (const item of container.records()) seen.push(item.error ?? { ...item.value })
  await container.close()
  t.strictSame(seen, ids(20))
})

await t.test('deletes an incomplete file, and leaves an existing file of the same name unchanged', async t => {
  const folder = await tempDir(t)
  await writeFile(join(folder, 'old.avro'), 'old')
  for (const name of ['new.avro', 'old.avro']) {
    const { sink, done } = run(join(folder, name), ids(3), 4)
    await done
    t.equal(sink.complete, false)
    t.equal(sink.failure, undefined)
  }
  t.strictSame(await readdir(folder), ['old.avro'])
  t.equal(await readFile(join(folder, 'old.avro'), 'utf8'), 'old')
})

await t.test('an invalid value fails the graph and leaves no file', async t => {
  const folder = await tempDir(t)
  const values = ids(5)
  values[3] = { diaSourceId: 'three' }
  const { sink, done } = run(join(folder, 'x.avro'), values)
  await t.rejects(done, { code: 'VALUE_INVALID' })
  t.equal(sink.complete, false)
  t.strictSame(await readdir(folder), [])
})

await t.test('a file that cannot be opened fails the graph, and a failed rename sets only `failure` of the sink', async t => {
  const folder = await tempDir(t)
  await t.rejects(run(join(folder, 'none', 'x.avro'), ids(1)).done, { code: 'AVRO_UNWRITABLE' })
  await mkdir(join(folder, 'taken', 'by'), { recursive: true })
  const { sink, done } = run(join(folder, 'taken'), ids(1))
  await done
  t.match(sink, { complete: false, failure: { code: 'AVRO_UNWRITABLE' } })
  t.strictSame(await readdir(folder), ['taken'])
})
