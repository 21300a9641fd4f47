import t from 'tap'
import { kafkaErrors } from '../../src/kafka/errors.ts'
import { retryAtStart, startLimitMs } from '../../src/kafka/start-retry.ts'
import { connect, recordingLog } from './support.ts'

const connection = await connect('127.0.0.1:1')

await t.test('retries retryable errors, logs the first of them and returns the result', async t => {
  const { log, lines } = recordingLog()
  const outcomes = [kafkaErrors.KAFKA_UNREACHABLE('refused'), kafkaErrors.KAFKA_REFUSED('no leader', { retryable: true }), undefined]
  const result = await retryAtStart(connection, { log, signal: new AbortController().signal }, async () => {
    const error = outcomes.shift()
    if (error !== undefined) throw error
    return 'found'
  })
  t.equal(result, 'found')
  t.strictSame(lines, ['warn kafka is not available yet: retrying {"code":"KAFKA_UNREACHABLE","reason":"refused"}'])
})

await t.test('logs elections only if they last longer than a moment', async t => {
  const loading = () => kafkaErrors.KAFKA_REFUSED('loading', {
    retryable: true, cause: Object.assign(new Error('loading'), { apiId: 'COORDINATOR_LOAD_IN_PROGRESS' })
  })
  const linesAfter = async (waits: readonly number[]): Promise<readonly string[]> => {
    const { log, lines } = recordingLog()
    const outcomes = [...waits]
    let now = 0
    t.intercept(Date, 'now', { value: () => now })
    await retryAtStart(connection, { log, signal: new AbortController().signal }, async () => {
      const wait = outcomes.shift()
      if (wait === undefined) return
      now += wait
      throw loading()
    })
    return lines
  }
  t.strictSame(await linesAfter([100, 100]), [])
  const expected = ['warn kafka is not available yet: retrying {"code":"KAFKA_REFUSED","reason":"loading"}']
  t.strictSame(await linesAfter([100, 5000, 100]), expected)
})

await t.test('other errors end the attempts at once, and so does a stop', async t => {
  const { log } = recordingLog()
  const stop = new AbortController()
  let calls = 0
  const failing = (error: Error) => retryAtStart(connection, { log, signal: stop.signal }, async () => {
    calls++
    stop.abort()
    throw error
  })
  await t.rejects(failing(kafkaErrors.KAFKA_TOPIC_MISSING('none')), { code: 'KAFKA_TOPIC_MISSING' })
  await t.rejects(failing(kafkaErrors.KAFKA_UNREACHABLE('refused')), { code: 'KAFKA_UNREACHABLE' })
  t.equal(calls, 2)
})

await t.test('the limit is shorter if no broker has ever responded, because the address is probably wrong', async t => {
  const never = startLimitMs(connection)
  const { authState } = await connect('127.0.0.1:1')
  authState.accepted = true
  t.ok(never < startLimitMs({ authState }))
})
