import { execFileSync } from 'node:child_process'
import t from 'tap'
import { singleObjectHeader } from '../../src/avro/fingerprint.ts'
import { provenanceSchema } from '../../src/provenance/provenance-schema.ts'
import { usePython } from '../support/stack.ts'
import { otherSpelling } from './support.ts'

await t.test('fingerprints agree with fastavro', async t => {
  const python = await usePython(t)
  const texts = ['"int"', '{"type":"fixed","name":"a.F","size":16}', '{"type":"enum","name":"E","symbols":["a","b"]}', provenanceSchema]
  const script = `
import json, sys
from fastavro.schema import fingerprint, to_parsing_canonical_form
print(json.dumps([fingerprint(to_parsing_canonical_form(json.loads(text)), 'CRC-64-AVRO') for text in json.load(sys.stdin)]))`
  const expected = JSON.parse(execFileSync(python, ['-c', script], { input: JSON.stringify(texts), encoding: 'utf8' })) as string[]
  const little = texts.map(text => singleObjectHeader(text).toString('hex'))
  // fastavro prints the bytes in the order of the single-object encoding.
  t.strictSame(little, expected.map(digits => `c301${digits}`))
})

await t.test('the fingerprint of "int" is that of the specification, and spellings of a schema have the same fingerprint', async t => {
  // CRC-64-AVRO of "int" is 7275d51a3f395c8f, and the header has it in little-endian order.
  t.equal(singleObjectHeader('"int"').toString('hex'), 'c3018f5c393f1ad57572')
  t.ok(singleObjectHeader(otherSpelling(provenanceSchema)).equals(singleObjectHeader(provenanceSchema)))
  t.throws(() => singleObjectHeader('{'))
})
