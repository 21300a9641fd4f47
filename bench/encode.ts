// Measures how create-stream re-encodes alerts (Avro datum -> frame) of the newest and of two older schemas. Reference: fastavro.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { resolver, surveyFillIns } from '../src/avro/index.ts'
import { frameHeaderLength, writeFrameHeader } from '../src/avro/wire-format.ts'
import { bench, type Bench } from './harness.ts'
import { alertsOf, inFolder, python, run, schemaVersion, totalBytes, type PeerResult } from './support.ts'

const SIZES = { alerts: { full: 3000, quick: 200 } } as const

const ours = (from: string) => async ({ sizes, warmUp, measure }: Bench<typeof SIZES>) => {
  const writer = (await schemaVersion(from)).schema
  const data = alertsOf(await schemaVersion(from), sizes.alerts).map(alert => writer.encode(alert))
  const resolve = resolver(writer, (await schemaVersion('11.1')).schema, { fillIns: surveyFillIns })
  const encodeAll = (): number => data.reduce((sum, datum) => {
    const frame = resolve(datum, frameHeaderLength)
    writeFrameHeader(frame, 1)
    return sum + frame.length
  }, 0)
  await warmUp(() => { for (let pass = 0; pass < 3; pass++) encodeAll() })
  return measure(() => ({ alerts: data.length, bytes: encodeAll() }))
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
