// What the file store has flushed to disk when a put resolves. The calls of the real file system are recorded.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import { checksumsOf } from '../../src/stores/checksums.ts'

type Call = (...args: unknown[]) => unknown

const calls: string[] = []
const paths = new Map<number, string>()

/** Records the path of a file or folder when the call with its descriptor or path has ended. */
function record (name: 'open' | 'fdatasync' | 'fsync' | 'link', use: (args: unknown[], result: unknown) => void): void {
  const real = fs[name] as unknown as Call
  Object.assign(fs, {
    [name]: (...args: unknown[]) => real(...args.slice(0, -1), (error: Error | null, result: unknown) => {
      if (error === null) use(args, result)
      ;(args.at(-1) as Call)(error, result)
    })
  })
}

record('open', ([path], fd) => { paths.set(fd as number, String(path)) })
record('fdatasync', ([fd]) => { calls.push(`sync ${paths.get(fd as number)}`) })
record('fsync', ([fd]) => { calls.push(`sync ${paths.get(fd as number)}`) })
record('link', ([from, to]) => { calls.push(`link ${String(from)} ${String(to)}`) })
syncBuiltinESMExports()
const { openFileStore } = await import('../../src/stores/file-store.ts')

await t.test('syncs a new object before it becomes visible and its folder afterwards, and the folder of an existing object', async t => {
  const root = t.testdir()
  const store = await openFileStore(root)
  const body = Buffer.from('content')
  const meta = { contentType: 'application/octet-stream', ...checksumsOf(body) }
  calls.length = 0
  t.equal(await store.put('a/b/1', body, meta), 'written')
  const link = calls.findIndex(call => call.startsWith('link '))
  const [, from] = calls[link]!.split(' ')
  t.ok(calls.slice(0, link).includes(`sync ${from}`), 'the content is durable before the name exists')
  t.strictSame(calls.slice(link + 1), [`sync ${join(root, 'a/b')}`], 'the name is durable')
  for (const folder of [root, join(root, 'a')]) t.ok(calls.slice(0, link).includes(`sync ${folder}`), 'new folders are durable')
  for (const call of [() => store.put('a/b/1', body, meta), () => store.compare('a/b/1', body, meta)]) {
    calls.length = 0
    t.equal(await call(), 'identical')
    t.strictSame(calls, [`sync ${join(root, 'a/b')}`], 'the process that wrote the object may have died before it synced the folder')
  }
  await store.close()
})
