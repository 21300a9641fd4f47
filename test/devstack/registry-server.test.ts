import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { startRegistry, type RegistryServer } from '../../src/devstack/index.ts'
import { isAlive } from '../../src/devstack/process-identity.ts'
import { cache, tempDir, uniqueName, useStack } from '../support/stack.ts'

const TYPE = { 'content-type': 'application/vnd.schemaregistry.v1+json' }
const schema = JSON.stringify({ type: 'record', name: 'a', fields: [{ name: 'x', type: 'int', doc: 'kept' }] })

async function register (url: string, subject: string): Promise<number> {
  const response = await fetch(`${url}/subjects/${subject}/versions`, { method: 'POST', headers: TYPE, body: JSON.stringify({ schema }) })
  return (await response.json() as { id: number }).id
}

async function schemaOf (url: string, id: number): Promise<string> {
  return (await (await fetch(`${url}/schemas/ids/${id}`)).json() as { schema: string }).schema
}

await t.test('schemas keep their ids and text across a stop and SIGKILL', async t => {
  const dataDir = await tempDir(t)
  let running: RegistryServer | undefined
  t.teardown(async () => { await running?.kill() })
  const start = async (): Promise<RegistryServer> => {
    running = await startRegistry({ ...cache(), dataDir })
    return running
  }
  const first = await start()
  const id = await register(first.url, 'kept')
  await first.stop()
  t.equal(await isAlive(first), false)

  const second = await start()
  t.equal(await schemaOf(second.url, id), schema)
  t.equal(await register(second.url, 'kept'), id, 'registering the same schema again returns its id')
  await second.kill()

  const third = await start()
  t.equal(await schemaOf(third.url, id), schema)
})

await t.test('if the registry cannot read its data, the error names the log file', async t => {
  const dataDir = await tempDir(t)
  await writeFile(join(dataDir, 'registry.mv.db'), 'not a database'.repeat(1000))
  await t.rejects(startRegistry({ ...cache(), dataDir }), { code: 'DEVSTACK_SERVER_DIED', where: join(dataDir, 'registry.log') })
})

await t.test('tests share one registry', async t => {
  const [one, two] = await Promise.all([useStack(t), useStack(t)])
  t.equal(one, two)
  const subject = uniqueName('subject')
  const id = await register(one.registry, subject)
  t.equal(await schemaOf(one.registry, id), schema)
})
