import { mock } from 'node:test'
import t from 'tap'
import { Troubles, type TroublesOptions } from '../../src/pipeline/failure-log.ts'
import { testErrors } from '../support/pipeline.ts'

const down = (what: string): Error => testErrors.TEST_SERVER_DOWN(what)
const bad = (what: string): Error => testErrors.TEST_BAD_RECORD(what)
const PERIOD = 30_000
mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
t.teardown(() => { mock.timers.reset() })

type Line = Record<string, unknown> & { readonly level: string, readonly msg: string }

function troubles (options: TroublesOptions = {}) {
  const lines: Line[] = []
  const at = (level: string) => (fields: object, msg: string): void => { lines.push({ level, ...fields, msg }) }
  return { lines, troubles: new Troubles({ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }, options) }
}

/** `count` records of a node fail once each. */
function fail (troubles: Troubles, node: string, count: number): void {
  for (let record = 0; record < count; record++) {
    troubles.begins(node)
    troubles.failed(node, down(`no answer ${record}`), () => ({ offset: record }))
  }
}

function end (troubles: Troubles, node: string, count: number, through = true): void {
  for (let record = 0; record < count; record++) troubles.ends(node, through)
}

await t.test('a node whose server is away says so once, with the record and the code, and once that it answers again', async t => {
  const { lines, troubles: all } = troubles()
  fail(all, 'archive', 500)
  t.strictSame(lines, [{ level: 'warn', node: 'archive', offset: 0, code: 'TEST_SERVER_DOWN', error: 'no answer 0', msg: 'a try failed; trying again' }])
  end(all, 'archive', 499)
  t.equal(lines.length, 1, 'one is still being tried')
  end(all, 'archive', 1)
  t.match(lines.slice(1), [{ level: 'info', node: 'archive', tries: 500, msg: 'answers again' }])
  all.close()
  t.equal(lines.length, 2)
})

await t.test('nodes have their own', async t => {
  const { lines, troubles: all } = troubles()
  fail(all, 'a', 3)
  fail(all, 'b', 3)
  end(all, 'b', 3)
  t.match(lines, [{ node: 'a' }, { node: 'b' }, { node: 'b', msg: 'answers again' }])
  all.close()
})

await t.test('while it lasts, each period has one line with the number of tries; with none the trouble is over and the next one is told', async t => {
  const { lines, troubles: all } = troubles()
  fail(all, 'archive', 1)
  fail(all, 'archive', 40)
  mock.timers.tick(PERIOD - 1)
  t.equal(lines.length, 1)
  mock.timers.tick(1)
  t.match(lines[1], { level: 'warn', node: 'archive', tries: 40, waiting: 41, code: 'TEST_SERVER_DOWN', error: 'no answer 39', msg: 'more tries failed; trying again' })
  end(all, 'archive', 41)
  t.match(lines[2], { msg: 'answers again', tries: 41 })
  mock.timers.tick(PERIOD)
  fail(all, 'archive', 1)
  t.match(lines.slice(3), [{ msg: 'a try failed; trying again' }])
  all.close()
})

await t.test('a server that fails now and then is no flood of lines: what failed and came through meanwhile is counted', async t => {
  const { lines, troubles: all } = troubles()
  for (let time = 0; time < 100; time++) {
    fail(all, 'archive', 1)
    end(all, 'archive', 1)
  }
  t.strictSame(lines.map(({ msg }) => msg), ['a try failed; trying again', 'answers again'])
  all.close()
  t.match(lines[2], { tries: 99, waiting: 0, msg: 'more tries failed and then came through' })
  t.equal(lines.length, 3)
})

await t.test('a record that is given up does not make a node answer', async t => {
  const { lines, troubles: all } = troubles()
  fail(all, 'archive', 1)
  end(all, 'archive', 1, false)
  all.begins('archive')
  end(all, 'archive', 1, false)
  t.equal(lines.length, 1)
  all.close()
})

await t.test('dead letters are told one by one, the first of each node and code, then counted', async t => {
  const { lines, troubles: all } = troubles({ letters: 3 })
  for (let record = 0; record < 20; record++) {
    all.buried('unframe', bad(`not framed ${record}`), () => ({ offset: record }))
    if (record < 2) all.buried('archive', bad('other'), () => ({ offset: record }))
    all.buried('unframe', new Error('no code'), () => ({ offset: record }))
  }
  t.equal(lines.filter(({ node, code }) => node === 'unframe' && code === 'TEST_BAD_RECORD').length, 3)
  t.equal(lines.filter(({ node }) => node === 'archive').length, 2)
  t.equal(lines.filter(({ code }) => code === 'UNEXPECTED').length, 3)
  t.match(lines[0], { level: 'warn', node: 'unframe', offset: 0, code: 'TEST_BAD_RECORD', error: 'not framed 0', msg: 'a record went to the dead letters' })
  all.close()
  t.match(lines.slice(8), [
    { node: 'unframe', code: 'TEST_BAD_RECORD', records: 17, msg: 'more records went to the dead letters' },
    { node: 'unframe', code: 'UNEXPECTED', records: 17 }
  ])
  t.equal(lines.length, 10)
})

await t.test('a period of dead letters ends with its count, and the next begins with lines', async t => {
  const { lines, troubles: all } = troubles({ letters: 1 })
  for (let record = 0; record < 5; record++) all.buried('unframe', bad('x'), () => ({}))
  mock.timers.tick(PERIOD)
  t.match(lines[1], { node: 'unframe', code: 'TEST_BAD_RECORD', records: 4 })
  all.buried('unframe', bad('y'), () => ({}))
  t.match(lines[2], { error: 'y', msg: 'a record went to the dead letters' })
  all.close()
})

await t.test('facts are asked for only where a line is written', async t => {
  const { troubles: all } = troubles({ letters: 1 })
  let asked = 0
  const facts = (): object => { asked++; return {} }
  for (let time = 0; time < 10; time++) {
    all.failed('a', down('x'), facts)
    all.buried('a', bad('x'), facts)
  }
  t.equal(asked, 2)
  all.close()
})
