import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { deadLetterFromJson, deadLetterKey } from '../../src/dead-letters/dead-letter-json.ts'
import { toDeadLetterRecord } from '../../src/dead-letters/dead-letter.ts'
import { position, textHeader, type KafkaRecord } from '../../src/kafka/record.ts'
import { createGraph, type DeadLetter, defineErrors } from '../../src/pipeline/index.ts'
import { deadLetterStoreSink, hasDeadLetter } from '../../src/dead-letters/store-sink.ts'
import { openStore, type ObjectStore } from '../../src/stores/index.ts'
import { contextOf } from '../kafka/support.ts'
import { useGcs } from '../support/stack.ts'

const gcs = await useGcs(t)
const errors = defineErrors({ TEST_STORED: { hint: 'Correct it.' } })

function deadLetterAt (offset: bigint, text = 'bytes', why = 'wrong'): DeadLetter {
  const value: KafkaRecord = {
    topic: 'alerts', partition: 0, offset, leaderEpoch: 0, timestamp: 5n, key: null, value: Buffer.from(text),
    headers: [textHeader('h', '1')]
  }
  const [at, error] = [position(value), errors.TEST_STORED(why)]
  return { record: { value, bytes: 1, position: at }, origin: { node: 'kafka', position: at }, node: 'unframe', error, attempts: 1 }
}

async function listed (store: ObjectStore, prefix = ''): Promise<string[]> {
  const keys: string[] = []
  for await (const key of store.list(prefix)) keys.push(key)
  return keys.sort()
}

async function sinkOn (location: string) {
  const url = location.startsWith('gs:') ? location : pathToFileURL(location).href
  const sink = deadLetterStoreSink({ url, open: async log => openStore(url, { log, emulatorHost: gcs.url }) })
  await sink.open?.(contextOf())
  const store = await openStore(url, { access: 'read', emulatorHost: gcs.url })
  const keys = async (): Promise<string[]> => await listed(store)
  return { sink, store, keys }
}

for (const kind of ['file', 'gs']) await t.test(`${kind}: writes one object per record, and no object for a redelivery`, async t => {
  const { sink, store, keys } = await sinkOn(kind === 'file' ? join(t.testdir(), 'store') : `gs://${await gcs.bucket()}/store`)
  await sink.write(deadLetterAt(1n))
  await sink.write(deadLetterAt(2n))
  const before = await keys()
  t.equal(before.length, 2)
  await sink.write({ ...deadLetterAt(1n, 'bytes', 'another reason'), attempts: 9 })
  t.strictSame(await keys(), before)
  const first = deadLetterFromJson((await store.get(before[0]!))!.body)
  t.strictSame(first, toDeadLetterRecord(deadLetterAt(1n)), 'the object keeps the first report')
  await sink.close?.()
})

await t.test('a different record at the same offset of a recreated topic gets an object of its own', async t => {
  const { sink, store, keys } = await sinkOn(t.testdir())
  await sink.write(deadLetterAt(1n, 'old'))
  await sink.write(deadLetterAt(1n, 'new'))
  const valueAt = async (key: string) => deadLetterFromJson((await store.get(key))!.body).value?.toString()
  const values = await Promise.all((await keys()).map(valueAt))
  t.strictSame(values.sort(), ['new', 'old'])
  await sink.close?.()
})

await t.test('a damaged object under the key is not overwritten and does not stop the stream', async t => {
  const root = t.testdir()
  const path = join(root, deadLetterKey(toDeadLetterRecord(deadLetterAt(1n))))
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, '{"reason":')
  const { sink, store, keys } = await sinkOn(root)
  await sink.write(deadLetterAt(1n))
  await sink.write(deadLetterAt(1n))
  t.equal((await readFile(path)).toString(), '{"reason":')
  t.equal((await keys()).length, 2)
  const copy = (await keys()).find(key => key.endsWith('-2.json'))
  t.strictSame(deadLetterFromJson((await store.get(copy!))!.body), toDeadLetterRecord(deadLetterAt(1n)))
  const recordAt = (offset: bigint) => deadLetterAt(offset).record.value as KafkaRecord
  t.equal(await hasDeadLetter(store, recordAt(1n)), true, 'it is found behind the damaged object')
  t.equal(await hasDeadLetter(store, recordAt(2n)), false)
  t.equal(await hasDeadLetter(store, { ...recordAt(1n), timestamp: 99n }), false, 'the record is of another topic of the same name')
  await sink.close?.()
})

await t.test('retries while the store is unavailable, and settles the record only when the dead letter is durable', async t => {
  const root = join(t.testdir(), 'store')
  const url = pathToFileURL(root).href
  const settled: Array<Error | undefined> = []
  let failures = 0
  const source = {
    kind: 'one bad record',
    async * records () {
      // The store disappears after it was opened, so the first attempts fail.
      await rename(root, `${root}.away`)
      yield deadLetterAt(1n).record
    },
    settled: (_: unknown, failure?: Error) => { settled.push(failure) }
  }
  const open = async (): Promise<ObjectStore> => {
    const store = await openStore(url)
    const put: ObjectStore['put'] = async (...args) => {
      try {
        return await store.put(...args)
      } catch (error) {
        t.strictSame([(error as { code?: string }).code, settled.length], ['STORE_MISSING', 0])
        if (++failures === 3) {
          await rm(root, { recursive: true, force: true })
          await rename(`${root}.away`, root)
        }
        throw error
      }
    }
    return {
      url: store.url, put, get: async key => store.get(key), getStart: async (...args) => store.getStart(...args),
      compare: async (...args) => store.compare(...args), list: prefix => store.list(prefix),
      check: async () => store.check(), close: async () => store.close()
    }
  }
  const retry = { attempts: 50, baseMs: 1, maxMs: 1 }
  const builder = createGraph('test', { deadLetters: deadLetterStoreSink({ url, open }), retry })
  const failing = builder.source('numbers', source).step('fail', () => { throw errors.TEST_STORED('always') })
  failing.to('nowhere', { kind: 'none', write: async () => {} })
  await builder.build().run().done
  t.equal(failures, 3)
  t.strictSame(settled, [undefined])
  t.equal((await listed(await openStore(url, { access: 'read' }), 'dead-letters/v1/alerts/0/')).length, 1)
})

await t.test('the readiness check fails before the sink is open and while the store is missing', async t => {
  const root = join(t.testdir(), 'store')
  const url = pathToFileURL(root).href
  const sink = deadLetterStoreSink({ url, open: async log => openStore(url, { log }) })
  await t.rejects(sink.check!(), { code: 'STORE_UNAVAILABLE', where: url })
  await sink.open?.(contextOf())
  await sink.check!()
  await rename(root, `${root}.away`)
  await t.rejects(sink.check!(), { code: 'STORE_MISSING' })
  await rename(`${root}.away`, root)
  await sink.check!()
  await sink.close?.()
})
