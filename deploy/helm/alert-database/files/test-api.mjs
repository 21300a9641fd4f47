// Checks responses that do not depend on the content of the archive: health, an unknown alert and schema, and rejected writes.
const base = process.argv[1]
const requests = [
  ['GET', '/v1/health', 200, 'OK'],
  ['GET', '/v1/alerts/1', 404, 'alert not found'],
  ['GET', '/v1/schemas/4294967295', 404, 'schema not found'],
  ['POST', '/v1/alerts/1', 405, 'not allowed'],
  ['DELETE', '/v1/alerts/1', 405, 'not allowed']
]
let failed = 0
for (const [method, path, status, text] of requests) {
  const answer = await fetch(base + path, { method, signal: AbortSignal.timeout(15_000) }).catch(error => error)
  const said = answer instanceof Error ? `${answer.message}: ${answer.cause?.message}` : `${answer.status} ${(await answer.text()).trim()}`
  const ok = answer.status === status && said.includes(text)
  if (!ok) failed++
  console.log(`${ok ? 'ok' : 'NOT OK'}: ${method} ${base}${path}: ${said}${ok ? '' : ` (expected ${status} ${text})`}`)
}
process.exitCode = failed === 0 ? 0 : 1
