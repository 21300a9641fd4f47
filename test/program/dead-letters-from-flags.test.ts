import t from 'tap'
import { runMode } from '../support/in-process.ts'
import { CLOSED_PORT } from '../support/stack.ts'

await t.test('a dead-letter topic that the mode itself reads or loads is a usage error', async t => {
  const store = ['--alert-store', 'file:///var/alerts']
  const wrong = [
    ['ingest', ...store, '--topic', 'a', '--topic', 'b', '--dead-letter-topic', 'b'],
    ['ingest', ...store, '--kafka-topics', 'a,b', '--dead-letter-topic', 'a'],
    ['ingest', ...store, '--topic', 'alerts-dead-letters'],
    ['ingest', ...store, '--dead-letter-topic', 'alerts-simulated'],
    ['create-stream', 'no-such-file.avro', '--dst-topic', 'a', '--dead-letter-topic', 'a'],
    ['create-stream', 'no-such-file.avro', '--dead-letter-topic', 'alerts-static', '--create-topic'],
    ['verify', ...store, '--topic', 'a', '--dead-letter-topic', 'a', '--repair'],
    ['redrive', '--dst-topic', 'a', '--dead-letter-topic', 'a'],
    ['redrive', '--dst-topic', 'alerts-dead-letters'],
    ['play-stream', '--src-topic', 'a', '--dst-topic', 'a', '--accept-unmarked']
  ]
  for (const [mode = '', ...args] of wrong) {
    const broker = ['--broker', `127.0.0.1:${CLOSED_PORT}`]
    t.match(await runMode([mode, ...broker, ...args]), { code: 2, stdout: '', stderr: /^USAGE_BAD_VALUE: / }, [mode, ...args].join(' '))
  }
})
