import t from 'tap'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { checksumsOf } from '../../src/stores/checksums.ts'
import { openFileStore } from '../../src/stores/file-store.ts'
import { gzipFrame, inflate } from '../../src/stores/gzip.ts'

const frameOf = (i: number) => Buffer.alloc(200_000 + i, `alert ${i} `)

// This program puts objects until it is killed. It prints the number of each object whose put has resolved.
const writer = `
import { writeSync } from 'node:fs'
const [storeFile, checksumsFile, root, first] = process.argv.slice(1)
const { openFileStore } = await import(storeFile)
const { checksumsOf } = await import(checksumsFile)
const { gzipSync } = await import('node:zlib')
const store = await openFileStore(root)
let next = Number(first)
await Promise.all(Array.from({ length: 8 }, async () => {
  for (;;) {
    const i = next++
    const frame = Buffer.alloc(200_000 + i, 'alert ' + i + ' ')
    const meta = { contentType: 'application/gzip', ...checksumsOf(frame) }
    await store.put('v2/alerts/' + i % 3 + '/' + i + '.avro.gz', gzipSync(frame, { level: 0 }), meta)
    writeSync(1, i + '\\n')
  }
}))`

await t.test('a killed writer leaves no partial object and loses no acknowledged object', async t => {
  const root = t.testdir()
  const modules = ['file-store', 'checksums'].map(name => new URL(`../../src/stores/${name}.ts`, import.meta.url).href)
  const acknowledged = new Set<number>()
  let unfinished = 0
  for (let round = 0; round < 6; round++) {
    const args = ['--input-type=module', '-e', writer, ...modules, root, String(round * 100_000)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    t.teardown(() => { child.kill('SIGKILL') })
    const exited = once(child, 'exit')
    let lines = 0
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged.add(Number(line))
      if (++lines === 15 + round) child.kill('SIGKILL')
    }
    t.same(await exited, [null, 'SIGKILL'])
    unfinished += (await readdir(join(root, '.incoming'))).length
  }
  t.ok(unfinished > 0, `the kills left ${unfinished} unfinished files, so they interrupted puts`)

  const store = await openFileStore(root)
  t.same(await readdir(join(root, '.incoming')), [], 'the next writer removes the unfinished files')
  const visible = new Set<number>()
  for await (const key of store.list('')) {
    const i = Number(/([0-9]+)\.avro\.gz$/.exec(key)?.[1])
    visible.add(i)
    const object = await store.get(key)
    if (object === undefined || !inflate(object.body).equals(frameOf(i))) t.fail(`${key} is incomplete`)
  }
  t.same([...acknowledged].filter(i => !visible.has(i)), [], `all ${acknowledged.size} acknowledged objects are visible`)

  const [one] = acknowledged
  const frame = frameOf(one!)
  const meta = { contentType: 'application/gzip', ...checksumsOf(frame) }
  const outcome = await store.put(`v2/alerts/${one! % 3}/${one}.avro.gz`, await gzipFrame(frame), meta)
  t.equal(outcome, 'identical', 'a put of the same alert after the kill is identical')
})
