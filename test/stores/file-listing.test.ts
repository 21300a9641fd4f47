import * as fs from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t from 'tap'
import type * as FileListing from '../../src/stores/file-listing.ts'
import { listFiles } from '../../src/stores/file-listing.ts'
import { collect } from './contract.ts'

const bytewise = (keys: readonly string[]) => keys.map(key => Buffer.from(key)).sort(Buffer.compare).map(String)

async function folderWith (root: string, keys: readonly string[]) {
  for (const key of keys) {
    await fs.mkdir(dirname(join(root, key)), { recursive: true })
    await fs.writeFile(join(root, key), '')
  }
  return root
}

await t.test('lists a folder in order even if one pass does not hold all of its names', async t => {
  const names = Array.from({ length: 60 }, (_, i) => `${String(i * 37 % 60).padStart(2, '0')}${['', '.x', '0', '-'][i % 4]}`)
  const keys = names.flatMap((name, i) => i % 3 === 0 ? [`f/${name}/b`, `f/${name}/a`] : [`f/${name}`])
  const root = await folderWith(t.testdir(), keys)
  for (const batch of [1, 2, 7, 60, 61]) {
    t.strictSame(await collect(listFiles(root, '', {}, batch)), bytewise(keys), `${batch} names per pass`)
  }
  const range = { from: 'f/2', before: 'f/40/b' }
  const expected = bytewise(keys).filter(key => key >= range.from && key < range.before)
  t.ok(expected.length > 20)
  t.strictSame(await collect(listFiles(root, 'f/', range, 3)), expected)
})

await t.test('reads only folders that can hold keys of the range', async t => {
  const root = await folderWith(t.testdir(), ['a/1', 'b/1', 'b/2/x', 'c/1'])
  const read: string[] = []
  const { listFiles: counted } = await t.mockImport<typeof FileListing>('../../src/stores/file-listing.ts', {
    'node:fs/promises': {
      ...fs,
      opendir: async (path: string) => {
        read.push(path.slice(root.length))
        return await fs.opendir(path)
      }
    }
  })
  t.strictSame(await collect(counted(root, '', { from: 'b/', before: 'b/2' })), ['b/1'])
  t.strictSame(read, ['', '/b/'])
  read.length = 0
  t.strictSame(await collect(counted(root, '', { limit: 1 })), ['a/1'])
  t.strictSame(read, ['', '/a/'])
})

await t.test('continues behind folders without files if the listing has a limit', async t => {
  const root = t.testdir()
  for (let i = 0; i < 30; i++) await fs.mkdir(join(root, `empty-${i}`))
  await folderWith(root, ['full/1', 'full/2'])
  t.strictSame(await collect(listFiles(root, '', { limit: 1 }, 4)), ['full/1'])
})
