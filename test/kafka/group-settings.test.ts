import t from 'tap'
import { groupSettings } from '../../src/kafka/group-settings.ts'
import ingest from '../../src/modes/ingest.ts'

const settingsWith = (sessionTimeout?: number) => groupSettings({ topics: ['a'], group: 'g', sessionTimeout })

await t.test('the default session timeout is 10 s, also that of ingest, with at least three heartbeats in a session', async t => {
  t.match(settingsWith(), { sessionTimeout: 10_000, heartbeatInterval: 3000 })
  t.equal(ingest.flags['session-timeout-seconds'].default, 10)
  for (const session of [1000, 6000, 10_000, 1_800_000]) {
    const { heartbeatInterval, rebalanceTimeout } = settingsWith(session)
    t.ok(heartbeatInterval * 3 <= session, `${heartbeatInterval} ms`)
    t.ok(rebalanceTimeout >= session, 'the rebalance timeout is not shorter')
  }
})
