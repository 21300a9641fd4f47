import t from 'tap'
import { modes } from '../../src/cli/modes.ts'
import type { Container, Pod } from '../../deploy/checks/helm/pods.ts'
import { containerFaults, isOurs } from '../../deploy/checks/program.ts'

const args = ['ingest', '--broker=kafka:9092', '--group=archive', '--alert-store=gs://bucket', '--drain-seconds=20',
  '--tls-client-crt-location=/etc/user/user.crt']
const ports = [{ name: 'admin', containerPort: 9600 }]
const volumeMounts = [{ name: 'user', mountPath: '/etc/user' }]
const container: Container = { name: 'ingester', image: 'ghcr.io/lsst-dm/alert-stream:1', args, ports, volumeMounts }
const pod = (more: object = {}, annotations = {}): Pod => ({
  owner: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', annotations } },
  labels: {},
  spec: {
    containers: [container],
    terminationGracePeriodSeconds: 30,
    volumes: [{ name: 'user', secret: { secretName: 'user', items: [{ key: 'user.crt', path: 'user.crt' }] } }],
    ...more
  }
})
const faults = async (more: Partial<Container>, its = pod()): Promise<string[]> =>
  await containerFaults({ ...container, ...more }, its)
const swap = (from: string, to: string): string[] => args.map(word => word.replace(from, to))

await t.test('accepts a correct container', async t => {
  t.strictSame(await faults({}), [])
  t.strictSame(
    await faults({ env: [{ name: 'ALERT_STREAM_LOG_LEVEL', value: 'debug' }, { name: 'NODE_OPTIONS', value: '--max-semi-space-size=8' }] }),
    []
  )
  t.strictSame(
    await faults({ env: [{ name: 'ALERT_STREAM_BATCH_SIZE', valueFrom: { configMapKeyRef: {} } }] }),
    [],
    'a value that only the cluster knows'
  )
  t.strictSame(
    await faults({ args: [...swap('archive', '$(GROUP_NAME)')], env: [{ name: 'ALERT_STREAM_KAFKA_USERNAME', value: 'a' }] }),
    []
  )
})

await t.test('reports mistakes of the chart', async t => {
  const cases: ReadonlyArray<readonly [Partial<Container>, RegExp]> = [
    [{ args: [] }, /has no args/],
    [{ args: ['ingests'] }, /unknown mode 'ingests'/],
    [{ args: swap('--group', '--grup') }, /unknown flag --grup \(ingest\)\. Did you mean --group\?/],
    [{ args: [...args, '--group=other'] }, /--group is given twice/],
    [{ args: [...args, '--gzip-level=13'] }, /--gzip-level/],
    [{ args: [...args, '--auto-offset-reset=sometimes'] }, /--auto-offset-reset/],
    [{ args: [...args, 'word'] }, /unexpected argument 'word'/],
    [{ args: args.filter(word => !word.startsWith('--alert-store')) }, /alert-store/],
    [{ args: [...args, '--kafka-password=secret'] }, /cannot be given on the command line/],
    [{ env: [{ name: 'ALERT_STREAM_LISTEN_PORT', value: '1' }] }, /the mode ingest reads no variable ALERT_STREAM_LISTEN_PORT/],
    [{ env: [{ name: 'ALERT_STREAM_LOG_LEVEL', value: 'loud' }] }, /ALERT_STREAM_LOG_LEVEL/],
    [{ env: [{ name: 'TZ', value: 'a' }, { name: 'TZ', value: 'b' }] }, /TZ is given twice/],
    [{ envFrom: [{}] }, /envFrom/],
    [{ volumeMounts: [] }, /user\.crt: nothing is mounted there/],
    [{ args: swap('user.crt', 'tls.crt') }, /the volume user has no file tls\.crt/],
    [{ ports: [{ name: 'admin', containerPort: 9601 }] }, /port admin is 9601, the program opens 9600/],
    [{ args: [...args, '--admin-host=127.0.0.1'] }, /open inside the pod only/],
    [{ livenessProbe: { httpGet: { path: '/alive', port: 'admin' } } }, /a probe asks for \/alive on port admin/],
    [{ command: ['sh', '-c'] }, /its command is not the program/]
  ]
  for (const [more, fault] of cases) t.match((await faults(more)).join('\n'), fault)
  t.match(await faults({}, pod({ terminationGracePeriodSeconds: 20 })), [
    /terminationGracePeriodSeconds is 20, and the program drains for up to 20 s/
  ])
  t.strictSame(await faults({ command: ['node', '-e'] }, pod({}, { 'helm.sh/hook': 'test' })), [], 'a test runs what it likes')
})

await t.test('reports flags of the chart that the program removed, renamed or restricted', async t => {
  const changed = async (change: (flags: Record<string, unknown>) => void): Promise<string> => {
    const found = await containerFaults(container, pod(), async name => {
      const mode = await modes.find(name)
      const flags: Record<string, unknown> = { ...mode.flags }
      change(flags)
      return { ...mode, flags: flags as typeof mode.flags }
    })
    return found.join('\n')
  }
  t.equal(await changed(() => {}), '')
  t.match(await changed(flags => { delete flags.group }), /unknown flag --group \(ingest\)/)
  t.match(await changed(flags => {
    flags['consumer-group'] = flags.group
    delete flags.group
  }), /unknown flag --group \(ingest\)/)
  t.match(await changed(flags => { flags.group = { type: 'choice', choices: ['a'], description: '' } }), /--group/)
  t.match(await changed(flags => { flags['drain-seconds'] = { type: 'number', max: 10, description: '' } }), /--drain-seconds/)
})

await t.test('recognises images of this project', async t => {
  for (const name of ['alert-stream', 'alert-stream:1', 'ghcr.io/lsst-dm/alert-stream@sha256:00', 'localhost:5000/alert-stream:1'])
    t.ok(isOurs({ image: name }), name)
  for (const name of ['nginx', 'ghcr.io/lsst-dm/alert-streamer:1', 'ghcr.io/alert-stream/other:1']) t.notOk(isOurs({ image: name }), name)
})
