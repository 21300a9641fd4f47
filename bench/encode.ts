// Measures how create-stream re-encodes alerts (Avro datum -> value -> frame) of the newest and of two older schemas. Reference: fastavro.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { resolver, surveyFillIns } from '../src/avro/index.ts'
import { bench, type Bench } from './harness.ts'
import { alertsOf, inFolder, python, run, schemaVersion, totalBytes, type PeerResult } from './support.ts'

const SIZES = { alerts: { full: 3000, quick: 200 } } as const

const ours = (from: string) => async ({ sizes, warmUp, measure }: Bench<typeof SIZES>) => {
  const writer = (await schemaVersion(from)).schema
  const reader = (await schemaVersion('11.1')).schema
  const data = alertsOf(await schemaVersion(from), sizes.alerts).map(alert => writer.encode(alert))
  const resolve = resolver(writer, reader, { fillIns: surveyFillIns })
  const encodeAll = (some: readonly Buffer[]): number => some.reduce((sum, datum) => sum + reader.encodeFramed(1, resolve(datum)).length, 0)
  await warmUp(() => encodeAll(data.slice(0, 100)))
  return measure(() => ({ alerts: data.length, bytes: encodeAll(data) }))
}

await bench('encode', SIZES, {
  '11.1 to 11.1': ours('11.1'),
  '9.0 to 11.1': ours('9.0'),
  '7.4 to 11.1': ours('7.4'),
  'reference: fastavro': async ({ sizes }) => inFolder(async folder => {
    const version = await schemaVersion('11.1')
    const data = alertsOf(version, sizes.alerts).map(alert => version.schema.encode(alert))
    const [schemaFile, dataFile] = [join(folder, 'schema.json'), join(folder, 'data.bin')]
    await writeFile(schemaFile, version.text)
    await writeFile(dataFile, Buffer.concat(data.flatMap(datum => {
      const size = Buffer.alloc(4)
      size.writeUInt32BE(datum.length)
      return [size, datum]
    })))
    const reencode = join(import.meta.dirname, 'peers', 'reencode.py')
    const result = JSON.parse(await run(await python(), [reencode, schemaFile, dataFile])) as PeerResult
    return { ...result, extra: { 'bytes / our bytes': result.bytes / (totalBytes(data) + 5 * data.length) } }
  })
}, { quick: ['9.0 to 11.1'] })
