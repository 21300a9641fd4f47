// What the charts hand to the program, read by the program's own tables: each mode, flag and variable exists and takes its value, each
// named file is mounted, and ports and probe paths are those that the program opens.
import { readFile } from 'node:fs/promises'
import { isAbsolute, join, posix } from 'node:path'
import { adminEndpoints } from '../../src/admin/admin-server.ts'
import { readCommandLine } from '../../src/program/command-line.ts'
import { modes } from '../../src/cli/modes.ts'
import type { Flags, FlagSpec } from '../../src/config/flags.ts'
import { variablesOf } from '../../src/config/parse.ts'
import type { Mode } from '../../src/program/mode.ts'
import { storeUrls } from '../../src/program/stores-from-flags.ts'
import { formatError } from '../../src/pipeline/errors.ts'
import { containersOf, podsOf, type Container, type Pod } from './helm/pods.ts'
import { nameOf, type KubernetesObject } from './helm/charts.ts'
import { ROOT } from './tools/toolbox.ts'

/** The image: what it sets itself, and where it has files. */
export interface Image {
  readonly env: Readonly<Record<string, string>>
  readonly folders: readonly string[]
}

/** Variables that Node and the libraries read; any other would be read by nobody. */
const otherVariables = [
  'NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'UV_THREADPOOL_SIZE', 'TZ', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY',
  'GOOGLE_APPLICATION_CREDENTIALS', 'GOOGLE_CLOUD_PROJECT', 'STORAGE_EMULATOR_HOST', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'
]

/** Whether a container runs the one image: by the end of the repository's name, whichever registry it is in. */
export function isOurs ({ image = '' }: Pick<Container, 'image'>): boolean {
  return /(^|\/)alert-stream([:@]|$)/.test(image)
}

/** The environment of a Containerfile's last stage. */
export function imageEnv (containerfile: string): Record<string, string> {
  const stage = containerfile.replaceAll(/\\\n/g, ' ').split(/^FROM /m).at(-1) ?? ''
  return Object.fromEntries(
    [...stage.matchAll(/^ENV (.*)$/gm)].flatMap(([, line = '']) =>
      [...line.matchAll(/(\w+)=(\S*)/g)].map(([, name = '', value = '']) => [name, value])
    )
  )
}

/** What is wrong with the containers of the image among some objects; one line each. */
export async function programFaults (objects: readonly KubernetesObject[]): Promise<string[]> {
  // What every container gets from the image itself.
  const env = imageEnv(await readFile(join(ROOT, 'Containerfile'), 'utf8'))
  const image = { env, folders: ['/usr/share/alert-stream', '/app'] }
  const faults = await Promise.all(objects.flatMap(podsOf).flatMap(pod => containersOf(pod).filter(isOurs).map(async container =>
    (await containerFaults(container, pod, image)).map(fault => `${nameOf(pod.owner)}, container ${container.name}: ${fault}`))))
  return faults.flat()
}

/** What is wrong with a container of ours; one line each. Nothing connects to anything. */
export async function containerFaults (container: Container, pod: Pod, image: Image, find = modes.find): Promise<string[]> {
  const [program = 'alert-stream', ...words] = container.command ?? []
  // What a helm test runs inside the image besides the program is that test's own, and so is a script of a chart's.
  if (program !== 'alert-stream') {
    const script = program === 'node' && words.at(-1) === '--eval'
    return script || pod.owner.metadata.annotations?.['helm.sh/hook'] === 'test' ? [] : ['its command is not the program']
  }
  const [name, ...args] = [...words, ...container.args ?? []].map(word => expand(word, container))
  if (name === undefined) return ['has no args: the first one picks the mode']
  let mode: Mode<Flags>
  try {
    mode = await find(name)
  } catch (error) {
    return [formatError(error)]
  }
  const faults = [...nameFaults(args, container, mode), ...fileFaults(args, container, pod, image)]
  try {
    const line = await readCommandLine(mode, args, environmentOf(container, mode, image), modes)
    if (line === undefined) return faults
    faults.push(...portFaults(line.config as Ports, container), ...probeFaults(line.config as Ports, container))
    faults.push(...graceFaults(line.config as Ports, pod))
    // What a mode demands of several flags together, as far as it can tell before it connects.
    await mode.describe?.(line.config, line.positionals)
    if ('alert-store' in mode.flags && name !== 'demo') storeUrls(line.config as unknown as Parameters<typeof storeUrls>[0])
  } catch (error) {
    faults.push(formatError(error))
  }
  return faults
}

/** Flags and variables that are given twice, and variables that nobody reads. */
function nameFaults (args: readonly string[], { env = [], envFrom = [] }: Container, { mode, flags }: Mode<Flags>): string[] {
  const known = new Set([...otherVariables, ...Object.entries<FlagSpec>(flags).flatMap(([name, spec]) => variablesOf(name, spec))])
  const given = args.flatMap(word => /^--?[^=]*/.exec(word) ?? [])
  const names = env.map(({ name }) => name)
  const twice = (all: readonly string[]): string[] => [...new Set(all.filter((each, index) => all.indexOf(each) < index))]
  return [
    ...twice(given).map(flag => `${flag} is given twice`),
    ...twice(names).map(name => `the variable ${name} is given twice`),
    ...names.filter(name => !known.has(name)).map(name => `the mode ${mode} reads no variable ${name}`),
    ...envFrom.length > 0 ? ['envFrom: nobody can tell which variables come of it'] : []
  ]
}

/** As the program would find it; what comes from a Secret or a field is only known in the cluster, so a word that fits stands for it. */
function environmentOf ({ env = [] }: Container, { flags }: Mode<Flags>, image: Image): Record<string, string> {
  const fitting = (name: string): string => {
    const spec = Object.entries<FlagSpec>(flags).find(([flag, each]) => variablesOf(flag, each).includes(name))?.[1]
    switch (spec?.type) {
      case 'integer':
      case 'number': return String(spec.min ?? 1)
      case 'switch': return 'true'
      case 'choice': return spec.choices[0] ?? ''
      default: return 'from-the-cluster'
    }
  }
  return {
    ...image.env,
    ...Object.fromEntries(env.map(({ name, value, valueFrom }) => [name, valueFrom === undefined ? value ?? '' : fitting(name)]))
  }
}

/** `$(NAME)` as the kubelet replaces it. */
function expand (word: string, { env = [] }: Container): string {
  return word.replaceAll(/\$\((\w+)\)/g, (whole, name: string) => {
    const variable = env.find(each => each.name === name)
    return variable === undefined ? whole : variable.value ?? 'from-the-cluster'
  })
}

/** Every absolute path in flags and variables is in the image or mounted. If the volume has chosen keys, the file is one of these. */
function fileFaults (args: readonly string[], container: Container, { spec }: Pod, image: Image): string[] {
  // The path of a URL is not one of the file system.
  const isUrl = (name: string): boolean => /path[-_]prefix$|url$/i.test(name) || otherVariables.includes(name)
  const words = args.map(word => /^(?:--([^=]*)=)?(.*)$/.exec(word)?.slice(1) ?? []).map(([name = '', value = '']) => ({ name, value }))
  const values = [...words, ...container.env ?? []].filter(({ name }) => !isUrl(name))
    .map(({ value = '' }) => value.replace(/^file:\/\//, ''))
  return [...new Set(values)].filter(isAbsolute).flatMap(path => {
    const [mount] = (container.volumeMounts ?? []).filter(({ mountPath }) => isBelow(path, mountPath))
      .sort((a, b) => b.mountPath.length - a.mountPath.length)
    if (mount === undefined && image.folders.some(folder => isBelow(path, folder))) return []
    if (mount === undefined) return [`${path}: nothing is mounted there, and the image has no such folder`]
    const volume = spec.volumes?.find(({ name }) => name === mount.name)
    if (volume === undefined) return [`${path}: there is no volume ${mount.name}`]
    const { items } = (volume.secret ?? volume.configMap ?? {}) as { readonly items?: ReadonlyArray<{ readonly path: string }> }
    const inside = posix.relative(mount.mountPath, path)
    const found = items === undefined || inside === '' || items.some(item => item.path === inside)
    return found ? [] : [`${path}: the volume ${mount.name} has no file ${inside}`]
  })
}

function isBelow (path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}

interface Ports {
  readonly adminPort?: number
  readonly adminHost?: string
  readonly listenPort?: number
  readonly listenHost?: string
  readonly drainSeconds?: number
  readonly pathPrefix?: string
}

/** Probes and Services find the ports by name; the program has to listen there, and not for itself only. */
function portFaults ({ adminPort, adminHost, listenPort, listenHost }: Ports, { ports = [] }: Container): string[] {
  const opened = { admin: [adminPort, adminHost], http: [listenPort, listenHost] } as const
  return Object.entries(opened).flatMap(([name, [port, host]]) => {
    const declared = ports.find(each => each.name === name)?.containerPort
    if (declared === undefined) return []
    return [...declared === port ? [] : [`port ${name} is ${declared}, the program opens ${port ?? 'none'}`],
      ...host === '127.0.0.1' ? [`port ${name} is open inside the pod only`] : []]
  })
}

/** Probes ask for paths that the program serves on that port. */
function probeFaults ({ pathPrefix = '' }: Ports, { startupProbe, livenessProbe, readinessProbe }: Container): string[] {
  return [startupProbe, livenessProbe, readinessProbe].flatMap(probe => probe?.httpGet ?? []).flatMap(({ path = '/', port }) => {
    const served = port === 'admin' ? Object.keys(adminEndpoints) : port === 'http' ? [`${pathPrefix}/v1/health`] : []
    return served.includes(path) ? [] : [`a probe asks for ${path} on port ${port}, which the program does not serve`]
  })
}

/** The pod is given longer than the program takes to drain, or it is killed over its work. */
function graceFaults ({ drainSeconds = 0 }: Ports, { spec: { terminationGracePeriodSeconds: grace = 30 } }: Pod): string[] {
  return grace > drainSeconds ? [] :
    [`terminationGracePeriodSeconds is ${grace}, and the program drains for up to ${drainSeconds} s`]
}
