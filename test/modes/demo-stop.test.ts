// A demo that is stopped during its start leaves no process behind. A demo that is started after a crash works.
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { tempDir } from '../support/stack.ts'
import { exists, leftovers, readServers, startDemo } from './demo-support.ts'

const flags = ['--alerts', '20', '--interval', '600']
const stateDir = join(await tempDir(t), 'state')

await t.test('leaves no process behind if a stop comes while Kafka starts or the topic is loaded', async t => {
  for (const moment of [/^starting Kafka/m, /^loading alerts-static/m]) {
    const demo = startDemo(t, stateDir, flags)
    await demo.waitFor(moment)
    demo.signal('SIGINT')
    t.equal(await demo.finished, 0, demo.stderr)
    t.notMatch(demo.stdout, /A visit is published/)
    t.notMatch(demo.stderr, /^[A-Z]+_[A-Z_]+: /m)
    t.notOk(await exists(join(stateDir, 'demo.json')))
    t.strictSame(await leftovers(stateDir, await readServers(stateDir)), [])
  }
})

await t.test('starts on a state folder whose files were truncated by a crash', async t => {
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
