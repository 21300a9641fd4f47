// Kills redrive with SIGKILL several times. No dead letter is lost, and records that are sent twice are archived once.
import { join } from 'node:path'
import t from 'tap'
import { toKafkaRecord, toDeadLetterRecord } from '../../src/dead-letters/dead-letter.ts'
import { deadLetterStoreSink } from '../../src/dead-letters/store-sink.ts'
import { openStore } from '../../src/stores/index.ts'
import { adminFor, connect, contextOf, everyRecord, produce } from '../kafka/support.ts'
import {
  alertRecords, archivedIds, idOf, ingestArgs, newTarget, pythonMismatches, registerAlerts, storeUrl, whileRunning
} from '../modes/archive-support.ts'
import { deadLetterFor } from '../dead-letters/support.ts'
import { runMode } from '../support/in-process.ts'
import { randomFor } from '../support/rounds.ts'
import { startCli, tempDir, uniqueName, useStack } from '../support/stack.ts'

const { kafka, registry } = await useStack(t)
const connection = await connect(kafka)
const admin = adminFor(t, connection)
const alerts = await registerAlerts(registry)
const COUNT = 1500

const ends = async (topic: string): Promise<number> => (await admin.endOffsets(topic)).reduce((sum, end) => sum + Number(end), 0)

for (const kind of ['topic', 'store'] as const) {
  await t.test(`${kind}: every chosen dead letter is sent even if redrive is killed, and its alert is archived`, async t => {
    const random = randomFor(t.name)
    const at = await newTarget(t, { kafka, registry })
    const count = kind === 'topic' ? COUNT : COUNT / 5
    const records = alertRecords(alerts, count, 3)
    await admin.createTopic(at.topic, { partitions: 3, replicas: 1 })
    await admin.createTopic(at.dead, { partitions: 2, replicas: 1 })
    const dead = records.map(({ key, value, headers }, index) =>
      deadLetterFor(index, index % 10 === 0 ? 'OTHER' : 'UNKNOWN_SCHEMA', { key, value, headers, topic: at.topic, timestamp: 7n }))
    const url = storeUrl(join(await tempDir(t), 'dead-letters'))
    if (kind === 'topic') {
      const deadLetters = dead.map((each, index) => ({ ...toKafkaRecord(toDeadLetterRecord(each)), partition: index % 2 }))
      await produce(connection, at.dead, deadLetters)
    } else {
      const sink = deadLetterStoreSink({ url, open: async log => openStore(url, { log }) })
      await sink.open?.(contextOf())
      await Promise.all(dead.map(async deadLetter => sink.write(deadLetter)))
      await sink.close?.()
    }
    const from = kind === 'topic' ? ['--dead-letter-topic', at.dead, '--from-beginning'] : ['--dead-letter-store', url]
    const args = ['redrive', '--broker', kafka, '--group', uniqueName('redrive'), '--reason', 'UNKNOWN_SCHEMA', ...from]
    let killed = 0
    for (let round = 1; round <= 3; round++) {
      const redrive = startCli(t, args)
      const enough = Math.min(await ends(at.topic) + random.between(1, count / 8), count)
      let over = false
      void redrive.finished.then(() => { over = true })
      await whileRunning(redrive, async () => over || await ends(at.topic) >= enough, 1).catch(() => {})
      const { signal } = await redrive.stop('SIGKILL')
      if (signal === 'SIGKILL') killed++
      t.comment(`round ${round}: ${signal ?? 'ended'} with ${await ends(at.topic)} records sent`)
    }
    t.ok(killed >= 1, `redrive was killed ${killed} times, expected at least once`)
    const last = await runMode(args)
    t.match(last, { code: 0, stdout: new RegExp(`^redrive: \\d+ sent, 0 left, ${count / 10} not selected\n$`) }, last.stderr)
    t.match(await runMode(args), { code: 0, stdout: `redrive: 0 sent, 0 left, ${count / 10} not selected\n` })

    const chosen = records.filter((_, index) => index % 10 !== 0)
    const sent = await everyRecord(connection, at.topic)
    t.strictSame([...new Set(sent.map(idOf))].sort(), chosen.map(idOf).sort(), 'exactly the chosen dead letters are sent')
    const twice = sent.length - chosen.length
    t.comment(`${twice} of ${chosen.length} records were sent twice`)
    t.ok(twice <= killed * 200, 'only records in flight or not yet marked as sent are sent twice')
    const ingested = await runMode(ingestArgs(at, '--limit', String(sent.length)))
    const expected = `archived ${sent.length} alerts: ${chosen.length} written, ${twice} already archived, 0 dead letters\n`
    t.equal(ingested.stdout, expected, ingested.stderr)
    t.strictSame(await archivedIds(at.root), chosen.map(idOf).sort())
    t.strictSame(pythonMismatches(at.root, chosen), [])
  })
}
