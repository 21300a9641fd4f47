// Alerts as JSON, judged by fastavro and Python's json.
import t from 'tap'
import { parseSchema } from '../../src/avro/schema.ts'
import { encodeLong } from '../../src/avro/varint.ts'
import { alertJson } from '../../src/formats/json.ts'
import { allVersions, generatorOf, runPython, surveySchema } from '../generator/support.ts'
import { usePython } from '../support/stack.ts'

/** Types that the survey's schemas do not have. */
const otherTypes = JSON.stringify({
  type: 'record', name: 'other.types', fields: [
    { name: 'id', type: 'long' },
    { name: 'counts', type: { type: 'map', values: 'long' } },
    { name: 'nested', type: { type: 'map', values: { type: 'map', values: ['null', 'double'] } } },
    { name: 'digest', type: { type: 'fixed', name: 'md5', size: 16 } },
    { name: 'band', type: { type: 'enum', name: 'band', symbols: ['u', 'g', 'r'] } },
    { name: 'stamps', type: { type: 'array', items: ['null', 'bytes'] } },
    { name: 'any', type: ['null', 'boolean', 'int', 'string', 'bytes'] },
    { name: 'next', type: ['null', { type: 'record', name: 'link', fields: [{ name: 'digest', type: 'md5' }] }] }
  ]
})

const render = (schemaText: string, datum: Buffer) => {
  const schema = parseSchema(schemaText)
  const styles = ['plain', 'scalars', 'numbers', 'lossless'] as const
  return { schema: schemaText, datum: datum.toString('base64'),
    ...Object.fromEntries(styles.map(style => [style, alertJson({ schema, datum }, style)])) }
}

await t.test('random data of every schema: JSON is valid, and lossless JSON encodes to the same bytes again', async t => {
  const python = await usePython(t)
  const versions = await allVersions()
  const texts = [...await Promise.all(versions.map(async version => (await surveySchema(version)).text)), otherTypes]
  const data = await runPython(python, '../formats/json_judge.py', ['generate', '5'], JSON.stringify(texts)) as string[][]
  t.equal(data.length, texts.length)
  const cases = data.flatMap((each, index) => each.map(datum => render(texts[index]!, Buffer.from(datum, 'base64'))))
  t.equal(cases.length, 5 * texts.length)
  t.strictSame(await runPython(python, '../formats/json_judge.py', ['check'], JSON.stringify(cases)), [])
})

await t.test('generated alerts, with NaN light curves and cutouts', async t => {
  const cases = []
  for (const version of ['9.0', '10.0', '11.1']) {
    const [schema, generator] = [await surveySchema(version), await generatorOf(version, 3, 'rubin-2026')]
    for (let index = 0; index < 4; index++) cases.push(render(schema.text, schema.encode(generator.alert(0, index, 4))))
  }
  t.strictSame(await runPython(await usePython(t), '../formats/json_judge.py', ['check'], JSON.stringify(cases)), [])
})

await t.test('data that no encoder would write again: lossless names the field, plain reads them', async t => {
  const schema = parseSchema(otherTypes)
  const good = {
    id: 5n, counts: {}, nested: {}, digest: Buffer.alloc(16), band: 'g', stamps: [null], any: null, next: null
  }
  const datum = schema.encode(good)
  t.match(alertJson({ schema, datum }, 'lossless'), /^\{"id":5,/)
  const [id, rest] = [Buffer.from([10]), datum.subarray(1)]
  const map = (...entries: Buffer[]) => Buffer.concat([id, ...entries, rest.subarray(1)])
  const entry = (key: string, value: number) => Buffer.concat([encodeLong(key.length), Buffer.from(key), encodeLong(value)])
  const cases = {
    'a number has more bytes': [Buffer.concat([Buffer.from([0x8a, 0]), rest]), 'id'],
    'in several blocks': [map(encodeLong(1), entry('a', 1), encodeLong(1), entry('b', 2), encodeLong(0)), 'counts'],
    'one with a length': [map(encodeLong(-1), encodeLong(3), entry('a', 1), encodeLong(0)), 'counts'],
    'occurs twice': [map(encodeLong(2), entry('a', 1), entry('a', 2), encodeLong(0)), 'counts']
  } as const
  for (const [what, [bytes, field]] of Object.entries(cases)) {
    const message = new RegExp(`: ${field}: .*${what}`)
    t.throws(() => alertJson({ schema, datum: bytes }, 'lossless'), { code: 'ALERT_NOT_CANONICAL', message }, what)
    t.equal(JSON.parse(alertJson({ schema, datum: bytes }, 'plain')).id, '5', what)
  }
  for (const [type, hex] of [['float', '0100c07f'], ['float', '0000c0ff'], ['double', '000000000000f8ff']] as const) {
    const number = parseSchema(JSON.stringify({ type: 'record', name: 'one', fields: [{ name: 'value', type }] }))
    const alert = { schema: number, datum: Buffer.from(hex, 'hex') }
    t.throws(() => alertJson(alert, 'lossless'), { code: 'ALERT_NOT_CANONICAL', message: /value: its NaN/ }, `${type} ${hex}`)
    t.equal(alertJson(alert, 'plain'), '{"value":null}\n')
  }
})

await t.test('bytes that are no datum of the schema are rejected', async t => {
  const schema = parseSchema(otherTypes)
  t.throws(() => alertJson({ schema, datum: Buffer.from([10, 1]) }, 'plain'), { code: 'DATUM_INVALID' })
})
