import t from 'tap'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const folder = join(import.meta.dirname, '../../src/pipeline')
const guide = readFileSync(join(folder, 'README.md'), 'utf8')

await t.test('the guide\'s example runs as it stands', async t => {
  const [, example = ''] = /```ts\n([^]*?)```/.exec(guide) ?? []
  const file = join(t.testdir(), 'example.mts')
  writeFileSync(file, example.replace("'./index.ts'", `'${pathToFileURL(join(folder, 'index.ts')).href}'`))
  const { stdout, stderr, status } = spawnSync(process.execPath, [file], { encoding: 'utf8' })
  t.equal(status, 0, stderr)
  t.same(stdout.trim().split('\n').sort(), [
    'buried line 3 \'three\' is no number', 'line 1 done', 'line 2 done', 'line 3 done', 'line 4 done', 'square 16', 'square 4'
  ])
})

await t.test('the guide names every node and every state', async t => {
  for (const name of ['source', 'step', 'filter', 'split', 'batch', 'merge', 'through', 'to', 'toBatches', 'created', 'running', 'draining', 'stopped', 'failed']) t.match(guide, `| \`${name}\` |`)
})
