// Follows the next alert in Kafka: the archive must soon have it and its schema.
// Arguments: URL of the server, timeout in seconds, then the flags of print-stream.
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'

const [, base, patience, ...flags] = process.argv
const patienceMs = Number(patience) * 1000

const alert = await fromKafka()
console.log(`in Kafka: ${JSON.stringify(alert)}`)
const { id } = alert
if (id === undefined) throw new Error(`no id could be read: ${alert.problem}`)
const answer = await fromArchive(`${base}/v1/alerts/${id}`)
const bytes = Buffer.from(await answer.arrayBuffer())
const schemaId = bytes.readUInt32BE(1)
console.log(`in the archive: ${bytes.length} bytes, schema ${schemaId}`)
const schema = await (await fromArchive(`${base}/v1/schemas/${schemaId}`)).json()
console.log(`its schema: ${schema.name ?? JSON.stringify(schema).slice(0, 60)}`)

async function fromKafka () {
  const args = ['print-stream', ...flags, '--from=latest', '--count=1', '--json']
  const child = spawn('alert-stream', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const timer = setTimeout(() => { child.kill() }, patienceMs)
  let text = ''
  for await (const chunk of child.stdout) text += chunk
  clearTimeout(timer)
  const [line = ''] = text.split('\n')
  if (line === '') throw new Error(`no alert came by within ${patience} s`)
  return JSON.parse(line)
}

async function fromArchive (url) {
  let said = ''
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(1000)) {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) })
      if (answer.ok) return answer
      said = `${answer.status} ${await answer.text()}`
    } catch (error) {
      said = `${error.message}: ${error.cause?.message}`
    }
  }
  throw new Error(`${url}: not within ${patience} s: ${said}`)
}
