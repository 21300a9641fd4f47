// If a program or file is missing or a part of the demo fails, the demo reports an error and leaves no process behind.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { runCli, tempDir } from '../support/stack.ts'
import { exists, leftovers, readServers, startDemo } from './demo-support.ts'

const flags = ['--alerts', '20', '--interval', '3']
const stateDir = join(await tempDir(t), 'state')

await t.test('reports missing Java, Maven and Python in one line before any download', async t => {
  const [cacheDir, empty] = [join(await tempDir(t), 'cache'), await tempDir(t)]
  const { code, stdout, stderr } = await runCli(['demo', '--state-dir', join(empty, 'state'), '--cache-dir', cacheDir], {
    env: { PATH: empty, JAVA_HOME: undefined }
  })
  t.equal(code, 1)
  t.equal(stdout, '')
  t.match(stderr, /^DEVSTACK_PREREQUISITE: Java 17 .*; Maven .*; Python .*\n$/)
  t.equal(stderr.split('\n').length, 2)
  t.notOk(await exists(cacheDir))
  t.notOk(await exists(join(empty, 'state', 'demo.json')))
})

await t.test('rejects a missing or invalid Avro file before anything starts', async t => {
  const folder = await tempDir(t)
  const missing = await runCli(['demo', '--file', join(folder, 'no.avro'), '--state-dir', join(folder, 'state')])
  t.match([missing.code, missing.stdout, missing.stderr], [1, '', /^AVRO_UNREADABLE: .*no\.avro/m])
  await writeFile(join(folder, 'text.avro'), 'no container')
  const text = await runCli(['demo', '--file', join(folder, 'text.avro'), '--state-dir', join(folder, 'state')])
  t.match([text.code, text.stdout, text.stderr], [1, '', /^AVRO_NOT_A_CONTAINER: .*text\.avro/m])
  t.notOk(await exists(join(folder, 'state')))
})

await t.test('rejects a state folder that is a file', async t => {
  const folder = await tempDir(t)
  await writeFile(join(folder, 'state'), 'a file')
  const { code, stderr } = await runCli(['demo', '--state-dir', join(folder, 'state')])
  t.match([code, stderr], [1, /^DEVSTACK_FOLDER: .*state/m])
})

for (const [folder, name] of [['modes/ingest', 'ingest'], ['kafka', 'Kafka']] as const) {
  await t.test(`if ${name} is killed, the demo reports it and stops everything`, async t => {
    const demo = startDemo(t, stateDir, flags)
    await demo.waitFor(/^visit \d+: published 20 .* lag 0/m)
    const servers = await readServers(stateDir)
    process.kill(servers.get(folder)!.pid, 'SIGKILL')
    t.equal(await demo.finished, 1)
    t.match(demo.stderr, new RegExp(`^DEMO_PART_FAILED: ${name} was killed by SIGKILL`, 'm'))
    t.match(demo.stderr, new RegExp(`${stateDir}/${folder}/`))
    t.notMatch(demo.stderr, /UNEXPECTED/)
    t.notOk(await exists(join(stateDir, 'demo.json')))
    t.strictSame(await leftovers(stateDir, servers), [])
  })
}
