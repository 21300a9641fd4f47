import t from 'tap'
import { parseSchema } from '../../src/avro/schema.ts'
import { GroupFiles, type FileWriter, type GroupFile, type PutFile } from '../../src/export/group-files.ts'

const schema = parseSchema('{"type":"record","name":"alert","fields":[{"name":"id","type":"long"}]}')

/** A writer of two tables: each alert has one row of `first`, and as many rows of `second` as its datum has bytes. */
function writer (): FileWriter {
  return {
    contentType: 'text/plain',
    open: async () => {
      const rows: Record<string, bigint[]> = { first: [], second: [] }
      const file = (table: string): GroupFile => ({
        table,
        get bytes () { return rows[table]!.length },
        get rows () { return rows[table]!.length },
        finish: async () => Buffer.from(rows[table]!.splice(0).join())
      })
      return {
        files: [file('first'), file('second')],
        async add (id, datum) {
          rows['first']!.push(id)
          for (const _ of datum) rows['second']!.push(id)
        }
      }
    }
  }
}

async function written (alerts: ReadonlyArray<readonly [id: bigint, schemaId: number, rows: number]>, maxBytes: number): Promise<string[]> {
  const files: string[] = []
  const put: PutFile = async ({ table, number, isLast }, body) => { files.push(`${table} ${number}${isLast ? ' last' : ''}: ${body}`) }
  const group = new GroupFiles(writer(), maxBytes, put)
  for (const [id, schemaId, rows] of alerts) await group.add(id, schemaId, schema, Buffer.alloc(rows))
  await group.end()
  return files
}

await t.test('the last file is written last', async t => {
  t.strictSame(await written([[1n, 1, 2], [2n, 1, 0]], 100), ['second 1: 1,1', 'first 1 last: 1,2'])
})

await t.test('each schema has its own files, and empty files are not written', async t => {
  t.strictSame(await written([[1n, 1, 0], [2n, 2, 1], [3n, 1, 0]], 100), ['second 1: 2', 'first 1: 1,3', 'first 2 last: 2'])
})

await t.test('at the limit, the largest file is written, and a file is left for the end', async t => {
  t.strictSame(await written([[1n, 1, 3], [2n, 1, 1]], 4), ['second 1: 1,1,1', 'second 2: 2', 'first 1 last: 1,2'])
  t.strictSame(await written([[1n, 1, 0], [2n, 1, 0], [3n, 1, 0]], 1), ['first 1: 1', 'first 2: 2', 'first 3 last: 3'])
})
