import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Engine } from '../../src/search/engine.ts'
import { tempDir } from '../support/stack.ts'
import { never } from './support.ts'

async function engineOf (t: Test, memoryMib = 128) {
  const root = await tempDir(t)
  const folder = join(root, 'a \'quoted\' cache')
  await mkdir(folder)
  const engine = await Engine.open({ folder, memoryMib, threads: 2 })
  t.teardown(() => { engine.close() })
  return { engine, root, folder }
}

await t.test('reads nothing but its folder, and its settings cannot be changed', async t => {
  const { engine, root, folder } = await engineOf(t)
  await writeFile(join(root, 'secret.csv'), 'a\n1\n')
  await writeFile(join(folder, 'open.csv'), 'a\n1\n')
  t.strictSame(await engine.query(`SELECT a FROM read_csv($1)`, [{ type: 'VARCHAR', value: join(folder, 'open.csv') }], never), [[1n]])
  for (const statement of [
    `SELECT * FROM read_csv('${root}/secret.csv')`, `SELECT * FROM read_text('/etc/passwd')`, `SELECT * FROM glob('/*')`,
    `SELECT * FROM read_csv('${root}/x/../secret.csv')`, `COPY (SELECT 1) TO '${root}/out.csv'`, `ATTACH '${root}/other.db'`,
    'INSTALL httpfs', 'LOAD httpfs', `SELECT * FROM read_parquet('https://example.org/a.parquet')`,
    'SET enable_external_access = true', `SET allowed_directories = ['/']`, 'SET memory_limit = \'8GB\'', 'SET threads = 64',
    'SET lock_configuration = false', 'RESET memory_limit'
  ]) {
    await t.rejects(engine.query(statement, [], never), /Permission Error|Invalid Input Error|locked|disabled|cannot be read/, statement)
  }
})

await t.test('interrupts a query when its signal aborts, and then runs the next one', async t => {
  const { engine } = await engineOf(t)
  const reason = new Error('the client disconnected')
  const controller = new AbortController()
  const endless = engine.query('SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b', [], controller.signal)
  await sleep(50)
  controller.abort(reason)
  await t.rejects(endless, reason)
  await t.rejects(engine.query('SELECT 1', [], controller.signal), reason, 'a query is not started after its signal aborted')
  t.strictSame(await engine.query('SELECT 1', [], never), [[1]])
})

await t.test('a query that needs too much memory fails and leaves the engine usable', async t => {
  const { engine } = await engineOf(t, 32)
  const large = 'SELECT count(*) FROM (SELECT DISTINCT sha256(CAST(range AS VARCHAR)) AS a FROM range(3000000))'
  await t.rejects(engine.query(large, [], never), { code: 'SEARCH_MEMORY' })
  t.strictSame(await engine.query('SELECT 1', [], never), [[1]])
})

await t.test('a damaged file is reported as a damaged segment', async t => {
  const { engine, folder } = await engineOf(t)
  const path = join(folder, 'damaged.parquet')
  await writeFile(path, `PAR1${'x'.repeat(100)}PAR1`)
  const parameters = [{ type: 'VARCHAR[]', value: [path] }] as const
  await t.rejects(engine.query('SELECT count(*) FROM read_parquet($1)', parameters, never), { code: 'SEGMENT_DAMAGED' })
})
