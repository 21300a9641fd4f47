import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { basesOf, digestArguments, loosePins } from '../../deploy/checks/image/containerfile.ts'
import { configFaults, entriesOf, fileFaults, ID, type Entry, type ImageConfig } from '../../deploy/checks/image/facts.ts'
import { npmSettings, pipSettings } from '../../deploy/checks/image/secrets.ts'
import { modes } from '../../src/cli/modes.ts'
import { variablesOf } from '../../src/config/parse.ts'

const root = join(import.meta.dirname, '..', '..')
const expected = { version: '1.2.3', revision: 'abc' }
const label = (name: string): string => `org.opencontainers.image.${name}`
const config: ImageConfig = {
  User: '10001:10001', Entrypoint: ['alert-stream'], Cmd: ['--help'], Healthcheck: { Test: ['CMD', 'alert-stream', 'healthcheck'] },
  Env: [
    'PATH=/usr/bin',
    'NODE_ENV=production',
    'HOME=/tmp',
    'ALERT_STREAM_ADMIN_HOST=0.0.0.0',
    'ALERT_STREAM_ADMIN_PORT=9600',
    'ALERT_STREAM_LISTEN_HOST=0.0.0.0',
    'ALERT_STREAM_SCHEMA_PACKAGE=/usr/share/alert-stream/schemas', 'ALERT_STREAM_REVISION=abc'
  ],
  Labels: {
    [label('title')]: 'a',
    [label('description')]: 'b',
    [label('source')]: 'c',
    [label('created')]: 'd',
    [label('licenses')]: 'MIT',
    [label('version')]: '1.2.3',
    [label('revision')]: 'abc'
  }
}

await t.test('reports nothing for a correct image configuration, and each deviation by name', async t => {
  t.strictSame(configFaults(config, expected), [])
  const cases: Array<[Partial<ImageConfig>, RegExp]> = [
    [{ User: '' }, /^runs as root, not as 10001:10001$/],
    [{ User: '0' }, /^runs as 0/],
    // By name Kubernetes cannot tell that it is not root.
    [{ User: 'alert-stream' }, /^runs as alert-stream/],
    [{ Entrypoint: ['/bin/sh', '-c', 'alert-stream'] }, /^the entry point is \["\/bin\/sh"/],
    [{ Entrypoint: null }, /^the entry point is \[\]/],
    [{ Cmd: ['demo'] }, /^without arguments it runs/],
    [{ Healthcheck: {} }, /^the health check is \[\]/],
    [{ Volumes: { '/data': {} } }, /^declares volumes: \/data/],
    [{ Env: (config.Env ?? []).slice(0, -1) }, /^ALERT_STREAM_REVISION is not set, not abc$/],
    [{ Env: [...config.Env ?? [], 'npm_config_registry=x'] }, /^sets npm_config_registry/],
    [{ Labels: { ...config.Labels, [label('source')]: '' } }, /^has no label source/],
    [{ Labels: { ...config.Labels, [label('version')]: '9' } }, /^its label version is '9'/]
  ]
  for (const [change, message] of cases) {
    const faults = configFaults({ ...config, ...change }, expected)
    t.equal(faults.length, 1, faults.join('; '))
    t.match(faults[0], message)
  }
})

const lock = {
  packages: {
    '': {},
    'node_modules/rxjs': {},
    'node_modules/@scope/deep': {},
    'node_modules/rxjs/node_modules/tslib': {},
    'node_modules/typescript': { dev: true },
    'node_modules/zlib-sync': { optional: true }
  }
}
const entry = (path: string, more: Partial<Entry> = {}): Entry => ({ path, type: 'f', mode: 0o644, uid: 0, gid: 0, size: 1000, ...more })
const folder = (path: string, more: Partial<Entry> = {}): Entry => entry(path, { type: 'd', mode: 0o755, ...more })
const native = process.arch === 'x64' ? 'x64' : 'arm64'
const files: Entry[] = [
  folder('tmp', { mode: 0o1777 }),
  folder('app'),
  entry('app/LICENSE'),
  folder('app/bin'),
  folder('app/deploy'),
  folder('app/dist'),
  folder('app/node_modules'),
  entry('app/package.json'),
  entry('app/node_modules/rxjs/package.json'),
  entry('app/node_modules/@scope/deep/package.json'),
  entry('app/node_modules/rxjs/node_modules/tslib/package.json'),
  // Some packages have such files inside.
  entry('app/node_modules/rxjs/dist/esm/package.json'),
  entry('app/node_modules/zlib-sync/build/Release/zlib_sync.node'),
  entry(`app/node_modules/c/crc32.linux-${native}-gnu.node`),
  entry(`app/node_modules/s/snappy.linux-${native}-gnu.node`),
  entry('usr/share/alert-stream/sample-visit.avro'),
  entry('usr/share/alert-stream/schemas/LICENSE'),
  entry('usr/share/alert-stream/schemas/README'),
  entry('bin', { type: 'l', mode: 0o777 }), entry('dev/null', { type: 'c', mode: 0o666 })
]

await t.test('reports unexpected, missing and writable files in the image', async t => {
  t.strictSame(fileFaults(files, lock), [])
  const cases: Array<[Entry[], RegExp]> = [
    [[...files, entry('usr/bin/g++')], /^usr\/bin\/g\+\+ is there/],
    [[...files, entry('usr/local/bin/npm', { type: 'l' })], /^usr\/local\/bin\/npm is there/],
    [[...files, folder('app/test')], /^app\/test is no part/],
    [files.filter(({ path }) => path !== 'app/dist'), /^app\/dist is missing/],
    [files.filter(({ path }) => !path.endsWith('sample-visit.avro')), /sample-visit.avro is missing/],
    [[...files, entry('big', { size: 300e6 })], /^holds 300 MB, not less than 300/],
    [[...files, entry('app/node_modules/typescript/package.json')], /typescript is a development dependency/],
    [[...files, entry('app/node_modules/stranger/package.json')], /stranger is not in package-lock.json/],
    [files.filter(({ path }) => !path.includes('tslib')), /tslib is missing/],
    [[...files, entry('app/node_modules/s/snappy.linux-x64-musl.node')], /musl.node is for another platform/],
    [files.filter(({ path }) => !path.includes('zlib_sync')), /^the native part of zlib_sync is missing/],
    [[...files, folder('var/tmp', { mode: 0o1777 })], /^var\/tmp can be written/],
    [[...files, entry('etc/x', { uid: ID })], /^etc\/x can be written/],
    [[...files, entry('etc/x', { gid: ID, mode: 0o664 })], /^etc\/x can be written/],
    [[...files, entry('usr/bin/su', { mode: 0o4755 })], /^usr\/bin\/su makes its caller another user/],
    [[...files, entry('app/dist/x.js', { mode: 0o600 })], /^app\/dist\/x.js cannot be read/]
  ]
  for (const [changed, message] of cases) {
    const faults = fileFaults(changed, lock)
    t.equal(faults.length, 1, faults.join('; '))
    t.match(faults[0], message)
  }
})

await t.test('parses the output of find, including names with spaces', async t => {
  t.strictSame(entriesOf('f 4755 0 10001 12 usr/a b\nd 755 0 0 4096 app\n'), [
    { path: 'usr/a b', type: 'f', mode: 0o4755, uid: 0, gid: ID, size: 12 },
    { path: 'app', type: 'd', mode: 0o755, uid: 0, gid: 0, size: 4096 }
  ])
})

await t.test('finds the base images of FROM lines with the defaults of their arguments, and reports tags that can move', async t => {
  const text =
    'ARG V=1.2.3\nARG D=\nFROM docker.io/library/node:${V}-bookworm${D} AS a\nARG V=9\nFROM a AS b\n' +
    'FROM --platform=linux/amd64 docker.io/library/node:${V}-bookworm AS c\nFROM debian:12\n'
  t.strictSame(basesOf(text), ['docker.io/library/node:1.2.3-bookworm', 'debian:12'])
  t.strictSame([...digestArguments(text.replace('ARG D=', 'ARG D_DIGEST=').replace('${D}', '${D_DIGEST}'))], [[
    'docker.io/library/node:1.2.3-bookworm',
    'D_DIGEST'
  ]])
  t.throws(() => basesOf('FROM node:${NONE}\n'), /NONE has no default/)
  t.strictSame(loosePins(['a:1.2', 'a:1.2.3-slim', `a:1.2@sha256:${'0'.repeat(64)}`]), [])
  t.equal(loosePins(['a', 'a:latest', 'a:12-slim', 'a:bookworm']).length, 4)
  const ours = await readFile(join(root, 'Containerfile'), 'utf8')
  t.strictSame(loosePins(basesOf(ours)), [])
  t.strictSame([...digestArguments(ours).keys()], basesOf(ours), 'each of ours takes a digest')
})

await t.test('passes on the registry settings of npm and pip, but no local paths or preferences', async t => {
  t.equal(
    npmSettings(
      'registry=https://a/\n@b:registry=https://c/\n//a/:_authToken=x\ncache=/var/cache/npm\nnodedir=/usr\n' +
      'cafile=/etc/ca\n prefix = /x\nproxy=http://p\n'
    ),
    'registry=https://a/\n@b:registry=https://c/\n//a/:_authToken=x\nproxy=http://p\n')
  t.equal(
    pipSettings(
      ":env:.index-url='https://env/'\n:env:.find-links='/opt'\nglobal.index-url='https://file/'\n" +
      "global.cert='/etc/ca'\nglobal.trusted-host='file'\n"
    ),
    '[global]\nindex-url = https://env/\ntrusted-host = file\n')
})

await t.test('a mode reads each variable that the image sets', async t => {
  const variables = (await modes.all()).flatMap(({ flags }) => Object.entries(flags).flatMap(([name, spec]) => variablesOf(name, spec)))
  const known = new Set(variables)
  const text = await readFile(join(root, 'Containerfile'), 'utf8')
  const set = [...text.matchAll(/^(?:ENV)?\s+(ALERT_STREAM_\w+)=/gm)].map(match => match[1] ?? '')
  t.ok(set.length >= 4, set.join())
  for (const name of set) t.ok(known.has(name) || name === 'ALERT_STREAM_REVISION', name)
})
