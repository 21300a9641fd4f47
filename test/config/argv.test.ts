import t from 'tap'
import { checkPositionals, flagNames, readArguments, refuseExtra } from '../../src/config/argv.ts'
import { commonFlags } from '../../src/config/common.ts'
import { flags } from '../../src/config/flags.ts'

const table = flags({
  broker: { type: 'list', aliases: ['kafka-host', 'hosts'], description: '' },
  burst: { type: 'switch', description: '' },
  count: { type: 'integer', description: '' }
})

await t.test('a flag keeps all its words and the names under which they were given', async t => {
  const { given, positionals } = readArguments({ mode: 'try', flags: table }, ['--kafka-host=a:1', 'x', '--broker', 'b:1', '--kafka-host', 'c:1', '--no-burst', '--', '--count'])
  t.strictSame(Object.fromEntries(given), {
    broker: { values: ['a:1', 'b:1', 'c:1'], names: ['--kafka-host', '--broker'] },
    burst: { values: ['false'], names: ['--no-burst'] }
  })
  t.strictSame(positionals, ['x', '--count'])
  t.strictSame([...flagNames(table)], [['broker', 'broker'], ['kafka-host', 'broker'], ['hosts', 'broker'], ['burst', 'burst'], ['count', 'count']])
})

await t.test('a mode that delegates hands on what it does not know, in order, and after it the flags that every mode has', async t => {
  const command = { mode: 'outer', flags: flags({ format: { type: 'choice', choices: ['a', 'b'], description: '' }, ...commonFlags }), positionals: [], delegates: true }
  const handedOn = (...argv: string[]): readonly string[] => readArguments(command, argv).positionals
  t.strictSame(handedOn('ingest', '--broker', 'a:1', '--format', 'b', '--kafka-host=b:1', 'FILE'), ['ingest', '--broker', 'a:1', '--kafka-host=b:1', 'FILE'])
  t.strictSame(handedOn('--log-level', 'warn', 'ingest', '--no-debug', '--config=x.yaml', '--limit', '-1'), ['ingest', '--limit', '-1', '--log-level=warn', '--no-debug', '--config=x.yaml'])
  t.strictSame(handedOn('ingest', '-abc'), ['ingest', '-abc'], 'once, not once per letter')
  t.strictSame(Object.fromEntries(readArguments(command, ['ingest', '--format', 'b', '--debug']).given), { format: { values: ['b'], names: ['--format'] }, debug: { values: ['true'], names: ['--debug'] } })
  const inner = readArguments({ mode: 'inner', flags: { ...table, ...commonFlags } }, handedOn('--debug', '--broker', 'a:1', '--burst'))
  t.strictSame([...inner.given.keys()].sort(), ['broker', 'burst', 'debug'], 'what was handed on reads as if it had been typed')
  t.doesNotThrow(() => checkPositionals(command, ['any', 'number']))
})

await t.test('arguments may be left out where only too many are wrong', async t => {
  const command = { mode: 'try', flags: table, positionals: [{ name: 'FILE', description: 'a file' }] }
  t.doesNotThrow(() => refuseExtra(command, []))
  t.throws(() => refuseExtra(command, ['a', 'b']), { code: 'USAGE_EXTRA_ARGUMENT' })
  t.throws(() => checkPositionals(command, []), { code: 'USAGE_MISSING' })
})
