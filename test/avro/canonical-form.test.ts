import { execFileSync } from 'node:child_process'
import t from 'tap'
import { fetchSchemaPackage, loadSchemaPackage } from '../../src/avro/index.ts'
import { isSameSchema } from '../../src/avro/canonical-form.ts'
import { cache, usePython } from '../support/stack.ts'
import { otherSpelling } from './support.ts'

/** Schemas with their Parsing Canonical Forms. */
const forms: Array<[string, string]> = [
  ['{"type":"int"}', '"int"'],
  ['[ "null", {"type": "string", "avro.java.string": "String"} ]', '["null","string"]'],
  ['{"type":"fixed","size":"016","name":"a.b.F","doc":"x"}', '{"name":"a.b.F","type":"fixed","size":16}'],
  [
    '{"symbols":["u","\\u0067"],"default":"u","type":"enum","name":"E","namespace":"n"}', '{"name":"n.E","type":"enum","symbols":["u","g"]}'
  ],
  ['{"type":{"type":"map","values":{"type":"array","items":"long"}}}', '{"type":"map","values":{"type":"array","items":"long"}}'],
  [
    `{"type":"error","name":"E","namespace":"a","aliases":["x"],
      "fields":[{"doc":"d","default":1,"order":"ignore","type":"int","name":"f"}]}`,
    '{"name":"a.E","type":"record","fields":[{"name":"f","type":"int"}]}'
  ],
  [
    `{"type":"record","name":"b.R","namespace":"ignored","fields":[
      {"name":"one","type":{"type":"fixed","name":"F","size":1}}, {"name":"two","type":"F"}, {"name":"three","type":"b.F"},
      {"name":"again","type":["null","R"]}, {"name":"none","type":{"type":"fixed","name":"G","namespace":"","size":2}}]}`,
    '{"name":"b.R","type":"record","fields":[{"name":"one","type":{"name":"b.F","type":"fixed","size":1}},' +
      '{"name":"two","type":"b.F"},{"name":"three","type":"b.F"},{"name":"again","type":["null","b.R"]},' +
      '{"name":"none","type":{"name":"G","type":"fixed","size":2}}]}'
  ]
]

await t.test('a schema and its Parsing Canonical Form are the same schema', async t => {
  for (const [index, [text, form]] of forms.entries()) {
    for (const [other, [, otherForm]] of forms.entries()) t.equal(isSameSchema(text, otherForm), index === other, `${text} ${form}`)
  }
})

await t.test('two spellings of a schema are the same schema, and another schema is not', async t => {
  const text = `{"type":"record","name":"alert","namespace":"lsst.v1","doc":"d","fields":[
    {"name":"id","type":"long","doc":"the id"},
    {"name":"source","type":{"type":"record","name":"source","fields":[{"name":"flux","type":["null","double"],"default":null}]}}]}`
  const same = [
    text.replace('"doc":"d",', ''),
    text.replace('"name":"alert","namespace":"lsst.v1"', '"name":"lsst.v1.alert"'),
    text.replace('"name":"source","fields"', '"name":"source","namespace":"lsst.v1","fields"'),
    text.replace('"id"', '"\\u0069d"'),
    text.replace('"type":"long"', '"type":{"type":"long","logicalType":"timestamp-micros"}'),
    `/* a comment */ ${text}`,
    otherSpelling(text)
  ]
  for (const other of same) t.ok(isSameSchema(text, other), other)
  const different = [
    text.replace('lsst.v1', 'lsst.v2'), text.replace('"long"', '"int"'), text.replace('flux', 'Flux'),
    text.replace('["null","double"]', '["double","null"]'), '"string"', '{', ''
  ]
  for (const other of different) t.notOk(isSameSchema(text, other), other)
  t.ok(isSameSchema('no schema', 'no schema'))
  t.notOk(isSameSchema('no schema', 'no  schema'))
})

await t.test('the survey\'s schemas are the same as the canonical forms that fastavro gives, each as its own only', async t => {
  const python = await usePython(t)
  const survey = await loadSchemaPackage(await fetchSchemaPackage({ cacheDir: cache().cacheDir }))
  const script = `
import json, sys, fastavro.schema
print(json.dumps([fastavro.schema.to_parsing_canonical_form(json.loads(text)) for text in json.load(sys.stdin)]))`
  const texts = survey.versions.map(({ text }) => text)
  const canonical = JSON.parse(execFileSync(python, ['-c', script], { input: JSON.stringify(texts), encoding: 'utf8' })) as string[]
  for (const [index, text] of texts.entries()) {
    for (const [other, form] of canonical.entries()) {
      t.equal(isSameSchema(text, form), index === other, `${survey.versions[index]!.version} ${survey.versions[other]!.version}`)
    }
  }
})
