import { readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { letterKey } from '../../src/dead-letters/dead-letter-json.ts'
import { letterOf } from '../../src/dead-letters/dead-letter.ts'
import { storeDeadLetters } from '../../src/dead-letters/store-sink.ts'
import { letterStore, type LetterStoreOptions } from '../../src/dead-letters/store-source.ts'
import { openStore } from '../../src/stores/index.ts'
import { contextOf, pull } from '../kafka/support.ts'
import { deadOf, readLetters, reasonIs } from './support.ts'

async function place (root: string, count: number) {
  const url = pathToFileURL(root).href
  const open: LetterStoreOptions['open'] = async log => openStore(url, { log })
  const sink = storeDeadLetters({ url, open })
  await sink.open?.(contextOf())
  for (let index = 0; index < count; index++) await sink.write(deadOf(index, index % 2 === 0 ? 'EVEN' : 'ODD', { timestamp: 5n }))
  await sink.close?.()
  const names = async (): Promise<string[]> => (await readdir(root, { recursive: true })).filter(name => name.endsWith('.json')).sort()
  return { url, names, source: (more: Partial<LetterStoreOptions> = {}) => letterStore({ url, open, group: 'redrive', ...more }) }
}

await t.test('what is done with gets a mark and does not come again; what is left does; the letters stay as they are', async t => {
  const { source, names } = await place(t.testdir(), 40)
  const letters = await names()
  t.strictSame(await readLetters(source({ lookOnly: true })), [...Array(40).keys()])
  t.strictSame(await names(), letters, 'a look leaves no mark')
  t.strictSame(await readLetters(source(), reasonIs('ODD')), [...Array(40).keys()])
  t.equal((await names()).length, 40 + 20 + 1, 'a mark for each, and one that says that marks can be put')
  t.strictSame(await readLetters(source()), Array.from({ length: 20 }, (_, index) => 2 * index + 1))
  t.strictSame(await readLetters(source()), [])
  t.strictSame((await names()).filter(name => name.startsWith('dead-letters/')), letters)
  t.ok((await names()).includes(letterKey(letterOf(deadOf(3, 'ODD', { timestamp: 5n }))).replace('dead-letters/v1/', 'dead-letters-redriven/v1/redrive/')))
  t.strictSame(await readLetters(source({ group: 'a/group of another name' })), [...Array(40).keys()])
  t.strictSame(await readLetters(source({ group: 'a/group of another name' })), [])
})

await t.test('an object that is no letter is found with its problem', async t => {
  const root = t.testdir()
  const { source } = await place(root, 1)
  await writeFile(join(root, 'dead-letters/v1/alerts/0/0.json'), '{}')
  const problems: unknown[] = []
  await readLetters(source(), found => { if (found.problem !== undefined) problems.push(found.problem); return true })
  t.match(problems, [{ code: 'LETTER_UNREADABLE', where: 'dead-letters/v1/alerts/0/0.json' }])
})

await t.test('a store that takes no marks is an error before any letter is handed out', async t => {
  const root = t.testdir()
  const { url } = await place(root, 3)
  const readOnly = letterStore({ url, open: async log => openStore(url, { access: 'read', log }), group: 'redrive' })
  // Tries are repeated while the run goes on; here it has ended.
  await t.rejects(readOnly.open!({ ...contextOf(), abort: AbortSignal.abort() }), { code: 'STORE_READ_ONLY' })
  await readOnly.close?.()
})

await t.test('a store that is away for a while gets its marks when it is back', { skip: process.platform === 'win32' }, async t => {
  const root = join(t.testdir(), 'letters')
  const { source, names } = await place(root, 5)
  const away = source()
  const context = contextOf()
  await away.open?.(context)
  const pulling = pull(away, context, () => {})
  await pulling.ended
  await rename(root, `${root}.away`)
  for (const record of pulling.records) away.settled?.(record)
  const flushed = away.flush!()
  await new Promise(resolve => setTimeout(resolve, 20))
  await rm(root, { recursive: true, force: true })
  await rename(`${root}.away`, root)
  await flushed
  await away.close?.()
  t.equal((await names()).length, 5 + 5 + 1)
  t.strictSame(await readLetters(source()), [])
})
