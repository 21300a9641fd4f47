import t from 'tap'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Folders } from '../../src/stores/folders.ts'

/** fsyncs that end when told to. */
function manual () {
  const waiting: { folder: string, end: (error?: Error) => void }[] = []
  const fsync = (folder: string) => new Promise<void>((resolve, reject) => {
    waiting.push({ folder, end: error => { if (error === undefined) resolve(); else reject(error) } })
  })
  return { waiting, fsync }
}

await t.test('one fsync serves all that wait, but never one that began before they asked', async t => {
  const { waiting, fsync } = manual()
  const folders = new Folders('/store', fsync)
  const done: string[] = []
  const ask = (name: string) => { void folders.sync('/store/a').then(() => { done.push(name) }) }
  ask('first')
  ask('second')
  ask('third')
  t.equal(waiting.length, 1)
  waiting[0]!.end()
  await new Promise(setImmediate)
  t.same(done, ['first'])
  t.equal(waiting.length, 2, 'one more fsync for both who came during the first')
  ask('fourth')
  waiting[1]!.end()
  await new Promise(setImmediate)
  t.same(done, ['first', 'second', 'third'])
  waiting[2]!.end()
  await new Promise(setImmediate)
  t.same(done, ['first', 'second', 'third', 'fourth'])
  t.equal(waiting.length, 3)
})

await t.test('an fsync that fails fails those who waited for it, and not the next', async t => {
  const { waiting, fsync } = manual()
  const folders = new Folders('/store', fsync)
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

await t.test('folders do not wait for each other', async t => {
  const { waiting, fsync } = manual()
  const folders = new Folders('/store', fsync)
  const both = Promise.all([folders.sync('/store/a'), folders.sync('/store/b')])
  t.same(waiting.map(({ folder }) => folder), ['/store/a', '/store/b'])
  for (const { end } of waiting) end()
  await both
})

await t.test('a new folder is made durable up to the root, once', async t => {
  const root = t.testdir()
  const synced: string[] = []
  const folders = new Folders(root, async folder => { synced.push(folder) })
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

await t.test('a new root is made durable in the folder that was there', async t => {
  const there = t.testdir()
  const synced: string[] = []
  const root = join(there, 'a', 'b')
  await new Folders(root, async folder => { synced.push(folder) }).ensure(root)
  t.same(synced, [join(there, 'a'), there])
})
