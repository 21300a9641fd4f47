import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { decodeLetter, letterKey } from '../../src/dead-letters/dead-letter-json.ts'
import { letterOf } from '../../src/dead-letters/dead-letter.ts'
import { position, textHeader, type KafkaRecord } from '../../src/kafka/record.ts'
import { createGraph, type DeadLetter, defineErrors } from '../../src/pipeline/index.ts'
import { storeDeadLetters } from '../../src/dead-letters/store-sink.ts'
import { openStore, type ObjectStore } from '../../src/stores/index.ts'
import { contextOf } from '../kafka/support.ts'
import { useGcs } from '../support/stack.ts'

const gcs = await useGcs(t)
const errors = defineErrors({ TEST_STORED: { hint: 'Correct it.' } })

function dead (offset: bigint, text = 'bytes', why = 'wrong'): DeadLetter {
  const value: KafkaRecord = { topic: 'alerts', partition: 0, offset, timestamp: 5n, key: null, value: Buffer.from(text), headers: [textHeader('h', '1')] }
  return { record: { value, bytes: 1, position: position(value) }, origin: { node: 'kafka', position: position(value) }, node: 'unframe', error: errors.TEST_STORED(why), attempts: 1 }
}

async function listed (store: ObjectStore, prefix = ''): Promise<string[]> {
  const keys: string[] = []
  for await (const key of store.list(prefix)) keys.push(key)
  return keys.sort()
}

async function sinkOn (place: string) {
  const url = place.startsWith('gs:') ? place : pathToFileURL(place).href
  const sink = storeDeadLetters({ url, open: async log => openStore(url, { log, emulatorHost: gcs.url }) })
  await sink.open?.(contextOf())
  const store = await openStore(url, { access: 'read', emulatorHost: gcs.url })
  const keys = async (): Promise<string[]> => await listed(store)
  return { sink, store, keys }
}

for (const kind of ['file', 'gs']) await t.test(`${kind}: one object per record, whole and readable; delivered again, with another reason, it is the same object`, async t => {
  const { sink, store, keys } = await sinkOn(kind === 'file' ? join(t.testdir(), 'letters') : `gs://${await gcs.bucket()}/letters`)
  await sink.write(dead(1n))
  await sink.write(dead(2n))
  const before = await keys()
  t.equal(before.length, 2)
  await sink.write({ ...dead(1n, 'bytes', 'another reason'), attempts: 9 })
  t.strictSame(await keys(), before)
  const first = decodeLetter((await store.get(before[0]!))!.body)
  t.strictSame(first, letterOf(dead(1n)), 'the first report stays')
  await sink.close?.()
})

await t.test('another record at the same offset, of a topic that was recreated, has an object of its own', async t => {
  const { sink, store, keys } = await sinkOn(t.testdir())
  await sink.write(dead(1n, 'old'))
  await sink.write(dead(1n, 'new'))
  const values = await Promise.all((await keys()).map(async key => decodeLetter((await store.get(key))!.body).value?.toString()))
  t.strictSame(values.sort(), ['new', 'old'])
  await sink.close?.()
})

await t.test('a damaged object in the letter\'s place does not stop the stream, and is not overwritten', async t => {
  const root = t.testdir()
  const path = join(root, letterKey(letterOf(dead(1n))))
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, '{"reason":')
  const { sink, store, keys } = await sinkOn(root)
  await sink.write(dead(1n))
  await sink.write(dead(1n))
  t.equal((await readFile(path)).toString(), '{"reason":')
  t.equal((await keys()).length, 2)
  const copy = (await keys()).find(key => key.endsWith('-2.json'))
  t.strictSame(decodeLetter((await store.get(copy!))!.body), letterOf(dead(1n)))
  await sink.close?.()
})

await t.test('a store that is away is waited for; a record settles only when its letter is durable', async t => {
  const root = join(t.testdir(), 'letters')
  const url = pathToFileURL(root).href
  const settled: Array<Error | undefined> = []
  let failures = 0
  const source = {
    kind: 'one bad record',
    async * records () {
      // Gone since it was opened: the first tries fail.
      await rename(root, `${root}.away`)
      yield dead(1n).record
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
    return { url: store.url, put, get: async key => store.get(key), list: prefix => store.list(prefix), check: async () => store.check(), close: async () => store.close() }
  }
  const builder = createGraph('letters', { deadLetters: storeDeadLetters({ url, open }), retry: { attempts: 50, baseMs: 1, maxMs: 1 } })
  builder.source('numbers', source).step('fail', () => { throw errors.TEST_STORED('always') }).to('nowhere', { kind: 'none', write: async () => {} })
  await builder.build().run().done
  t.equal(failures, 3)
  t.strictSame(settled, [undefined])
  t.equal((await listed(await openStore(url, { access: 'read' }), 'dead-letters/v1/alerts/0/')).length, 1)
})

await t.test('it can be checked as its store can, and before it is open it is not well', async t => {
  const root = join(t.testdir(), 'letters')
  const url = pathToFileURL(root).href
  const sink = storeDeadLetters({ url, open: async log => openStore(url, { log }) })
  await t.rejects(sink.check(), { code: 'STORE_UNAVAILABLE', where: url })
  await sink.open?.(contextOf())
  await sink.check()
  await rename(root, `${root}.away`)
  await t.rejects(sink.check(), { code: 'STORE_MISSING' })
  await rename(`${root}.away`, root)
  await sink.check()
  await sink.close?.()
})
