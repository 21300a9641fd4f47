// inspect: describes one archived object: where it came from, what it holds, and what is wrong with it. This mode runs no graph.
import { createRegistryClient } from '../avro/registry.ts'
import { parseSchema, type AlertValue } from '../avro/schema.ts'
import { batchFlags, registryFlags, storeFlags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { packedIdFormat } from '../ids/packed-id.ts'
import { inspectErrors } from '../inspect/errors.ts'
import { examine, type ObjectReport } from '../inspect/object-report.ts'
import { readObject, type InspectedObject } from '../inspect/read-object.ts'
import { reportJson } from '../inspect/report-json.ts'
import { reportText } from '../inspect/report-text.ts'
import { parseTarget } from '../inspect/target.ts'
import { AlertStreamError, messageOf } from '../pipeline/index.ts'
import { mode, type Host } from '../program/mode.ts'
import { archiveOf, bucketOptions } from '../program/stores-from-flags.ts'
import { openStore, StoreStats, type Archive } from '../stores/index.ts'

const { default: _, ...registryUrl } = registryFlags['schema-registry-url']

const inspectFlags = flags({
  json: { type: 'switch', description: 'JSON document with the decoded alert. Longs are strings, bytes are base64, NaN is null.' },
  'omit-bytes': { type: 'switch', description: 'With --json: leave bytes fields, such as cutouts, out of the alert.' },
  'max-record-mib': { ...batchFlags['max-record-mib'], description: 'Maximum size of a decompressed alert, in MiB.' },
  ...storeFlags,
  'schema-registry-url': {
    ...registryUrl,
    description: 'With --json: base URL of a schema registry, for schemas that the archive does not have. Default: no registry.'
  }
})
type Config = ConfigOf<typeof inspectFlags>

export default mode({
  mode: 'inspect',
  about: 'Prints the identity of the alert (id, schema id, size and SHA-256 of its frame) and its provenance: topic, partition, offset, ' +
    'timestamp, key and headers of the Kafka record from which the object was written. If the object or its provenance is damaged, the ' +
    'output says what is wrong, and the exit code is 1. For --json, the schema is looked up in the archive or server of the object, ' +
    'in the archive that the flags name, and in the schema registry.',
  examples: [
    'alert-stream inspect 170028518906855444 --alert-store file:///var/alerts',
    'alert-stream inspect /var/alerts/v2/alerts/170028/170028518906855444.avro.gz --json --omit-bytes',
    'alert-stream inspect gs://alerts/v2/alerts/170028/170028518906855444.avro.gz',
    'alert-stream inspect http://localhost:3000/v1/alerts/LSST-AP-DS-170028518906855444'
  ],
  positionals: [{ name: 'OBJECT', description: 'alert id or IAU name, path of a file, URL of an object, or URL of an archive server' }],
  flags: inspectFlags,
  async run (config, [text = ''], host) {
    if (config.omitBytes && !config.json) {
      throw usageErrors.USAGE_BAD_VALUE('--omit-bytes needs --json', { where: 'inspect', hint: 'Give --json or omit --omit-bytes.' })
    }
    const target = parseTarget(text)
    const format = packedIdFormat(config.packedIdBits, config.packedIdTags)
    const maxFrameBytes = config.maxRecordMib * 1024 * 1024
    const options = { ...bucketOptions(config, host.environment), access: 'read' as const, log: host.log }
    let opened: Archive | undefined
    // To look up the schema of a file, a schema store is enough.
    const alertStore = config.alertStore ?? (target.kind === 'alert' ? undefined : config.schemaStore)
    const archive = async (): Promise<Archive> => opened ??= await archiveOf({ ...config, alertStore }, 'read', host, new StoreStats())
    try {
      const object = await readObject(target, {
        archive, maxFrameBytes, openStore: async url => await openStore(url, options), httpTimeoutMs: config.storeTimeout * 1000
      })
      const report = await examine(object, maxFrameBytes)
      if (config.json) await printJson(report, object, config, archive, host)
      else await host.print(reportText(report, format))
      const { frameProblems, provenanceProblems, where } = report
      const [first, ...more] = [...frameProblems, ...provenanceProblems]
      if (first === undefined) return
      const code = frameProblems.length > 0 ? 'INSPECT_DAMAGED' : 'INSPECT_PROVENANCE'
      throw inspectErrors[code](`${first}${more.length === 0 ? '' : ` (and ${more.length} more)`}`, { where })
    } finally {
      await opened?.close()
    }
  }
})

/** Prints the document without the alert if the alert cannot be decoded. Errors: INSPECT_NO_SCHEMA, DATUM_INVALID, SCHEMA_INVALID. */
async function printJson (
  report: ObjectReport, object: InspectedObject, config: Config, archive: () => Promise<Archive>, host: Host
): Promise<void> {
  let alert: AlertValue | undefined
  let failure: unknown
  const { datum, schemaId } = report.frame ?? {}
  try {
    if (datum !== undefined) alert = decode(await schemaOf(schemaId!, object, config, archive, host), datum, report.where)
  } catch (error) {
    failure = error
  }
  await host.print(reportJson(report, alert, config))
  // Damage of the object is reported first.
  if (failure !== undefined && report.frameProblems.length === 0) throw failure
}

function decode (text: string, datum: Buffer, where: string): AlertValue {
  const schema = parseSchema(text, where)
  schema.checkDatum(datum)
  return schema.decode(datum)
}

/** Asks the archive of the object, the archive of the flags and the registry, in this order. Error: INSPECT_NO_SCHEMA. */
async function schemaOf (
  id: number, object: InspectedObject, config: Config, archive: () => Promise<Archive>, host: Host
): Promise<string> {
  const { schemaRegistryUrl: url } = config
  const lookups = [
    object.schemaText,
    async () => await (await archive()).getSchema(id),
    url === undefined ? undefined : async () => await createRegistryClient({ url, log: host.log, attempts: 2 }).schemaById(id)
  ]
  const failures: string[] = []
  for (const lookup of lookups) {
    try {
      const found = await lookup?.(id)
      if (found !== undefined) return found
    } catch (error) {
      if (!(error instanceof AlertStreamError)) throw error
      failures.push(messageOf(error))
    }
  }
  const why = failures.length === 0 ? '' : ` (${failures.join('; ')})`
  throw inspectErrors.INSPECT_NO_SCHEMA(`no schema with id ${id} was found${why}`, { where: object.where })
}
