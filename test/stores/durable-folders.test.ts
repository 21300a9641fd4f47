import t from 'tap'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DurableFolders } from '../../src/stores/durable-folders.ts'

/** A fake fsync. Each call adds an entry to `waiting`; calling `end` of the entry settles the call. */
function manualFsync () {
  const waiting: { folder: string, end: (error?: Error) => void }[] = []
  const fsync = (folder: string) => new Promise<void>((resolve, reject) => {
    waiting.push({ folder, end: error => { if (error === undefined) resolve(); else reject(error) } })
  })
  return { waiting, fsync }
}

await t.test('all waiting callers share one fsync, and no caller shares an fsync that began before its call', async t => {
  const { waiting, fsync } = manualFsync()
  const folders = new DurableFolders('/store', fsync)
  const done: string[] = []
  const sync = (name: string) => { void folders.sync('/store/a').then(() => { done.push(name) }) }
  sync('first')
  sync('second')
  sync('third')
  t.equal(waiting.length, 1)
  waiting[0]!.end()
  await new Promise(setImmediate)
  t.same(done, ['first'])
  t.equal(waiting.length, 2, 'the two calls made during the first fsync share the next fsync')
  sync('fourth')
  waiting[1]!.end()
  await new Promise(setImmediate)
  t.same(done, ['first', 'second', 'third'])
  waiting[2]!.end()
  await new Promise(setImmediate)
  t.same(done, ['first', 'second', 'third', 'fourth'])
  t.equal(waiting.length, 3)
})

await t.test('a failed fsync fails the callers that waited for it, not later callers', async t => {
  const { waiting, fsync } = manualFsync()
  const folders = new DurableFolders('/store', fsync)
  const first = folders.sync('/store')
  const second = folders.sync('/store')
  waiting[0]!.end(new Error('disk'))
  await t.rejects(first, { message: 'disk' })
  await new Promise(setImmediate)
  waiting[1]!.end()
  await second
  const third = folders.sync('/store')
  waiting[2]!.end()
  await third
})

await t.test('syncs different folders concurrently', async t => {
  const { waiting, fsync } = manualFsync()
  const folders = new DurableFolders('/store', fsync)
  const both = Promise.all([folders.sync('/store/a'), folders.sync('/store/b')])
  t.same(waiting.map(({ folder }) => folder), ['/store/a', '/store/b'])
  for (const { end } of waiting) end()
  await both
})

await t.test('ensure makes a new folder durable up to the root, and syncs nothing for a known folder', async t => {
  const root = t.testdir()
  const synced: string[] = []
  const folders = new DurableFolders(root, async folder => { synced.push(folder) })
  const folder = join(root, 'v2', 'alerts', '123456')
  await Promise.all([folders.ensure(folder), folders.ensure(folder)])
  t.ok((await stat(folder)).isDirectory())
  t.same(synced, [join(root, 'v2', 'alerts'), join(root, 'v2'), root])
  await folders.ensure(folder)
  t.equal(synced.length, 3)
  folders.forget(folder)
  await folders.ensure(folder)
  t.equal(synced.length, 6)
})

await t.test('ensure makes a new root durable up to its first existing parent', async t => {
  const existing = t.testdir()
  const synced: string[] = []
  const root = join(existing, 'a', 'b')
  await new DurableFolders(root, async folder => { synced.push(folder) }).ensure(root)
  t.same(synced, [join(existing, 'a'), existing])
})
