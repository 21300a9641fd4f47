// What must be true of the image, judged from its configuration and the list of its files. Each fault is a sentence that names what is
// wrong.

/** The part of an image's configuration that is looked at. */
export interface ImageConfig {
  readonly User?: string
  readonly Env?: readonly string[]
  readonly Entrypoint?: readonly string[] | null
  readonly Cmd?: readonly string[] | null
  readonly Healthcheck?: { readonly Test?: readonly string[] }
  readonly Labels?: Readonly<Record<string, string>> | null
  readonly Volumes?: Readonly<Record<string, unknown>> | null
}

/** A file, folder or link of the image. */
export interface Entry {
  /** Without a leading slash. */
  readonly path: string
  /** As find's %y: `f`, `d`, `l`. */
  readonly type: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
}

export const ID = 10001
/** Decimal megabytes of all files. */
export const LIMIT_MB = 300

/** For `find -printf`. */
export const ENTRY_FORMAT = '%y %m %U %G %s %P\\n'

export function entriesOf (found: string): Entry[] {
  return found.split('\n').filter(line => line !== '').map(line => {
    const [type = '', mode = '', uid = '', gid = '', size = '', ...path] = line.split(' ')
    return { path: path.join(' '), type, mode: Number.parseInt(mode, 8), uid: Number(uid), gid: Number(gid), size: Number(size) }
  })
}

export interface Expected {
  readonly version: string
  readonly revision: string
}

const variables: Readonly<Record<string, string>> = {
  NODE_ENV: 'production',
  HOME: '/tmp',
  ALERT_STREAM_ADMIN_HOST: '0.0.0.0',
  ALERT_STREAM_ADMIN_PORT: '9600',
  ALERT_STREAM_LISTEN_HOST: '0.0.0.0',
  ALERT_STREAM_SCHEMA_PACKAGE: '/usr/share/alert-stream/schemas'
}

export function configFaults (config: ImageConfig, { version, revision }: Expected): string[] {
  const faults: string[] = []
  if (config.User !== `${ID}:${ID}`)
    faults.push(`runs as ${config.User === undefined || config.User === '' ? 'root' : config.User}, not as ${ID}:${ID}`)
  const entry = JSON.stringify(config.Entrypoint ?? [])
  // A shell between would take the signals, and the arguments not at all.
  if (entry !== '["alert-stream"]') faults.push(`the entry point is ${entry}, not ["alert-stream"]`)
  if (JSON.stringify(config.Cmd ?? []) !== '["--help"]')
    faults.push(`without arguments it runs ${JSON.stringify(config.Cmd ?? [])}, not ["--help"]`)
  if (JSON.stringify(config.Healthcheck?.Test ?? []) !== '["CMD","alert-stream","healthcheck"]')
    faults.push(`the health check is ${JSON.stringify(config.Healthcheck?.Test ?? [])}`)
  if (Object.keys(config.Volumes ?? {}).length > 0) faults.push(`declares volumes: ${Object.keys(config.Volumes ?? {}).join(', ')}`)
  const environment = new Map((config.Env ?? []).map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
  for (const [name, value] of Object.entries({ ...variables, ALERT_STREAM_REVISION: revision })) {
    if (environment.get(name) !== value) faults.push(`${name} is ${environment.get(name) ?? 'not set'}, not ${value}`)
  }
  const known = new Set([...Object.keys(variables), 'ALERT_STREAM_REVISION', 'PATH'])
  for (const name of environment.keys()) if (!known.has(name)) faults.push(`sets ${name}, which nobody decided`)
  const labels = config.Labels ?? {}
  const label = (name: string): string => labels[`org.opencontainers.image.${name}`] ?? ''
  for (const name of ['title', 'description', 'source', 'created']) if (label(name) === '') faults.push(`has no label ${name}`)
  for (const [name, value] of [['licenses', 'MIT'], ['version', version], ['revision', revision]] as const) {
    if (label(name) !== value) faults.push(`its label ${name} is '${label(name)}', not '${value}'`)
  }
  return faults
}

/** A package-lock.json, as far as it is read. */
export interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean, readonly optional?: boolean, readonly devOptional?: boolean }>>
}

const programFolders = ['bin', 'sbin', 'usr/bin', 'usr/sbin', 'usr/local/bin', 'usr/local/sbin']
const tools = ['gcc', 'g++', 'cc', 'c++', 'ld', 'make', 'python3', 'python', 'pip', 'pip3', 'npm', 'npx', 'corepack', 'yarn', 'node-gyp',
  'tsc', 'git', 'java']
const ours = ['LICENSE', 'bin', 'deploy', 'dist', 'node_modules', 'package.json']

export function fileFaults (entries: readonly Entry[], lock: Lock): string[] {
  const faults: string[] = []
  const paths = new Set(entries.map(({ path }) => path))
  for (const folder of programFolders)
    for (const tool of tools) if (paths.has(`${folder}/${tool}`)) faults.push(`${folder}/${tool} is there: it belongs to the build`)
  for (const path of paths) if (/^app\/[^/]+$/.test(path) && !ours.includes(path.slice(4))) faults.push(`${path} is no part of the program`)
  for (const name of ours) if (!paths.has(`app/${name}`)) faults.push(`app/${name} is missing`)
  for (
    const path of ['usr/share/alert-stream/sample-visit.avro', 'usr/share/alert-stream/schemas/LICENSE',
      'usr/share/alert-stream/schemas/README']
  ) {
    if (!paths.has(path)) faults.push(`${path} is missing`)
  }
  const size = entries.filter(({ type }) => type === 'f').reduce((sum, entry) => sum + entry.size, 0) / 1e6
  if (size >= LIMIT_MB) faults.push(`holds ${Math.round(size)} MB, not less than ${LIMIT_MB}`)
  return [...faults, ...packageFaults(paths, lock), ...nativeFaults(paths), ...rightFaults(entries)]
}

// A package is a folder of node_modules, or of a scope in it.
const packageFolder = /^app\/((?:.+\/)?node_modules\/(?:@[^/]+\/)?[^/@.][^/]*)\/package\.json$/

function packageFaults (paths: ReadonlySet<string>, { packages }: Lock): string[] {
  const faults: string[] = []
  const found = new Set([...paths].flatMap(path => packageFolder.exec(path)?.[1] ?? []))
  for (const name of found) {
    const entry = packages[name]
    if (entry === undefined) faults.push(`app/${name} is not in package-lock.json`)
    else if (entry.dev === true) faults.push(`app/${name} is a development dependency`)
  }
  for (const [name, { dev, optional, devOptional }] of Object.entries(packages)) {
    if (name !== '' && dev !== true && optional !== true && devOptional !== true && !found.has(name))
      faults.push(`app/${name} is missing: the program needs it`)
  }
  return faults
}

const platforms = ['darwin', 'win32', 'freebsd', 'android', 'musl', 'wasm', 'x64', 'arm64', 'arm', 'ia32', 'riscv64', 'ppc64', 's390x']

function nativeFaults (paths: ReadonlySet<string>): string[] {
  const natives = [...paths].filter(path => path.endsWith('.node'))
  const foreign = natives.filter(path => platforms.some(name => name !== process.arch && new RegExp(`[-.]${name}[-.]`).test(path)))
  const wanted = ['zlib_sync', 'crc32', 'snappy'].filter(name => !natives.some(path => path.includes(name)))
  return [...foreign.map(path => `${path} is for another platform`), ...wanted.map(name => `the native part of ${name} is missing`)]
}

/** Whoever runs the image mounts these over. */
const mounted = /^(dev|proc|sys)(\/|$)/

function rightFaults (entries: readonly Entry[]): string[] {
  const faults: string[] = []
  for (const { path, type, mode, uid, gid } of entries) {
    if (type === 'l' || mounted.test(path) || path === 'tmp') continue
    const writable = (mode & 0o002) !== 0 || (uid === ID && (mode & 0o200) !== 0) || (gid === ID && (mode & 0o020) !== 0)
    if (writable) faults.push(`${path} can be written by the image's user`)
    if (type === 'f' && (mode & 0o6000) !== 0) faults.push(`${path} makes its caller another user`)
    if (path.startsWith('app/') && ((mode & 0o004) === 0 || (type === 'd' && (mode & 0o001) === 0)))
      faults.push(`${path} cannot be read by the image's user`)
  }
  return faults
}
