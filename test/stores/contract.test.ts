// Runs the contract of object stores against a folder of files, and against buckets of a Google Cloud Storage emulator and of an S3 server,
// with and without a prefix.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { s3Credentials } from '../../src/devstack/index.ts'
import { openStore } from '../../src/stores/open-store.ts'
import { tempDir, useGcs, useS3 } from '../support/stack.ts'
import { contract } from './contract.ts'

const gcs = await useGcs(t)
const s3 = await useS3(t)

await contract(t, {
  name: 'file',
  missingCode: 'STORE_MISSING',
  listed: 1050,
  setUp: async t => {
    const root = join(await tempDir(t), 'made', 'on', 'demand')
    await mkdir(root, { recursive: true })
    return {
      open: async access => await openStore(pathToFileURL(root).href, access === undefined ? {} : { access }),
      writeDirectly: async (key, body) => {
        await mkdir(dirname(join(root, key)), { recursive: true })
        await writeFile(join(root, key), body)
      },
      readDirectly: async key => await readFile(join(root, key)),
      openMissing: async () => await openStore(pathToFileURL(`${root}-missing`).href, { access: 'read' })
    }
  }
})

for (const prefix of ['', 'some/prefix/']) {
  await contract(t, {
    name: prefix === '' ? 'gs' : 'gs with a prefix',
    missingCode: 'STORE_BUCKET_MISSING',
    listed: prefix === '' ? 1050 : 20,
    setUp: async () => {
      const bucket = await gcs.bucket()
      const nameOf = (key: string): string => encodeURIComponent(prefix + key)
      return {
        open: async access => await openStore(`gs://${bucket}/${prefix}`, {
          emulatorHost: gcs.url, ...access === undefined ? {} : { access }
        }),
        writeDirectly: async (key, body) => {
          const response = await fetch(`${gcs.url}/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${nameOf(key)}`, {
            method: 'POST', headers: { 'content-type': 'application/octet-stream' }, body: new Uint8Array(body)
          })
          if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`)
          await response.text()
        },
        readDirectly: async key =>
          Buffer.from(await (await fetch(`${gcs.url}/storage/v1/b/${bucket}/o/${nameOf(key)}?alt=media`)).arrayBuffer()),
        openMissing: async () => await openStore(`gs://${bucket}-missing/${prefix}`, { emulatorHost: gcs.url, access: 'read' })
      }
    }
  })
}

for (const prefix of ['', 'some/prefix/']) {
  await contract(t, {
    name: prefix === '' ? 's3' : 's3 with a prefix',
    missingCode: 'STORE_BUCKET_MISSING',
    listed: prefix === '' ? 1050 : 20,
    setUp: async () => {
      const bucket = await s3.bucket()
      const options = { s3: { endpoint: s3.url, credentials: s3Credentials } }
      const object = (key: string): string => `${s3.url}/${bucket}/${encodeURIComponent(prefix + key)}`
      const authorization = 'AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0'
      return {
        open: async access => await openStore(`s3://${bucket}/${prefix}`, { ...options, ...access === undefined ? {} : { access } }),
        writeDirectly: async (key, body) => {
          const response = await fetch(object(key), { method: 'PUT', headers: { authorization }, body: new Uint8Array(body) })
          if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`)
        },
        readDirectly: async key => Buffer.from(await (await fetch(object(key), { headers: { authorization } })).arrayBuffer()),
        openMissing: async () => await openStore(`s3://${bucket}-missing/${prefix}`, { ...options, access: 'read' })
      }
    }
  })
}
