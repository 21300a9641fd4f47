import t from 'tap'
import {
  AlertStreamError, asError, declaredErrors, defineErrors, errorCode, formatError, messageOf, sentences, systemErrorCode,
  type ErrorDetails
} from '../../src/pipeline/errors.ts'
import '../../src/pipeline/index.ts'

const errors = defineErrors({
  TEST_FILE_SHORT: { hint: 'Fetch the file again.' },
  TEST_STORE_DOWN: { hint: 'Start the store.', retryable: true },
  TEST_STORE_SHUT: { hint: 'Ask for access.', fatal: true }
})

await t.test('an error has a code, a message, a location, a hint and flags', async t => {
  const error = errors.TEST_FILE_SHORT('the file ends inside block 3', { where: 'visit.avro' })
  t.ok(error instanceof AlertStreamError)
  t.match(error, {
    code: 'TEST_FILE_SHORT', message: 'the file ends inside block 3', where: 'visit.avro', hint: 'Fetch the file again.', retryable: false
  })
  t.equal(errors.TEST_STORE_DOWN('x').retryable, true)
  t.equal(errors.TEST_STORE_DOWN('x', { retryable: false, hint: 'Wait.' }).hint, 'Wait.')
  t.match([error.fatal, errors.TEST_STORE_SHUT('x').fatal, errors.TEST_FILE_SHORT('x', { fatal: true }).fatal], [false, true, true])
})

await t.test('an error code can be declared only once, and declaredErrors lists all codes', async t => {
  t.throws(() => defineErrors({ TEST_FILE_SHORT: { hint: '' } }), /declared twice/)
  t.match(declaredErrors().get('TEST_STORE_DOWN'), { retryable: true })
  t.ok(declaredErrors().has('GRAPH_INVALID'))
})

await t.test('formatError prints code, message, location, innermost cause and hint on one line', async t => {
  const socket = new Error('connect ECONNREFUSED')
  const cause = new Error('request failed', { cause: new AggregateError([socket]) })
  t.equal(formatError(errors.TEST_STORE_DOWN('cannot write', { where: 'file:///x', cause })),
    'TEST_STORE_DOWN: cannot write (file:///x): connect ECONNREFUSED. Start the store.')
  t.equal(formatError(errors.TEST_STORE_DOWN('no: connect ECONNREFUSED', { cause })),
    'TEST_STORE_DOWN: no: connect ECONNREFUSED. Start the store.')
  t.match(formatError(new TypeError('x is undefined')), /^UNEXPECTED: x is undefined\. .*--debug/)
})

await t.test('formatError joins message, location, cause and hint into sentences without double punctuation', async t => {
  const from = (what: string, details?: ErrorDetails) => formatError(errors.TEST_STORE_DOWN(what, details))
  t.equal(from('the server said no.', { where: 'file:///x' }), 'TEST_STORE_DOWN: the server said no (file:///x). Start the store.')
  t.equal(from('unknown flag --topci', { where: 'ingest', hint: 'Did you mean --topic?' }),
    'TEST_STORE_DOWN: unknown flag --topci (ingest). Did you mean --topic?')
  t.equal(from('really?'), 'TEST_STORE_DOWN: really? Start the store.')
  t.equal(from('cannot read', { cause: new Error('it failed!') }), 'TEST_STORE_DOWN: cannot read: it failed! Start the store.')
  t.equal(from('cannot read:', { hint: 'Try another file' }), 'TEST_STORE_DOWN: cannot read. Try another file.')
  t.equal(from('cannot read', { hint: '' }), 'TEST_STORE_DOWN: cannot read.')
  t.match(formatError(new Error('Boom..')), /^UNEXPECTED: Boom\. This is a bug/)
  t.equal(sentences('no mode reads X', undefined), 'no mode reads X.')
  t.equal(sentences('no mode reads X', 'Did you mean Y?'), 'no mode reads X. Did you mean Y?')
})

await t.test('formatError returns even if the chain of causes is cyclic', async t => {
  const error = new Error('a')
  error.cause = new Error('b', { cause: error })
  t.match(formatError(errors.TEST_STORE_DOWN('round', { cause: error })), /^TEST_STORE_DOWN: round/)
})

await t.test('asError converts any thrown value to an Error with a message', async t => {
  t.equal(asError('text').message, 'text')
  t.equal(messageOf(undefined), 'undefined')
})

await t.test('errorCode returns the code of an AlertStreamError, and UNEXPECTED for any other error', async t => {
  t.equal(errorCode(errors.TEST_STORE_DOWN('x')), 'TEST_STORE_DOWN')
  t.equal(errorCode(Object.assign(new Error('x'), { code: 'ENOENT' })), 'UNEXPECTED')
  t.equal(errorCode(undefined), 'UNEXPECTED')
})

await t.test('systemErrorCode returns the code of a system error, and undefined for an error without code', async t => {
  t.equal(systemErrorCode(Object.assign(new Error('x'), { code: 'ENOENT' })), 'ENOENT')
  for (const error of [new Error('x'), Object.assign(new Error('x'), { code: 5 }), 'text', null, undefined]) {
    t.equal(systemErrorCode(error), undefined)
  }
})
