// The script of the registry chart's CronJob, run as its container runs it, against a small stand-in for the Kubernetes API.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'

const SCRIPT = join(import.meta.dirname, '../../../deploy/helm/alert-stream-schema-registry/files/restart-on-rotation.mjs')
const NOTE = 'strimziregistryoperator.roundtable.lsst.codes/jksVersion'
const PATH = '/apis/apps/v1/namespaces/alerts/deployments/registry'

interface Request {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: string
}
interface Answer { readonly status: number, readonly body: unknown }

const deployment = (noted: string | undefined, running: string | undefined): Answer => ({
  status: 200,
  body: {
    metadata: { name: 'registry', ...(noted === undefined ? {} : { annotations: { [NOTE]: noted } }) },
    spec: { template: { metadata: running === undefined ? {} : { annotations: { [NOTE]: running } } } }
  }
})

async function run (
  t: Test,
  get: Answer,
  patch: Answer = { status: 200, body: {} }
): Promise<{ readonly code: number, readonly out: string, readonly requests: readonly Request[] }> {
  const requests: Request[] = []
  const server = createServer((incoming, reply) => {
    let body = ''
    incoming.on('data', (chunk: Buffer) => { body += chunk.toString() })
    incoming.on('end', () => {
      requests.push({ method: incoming.method, url: incoming.url, headers: incoming.headers, body })
      const answer = incoming.method === 'PATCH' ? patch : get
      reply.writeHead(answer.status).end(JSON.stringify(answer.body))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const folder = t.testdir()
  await writeFile(join(folder, 'token'), 'secret\n')
  const args = ['--input-type=module', '--eval', await readFile(SCRIPT, 'utf8'), 'alerts', 'registry',
    `http://127.0.0.1:${(server.address() as AddressInfo).port}`, folder]
  try {
    return await new Promise(resolve => {
      execFile(process.execPath, args, (error, stdout, stderr) => {
        resolve({ code: Number(error?.code ?? 0), out: stdout + stderr, requests })
      })
    })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

await t.test('restarts the registry if its key stores were renewed', async t => {
  const { code, out, requests } = await run(t, deployment('302', '269'))
  t.equal(code, 0, out)
  t.match(out, /registry: key stores of version 302 instead of 269: its pods are replaced/)
  t.strictSame(requests.map(({ method, url }) => `${method} ${url}`), [`GET ${PATH}`, `PATCH ${PATH}`])
  t.ok(requests.every(({ headers }) => headers.authorization === 'Bearer secret'))
  t.equal(requests[1]?.headers['content-type'], 'application/strategic-merge-patch+json')
  t.strictSame(JSON.parse(requests[1]?.body ?? ''), { spec: { template: { metadata: { annotations: { [NOTE]: '302' } } } } })
})

await t.test('replaces pods without the version annotation', async t => {
  t.equal((await run(t, deployment('302', undefined))).requests.length, 2)
})

await t.test('changes nothing if the versions match, or if one of them or the Deployment is missing', async t => {
  for (const answer of [deployment('302', '302'), deployment(undefined, '269'), { status: 404, body: { kind: 'Status' } }]) {
    const { code, out, requests } = await run(t, answer)
    t.equal(code, 0, out)
    t.strictSame(requests.map(({ method }) => method), ['GET'])
  }
})

await t.test('fails with the message of the API server if a request is denied', async t => {
  const asked = await run(t, { status: 403, body: { message: 'deployments "registry" is forbidden' } })
  t.not(asked.code, 0)
  t.match(asked.out, /GET http.*: 403 .*is forbidden/)
  const changed = await run(t, deployment('302', '269'), { status: 403, body: { message: 'cannot patch' } })
  t.not(changed.code, 0)
  t.match(changed.out, /PATCH http.*: 403 .*cannot patch/)
})
