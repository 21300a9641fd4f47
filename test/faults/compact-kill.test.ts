// Kills compaction with SIGKILL while it writes a revision, and runs two compactors at once. An independent judge reads all that is left.
import { readdir, readFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { judgeNight, newNight, night } from '../compaction/support.ts'
import { idOf, writeSegment, type Row } from '../search/support.ts'
import { kills, randomFor } from '../support/rounds.ts'
import { runCli, startCli, usePython } from '../support/stack.ts'

const python = await usePython(t)

const visitOf = (sequence: number): Row[] => Array.from({ length: 150 }, (_, index) => ({
  id: idOf(sequence, index), diaObjectId: BigInt(index * 31 % 50), healpix29: BigInt(index * 7919 % 1009)
}))

async function revisionObjects (root: string): Promise<number> {
  const names = await readdir(join(root, 'index/v1/revisions', night), { recursive: true }).catch(() => [])
  return names.filter(name => /\.(parquet|json)$/.test(name)).length
}

await t.test(`after ${kills} kills, complete revisions equal their segments; the next run covers all`, { timeout: 600_000 }, async t => {
  const random = randomFor(t.name)
  const { root, args } = await newNight(t)
  for (let kill = 1; kill <= kills; kill++) {
    await writeSegment(root, visitOf(kill))
    const target = await revisionObjects(root) + random.between(0, 6)
    const cli = startCli(t, args)
    while (cli.child.exitCode === null && await revisionObjects(root) < target) await sleep(1)
    if (target === 0) await sleep(random.between(0, 500))
    t.equal((await cli.stop('SIGKILL')).signal, 'SIGKILL')
    t.strictSame((await judgeNight(python, root)).problems, [])
  }
  const { code, stderr } = await runCli(args)
  t.equal(code, 0, stderr.slice(-2000))
  const { complete, revisions, ...verdict } = await judgeNight(python, root)
  t.match(verdict, { covered: true, problems: [], manifest: { rows: 150 * kills } })
  t.comment(`${revisions.length - complete.length} of ${revisions.length} revisions were left without a manifest`)
})

await t.test('two compactors at once both succeed, and write only complete revisions', async t => {
  const { root, args } = await newNight(t)
  for (let round = 1; round <= 3; round++) {
    await writeSegment(root, visitOf(round))
    const both = [startCli(t, args), startCli(t, args)]
    for (const { code, stderr } of await Promise.all(both.map(async cli => await cli.finished))) t.equal(code, 0, stderr.slice(-2000))
    const { complete, ...verdict } = await judgeNight(python, root)
    t.match(verdict, { covered: true, problems: [], manifest: { rows: 150 * round } })
    t.ok(complete.length >= round && complete.length <= 2 * round, String(complete))
  }
})

await t.test('the log names a damaged segment', async t => {
  const { root, args } = await newNight(t)
  await writeSegment(root, visitOf(1))
  const key = await writeSegment(root, visitOf(2))
  await truncate(join(root, key), (await readFile(join(root, key))).length - 20)
  const { code, stderr } = await runCli(args)
  t.equal(code, 1)
  t.match(stderr, new RegExp(`SEGMENT_DAMAGED.*${key.split('/').at(-1)!}`))
})
