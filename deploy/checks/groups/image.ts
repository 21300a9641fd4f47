// The container image, built without a daemon and run as Kubernetes runs it: read-only root, the image's user, no capabilities.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../../../src/devstack/ports.ts'
import { Fault, type Check, type Context, type Group } from '../check.ts'
import { buildImage, type AsRoot, type Image } from '../image/build.ts'
import { asRoot } from '../tools/pins.ts'

type Built = Image & { readonly root: AsRoot }

/** Limit of the content, with DuckDB, which the image does not hold yet. */
const LIMIT_MB = 350
const ID = 10001

// exec all the way, so that the program is process 1.
const SETUP = `set -e
root=$1; data=$2; shift 2
mount --bind "$root" "$root"; mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"; mount --bind "$data" "$root/mnt"; mount -o remount,bind,ro "$root"
exec chroot "$root" "$@"`

export const image: Group = {
  name: 'image',
  about: 'the container image, built and run without a daemon',
  tools: ['buildah', 'mmdebstrap', 'unshare'],
  checks: async context => {
    let built: Promise<Built> | undefined
    const check = (title: string, run: (image: Built) => Promise<void>): Check =>
      ({ title: `image: ${title}`, run: async () => { await run(await (built ??= buildImage(context))) } })
    return await Promise.resolve([
      check(`builds, runs as user ${ID}, holds less than ${LIMIT_MB} MB and no file that its user can write or that is setuid`,
        async image => { await content(context, image) }),
      check('prints its revision and generates a visit', async image => { await generates(context, image) }),
      check('serve answers from a read-only root, is healthy, and stops cleanly on SIGTERM', async image =>
        { await serves(context, image) })
    ])
  }
}

async function content (context: Context, { folder, config, root }: Built): Promise<void> {
  if (config.User !== `${ID}:${ID}` || config.Entrypoint?.join() !== 'alert-stream')
    throw new Fault('user or entry point', JSON.stringify({ user: config.User, entry: config.Entrypoint }))
  const find = async (...words: string[]): Promise<string> => await root('find', folder, '-xdev', ...words)
  const bytes = (await find('-type', 'f', '-printf', '%s\n')).split('\n').reduce((sum, size) => sum + Number(size), 0)
  context.progress(`the image holds ${Math.round(bytes / 1e6)} MB`)
  if (bytes > LIMIT_MB * 1e6) throw new Fault(`it holds ${Math.round(bytes / 1e6)} MB`)
  const writable = await find('!', '-type', 'l', '!', '-path', `${folder}/tmp`, '!', '-path', `${folder}/dev/*`,
    '(', '-perm', '-o+w', '-o', '-type', 'f', '-perm', '/6000', '-o', '-uid', String(ID), '-o', '-gid', String(ID), ')')
  if (writable !== '') throw new Fault('writable by its user, or setuid', writable)
  const build = await find('-path', `${folder}/app/node_modules/typescript`, '-o', '-path', '*/bin/gcc', '-o', '-path', '*/bin/npm', '-o',
    '-path',
    `${folder}/app/test`)
  if (build !== '') throw new Fault('belongs to the build', build)
}

/** Starts the image's entry point in its own process and mount namespaces. `data` is mounted at /mnt. */
async function start (context: Context, { folder, config }: Image, data: string, env: Readonly<Record<string, string>>,
  ...args: readonly string[]) {
  const user = ['setpriv', `--reuid=${ID}`, `--regid=${ID}`, '--clear-groups', '--inh-caps=-all', '--bounding-set=-all', '--no-new-privs']
  const variables = [...config.Env ?? [], ...Object.entries(env).map(([name, value]) => `${name}=${value}`)]
  const [program = '', ...words] = [...asRoot(), await context.tool('unshare'), '--mount', '--pid', '--fork', '--kill-child', 'sh', '-c',
    SETUP, 'sh',
    folder, data, ...user, 'env', '-i', '-C', '/tmp', ...variables, ...config.Entrypoint ?? [], ...args]
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  const result = { output: '', exit: once(child, 'close').then(([code]) => code as number | null), child }
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { result.output += text })
  context.defer(async () => {
    child.kill('SIGKILL')
    await result.exit
  })
  return result
}

async function generates (context: Context, image: Built): Promise<void> {
  const data = join(context.scratch, 'empty')
  await mkdir(data)
  for (const [args, expected] of [[['--version'], /revision check/],
    [['generate', '/tmp/visit.avro', '--alerts', '10'], /10 alerts/]] as const) {
    const run = await start(context, image, data, {}, ...args)
    if (await run.exit !== 0 || !expected.test(run.output)) throw new Fault(`alert-stream ${args.join(' ')}`, run.output)
  }
}

async function serves (context: Context, image: Built): Promise<void> {
  const data = join(context.scratch, 'archive')
  await mkdir(data)
  await chmod(data, 0o755)
  const [port = 0, admin = 0] = await freePorts(2)
  const run = await start(context, image, data, { ALERT_STREAM_ADMIN_PORT: String(admin) },
    'serve', '--alert-store=file:///mnt', `--listen-port=${port}`)
  const answers = async (url: string): Promise<boolean> => await fetch(url).then(({ ok }) => ok, () => false)
  for (let tries = 0; !await answers(`http://127.0.0.1:${admin}/readyz`); tries++) {
    if (tries === 300 || run.child.exitCode !== null) throw new Fault('serve is not ready after 30 s', run.output)
    await sleep(100)
  }
  const health = await fetch(`http://127.0.0.1:${port}/v1/health`)
  if (!health.ok || (await health.text()).trim() !== 'OK') throw new Fault(`/v1/health answers ${health.status}`, run.output)
  const check = await start(context, image, data, { ALERT_STREAM_ADMIN_PORT: String(admin) }, 'healthcheck')
  if (await check.exit !== 0) throw new Fault('the health check fails', check.output)
  // Process 1 of the namespace is the child of unshare.
  const children = await context.must('ps', ['-o', 'pid=', '--ppid', String(run.child.pid)])
  const status = await image.root('cat', `/proc/${children.trim().split(/\s+/).at(-1)}/status`)
  if (!new RegExp(`^Uid:\\s+${ID}\\s`, 'm').test(status) || !/^CapEff:\s+0+$/m.test(status)) throw new Fault('user or capabilities', status)
  await image.root('kill', '-TERM', children.trim().split(/\s+/).at(-1) ?? '')
  const code = await Promise.race([run.exit, sleep(20_000, 'late')])
  if (code !== 0 || !run.output.includes('stopping')) throw new Fault(`exit code ${String(code)} after SIGTERM`, run.output)
}
