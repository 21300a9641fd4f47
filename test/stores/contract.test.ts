// Both kinds of store keep the same promises: a folder of files, and a bucket of the storage emulator (with and without a prefix).
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { openStore } from '../../src/stores/index.ts'
import { tempDir, useGcs } from '../support/stack.ts'
import { contract } from './contract.ts'

const gcs = await useGcs(t)

await contract(t, {
  name: 'file',
  missing: 'STORE_MISSING',
  many: 300,
  place: async t => {
    const root = join(await tempDir(t), 'made', 'on', 'demand')
    await mkdir(root, { recursive: true })
    return {
      open: async access => await openStore(pathToFileURL(root).href, access === undefined ? {} : { access }),
      plant: async (key, body) => {
        await mkdir(dirname(join(root, key)), { recursive: true })
        await writeFile(join(root, key), body)
      },
      raw: async key => await readFile(join(root, key)),
      openMissing: async () => await openStore(pathToFileURL(`${root}-missing`).href, { access: 'read' })
    }
  }
})

for (const prefix of ['', 'some/prefix/']) {
  await contract(t, {
    name: prefix === '' ? 'gs' : 'gs with a prefix',
    missing: 'STORE_BUCKET_MISSING',
    many: prefix === '' ? 1050 : 20,
    place: async () => {
      const bucket = await gcs.bucket()
      const object = (key: string): string => `${gcs.url}/storage/v1/b/${bucket}/o/${encodeURIComponent(prefix + key)}?alt=media`
      return {
        open: async access => await openStore(`gs://${bucket}/${prefix}`, { emulatorHost: gcs.url, ...access === undefined ? {} : { access } }),
        plant: async (key, body) => {
          const url = `${gcs.url}/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent(prefix + key)}`
          const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/octet-stream' }, body: new Uint8Array(body) })
          if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`)
          await answer.text()
        },
        raw: async key => Buffer.from(await (await fetch(object(key))).arrayBuffer()),
        openMissing: async () => await openStore(`gs://${bucket}-missing/${prefix}`, { emulatorHost: gcs.url, access: 'read' })
      }
    }
  })
}
