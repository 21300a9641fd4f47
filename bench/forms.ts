// CPU time of the forms of an alert: each request makes one form, from an alert in the file archive, over loopback HTTP. FastAPI makes the
// same forms with fastavro, astropy and Pillow, in turn with the server. The last column has its CPU-ms per request and the ratio to it.
import { pathToFileURL } from 'node:url'
import type autocannon from 'autocannon'
import { checksumsOf, createArchive, gzipFrame, openStore } from '../src/stores/index.ts'
import { bench, type Bench, type Result } from './harness.ts'
import { fastapiRequirements, loadServer, startPython, startServe, type Server } from './serve-turns.ts'
import { alertsOf, inFolder, schemaVersion } from './support.ts'

const SIZES = { alerts: { full: 400, quick: 40 }, objects: { full: 100, quick: 10 } } as const
const schemaId = 1101
const turns = 4

/** Pinned packages of the reference. */
const requirements = [...fastapiRequirements, 'fastavro==1.13.1', 'numpy==2.4.6', 'astropy==8.0.2', 'pillow==13.0.0']

function total (results: readonly Result[]): Result {
  const sum = (value: (result: Result) => number): number => results.reduce((all, result) => all + value(result), 0)
  return {
    alerts: sum(({ alerts }) => alerts), bytes: sum(({ bytes }) => bytes), seconds: sum(({ seconds }) => seconds),
    cpuMs: sum(({ cpuMs }) => cpuMs), peakBytes: Math.max(...results.map(({ peakBytes }) => peakBytes))
  }
}

/** `path`: the path below the alert, with the query. */
const row = (path: string) => async ({ sizes }: Bench<typeof SIZES>): Promise<Result> => await inFolder(async root => {
  const store = await openStore(pathToFileURL(root).href)
  const archive = createArchive({ alerts: store, schemas: store, layout: 'v2' })
  const version = await schemaVersion('11.1')
  await archive.putSchema(schemaId, version.text)
  const requests: autocannon.Request[] = []
  for (const alert of alertsOf(version, sizes.objects, 'rubin-2026')) {
    const frame = version.schema.encodeFramed(schemaId, alert)
    const id = String(alert['diaSourceId'])
    await archive.putAlert(id, await gzipFrame(frame), checksumsOf(frame))
    requests.push({ path: `/v1/alerts/${id}${path}` })
  }
  const servers: Record<'serve' | 'FastAPI', Server> = {
    serve: await startServe(root, ['--cache-mib', '0']), FastAPI: await startPython('fastapi_forms.py', root, requirements)
  }
  const results = { serve: [] as Result[], FastAPI: [] as Result[] }
  const each = Object.entries(servers) as ReadonlyArray<[keyof typeof servers, Server]>
  try {
    for (const [, server] of each) await loadServer(server, Math.min(100, sizes.alerts), requests, false)
    for (let turn = 0; turn < turns; turn++) {
      for (const [name, server] of each) results[name].push(await loadServer(server, Math.ceil(sizes.alerts / turns), requests, false))
    }
  } finally {
    for (const [, server] of each) await server.stop()
  }
  const [ours, reference] = [total(results.serve), total(results.FastAPI)]
  const bytes = (result: Result): number => Math.round(result.bytes / result.alerts)
  const cpuMs = reference.cpuMs / reference.alerts
  return {
    ...ours,
    extra: {
      'bytes': bytes(ours), 'FastAPI': cpuMs, 'ratio to FastAPI': ours.cpuMs / ours.alerts / cpuMs, 'bytes of FastAPI': bytes(reference)
    }
  }
})

await bench('forms', SIZES, {
  'container file': row('?format=ocf'),
  'JSON': row('?format=json'),
  'lossless JSON': row('?format=json-lossless'),
  'FITS': row('?format=fits'),
  'cutout, PNG': row('/cutouts/science?format=png&size=240'),
  'cutout, PNG, north up': row('/cutouts/science?format=png&orientation=north&size=240'),
  'light curve, CSV': row('/lightcurve?format=csv')
}, { quick: ['container file', 'JSON', 'FITS', 'cutout, PNG, north up'] })
