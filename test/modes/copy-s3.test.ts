// copy from a folder to an S3 bucket, to a bucket with another layout, and back.
import t from 'tap'
import { alertKey, schemaKey } from '../../src/stores/layouts.ts'
import { runCli, useS3 } from '../support/stack.ts'
import { folder, frameOf, idsOf, metaOf, objectOf, objectsIn, schemaId, schemaText } from './copy-support.ts'

const s3 = await useS3(t)
const ids = idsOf('20260224', 20)
const from = await folder(t)
for (const [n, id] of ids.entries()) await from.store.put(alertKey('v2', id), await objectOf(frameOf(id), BigInt(n)), metaOf(frameOf(id)))
await from.store.put(schemaKey('v2', schemaId), Buffer.from(schemaText), metaOf(Buffer.from(schemaText), 'application/json'))

async function copy (...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await runCli(['copy', '--s3-endpoint-url', s3.url, ...args], { env: s3.env })
  t.equal(code, 0, stderr)
  return JSON.parse(stdout)
}

await t.test('S3 buckets: same bytes, and a repeated run copies only what is missing', async t => {
  const [first, second] = [`s3://${await s3.bucket()}/some/prefix`, `s3://${await s3.bucket()}`]
  const back = await folder(t)
  const all = { complete: true, problems: [], copied: ids.length, copiedSchemas: 1, present: 0 }
  t.match(await copy('--from', from.url, '--to', first, '--layout', 'v2'), all)
  t.match(await copy('--from', first, '--to', second, '--layout', 'v3', '--night', '20260224'), all)
  t.match(await copy('--from', second, '--to', back.url), all)
  t.strictSame(await objectsIn(back.store), await objectsIn(from.store))
  t.match(await copy('--from', first, '--to', second, '--layout', 'v3'), { copied: 0, copiedSchemas: 0, present: ids.length + 1 })
})
