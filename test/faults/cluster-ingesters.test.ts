// Ingesters on three brokers are killed, frozen and replaced while a stream arrives. Every record is archived once under its id, no offset
// is committed past a record that is not archived, and committed offsets never go back.
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from '../kafka/support.ts'
import { joinedBy } from '../modes/archive-support.ts'
import { randomFor, rounds } from '../support/rounds.ts'
import type { RunningCli } from '../support/stack.ts'
import { finish, scenario, stopAll, useFaultCluster, type Scenario } from './cluster-support.ts'

const on = await useFaultCluster(t)
const SESSION_SECONDS = 3

for (const store of ['file', 'gs', 's3'] as const) {
  await t.test(`no record is lost while ingesters that write to ${store} are repeatedly killed with SIGKILL`, async t => {
    const random = randomFor(t.name)
    const at = await scenario(t, on, { store, flags: ['--session-timeout-seconds', String(SESSION_SECONDS)] })
    const load = at.startLoad()
    const ingesters = [at.start(), at.start()]
    await at.commitMore(1, load)
    for (let round = 0; round < 3 * rounds; round++) {
      // The rest of the alerts arrives while the ingester is killed.
      void load.send(100)
      await at.commitMore(random.between(1, 100))
      const index = random.between(0, 1)
      t.equal((await ingesters[index]!.stop('SIGKILL')).signal, 'SIGKILL')
      await at.assertSound(t)
      ingesters[index] = at.start()
    }
    await load.stop()
    await finish(t, at, ...ingesters)
  })
}

/** Inode and modification time of each archived alert. An object that is overwritten gets another inode. */
async function files (root: string): Promise<Map<string, string>> {
  const names = (await readdir(root, { recursive: true })).filter(name => name.endsWith('.avro.gz'))
  return new Map(await Promise.all(names.map(async name => {
    const { ino, mtimeMs } = await stat(join(root, name))
    return [name, `${ino} ${mtimeMs}`] as const
  })))
}

/** Lets the group remove a frozen ingester, and then lets the ingester continue. */
async function freeze (ingester: RunningCli, others: readonly RunningCli[]): Promise<void> {
  const before = new Map(others.map(other => [other, joinedBy(other)?.generation ?? -1]))
  process.kill(ingester.pid, 'SIGSTOP')
  await eventually(() => others.every(other => (joinedBy(other)?.generation ?? -1) > before.get(other)!))
  process.kill(ingester.pid, 'SIGCONT')
}

/** Reads the committed offsets until `stop` is called. Returns the commits that went back. */
function watchCommits (at: Scenario) {
  let watching = true
  const wentBack: string[] = []
  const done = (async () => {
    let last: ReadonlyArray<bigint | undefined> = []
    await eventually(async () => {
      const now = await at.commits()
      now?.forEach((offset, partition) => {
        const before = last[partition] ?? 0n
        if ((offset ?? 0n) < before) wentBack.push(`partition ${partition}: ${before} -> ${offset}`)
      })
      last = now ?? last
      return !watching
    })
  })()
  return {
    stop: async (): Promise<readonly string[]> => {
      watching = false
      await done
      return wentBack
    }
  }
}

await t.test('no record is lost while members join, leave, are killed, and are frozen longer than their session timeout', async t => {
  const random = randomFor(t.name)
  const at = await scenario(t, on, { flags: ['--session-timeout-seconds', String(SESSION_SECONDS)] })
  const load = at.startLoad()
  const commits = watchCommits(at)
  const ingesters = [at.start(), at.start(), at.start()]
  await at.commitMore(1, load)
  const faults = ['freeze', 'kill', 'freeze', 'replace'] as const
  for (let round = 0; round < 4 * rounds; round++) {
    void load.send(150)
    await at.commitMore(random.between(1, 100))
    const fault = round < 4 ? faults[round]! : random.pick(faults)
    const index = random.between(0, ingesters.length - 1)
    const chosen = ingesters[index]!
    const written = await files(at.root)
    if (fault === 'freeze') {
      await freeze(chosen, ingesters.filter(other => other !== chosen))
    } else {
      const next = at.start()
      if (fault === 'kill') await chosen.stop('SIGKILL')
      else await stopAll(t, chosen)
      ingesters[index] = next
    }
    await at.commitMore(50, load)
    const now = await files(at.root)
    t.strictSame([...written].filter(([name, file]) => now.get(name) !== file), [], `no object changes (${fault})`)
  }
  await load.stop()
  await at.settled()
  t.strictSame(await commits.stop(), [], 'no committed offset goes back')
  await stopAll(t, ...ingesters)
  await at.assertComplete(t)
})
