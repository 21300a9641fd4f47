// Checks that the registry responds and has the alert schemas, and that the proxy rejects writes. The bodies of the writes are invalid, so
// they change nothing even without a proxy.
const [registry, readOnly, subject] = process.argv.slice(1).filter(arg => !arg.startsWith('--'))
const NONE = 'alert-stream-helm-test'
const faults = []

async function ask (url, method = 'GET', body, headers = {}) {
  try {
    const reply = await fetch(url, {
      method,
      body,
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json', ...headers },
      redirect: 'manual',
      signal: AbortSignal.timeout(15_000)
    })
    return { status: reply.status, text: await reply.text() }
  } catch (error) {
    return { status: 0, text: `${error.message} ${error.cause?.code ?? ''}` }
  }
}

async function expect (statuses, ...request) {
  const { status, text } = await ask(...request)
  const [url, method = 'GET'] = request
  if (!statuses.includes(status)) faults.push(`${method} ${url}: ${status} ${text.slice(0, 200)}, expected ${statuses.join(' or ')}`)
}

await expect([200], `${registry}/subjects`)
if (subject !== '-') await expect([200], `${registry}/subjects/${subject}/versions/latest`)
if (readOnly !== '-') {
  for (const method of ['GET', 'HEAD']) await expect([200], `${readOnly}/subjects`, method)
  const writes = [
    ['POST', `/subjects/${NONE}/versions`, '{"schema":"no schema"}'],
    ['POST', `/subjects/${NONE}`, '{"schema":"no schema"}'],
    ['PUT', `/config/${NONE}`, '{"compatibility":"no level"}'],
    ['PUT', `/mode/${NONE}`, '{"mode":"no mode"}'],
    ['DELETE', `/subjects/${NONE}`],
    ['DELETE', `/subjects/${NONE}/versions/1`],
    ['PATCH', `/subjects/${NONE}`, '{}'],
    ['OPTIONS', '/subjects']
  ]
  for (const [method, path, body] of writes) {
    await expect([403, 405], readOnly + path, method, body)
    await expect([403, 405], readOnly + path, method, body, { 'x-http-method-override': 'GET' })
  }
}
console.log(faults.length === 0 ? 'ok' : faults.join('\n'))
process.exitCode = faults.length === 0 ? 0 : 1
