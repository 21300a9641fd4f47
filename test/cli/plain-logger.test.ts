import t from 'tap'
import { plainLogger } from '../../src/cli/plain-logger.ts'

await t.test('writes sentences with the reason and the other scalar fields, and drops messages below the minimum level', async t => {
  const lines: string[] = []
  const log = plainLogger('info', line => { lines.push(line) })
  log.debug({}, 'hidden')
  log.info({ topic: 'alerts-static', partitions: 4, configs: {} }, 'creating the topic')
  log.info({ variable: 'X_Y' }, 'no mode reads X_Y')
  log.warn({ node: 'archive', error: 'first\n  second' }, 'record dead-lettered')
  log.error({ reason: new Error('no route') }, 'cannot connect')
  t.strictSame(lines, [
    'creating the topic [topic alerts-static, partitions 4]\n',
    'no mode reads X_Y\n',
    'warning: record dead-lettered [node archive]: first second\n',
    'error: cannot connect: no route\n'
  ])
})
