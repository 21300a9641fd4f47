// Every object of every chart on a real kube-apiserver, as a server-side dry run with strict validation, in namespaces that enforce the
// Pod Security level `restricted`. There are no controllers and no nodes.
import { generateKeyPairSync } from 'node:crypto'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createAuthority, issueCertificate } from '../../../src/devstack/certificates.ts'
import { freePorts, LOOPBACK } from '../../../src/devstack/ports.ts'
import { startServer } from '../../../src/devstack/server-process.ts'
import { silent } from '../../../src/pipeline/log.ts'
import { charts, NAMESPACE, OPERATOR, render, variants } from '../helm/charts.ts'
import { podsOf } from '../helm/pods.ts'
import { CRDS, type ToolName } from '../tools/pins.ts'
import { must, tool } from '../tools/toolbox.ts'
import { tempDir } from '../../../test/support/stack.ts'

const scratch = await tempDir(t)
const path = (name: string): string => join(scratch, name)
const [client = 0, peer = 0, port = 0] = await freePorts(3)
const etcd = `http://${LOOPBACK}:${client}`

async function start (name: ToolName, args: readonly string[], ready: (signal: AbortSignal) => Promise<boolean>): Promise<void> {
  const dataDir = path(name)
  await mkdir(dataDir)
  const server = await startServer({ name, program: await tool(name), args, env: process.env, dataDir, mark: name,
    logFile: join(dataDir, 'log'), ready, readyMs: 120_000, log: silent })
  t.teardown(async () => { await server.stop(5_000) })
}

async function kubectl (...args: readonly string[]): Promise<string> {
  const access = [`--server=https://${LOOPBACK}:${port}`, '--token=checks', `--certificate-authority=${path('ca.crt')}`, '--kubeconfig=/dev/null']
  return await must(await tool('kubectl'), [...access, ...args], { env: { ...process.env, HOME: scratch } })
}

await start('etcd', ['--data-dir', path('data'), '--listen-client-urls', etcd, '--advertise-client-urls', etcd,
  '--listen-peer-urls', `http://${LOOPBACK}:${peer}`, '--unsafe-no-fsync'], async signal => (await fetch(`${etcd}/health`, { signal })).ok)

const authority = await createAuthority('alert-stream checks CA')
const own = await issueCertificate(authority, { name: 'kube-apiserver', hosts: [LOOPBACK] })
// The server does not start without a key for the tokens of service accounts.
const accounts = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' })
const files = { 'ca.crt': authority.certificate, 'tls.crt': own.certificate, 'tls.key': own.key, 'accounts.key': accounts,
  'tokens.csv': 'checks,admin,admin,system:masters\n' }
for (const [name, text] of Object.entries(files)) await writeFile(path(name), text, { mode: 0o600 })
await start('kube-apiserver', [`--etcd-servers=${etcd}`, `--bind-address=${LOOPBACK}`, `--advertise-address=${LOOPBACK}`,
  `--secure-port=${port}`, `--tls-cert-file=${path('tls.crt')}`, `--tls-private-key-file=${path('tls.key')}`,
  '--endpoint-reconciler-type=none', '--service-cluster-ip-range=10.96.0.0/16', `--service-account-issuer=https://${LOOPBACK}`,
  `--service-account-signing-key-file=${path('accounts.key')}`, `--service-account-key-file=${path('accounts.key')}`,
  `--token-auth-file=${path('tokens.csv')}`, '--authorization-mode=RBAC'],
async () => await kubectl('get', '--raw', '/readyz').then(() => true, () => false))

const folders = [...await Promise.all(CRDS.map(tool)), ...charts.map(({ folder }) => join(folder, 'crds')),
  process.env.ALERT_STREAM_CRDS ?? '']
for (const folder of folders)
  if ((await readdir(folder).catch(() => [])).some(name => name.endsWith('.yaml')))
    await kubectl('apply', '--server-side', '--force-conflicts', '-f', folder)
await kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s')
for (const name of [NAMESPACE, 'argocd', OPERATOR]) {
  await kubectl('create', 'namespace', name)
  await kubectl('label', 'namespace', name, 'pod-security.kubernetes.io/enforce=restricted', 'pod-security.kubernetes.io/warn=restricted')
  // Pods need a service account, which no controller makes here.
  await kubectl('create', 'serviceaccount', 'default', '-n', name)
}

for (const [index, variant] of variants.entries()) {
  await t.test(`kube-apiserver accepts every object of ${variant.chart.name}, ${variant.title}`, async t => {
    const { objects } = await render(variant)
    // Workloads are also tried as pods, because the Pod Security level only warns of a Deployment.
    const pods = objects.flatMap(podsOf).map(({ owner: { kind, metadata: { name, namespace } }, labels, spec }) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `pod-${kind.toLowerCase()}-${name}`.slice(0, 60), namespace, labels },
      spec: { ...spec, serviceAccountName: 'default', restartPolicy: 'Never' }
    }))
    const items = [...objects.filter(({ kind }) => !['Namespace', 'CustomResourceDefinition'].includes(kind)), ...pods]
    const file = path(`${index}.json`)
    await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
    const output = await kubectl('apply', '--server-side', '--force-conflicts', '--dry-run=server', '--validate=strict', '-f', file)
    t.notMatch(output, /Warning|unknown field/)
  })
}
