import t from 'tap'
import { checkPositionals, flagNames, readArguments, rejectExtra } from '../../src/config/argv.ts'
import { commonFlags } from '../../src/config/common.ts'
import { flags } from '../../src/config/flags.ts'

const table = flags({
  broker: { type: 'list', aliases: ['kafka-host', 'hosts'], description: '' },
  burst: { type: 'switch', description: '' },
  count: { type: 'integer', description: '' }
})

await t.test('a flag keeps all its values and the names under which it was given', async t => {
  const argv = ['--kafka-host=a:1', 'x', '--broker', 'b:1', '--kafka-host', 'c:1', '--no-burst', '--', '--count']
  const { given, positionals } = readArguments({ mode: 'try', flags: table }, argv)
  t.strictSame(Object.fromEntries(given), {
    broker: { values: ['a:1', 'b:1', 'c:1'], names: ['--kafka-host', '--broker'] },
    burst: { values: ['false'], names: ['--no-burst'] }
  })
  t.strictSame(positionals, ['x', '--count'])
  t.strictSame([...flagNames(table)], [
    ['broker', 'broker'], ['kafka-host', 'broker'], ['hosts', 'broker'], ['burst', 'burst'], ['count', 'count']
  ])
})

await t.test('a mode that accepts the command line of another mode passes on unknown words in order, then the common flags', async t => {
  const format = { type: 'choice', choices: ['a', 'b'], description: '' } as const
  const command = { mode: 'outer', flags: flags({ format, ...commonFlags }), positionals: [], delegates: true }
  const passedThrough = (...argv: string[]): readonly string[] => readArguments(command, argv).positionals
  t.strictSame(
    passedThrough('ingest', '--broker', 'a:1', '--format', 'b', '--kafka-host=b:1', 'FILE'),
    ['ingest', '--broker', 'a:1', '--kafka-host=b:1', 'FILE']
  )
  t.strictSame(
    passedThrough('--log-level', 'warn', 'ingest', '--no-debug', '--config=x.yaml', '--limit', '-1'),
    ['ingest', '--limit', '-1', '--log-level=warn', '--no-debug', '--config=x.yaml']
  )
  t.strictSame(passedThrough('ingest', '-abc'), ['ingest', '-abc'], '-abc is passed through once')
  t.strictSame(Object.fromEntries(readArguments(command, ['ingest', '--format', 'b', '--debug']).given), {
    format: { values: ['b'], names: ['--format'] }, debug: { values: ['true'], names: ['--debug'] }
  })
  const words = passedThrough('--debug', '--broker', 'a:1', '--burst')
  const inner = readArguments({ mode: 'inner', flags: { ...table, ...commonFlags } }, words)
  t.strictSame([...inner.given.keys()].sort(), ['broker', 'burst', 'debug'], 'the inner mode reads the passed-through flags')
  t.doesNotThrow(() => checkPositionals(command, ['any', 'number']))
})

await t.test('recognises --help and -h among other flags', async t => {
  t.equal(readArguments({ mode: 'try', flags: table }, ['--help', '--count', 'x']).help, true)
  t.equal(readArguments({ mode: 'try', flags: table }, ['-h']).help, true)
  t.equal(readArguments({ mode: 'try', flags: table }, ['--count', 'x']).help, false)
})

await t.test('rejectExtra accepts missing arguments, and checkPositionals rejects them', async t => {
  const command = { mode: 'try', flags: table, positionals: [{ name: 'FILE', description: 'a file' }] }
  t.doesNotThrow(() => rejectExtra(command, []))
  t.throws(() => rejectExtra(command, ['a', 'b']), { code: 'USAGE_EXTRA_ARGUMENT', message: 'unexpected argument \'b\'' })
  t.throws(() => checkPositionals(command, []), { code: 'USAGE_MISSING', message: 'missing argument FILE: a file' })
})
