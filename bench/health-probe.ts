// Requests /v1/health one after another and prints the times in milliseconds as JSON. bench/serve-overload.ts runs
// `node bench/health-probe.ts URL COUNT` as a process of its own, because the load generator would delay its own probes.
import { setTimeout as sleep } from 'node:timers/promises'

const [url = '', count = ''] = process.argv.slice(2)
const times: number[] = []
while (times.length < Number(count)) {
  const start = performance.now()
  const response = await fetch(`${url}/v1/health`)
  const text = await response.text()
  if (text !== 'OK') throw new Error(`health: ${response.status} ${text}`)
  times.push(performance.now() - start)
  await sleep(100)
}
process.stdout.write(JSON.stringify(times.sort((a, b) => a - b)))
