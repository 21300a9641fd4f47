// list: prints the ids of archived alerts, found by key ranges in the alert store. It needs no index and no Kafka. This mode runs no
// pipeline graph.
import { checkNight, storeFlags } from '../config/common.ts'
import { usageErrors } from '../config/errors.ts'
import { flags, type ConfigOf } from '../config/flags.ts'
import { idRanges, packedIdFormat, parseVisit, unpack, type PackedIdFormat } from '../ids/packed-id.ts'
import { mode } from '../program/mode.ts'
import { bucketOptions, storeUrls } from '../program/stores-from-flags.ts'
import { usedKeySchemes } from '../stores/alert-keys.ts'
import { listAlerts, listByPrefix, type ListedAlert } from '../stores/alert-listing.ts'
import { openStore, type ObjectStore } from '../stores/index.ts'
import { allKeySchemes } from '../stores/layouts.ts'

// Schemas are not listed.
const { 'schema-store': _store, 'bucket-schemas': _s3, 'gcp-bucket-schemas': _gs, ...alertStoreFlags } = storeFlags

const listFlags = flags({
  night: { type: 'text', placeholder: 'YYYYMMDD', check: checkNight, description: 'Night (day_obs) of the alerts.' },
  visit: {
    type: 'text', placeholder: 'VISIT', description: 'Visit of the alerts, as in the field visit: YYYYMMDD and a 5-digit sequence number.'
  },
  detector: { type: 'integer', min: 0, max: 204, description: 'Detector of the alerts. Needs --night or --visit.' },
  prefix: {
    type: 'text', placeholder: 'DIGITS',
    description: 'First digits of the ids, alone or after LSST-AP-DS-. Without --night, --visit and --prefix, all alerts are listed.'
  },
  count: { type: 'switch', description: 'Print the number of alerts instead of their ids.' },
  json: {
    type: 'switch', description: 'Print one JSON object per alert: id and keys (several keys if the alert is stored in several layouts).'
  },
  ...alertStoreFlags,
  layout: {
    type: 'choice', choices: allKeySchemes.map(({ name }) => name),
    description: 'Layout to list. Default: all layouts. v1-s3 and v1-s3-slash are earlier layouts of Rubin.'
  }
})
type Config = ConfigOf<typeof listFlags>

/** Returns how to list what the flags select. Errors: USAGE_BAD_VALUE, USAGE_MISSING, ID_OUT_OF_RANGE. */
function selection (config: Config, format: PackedIdFormat): (store: ObjectStore) => AsyncIterable<ListedAlert> {
  const { night, visit, detector, prefix } = config
  const bad = (what: string) => usageErrors.USAGE_BAD_VALUE(what, { where: 'list' })
  if ([night, visit, prefix].filter(each => each !== undefined).length > 1) throw bad('give only one of --night, --visit and --prefix')
  if (config.count && config.json) throw bad('give only one of --count and --json')
  if (detector !== undefined && night === undefined && visit === undefined) throw bad('--detector needs --night or --visit')
  const schemes = allKeySchemes.filter(({ name }) => config.layout === undefined || name === config.layout)
  const listing = async (store: ObjectStore) => ({ store, format, schemes: await usedKeySchemes(store, schemes) })
  if (night !== undefined || visit !== undefined) {
    const parsed = visit === undefined ? { night: night! } : parseVisit(visit)
    if (parsed === undefined) throw bad(`--visit is '${visit}', but must be YYYYMMDD and a 5-digit sequence number`)
    const ranges = idRanges('sequence' in parsed ? { ...parsed, detector } : parsed, format)
    return async function * (store) {
      for await (const alert of listAlerts(ranges, await listing(store))) {
        // The alerts of one detector in a night are no range of ids.
        if (detector === undefined || unpack(BigInt(alert.id), format).detector === detector) yield alert
      }
    }
  }
  const digits = prefix?.replace(/^LSST-AP-DS-/, '') ?? ''
  if (prefix !== undefined && !/^[0-9]{1,19}$/.test(digits)) {
    throw bad(`--prefix is '${prefix}', but must be 1 to 19 digits, alone or after LSST-AP-DS- (in capitals)`)
  }
  return async function * (store) { yield * listByPrefix(digits, await listing(store)) }
}

export default mode({
  mode: 'list',
  about: 'Prints one id per line, in the order of night, visit, detector and id (with --prefix, in the order of the text). The first ' +
    'line appears at once, and memory does not grow with the number of alerts. An alert in several layouts is listed once.',
  examples: [
    'alert-stream list --visit 2026022401010 --alert-store gs://alerts',
    'alert-stream list --night 20260224 --detector 89 --count --alert-store file:///var/alerts',
    'alert-stream list --prefix 170055 --json --alert-store file:///var/alerts'
  ],
  flags: listFlags,
  async run (config, _positionals, host) {
    const format = packedIdFormat(config.packedIdBits, config.packedIdTags)
    const alerts = selection(config, format)
    const { alerts: url } = storeUrls(config)
    const store = await openStore(url, { ...bucketOptions(config, host.environment), access: 'read', log: host.log })
    try {
      // A mistyped URL must fail, not list nothing.
      await store.check()
      let count = 0
      for await (const { id, keys } of alerts(store)) {
        if (host.stop.aborted) break
        count++
        if (!config.count) await host.print(config.json ? `${JSON.stringify({ id, keys })}\n` : `${id}\n`)
      }
      if (config.count && !host.stop.aborted) await host.print(`${count}\n`)
    } finally {
      await store.close()
    }
  }
})
