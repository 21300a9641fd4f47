import { mock } from 'node:test'
import t from 'tap'
import { FailureLog } from '../../src/pipeline/failure-log.ts'
import { testErrors } from '../support/pipeline.ts'

const down = (what: string): Error => testErrors.TEST_SERVER_DOWN(what)
const bad = (what: string): Error => testErrors.TEST_BAD_RECORD(what)
const INTERVAL_MS = 30_000
mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
t.teardown(() => { mock.timers.reset() })

type Line = Record<string, unknown> & { readonly level: string, readonly msg: string }

function setUp () {
  const lines: Line[] = []
  const at = (level: string) => (fields: object, msg: string): void => { lines.push({ level, ...fields, msg }) }
  return { lines, log: new FailureLog({ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }) }
}

/** Reports one failed attempt for each of `count` records of a node. Their retries do not end in this function. */
function fail (log: FailureLog, node: string, count: number): void {
  for (let record = 0; record < count; record++) {
    log.retryBegins(node)
    log.attemptFailed(node, down(`no response ${record}`), () => ({ offset: record }))
  }
}

function end (log: FailureLog, node: string, count: number, succeeded = true): void {
  for (let record = 0; record < count; record++) log.retryEnds(node, succeeded)
}

await t.test('an outage is logged once per node with the record and the error code, and the recovery is logged once', async t => {
  const { lines, log } = setUp()
  fail(log, 'archive', 500)
  t.strictSame(lines, [{
    level: 'warn', node: 'archive', offset: 0, code: 'TEST_SERVER_DOWN', error: 'no response 0', msg: 'attempt failed; retrying'
  }])
  end(log, 'archive', 499)
  t.equal(lines.length, 1, 'no recovery is logged while one record is still being retried')
  end(log, 'archive', 1)
  t.match(lines.slice(1), [{ level: 'info', node: 'archive', tries: 500, msg: 'recovered' }])
  log.close()
  t.equal(lines.length, 2)
})

await t.test('outages of different nodes are logged separately', async t => {
  const { lines, log } = setUp()
  fail(log, 'a', 3)
  fail(log, 'b', 3)
  end(log, 'b', 3)
  t.match(lines, [{ node: 'a' }, { node: 'b' }, { node: 'b', msg: 'recovered' }])
  log.close()
})

await t.test('a long outage is logged once per interval with the failed attempts, and ends after an interval without failures', async t => {
  const { lines, log } = setUp()
  fail(log, 'archive', 1)
  fail(log, 'archive', 40)
  mock.timers.tick(INTERVAL_MS - 1)
  t.equal(lines.length, 1)
  mock.timers.tick(1)
  t.match(lines[1], {
    level: 'warn', node: 'archive', tries: 40, waiting: 41, code: 'TEST_SERVER_DOWN', error: 'no response 39',
    msg: 'more attempts failed; retrying'
  })
  end(log, 'archive', 41)
  t.match(lines[2], { msg: 'recovered', tries: 41 })
  mock.timers.tick(INTERVAL_MS)
  fail(log, 'archive', 1)
  t.match(lines.slice(3), [{ msg: 'attempt failed; retrying' }])
  log.close()
})

await t.test('if a server fails intermittently, only the first failure is logged at once, and later failures are counted', async t => {
  const { lines, log } = setUp()
  for (let time = 0; time < 100; time++) {
    fail(log, 'archive', 1)
    end(log, 'archive', 1)
  }
  t.strictSame(lines.map(({ msg }) => msg), ['attempt failed; retrying', 'recovered'])
  log.close()
  t.match(lines[2], { tries: 99, waiting: 0, msg: 'more attempts failed, then succeeded' })
  t.equal(lines.length, 3)
})

await t.test('no recovery is logged if a record has failed for good', async t => {
  const { lines, log } = setUp()
  fail(log, 'archive', 1)
  end(log, 'archive', 1, false)
  log.retryBegins('archive')
  end(log, 'archive', 1, false)
  t.equal(lines.length, 1)
  log.close()
})

await t.test('the first 10 dead letters of a node and code are logged individually, and further dead letters are counted', async t => {
  const { lines, log } = setUp()
  for (let record = 0; record < 27; record++) {
    log.deadLettered('unframe', bad(`not framed ${record}`), () => ({ offset: record }))
    if (record < 2) log.deadLettered('archive', bad('other'), () => ({ offset: record }))
    log.deadLettered('unframe', new Error('no code'), () => ({ offset: record }))
  }
  t.equal(lines.filter(({ node, code }) => node === 'unframe' && code === 'TEST_BAD_RECORD').length, 10)
  t.equal(lines.filter(({ node }) => node === 'archive').length, 2)
  t.equal(lines.filter(({ code }) => code === 'UNEXPECTED').length, 10)
  t.match(lines[0], {
    level: 'warn', node: 'unframe', offset: 0, code: 'TEST_BAD_RECORD', error: 'not framed 0', msg: 'record dead-lettered'
  })
  log.close()
  t.match(lines.slice(22), [
    { node: 'unframe', code: 'TEST_BAD_RECORD', records: 17, msg: 'more records dead-lettered' },
    { node: 'unframe', code: 'UNEXPECTED', records: 17 }
  ])
  t.equal(lines.length, 24)
})

await t.test('each interval of dead letters ends with a count, and the next interval starts with individual lines', async t => {
  const { lines, log } = setUp()
  for (let record = 0; record < 14; record++) log.deadLettered('unframe', bad('x'), () => ({}))
  mock.timers.tick(INTERVAL_MS)
  t.match(lines[10], { node: 'unframe', code: 'TEST_BAD_RECORD', records: 4 })
  log.deadLettered('unframe', bad('y'), () => ({}))
  t.match(lines[11], { error: 'y', msg: 'record dead-lettered' })
  log.close()
})

await t.test('record fields are computed only if a log line is written', async t => {
  const { log } = setUp()
  let computed = 0
  const fields = (): object => { computed++; return {} }
  for (let time = 0; time < 20; time++) {
    log.attemptFailed('a', down('x'), fields)
    log.deadLettered('a', bad('x'), fields)
  }
  t.equal(computed, 11)
  log.close()
})
