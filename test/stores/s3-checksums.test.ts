import { createHash } from 'node:crypto'
import t from 'tap'
import { base64Crc32c } from '../../src/stores/bucket.ts'
import { crc32cMismatch, hasCrc32c, md5Mismatch } from '../../src/stores/s3-checksums.ts'

const body = Buffer.from('123456789')
const md5 = createHash('md5').update(body).digest('hex')

await t.test('compares the CRC32C of the complete object, and ignores the checksum of the checksums of its parts', async t => {
  // The check value of CRC32C (RFC 3720) is e3069283.
  t.equal(base64Crc32c(body), '4waSgw==')
  t.equal(crc32cMismatch({ ChecksumCRC32C: '4waSgw==' }, body), undefined)
  t.strictSame(crc32cMismatch({ ChecksumCRC32C: 'AAAAAA==' }, body), { kind: 'CRC32C', actual: '4waSgw==', expected: 'AAAAAA==' })
  for (const ChecksumCRC32C of ['AAAAAA==-2', undefined]) {
    t.equal(crc32cMismatch({ ChecksumCRC32C }, body), undefined)
    t.equal(hasCrc32c({ ChecksumCRC32C }), false)
  }
})

await t.test('compares the ETag of an object that was put in one part, unless KMS or the client encrypts it', async t => {
  t.equal(md5Mismatch({ ETag: `"${md5}"` }, body), undefined)
  const wrong = { ETag: `"${'0'.repeat(32)}"` }
  t.strictSame(md5Mismatch(wrong, body), { kind: 'MD5', actual: md5, expected: '0'.repeat(32) })
  t.ok(md5Mismatch({ ...wrong, ServerSideEncryption: 'AES256' }, body))
  for (const other of [
    { ETag: `"${'0'.repeat(32)}-2"` }, {},
    { ...wrong, ServerSideEncryption: 'aws:kms' }, { ...wrong, ServerSideEncryption: 'aws:kms:dsse' },
    { ...wrong, SSECustomerAlgorithm: 'AES256' }
  ]) t.equal(md5Mismatch(other, body), undefined)
})
