// A real kube-apiserver on this machine: etcd and the API server on free loopback ports, with certificates, data and logs in a folder of
// their own. There are no nodes and no controllers: what is asked of it is what an API server alone decides (admission, schemas, CEL rules,
// conflicts).
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createAuthority, issueCertificate } from '../../../src/devstack/certificates.ts'
import { launchOn } from '../../../src/devstack/launch.ts'
import { freePorts, LOOPBACK } from '../../../src/devstack/ports.ts'
import { startServer, type RunningServer } from '../../../src/devstack/server-process.ts'
import { silent } from '../../../src/pipeline/log.ts'
import { runTool, type Environment } from '../../../src/devstack/tools.ts'

export interface ApiServerPrograms {
  readonly etcd: string
  readonly apiserver: string
  readonly kubectl: string
}

export interface ApiServer {
  /** Tells kubectl and helm where it is, and who they are there: one who may do everything. */
  readonly kubeconfig: string
  /** Versions, for the one who reads the report. */
  readonly version: string
  stop (): Promise<void>
}

const READY_MS = 120_000
const STOP_MS = 5_000

/** Starts both in `folder` and waits until the API server is ready; rejects, with nothing left running, where one does not come up. */
export async function startApiServer (programs: ApiServerPrograms, folder: string, env: Environment): Promise<ApiServer> {
  const etcd = await startEtcd(programs.etcd, join(folder, 'etcd'), env)
  try {
    const own = join(folder, 'apiserver')
    const server = await startFront(programs, own, etcd.url, env)
    const kubeconfig = join(own, 'kubeconfig')
    return {
      kubeconfig,
      version: await versionOf(programs.kubectl, kubeconfig, env),
      stop: async () => {
        await server.stop(STOP_MS)
        await etcd.server.stop(STOP_MS)
      }
    }
  } catch (error) {
    await etcd.server.kill()
    throw error
  }
}

async function startEtcd (
  program: string,
  dataDir: string,
  env: Environment
): Promise<{ readonly server: RunningServer, readonly url: string }> {
  return await launchOn({ name: 'etcd', dataDir, port: undefined, log: silent }, async port => {
    const url = `http://${LOOPBACK}:${port}`
    const peer = `http://${LOOPBACK}:${(await freePorts(1))[0]}`
    const server = await startServer({
      name: 'etcd',
      program,
      args: [
        '--data-dir', join(dataDir, 'data'), '--listen-client-urls', url, '--advertise-client-urls', url,
        '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`,
        // Nothing of it is wanted after the run: no write has to reach the disk.
        '--unsafe-no-fsync'
      ],
      env,
      dataDir,
      logFile: join(dataDir, 'etcd.log'),
      ready: async signal => (await fetch(`${url}/health`, { signal })).ok,
      readyMs: READY_MS,
      log: silent
    })
    return { server, url }
  })
}

async function startFront (
  { apiserver, kubectl }: ApiServerPrograms,
  dataDir: string,
  etcd: string,
  env: Environment
): Promise<RunningServer> {
  await mkdir(dataDir, { recursive: true })
  const files = await credentials(dataDir)
  return await launchOn({ name: 'kube-apiserver', dataDir, port: undefined, log: silent }, async port => {
    const kubeconfig = join(dataDir, 'kubeconfig')
    await writeFile(kubeconfig, JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'checks', cluster: { server: `https://${LOOPBACK}:${port}`, 'certificate-authority': files.ca } }],
      users: [{ name: 'admin', user: { token: files.token } }],
      contexts: [{ name: 'checks', context: { cluster: 'checks', user: 'admin' } }],
      'current-context': 'checks'
    }), { mode: 0o600 })
    return await startServer({
      name: 'kube-apiserver',
      program: apiserver,
      args: [
        `--etcd-servers=${etcd}`, `--bind-address=${LOOPBACK}`, `--advertise-address=${LOOPBACK}`, `--secure-port=${port}`,
        `--tls-cert-file=${files.certificate}`, `--tls-private-key-file=${files.key}`, `--cert-dir=${dataDir}`,
        '--endpoint-reconciler-type=none', '--service-cluster-ip-range=10.96.0.0/16',
        `--service-account-issuer=https://${LOOPBACK}`,
        `--service-account-signing-key-file=${files.accounts}`,
        `--service-account-key-file=${files.accounts}`,
        `--token-auth-file=${files.tokens}`, '--authorization-mode=RBAC', '--profiling=false'
      ],
      env,
      dataDir,
      logFile: join(dataDir, 'apiserver.log'),
      ready: async () => (await runTool(kubectl, ['--kubeconfig', kubeconfig, 'get', '--raw', '/readyz'], { env })).code === 0,
      readyMs: READY_MS,
      log: silent
    })
  })
}

async function credentials (folder: string) {
  const authority = await createAuthority('alert-stream checks CA')
  const own = await issueCertificate(authority, { name: 'kube-apiserver', hosts: [LOOPBACK, 'localhost'] })
  // Signs the tokens of service accounts: the server does not start without it.
  const accounts = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' })
  const token = randomBytes(24).toString('hex')
  return {
    ca: await write(folder, 'ca.crt', authority.certificate),
    certificate: await write(folder, 'server.crt', own.certificate),
    key: await write(folder, 'server.key', own.key),
    accounts: await write(folder, 'accounts.key', accounts.toString()),
    tokens: await write(folder, 'tokens.csv', `${token},admin,admin,system:masters\n`),
    token
  }
}

async function write (folder: string, name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text, { mode: 0o600 })
  return path
}

async function versionOf (kubectl: string, kubeconfig: string, env: Environment): Promise<string> {
  const { stdout } = await runTool(kubectl, ['--kubeconfig', kubeconfig, 'version', '--output', 'json'], { env })
  return (JSON.parse(stdout) as { serverVersion?: { gitVersion?: string } }).serverVersion?.gitVersion ?? 'unknown'
}
