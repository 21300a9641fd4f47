// Restarts the registry after Strimzi renewed its certificate. The operator creates new key stores and annotates the Deployment with their
// version, but not the pods, which keep the old key stores until they expire. This script copies the annotation to the pod template.
import { readFile } from 'node:fs/promises'

const NOTE = 'strimziregistryoperator.roundtable.lsst.codes/jksVersion'
const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount'
const inCluster = `https://${process.env.KUBERNETES_SERVICE_HOST}:${process.env.KUBERNETES_SERVICE_PORT}`
const [namespace, name, api = inCluster, folder = FOLDER] = process.argv.slice(1)
const url = `${api}/apis/apps/v1/namespaces/${namespace}/deployments/${name}`
const authorization = `Bearer ${(await readFile(`${folder}/token`, 'utf8')).trim()}`

async function call (method, headers, body) {
  const reply = await fetch(url, { method, headers: { authorization, ...headers }, body, signal: AbortSignal.timeout(30_000) })
  const text = await reply.text()
  if (reply.status === 404 && method === 'GET') return undefined
  if (!reply.ok) throw new Error(`${method} ${url}: ${reply.status} ${text}`)
  return JSON.parse(text)
}

const deployment = await call('GET', {})
const noted = deployment?.metadata.annotations?.[NOTE]
const running = deployment?.spec.template.metadata.annotations?.[NOTE]
if (deployment === undefined) {
  console.log(`${name}: the operator has not made it yet`)
} else if (noted === undefined || noted === running) {
  console.log(`${name}: its key stores are those it runs with (version ${running ?? 'unknown'})`)
} else {
  const patch = { spec: { template: { metadata: { annotations: { [NOTE]: noted } } } } }
  await call('PATCH', { 'content-type': 'application/strategic-merge-patch+json' }, JSON.stringify(patch))
  console.log(`${name}: key stores of version ${noted} instead of ${running ?? 'unknown'}: its pods are replaced`)
}
