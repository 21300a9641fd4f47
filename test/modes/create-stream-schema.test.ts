// create-stream with schemas that it cannot use. It contacts no broker in these cases.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createContainerWriter, parseSchema } from '../../src/avro/index.ts'
import { runCli } from '../support/cli.ts'
import { tempDir } from '../support/stack.ts'

await t.test('rejects a schema without an alert id before it contacts a broker, and says what is required', async t => {
  const folder = await tempDir(t)
  // The alerts of the Zwicky Transient Facility begin with their schema version.
  const ztf = parseSchema(JSON.stringify({
    type: 'record', name: 'alert', namespace: 'ztf',
    fields: [{ name: 'schemavsn', type: 'string' }, { name: 'objectId', type: 'string' }, { name: 'candid', type: 'long' }]
  }))
  const [path, schema] = [join(folder, 'visit.avro'), join(folder, 'alert.avsc')]
  const writer = await createContainerWriter(path, ztf)
  await writer.append({ schemavsn: '3.3', objectId: 'ZTF18aaaaaaa', candid: 5n })
  await writer.close()
  await writeFile(schema, ztf.text)
  const flags = ['--schema-package', schema, '--schema-id', '1', '--broker', '127.0.0.1:1']
  const { code, stdout, stderr } = await runCli(['create-stream', path, ...flags])
  t.strictSame([code, stdout], [1, ''])
  t.match(stderr, /^SCHEMA_NO_ALERT_ID: the first field of ztf\.alert, "schemavsn", is not a long\. Use a schema whose first field is/m)
})
