import { readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { deadLetterKey } from '../../src/dead-letters/dead-letter-json.ts'
import { toDeadLetterRecord } from '../../src/dead-letters/dead-letter.ts'
import { deadLetterStoreSink } from '../../src/dead-letters/store-sink.ts'
import { deadLetterStoreSource, type DeadLetterStoreSourceOptions } from '../../src/dead-letters/store-source.ts'
import { openStore } from '../../src/stores/index.ts'
import { contextOf, pull } from '../kafka/support.ts'
import { deadLetterFor, readDeadLetters, reasonIs } from './support.ts'

/** Writes `count` dead letters to a store. Returns functions that list the keys in the store and create sources. */
async function storeWith (root: string, count: number) {
  const url = pathToFileURL(root).href
  const open: DeadLetterStoreSourceOptions['open'] = async log => openStore(url, { log })
  const sink = deadLetterStoreSink({ url, open })
  await sink.open?.(contextOf())
  for (let index = 0; index < count; index++) {
    await sink.write(deadLetterFor(index, index % 2 === 0 ? 'EVEN' : 'ODD', { timestamp: 5n }))
  }
  await sink.close?.()
  const names = async (): Promise<string[]> => (await readdir(root, { recursive: true })).filter(name => name.endsWith('.json')).sort()
  const source = (more: Partial<DeadLetterStoreSourceOptions> = {}) => deadLetterStoreSource({ url, open, group: 'redrive', ...more })
  return { url, names, source }
}

await t.test('marks processed dead letters, and later runs emit only the dead letters that were left', async t => {
  const { source, names } = await storeWith(t.testdir(), 40)
  const before = await names()
  t.strictSame(await readDeadLetters(source({ dryRun: true })), [...Array(40).keys()])
  t.strictSame(await names(), before, 'a dry run writes no marker')
  t.strictSame(await readDeadLetters(source(), reasonIs('ODD')), [...Array(40).keys()])
  t.equal((await names()).length, 40 + 20 + 1, 'one marker per processed dead letter, and the start marker')
  t.strictSame(await readDeadLetters(source()), Array.from({ length: 20 }, (_, index) => 2 * index + 1))
  t.strictSame(await readDeadLetters(source()), [])
  t.strictSame((await names()).filter(name => name.startsWith('dead-letters/')), before, 'dead letters are not changed')
  const key = deadLetterKey(toDeadLetterRecord(deadLetterFor(3, 'ODD', { timestamp: 5n })))
  t.ok((await names()).includes(key.replace('dead-letters/v1/', 'dead-letters-redriven/v1/redrive/')))
  t.strictSame(await readDeadLetters(source({ group: 'another/group' })), [...Array(40).keys()])
  t.strictSame(await readDeadLetters(source({ group: 'another/group' })), [])
})

await t.test('for an object that is not a dead letter, emits an entry with the problem', async t => {
  const root = t.testdir()
  const { source } = await storeWith(root, 1)
  await writeFile(join(root, 'dead-letters/v1/alerts/0/0.json'), '{}')
  const problems: unknown[] = []
  await readDeadLetters(source(), ({ problem }) => { if (problem !== undefined) problems.push(problem); return true })
  t.match(problems, [{ code: 'LETTER_UNREADABLE', where: 'dead-letters/v1/alerts/0/0.json' }])
})

await t.test('fails before it emits a dead letter if markers cannot be written', async t => {
  const root = t.testdir()
  const { url } = await storeWith(root, 3)
  const readOnly = deadLetterStoreSource({ url, open: async log => openStore(url, { access: 'read', log }), group: 'redrive' })
  // In an aborted run, the source makes only one attempt, so the test does not wait for retries.
  await t.rejects(readOnly.open!({ ...contextOf(), abort: AbortSignal.abort() }), { code: 'STORE_READ_ONLY' })
  await readOnly.close?.()
})

await t.test('writes markers when the store is available again', { skip: process.platform === 'win32' }, async t => {
  const root = join(t.testdir(), 'store')
  const { source, names } = await storeWith(root, 5)
  const reader = source()
  const context = contextOf()
  await reader.open?.(context)
  const pulling = pull(reader, context, () => {})
  await pulling.ended
  await rename(root, `${root}.away`)
  for (const record of pulling.records) reader.settled?.(record)
  const flushed = reader.flush!()
  await new Promise(resolve => setTimeout(resolve, 20))
  await rm(root, { recursive: true, force: true })
  await rename(`${root}.away`, root)
  await flushed
  await reader.close?.()
  t.equal((await names()).length, 5 + 5 + 1)
  t.strictSame(await readDeadLetters(source()), [])
})
