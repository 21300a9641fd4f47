// `serve` from the image, run as Kubernetes would run it: what it answers, as whom it runs, what it may write, how it stops.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts } from '../../../src/devstack/index.ts'
import { Fault, none, type Check, type Context } from '../check.ts'
import { archiveSample, type Archived } from './archive.ts'
import type { Workshop } from './build.ts'
import { Container } from './container.ts'
import { ID } from './facts.ts'

interface Served {
  readonly container: Container
  readonly api: string
  readonly admin: number
  readonly archived: Archived
}

/** In this order: the last ones end it. */
export function serveChecks (context: Context, workshop: Workshop): Check[] {
  let serving: Promise<Served> | undefined
  const served = async (): Promise<Served> => await (serving ??= start(context, workshop))
  return [{
    title: 'serve answers /v1/health, an alert byte for byte and its schema, from a read-only root',
    run: async () => { await answers(await served()) }
  }, {
    title: `its first process is Node itself, as user ${ID} without any capability, and can write nothing but /tmp`,
    run: async () => { await rights((await served()).container) }
  }, {
    title: 'the health check passes where serve lives, and fails where it hangs',
    run: async () => { await health(await served()) }
  }, {
    title: 'SIGTERM ends it with a clean drain and exit code 0',
    run: async () => {
      const { container } = await served()
      await container.signal('TERM')
      const code = await container.exited(15)
      if (code !== 0) throw new Fault(`exit code ${code ?? 'unknown'}`, container.output)
      if (!container.output.includes('stopping: draining records in flight'))
        throw new Fault('it did not say that it stops', container.output)
    }
  }, {
    title: 'SIGTERM ends it also where it comes while the program still loads',
    run: async () => { await early(context, workshop) }
  }]
}

async function start (context: Context, workshop: Workshop): Promise<Served> {
  const image = await workshop.image()
  const data = join(context.scratch, 'archive')
  const root = await workshop.root()
  // The image's files are root's to read while they are in buildah's store.
  const visit = join(context.scratch, 'sample-visit.avro')
  await root.must('install', ['-m', '644', join(image.folder, 'usr/share/alert-stream/sample-visit.avro'), visit])
  const archived = await archiveSample(visit, data)
  const [port = 0, admin = 0] = await freePorts(2)
  const container = await Container.start(
    context,
    root,
    image,
    ['serve', '--alert-store', 'file:///mnt', '--listen-port', String(port)],
    data,
    {
    // The image's own port may be taken: the network is the machine's.
    ALERT_STREAM_ADMIN_PORT: String(admin)
  })
  await container.waitFor(/admin port is open/)
  return { container, api: `http://127.0.0.1:${port}/v1`, admin, archived }
}

async function answers ({ api, admin, archived }: Served): Promise<void> {
  const get = async (url: string): Promise<Buffer> => {
    const response = await fetch(url, { signal: AbortSignal.timeout(10_000) })
    if (response.status !== 200) throw new Fault(`${url} answers ${response.status}`, await response.text())
    return Buffer.from(await response.arrayBuffer())
  }
  const faults: string[] = []
  if ((await get(`${api}/health`)).toString().trim() !== 'OK') faults.push('/v1/health does not answer OK')
  if (!(await get(`${api}/alerts/${archived.id}`)).equals(archived.frame)) faults.push(`alert ${archived.id} is not as it was stored`)
  if ((await get(`${api}/schemas/${archived.schemaId}`)).toString() !== archived.schema)
    faults.push(`schema ${archived.schemaId} is not as it was stored`)
  if ((await get(`http://127.0.0.1:${admin}/livez`)).toString().trim() !== 'OK') faults.push('/livez does not answer OK')
  await get(`http://127.0.0.1:${admin}/readyz`)
  none(faults, 'wrong answers')
}

async function rights (container: Container): Promise<void> {
  const faults: string[] = []
  const status = await readFile(`/proc/${await container.first()}/status`, 'utf8')
  const field = (name: string): string => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1] ?? ''
  for (const name of ['Uid', 'Gid']) if (field(name).split(/\s+/).some(id => id !== String(ID))) faults.push(`${name} is ${field(name)}`)
  if (!/^0+$/.test(field('CapEff'))) faults.push(`it has capabilities: ${field('CapEff')}`)
  if (field('Name') !== 'node' && field('Name') !== 'MainThread') faults.push(`process 1 is ${field('Name')}`)
  const { stdout, stderr } = await container.exec(['sh', '-c',
    'for folder in / /app /etc /usr/share/alert-stream /var/tmp /run; do touch $folder/x 2>/dev/null && echo $folder; done; ' +
    'touch /tmp/x && echo tmp can'])
  if (stdout !== 'tmp can\n') faults.push(`what can be written is not /tmp alone: ${stdout}`, stderr)
  none(faults, 'wrong rights')
}

async function health ({ container, admin }: Served): Promise<void> {
  const ask = async (...words: string[]) =>
    await container.exec(['alert-stream', 'healthcheck', ...words], { ALERT_STREAM_ADMIN_PORT: String(admin) })
  const well = await ask()
  if (well.code !== 0 || well.stdout !== `serve is alive: http://127.0.0.1:${admin}/livez\n`)
    throw new Fault(`of one that lives it says ${well.code ?? 'nothing'}`, well.stdout + well.stderr)
  await container.signal('STOP')
  const ill = await ask('--timeout', '1')
  await container.signal('CONT')
  if (ill.code !== 1 || !ill.stderr.includes('NOT_HEALTHY'))
    throw new Fault(`of one that hangs it says ${ill.code ?? 'nothing'}`, ill.stdout + ill.stderr)
}

// Sent by the process itself, at the one moment that counts: its launcher has run, and nothing of the program is loaded yet.
const EARLY = `require('node:module').registerHooks({
  resolve (specifier, context, next) {
    if (String(specifier).endsWith('/dist/cli/main.js')) process.kill(process.pid, 'SIGTERM')
    return next(specifier, context)
  }
})
`

async function early (context: Context, workshop: Workshop): Promise<void> {
  const image = await workshop.image()
  const data = join(context.scratch, 'early')
  await mkdir(data, { recursive: true })
  await writeFile(join(data, 'early.cjs'), EARLY, { mode: 0o644 })
  const container = await Container.start(
    context,
    await workshop.root(),
    image,
    ['serve', '--alert-store', 'file:///mnt', '--listen-port', '0'],
    data,
    {
    ALERT_STREAM_ADMIN_PORT: '0', NODE_OPTIONS: '--require=/mnt/early.cjs'
  })
  const code = await container.exited(30)
  if (code !== 0 && code !== 143) throw new Fault(`exit code ${code ?? 'unknown'}`, container.output)
}
