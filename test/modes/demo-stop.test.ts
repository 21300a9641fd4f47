// The demo stopped while it starts, or begun on what a crash left: nothing stays behind, and the next start is whole.
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { tempDir } from '../support/stack.ts'
import { exists, leftovers, partsOf, startDemo } from './demo-support.ts'

const flags = ['--alerts', '20', '--interval', '600']
const stateDir = join(await tempDir(t), 'state')

await t.test('stopped while Kafka starts, and while it loads, it leaves nothing behind and the next start is whole', async t => {
  for (const moment of [/^starting Kafka/m, /^loading alerts-static/m]) {
    const demo = startDemo(t, stateDir, flags)
    await demo.waitFor(moment)
    demo.signal('SIGINT')
    t.equal(await demo.finished, 0, demo.stderr)
    t.notMatch(demo.stdout, /A visit is published/)
    t.notMatch(demo.stderr, /^[A-Z]+_[A-Z_]+: /m)
    t.notOk(await exists(join(stateDir, 'demo.json')))
    t.strictSame(await leftovers(stateDir, await partsOf(stateDir)), [])
  }
})

await t.test('a folder whose files were cut short by a crash is used all the same', async t => {
  await writeFile(join(stateDir, 'demo.json'), '{"kafka": "127.')
  await writeFile(join(stateDir, 'loaded.json'), '')
  await writeFile(join(stateDir, 'visits.json'), '{')
  await mkdir(join(stateDir, 'modes', 'ingest'), { recursive: true })
  await writeFile(join(stateDir, 'modes', 'ingest', 'server.pid.json'), '{"pid":')
  const demo = startDemo(t, stateDir, [...flags, '--passes', '1'])
  t.equal(await demo.finished, 0, demo.stderr)
  t.match(demo.stdout, /^visit 1: published 20 .* lag 0/m)
  t.notOk((await readdir(stateDir)).includes('demo.json'))
})
