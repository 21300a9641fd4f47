// Tables of several row groups, read by pyarrow.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { parseSchema } from '../../src/avro/schema.ts'
import { runTool } from '../../src/devstack/tools.ts'
import { parquetWriter } from '../../src/export/parquet-files.ts'
import { tempDir, usePython } from '../support/stack.ts'

const python = await usePython(t)
const schema = parseSchema(JSON.stringify({
  type: 'record', name: 'alert',
  fields: [
    { name: 'diaSourceId', type: 'long' },
    {
      name: 'diaSource',
      type: {
        type: 'record', name: 'source',
        fields: [
          { name: 'flux', type: ['null', 'float'] }, { name: 'ra', type: 'double' }, { name: 'flag', type: 'boolean' },
          { name: 'band', type: ['null', 'string'] }, { name: 'hash', type: { type: 'fixed', name: 'hash', size: 2 } },
          { name: 'n', type: 'int' }
        ]
      }
    }
  ]
}))

const READ = `
import json, sys, pyarrow.parquet
file = pyarrow.parquet.ParquetFile(sys.argv[1])
table = file.read()
columns = table.to_pydict()
print(json.dumps({
    "types": [str(field.type) for field in table.schema], "rowGroups": file.metadata.num_row_groups, "rows": file.metadata.num_rows,
    "wrong": [i for i in range(table.num_rows) if (
        columns["alertId"][i] != 2**60 + i or columns["n"][i] != -i or columns["ra"][i] != i / 3 or columns["flag"][i] != (i % 2 == 0) or
        columns["band"][i] != (None if i % 5 == 0 else "band \\u00e9%d" % (i % 6)) or columns["hash"][i] != bytes([i % 256, 255]) or
        (columns["flux"][i] is not None if i % 3 == 0 else columns["flux"][i] == columns["flux"][i] if i % 3 == 1 else
         columns["flux"][i] != i / 2))][:5]}))
`

await t.test('row groups are encoded as they fill up, and the file has all rows in order', async t => {
  const tables = await parquetWriter().open(schema)
  const [source] = tables.files
  const count = 25_000
  const path = join(await tempDir(t), 'table.parquet')
  for (const round of [1, 2]) {
    for (let i = 0; i < count; i++) {
      const flux = [null, NaN, i / 2][i % 3]
      await tables.add(2n ** 60n + BigInt(i), schema.encode({
        diaSourceId: 1n,
        diaSource: {
          flux, ra: i / 3, flag: i % 2 === 0, band: i % 5 === 0 ? null : `band é${i % 6}`, hash: Buffer.from([i % 256, 255]), n: -i
        }
      }))
    }
    t.equal(source!.rows, count)
    t.ok(source!.bytes > 0)
    await writeFile(path, await source!.finish())
    t.equal(source!.rows, 0, 'an empty file begins')
    t.equal(source!.bytes, 0)
    const { stdout, stderr } = await runTool(python, ['-c', READ, path], { env: process.env })
    t.strictSame(JSON.parse(stdout || stderr), {
      types: ['int64', 'float', 'double', 'bool', 'string', 'binary', 'int32', 'int64'], rowGroups: 3, rows: count, wrong: []
    }, `file ${round}`)
  }
})
