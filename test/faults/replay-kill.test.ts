// Kills replay with SIGKILL at random moments. The same command sends the rest: nothing is missing, and each kill repeats at most one
// batch.
import t from 'tap'
import { adminFor, connect } from '../kafka/support.ts'
import { registerAlerts, whileRunning } from '../modes/archive-support.ts'
import { archived, judgeReplay, night, nightRecords, replayArgs } from '../modes/replay-support.ts'
import { runMode } from '../support/in-process.ts'
import { randomFor, rounds } from '../support/rounds.ts'
import { startCli, uniqueName, useGcs, usePython, useStack } from '../support/stack.ts'

const servers = await useStack(t)
const python = await usePython(t)
const gcs = await useGcs(t)
const connection = await connect(servers.kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(servers.registry)
const COUNT = 3000
const BATCH = 100
const KILLS = Math.max(3, rounds)

const ends = async (topic: string): Promise<number> => (await admin.endOffsets(topic)).reduce((sum, end) => sum + Number(end), 0)

for (const kind of ['folder', 'bucket'] as const) {
  await t.test(`${kind}: nothing is missing, and each of ${KILLS} kills repeats at most one batch`, async t => {
    const random = randomFor(t.name)
    const bucket = kind === 'folder' ? undefined : {
      store: `gs://${await gcs.bucket()}`, flags: ['--gcp-project', 'test'], env: { STORAGE_EMULATOR_HOST: gcs.url }
    }
    const at = await archived(t, servers, admin, connection, nightRecords(alerts, COUNT), bucket)
    const topic = uniqueName('replayed')
    const group = uniqueName('replay')
    await admin.createTopic(topic, { partitions: 4, replicas: 1, configs: { 'retention.ms': '-1' } })
    const args = replayArgs(at, topic, '--night', night, '--group', group, '--batch-size', String(BATCH), ...bucket?.flags ?? [])
    let [killed, repeated] = [0, 0]
    while (killed < KILLS) {
      const before = await ends(topic)
      const enough = before + random.between(1, Math.floor(COUNT / (KILLS + 2)))
      // The rate makes room for the kill.
      const replay = startCli(t, [...args, '--rate', '1500'], { env: bucket?.env ?? {} })
      await whileRunning(replay, async () => await ends(topic) >= enough, 10)
      const { signal } = await replay.stop('SIGKILL')
      t.equal(signal, 'SIGKILL')
      killed++
      const [processed = 0n] = await admin.committed(group, topic)
      const uncommitted = await ends(topic) - repeated - Number(processed)
      t.comment(`kill ${killed}: ${processed} processed, ${uncommitted} sent after that`)
      t.ok(uncommitted >= 0 && uncommitted <= BATCH, `${uncommitted} records are sent again`)
      repeated += uncommitted
    }
    const last = await runMode(args, bucket?.env)
    t.match(last, { code: 0, stdout: /^replay: \d+ alerts sent, \d+ processed before, 0 left out\n$/ }, last.stderr)
    const verdict = await judgeReplay(python, at, topic)
    t.strictSame(verdict, { original: COUNT, replayed: COUNT + repeated, repeated, missing: 0, problems: [] })
    t.match(await runMode(args, bucket?.env), { code: 0, stdout: `replay: 0 alerts sent, ${COUNT} processed before, 0 left out\n` })
  })
}
