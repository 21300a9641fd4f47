import t from 'tap'
import { checkSubjectTemplate, subjectFor } from '../../src/avro/subject-template.ts'

await t.test('replaces each placeholder by a part of the version', async t => {
  t.equal(subjectFor('lsst-alerts-v{major}.{minor}-value', '11.1'), 'lsst-alerts-v11.1-value')
  t.equal(subjectFor('{major}-{minor}-{major}', '9.0'), '9-0-9')
})

await t.test('a template needs {major} and has no other braces, spaces or control characters', async t => {
  for (const valid of ['lsst-alerts-v{major}.{minor}-value', 'v{major}', 'a/b:{minor}{major}']) {
    t.equal(checkSubjectTemplate(valid), undefined)
  }
  for (const invalid of ['', 'v{minor}', 'v{Major}', 'v{{major}}', '{major}{', '{major} x', '{major}\n', '{major}\0']) {
    t.type(checkSubjectTemplate(invalid), 'string', JSON.stringify(invalid))
  }
})
