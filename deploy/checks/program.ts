// What the charts hand to the program, read by the program's own tables: each mode, flag and variable exists and takes its value, each
// named file is mounted, and ports and probe paths are those that the program opens.
import { readFileSync } from 'node:fs'
import { isAbsolute, join, posix } from 'node:path'
import { adminEndpoints } from '../../src/admin/admin-server.ts'
import { readCommandLine } from '../../src/program/command-line.ts'
import { modes } from '../../src/cli/modes.ts'
import type { Flags, FlagSpec } from '../../src/config/flags.ts'
import { variablesOf } from '../../src/config/parse.ts'
import type { Mode } from '../../src/program/mode.ts'
import { storeUrls } from '../../src/program/stores-from-flags.ts'
import { formatError } from '../../src/pipeline/errors.ts'
import type { Container, Pod } from './helm/pods.ts'
import { ROOT } from './tools/toolbox.ts'

/** The environment of the image: that of the Containerfile's last stage. */
const imageEnv = Object.fromEntries((readFileSync(join(ROOT, 'Containerfile'), 'utf8').split(/^FROM /m).at(-1) ?? '')
  .replaceAll(/\\\n/g, ' ').split('\n').filter(line => line.startsWith('ENV '))
  .flatMap(line => [...line.matchAll(/(\w+)=(\S*)/g)].map(([, name = '', value = '']) => [name, value] as const)))
const imageFolders = ['/usr/share/alert-stream', '/app']

/** Variables that Node and the libraries read; any other would be read by nobody. */
const otherVariables = [
  'NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'UV_THREADPOOL_SIZE', 'TZ', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY',
  'GOOGLE_APPLICATION_CREDENTIALS', 'GOOGLE_CLOUD_PROJECT', 'STORAGE_EMULATOR_HOST', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'
]

/** Whether a container runs the one image: by the end of the repository's name, whichever registry it is in. */
export function isOurs ({ image = '' }: Pick<Container, 'image'>): boolean {
  return /(^|\/)alert-stream([:@]|$)/.test(image)
}

/** What is wrong with a container of ours; one line each. Nothing connects to anything. */
export async function containerFaults (container: Container, pod: Pod, find = modes.find): Promise<string[]> {
  const [program = 'alert-stream', ...words] = container.command ?? []
  // What a helm test runs inside the image besides the program is that test's own, and so is a script of a chart's.
  const isScript = (program === 'node' && words.at(-1) === '--eval') || pod.owner.metadata.annotations?.['helm.sh/hook'] === 'test'
  if (program !== 'alert-stream') return isScript ? [] : ['its command is not the program']
  const [name, ...args] = [...words, ...container.args ?? []].map(word => expand(word, container))
  if (name === undefined) return ['has no args: the first one picks the mode']
  const faults: string[] = []
  try {
    const mode = await find(name)
    faults.push(...nameFaults(args, container, mode), ...fileFaults(args, container, pod))
    const line = await readCommandLine(mode, args, environmentOf(container, mode), modes)
    if (line === undefined) return faults
    faults.push(...endpointFaults(line.config, container, pod))
    // What a mode demands of several flags together, as far as it can tell before it connects.
    await mode.describe?.(line.config, line.positionals)
    if ('alert-store' in mode.flags && name !== 'index') storeUrls(line.config as unknown as Parameters<typeof storeUrls>[0])
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
function environmentOf ({ env = [] }: Container, { flags }: Mode<Flags>): Record<string, string> {
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
  const own = env.map(({ name, value, valueFrom }) => [name, valueFrom === undefined ? value ?? '' : fitting(name)] as const)
  return { ...imageEnv, ...Object.fromEntries(own) }
}

/** `$(NAME)` as the kubelet replaces it. */
function expand (word: string, { env = [] }: Container): string {
  return word.replaceAll(/\$\((\w+)\)/g, (whole, name: string) => {
    const variable = env.find(each => each.name === name)
    return variable === undefined ? whole : variable.value ?? 'from-the-cluster'
  })
}

/** Every absolute path in flags and variables is in the image or mounted. If the volume has chosen keys, the file is one of these. */
function fileFaults (args: readonly string[], container: Container, { spec }: Pod): string[] {
  // The path of a URL is not one of the file system.
  const isUrl = (name: string): boolean => /path[-_]prefix$|url$/i.test(name) || otherVariables.includes(name)
  const words = args.map(word => /^(?:--([^=]*)=)?(.*)$/.exec(word)?.slice(1) ?? []).map(([name = '', value = '']) => ({ name, value }))
  const values = [...words, ...container.env ?? []].filter(({ name }) => !isUrl(name))
    .map(({ value = '' }) => value.replace(/^file:\/\//, ''))
  return [...new Set(values)].filter(isAbsolute).flatMap(path => {
    const [mount] = (container.volumeMounts ?? []).filter(({ mountPath }) => isBelow(path, mountPath))
      .sort((a, b) => b.mountPath.length - a.mountPath.length)
    if (mount === undefined && imageFolders.some(folder => isBelow(path, folder))) return []
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

/** Ports and paths of the program, if its mode has them. */
type Endpoints = Readonly<Partial<Record<'adminPort' | 'listenPort' | 'drainSeconds', number> &
  Record<'adminHost' | 'listenHost' | 'pathPrefix', string>>>

/** Ports are opened, and not inside the pod only; probes ask for what is served there; the pod is given longer than a drain takes. */
function endpointFaults (config: Endpoints, container: Container, { spec: { terminationGracePeriodSeconds: grace = 30 } }: Pod): string[] {
  const { adminPort, adminHost, listenPort, listenHost, pathPrefix = '', drainSeconds = 0 } = config
  const { ports = [], startupProbe, livenessProbe, readinessProbe } = container
  const opened = { admin: [adminPort, adminHost], http: [listenPort, listenHost] } as const
  const served = { admin: Object.keys(adminEndpoints), http: [`${pathPrefix}/v1/health`] }
  const portFaults = Object.entries(opened).flatMap(([name, [port, host]]) => {
    const declared = ports.find(each => each.name === name)?.containerPort
    if (declared === undefined) return []
    return [...declared === port ? [] : [`port ${name} is ${declared}, the program opens ${port ?? 'none'}`],
      ...host === '127.0.0.1' ? [`port ${name} is open inside the pod only`] : []]
  })
  const probes = [startupProbe, livenessProbe, readinessProbe].flatMap(probe => probe?.httpGet ?? [])
  const probeFaults = probes.filter(({ path = '/', port }) => !(port in served && served[port as keyof typeof served].includes(path)))
    .map(({ path, port }) => `a probe asks for ${path} on port ${port}, which the program does not serve`)
  return [...portFaults, ...probeFaults, ...grace > drainSeconds ? [] :
    [`terminationGracePeriodSeconds is ${grace}, and the program drains for up to ${drainSeconds} s`]]
}
