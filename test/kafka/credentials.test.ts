// Rotation of certificate and password files while the program runs, including incomplete rotations.
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { createAuthority, issueCertificate, type Credentials } from '../../src/devstack/issue-certificate.ts'
import { PasswordFile, TlsCredentials } from '../../src/kafka/credentials.ts'
import { tempDir } from '../support/stack.ts'

interface LogEntry { readonly level: 'info' | 'warn', readonly where?: string, readonly reason?: string, readonly message: string }

function recordingLog () {
  const entries: LogEntry[] = []
  const record = (level: 'info' | 'warn') => (fields: object, message: string): void => {
    entries.push({ level, message, ...fields } as LogEntry)
  }
  return { entries, log: { debug () {}, info: record('info'), warn: record('warn'), error: record('warn') } }
}

const authority = await createAuthority('first')
const other = await createAuthority('second')
const [ann, bob] = [await issueCertificate(authority, { name: 'ann' }), await issueCertificate(authority, { name: 'bob' })]

async function filesOf (t: Test, { certificate, key }: Credentials, ca = authority.certificate) {
  const folder = await tempDir(t)
  const files = { clientKey: join(folder, 'key'), clientCert: join(folder, 'crt'), serverCa: join(folder, 'ca') }
  await Promise.all([writeFile(files.clientKey, key), writeFile(files.clientCert, certificate), writeFile(files.serverCa, ca)])
  return files
}

await t.test('while a TLS file is missing, incomplete or does not match the others, keeps the last valid files and warns once', async t => {
  const files = await filesOf(t, ann)
  const { entries, log } = recordingLog()
  const credentials = new TlsCredentials(files, log)
  const good = credentials.context
  const truncated = ({ certificate }: Credentials): string => certificate.slice(0, 300)
  const faults: Array<[string, () => Promise<void>, RegExp]> = [
    [files.clientKey, async () => await rm(files.clientKey), /client key.*ENOENT/],
    [files.clientCert, async () => await writeFile(files.clientCert, truncated(bob)), /client certificate.*contains no PEM block/],
    [files.clientCert, async () => await writeFile(files.clientCert, bob.certificate + truncated(bob)), /client certificate.*ends within/],
    [files.clientKey, async () => await writeFile(files.clientKey, bob.key), /does not match the client certificate/],
    [files.clientKey, async () => await writeFile(files.clientKey, ann.certificate), /client key.*contains no PRIVATE KEY/],
    [files.serverCa, async () => await writeFile(files.serverCa, ''), /server CA certificate.*contains no PEM block/],
    [files.serverCa, async () => await writeFile(files.serverCa, authority.certificate + truncated(other)), /server CA.*ends within/]
  ]
  for (const [path, damage, reason] of faults) {
    entries.length = 0
    await damage()
    t.equal(credentials.context, good)
    t.equal(credentials.context, good)
    t.equal(credentials.certificate?.subject, 'CN=ann')
    t.equal(entries.length, 1, 'logs one warning for an unusable file')
    t.match(entries[0], { level: 'warn', message: /last valid content/ })
    t.match(entries[0]?.reason, reason)
    t.ok(entries[0]?.where?.includes(path), `the warning names ${entries[0]?.where}, expected ${path}`)
    await writeFile(files.clientKey, ann.key)
    await writeFile(files.clientCert, ann.certificate)
    await writeFile(files.serverCa, authority.certificate)
    t.equal(credentials.context, good, 'the TLS context is unchanged after the original files are restored')
  }
  entries.length = 0
  await Promise.all([writeFile(files.clientKey, bob.key), writeFile(files.clientCert, bob.certificate)])
  t.not(credentials.context, good)
  t.equal(credentials.certificate?.subject, 'CN=bob')
  t.match(entries, [{ level: 'info', message: /certificate files changed/ }])
})

await t.test('at startup, rejects unusable files with an error that names the file', async t => {
  const { log, entries } = recordingLog()
  const files = await filesOf(t, ann)
  const faults: Array<[Partial<typeof files>, string]> = [
    [{ clientKey: `${files.clientKey}-2` }, `${files.clientKey}-2`],
    [{ clientCert: files.clientKey }, files.clientKey],
    [{ serverCa: files.clientKey }, files.clientKey]
  ]
  for (const [more, where] of faults) t.throws(() => new TlsCredentials({ ...files, ...more }, log), { code: 'KAFKA_FILE', where })
  await writeFile(files.clientKey, bob.key)
  t.throws(() => new TlsCredentials(files, log), {
    code: 'KAFKA_FILE', message: /does not match/, where: `${files.clientCert} and ${files.clientKey}`
  })
  t.strictSame(entries, [])
})

await t.test('the next handshake uses the new client certificate and CA once the symlink of a mounted secret is switched', async t => {
  const folder = await tempDir(t)
  const generation = async (name: string, authority: Credentials, client: Credentials): Promise<void> => {
    await mkdir(join(folder, name))
    await writeFile(join(folder, name, 'ca.crt'), authority.certificate)
    await writeFile(join(folder, name, 'user.crt'), client.certificate)
    await writeFile(join(folder, name, 'user.key'), client.key)
    await symlink(name, join(folder, `${name}.link`))
    await rename(join(folder, `${name}.link`), join(folder, '..data'))
  }
  await generation('one', authority, ann)
  const path = (name: string): string => join(folder, '..data', name)
  const files = { serverCa: path('ca.crt'), clientCert: path('user.crt'), clientKey: path('user.key') }
  const credentials = new TlsCredentials(files, recordingLog().log)

  /** Returns the common name of the client certificate that the server received; if the handshake fails, `not trusted` or an error code. */
  const handshake = async (authority: Credentials): Promise<string> => {
    const { certificate, key } = await issueCertificate(authority, { name: 'server', hosts: ['localhost'] })
    const options = { cert: certificate, key, ca: authority.certificate, requestCert: true, rejectUnauthorized: true }
    const server = createServer(options, socket => { socket.end(String(socket.getPeerCertificate().subject.CN)) })
    server.on('tlsClientError', () => {})
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const socket: TLSSocket = connect({ host: '127.0.0.1', servername: 'localhost', port, secureContext: credentials.context })
    try {
      const [name] = await once(socket, 'data') as [Buffer]
      return name.toString()
    } catch (error) {
      const { code = '' } = error as { code?: string }
      return /^(UNABLE_TO_VERIFY|SELF_SIGNED)/.test(code) ? 'not trusted' : code
    } finally {
      socket.destroy()
      server.close()
    }
  }
  t.equal(await handshake(authority), 'ann')
  t.equal(await handshake(other), 'not trusted')
  await generation('two', other, await issueCertificate(other, { name: 'ann-again' }))
  t.equal(await handshake(other), 'ann-again')
  t.equal(await handshake(authority), 'not trusted')
})

await t.test('keeps the last password while the password file is missing or empty', async t => {
  const path = join(await tempDir(t), 'password')
  const { entries, log } = recordingLog()
  t.throws(() => new PasswordFile(path, log), { code: 'PASSWORD_FILE', where: path })
  await writeFile(path, '\nsecond line')
  t.throws(() => new PasswordFile(path, log), { code: 'PASSWORD_FILE', message: /empty/ })
  await writeFile(path, 'old\r\nrest')
  const file = new PasswordFile(path, log)
  t.equal(file.password, 'old')
  await writeFile(path, '')
  t.strictSame([file.password, file.password], ['old', 'old'])
  await rm(path)
  t.equal(file.password, 'old')
  t.match(entries, [{ level: 'warn', reason: /empty/ }, { level: 'warn', reason: /cannot read/ }])
  await writeFile(path, 'new')
  t.equal(file.password, 'new')
  t.match(entries.at(-1), { level: 'info', message: /password file changed/ })
  t.notMatch(JSON.stringify(entries), /old|new"/, 'the log contains no password')
})
