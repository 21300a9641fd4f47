import t from 'tap'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const folder = join(import.meta.dirname, '../../src/pipeline')
const readme = readFileSync(join(folder, 'README.md'), 'utf8')

await t.test('the example in the README of the pipeline runs', async t => {
  const [, example = ''] = /```ts\n([^]*?)```/.exec(readme) ?? []
  const file = join(t.testdir(), 'example.mts')
  writeFileSync(file, example.replace("'./index.ts'", `'${pathToFileURL(join(folder, 'index.ts')).href}'`))
  const { stdout, stderr, status } = spawnSync(process.execPath, [file], { encoding: 'utf8' })
  t.equal(status, 0, stderr)
  t.same(stdout.trim().split('\n').sort(), [
    'dead letter line 3 \'three\' is not a number', 'line 1 done', 'line 2 done', 'line 3 done', 'line 4 done', 'square 16', 'square 4'
  ])
})

await t.test('the README of the pipeline describes every node and every state', async t => {
  const nodes = ['source', 'step', 'filter', 'split', 'batch', 'through', 'to', 'toBatches']
  const states = ['created', 'running', 'draining', 'stopped', 'failed']
  for (const name of [...nodes, ...states]) t.match(readme, `| \`${name}\` |`)
})
