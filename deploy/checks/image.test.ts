// The container image, built without a daemon and run as Kubernetes runs it: read-only root, the image's user, no capabilities.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { freePorts } from '../../src/devstack/ports.ts'
import { waitUntil } from '../../src/devstack/wait-until.ts'
import { buildImage, sudo } from './image/build.ts'
import { must, progress } from './tools/toolbox.ts'
import { tempDir } from '../../test/support/stack.ts'

/** Limit of the content, with DuckDB. */
const LIMIT_MB = 350
const ID = 10001

// exec all the way, so that the program is process 1.
const SETUP = `set -e
root=$1; data=$2; shift 2
mount --bind "$root" "$root"; mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"; mount --bind "$data" "$root/mnt"; mount -o remount,bind,ro "$root"
exec chroot "$root" "$@"`

const scratch = await tempDir(t)
const { folder, config, root } = await buildImage(t, scratch)

/** Starts the image's entry point in its own process and mount namespaces, with an empty folder at /mnt. */
async function start (env: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const data = join(scratch, 'data')
  await mkdir(data, { recursive: true })
  await chmod(data, 0o755)
  const user = ['setpriv', `--reuid=${ID}`, `--regid=${ID}`, '--clear-groups', '--inh-caps=-all', '--bounding-set=-all', '--no-new-privs']
  const variables = [...config.Env ?? [], ...Object.entries(env).map(([name, value]) => `${name}=${value}`)]
  const [program = '', ...words] = [...sudo, 'unshare', '--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', SETUP, 'sh', folder, data,
    ...user, 'env', '-i', '-C', '/tmp', ...variables, ...config.Entrypoint ?? [], ...args]
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  const result = { output: '', exit: once(child, 'close').then(([code]) => code as number | null), child }
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { result.output += text })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await result.exit
  })
  return result
}

await t.test(`image: runs as user ${ID}, holds less than ${LIMIT_MB} MB and no file that its user can write or that is setuid`, async t => {
  t.match(config, { User: `${ID}:${ID}`, Entrypoint: ['alert-stream'] })
  t.ok(config.Env?.includes('ALERT_STREAM_REVISION=check'), 'it has its revision')
  const find = async (...words: string[]): Promise<string> => await root('find', folder, '-xdev', ...words)
  const bytes = (await find('-type', 'f', '-printf', '%s\n')).split('\n').reduce((sum, size) => sum + Number(size), 0)
  progress(`the image holds ${Math.round(bytes / 1e6)} MB`)
  t.ok(bytes <= LIMIT_MB * 1e6, `${bytes} bytes`)
  t.equal(await find('!', '-type', 'l', '!', '-path', `${folder}/tmp`, '!', '-path', `${folder}/dev/*`,
    '(', '-perm', '-o+w', '-o', '-type', 'f', '-perm', '/6000', '-o', '-uid', String(ID), '-o', '-gid', String(ID), ')'), '')
  t.equal(await find('-path', `${folder}/app/node_modules/typescript`, '-o', '-path', '*/bin/gcc', '-o', '-path', '*/bin/npm',
    '-o', '-path', `${folder}/app/test`), '', 'nothing of the build')
})

await t.test('image: serve answers from a read-only root, is healthy, and stops cleanly on SIGTERM', async t => {
  const [port = 0, admin = 0] = await freePorts(2)
  const env = { ALERT_STREAM_ADMIN_PORT: String(admin) }
  const run = await start(env, 'serve', '--alert-store=file:///mnt', `--listen-port=${port}`)
  const ready = async (): Promise<boolean> => await fetch(`http://127.0.0.1:${admin}/readyz`).then(({ ok }) => ok, () => false)
  t.ok(await waitUntil(async () => run.child.exitCode !== null || await ready(), 30_000, 100) && await ready(), run.output)
  const health = await fetch(`http://127.0.0.1:${port}/v1/health`)
  t.match([health.status, (await health.text()).trim()], [200, 'OK'])
  t.equal(await (await start(env, 'healthcheck')).exit, 0)
  // Process 1 of the namespace is the child of unshare.
  const program = (await must('ps', ['-o', 'pid=', '--ppid', String(run.child.pid)])).trim().split(/\s+/).at(-1) ?? ''
  const status = await root('cat', `/proc/${program}/status`)
  t.match(status, new RegExp(`^Uid:\\s+${ID}\\s`, 'm'))
  t.match(status, /^CapEff:\s+0+$/m)
  await root('kill', '-TERM', program)
  t.equal(await Promise.race([run.exit, sleep(20_000, 'late', { ref: false })]), 0)
  t.match(run.output, /stopping/)
})
