// copy, killed and stopped again and again: nothing is lost, nothing is written twice, and the same command copies the rest.
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { alertKey, schemaKey } from '../../src/stores/layouts.ts'
import { folder, frameOf, idsOf, metaOf, objectOf, objectsIn, schemaId, schemaText } from '../modes/copy-support.ts'
import { startCli } from '../support/stack.ts'

const ids = idsOf('20260224', 1200)
const expected = new Map<string, Buffer>([[schemaKey('v3', schemaId), Buffer.from(schemaText)]])
const from = await folder(t)
for (const [n, id] of ids.entries()) {
  const object = await objectOf(frameOf(id), BigInt(n))
  expected.set(alertKey('v3', id), object)
  await from.store.put(alertKey('v2', id), object, metaOf(frameOf(id)))
}
await from.store.put(schemaKey('v2', schemaId), Buffer.from(schemaText), metaOf(Buffer.from(schemaText), 'application/json'))
const total = ids.length + 1

async function countIn (root: string): Promise<number> {
  const names = await readdir(join(root, 'v3'), { recursive: true }).catch(() => [])
  return names.filter(name => /\.(avro\.gz|json)$/.test(name)).length
}

function argsTo (url: string): string[] {
  return ['copy', '--from', from.url, '--to', url, '--layout', 'v3', '--batch-size', '2']
}

await t.test('killed with SIGKILL in each run: every object is complete, and the last run copies what is missing', async t => {
  const to = await folder(t)
  let kills = 0
  for (let before = 0; ;) {
    const running = startCli(t, argsTo(to.url))
    let count = before
    while (running.child.exitCode === null && count < before + total / 6) {
      await sleep(5)
      count = await countIn(to.root)
    }
    const { code, signal, stdout } = await running.stop('SIGKILL')
    if (signal === null) {
      t.equal(code, 0)
      const report = JSON.parse(stdout) as { copied: number, copiedSchemas: number, present: number, complete: boolean }
      t.match(report, { complete: true, problems: [], present: before })
      t.equal(report.copied + report.copiedSchemas + report.present, total)
      break
    }
    kills++
    before = await countIn(to.root)
    for (const [key, body] of await objectsIn(to.store)) {
      if (!expected.get(key)?.equals(body)) t.fail(`${key} is not the object of the source`)
    }
  }
  t.ok(kills >= 3, `${kills} runs were killed`)
  t.strictSame(await objectsIn(to.store), new Map([...expected].sort(([a], [b]) => a < b ? -1 : 1)))
  t.strictSame(await readdir(join(to.root, '.incoming')), [], 'the last run removed unfinished files')
})

await t.test('SIGTERM ends the copy cleanly and says how to go on, and the same command copies the rest', async t => {
  const to = await folder(t)
  const running = startCli(t, argsTo(to.url))
  while (await countIn(to.root) < 50) await sleep(5)
  const { code, stdout, stderr } = await running.stop('SIGTERM')
  t.equal(code, 0)
  t.match(stderr, /stopped before the end: run the same command again to copy the rest/)
  const stopped = JSON.parse(stdout) as { copied: number, copiedSchemas: number }
  t.match(stopped, { complete: false, problems: [], present: 0, copiedSchemas: 1 })
  t.ok(stopped.copied >= 49 && stopped.copied < ids.length, `${stopped.copied} copied`)
  t.equal(await countIn(to.root), stopped.copied + 1, 'the report counts what is there')
  const rest = await startCli(t, argsTo(to.url)).finished
  t.match(JSON.parse(rest.stdout), {
    complete: true, copied: ids.length - stopped.copied, copiedSchemas: 0, present: stopped.copied + 1
  })
  t.strictSame(await readFile(join(to.root, alertKey('v3', ids[0]!))), expected.get(alertKey('v3', ids[0]!)))
  t.equal((await objectsIn(to.store)).size, total)
})
