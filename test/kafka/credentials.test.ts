// Certificates and passwords that are replaced under a running program, at any moment of their replacement.
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { createAuthority, issueCertificate, type Credentials } from '../../src/devstack/certificates.ts'
import { PasswordFile, TlsCredentials } from '../../src/kafka/credentials.ts'
import { tempDir } from '../support/stack.ts'

interface Told { readonly level: 'info' | 'warn', readonly where?: string, readonly reason?: string, readonly message: string }

function listener () {
  const told: Told[] = []
  const hear = (level: 'info' | 'warn') => (fields: object, message: string): void => { told.push({ level, message, ...fields } as Told) }
  return { told, log: { debug () {}, info: hear('info'), warn: hear('warn'), error: hear('warn') } }
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

await t.test('while one of the files is away, half written, empty or not the other\'s, the last good ones are used, and that is told once', async t => {
  const files = await filesOf(t, ann)
  const { told, log } = listener()
  const credentials = new TlsCredentials(files, log)
  const good = credentials.context
  const faults: Array<[string, () => Promise<void>, RegExp]> = [
    [files.clientKey, async () => await rm(files.clientKey), /client key .*ENOENT/],
    [files.clientCert, async () => await writeFile(files.clientCert, bob.certificate.slice(0, 300)), /client certificate .*holds no PEM block/],
    [files.clientCert, async () => await writeFile(files.clientCert, bob.certificate + bob.certificate.slice(0, 300)), /client certificate .*ends within a PEM block/],
    [files.clientKey, async () => await writeFile(files.clientKey, bob.key), /not that of the client certificate/],
    [files.clientKey, async () => await writeFile(files.clientKey, ann.certificate), /client key .*holds no PRIVATE KEY/],
    [files.serverCa, async () => await writeFile(files.serverCa, ''), /server CA certificate .*holds no PEM block/],
    [files.serverCa, async () => await writeFile(files.serverCa, authority.certificate + other.certificate.slice(0, 300)), /server CA certificate .*ends within/]
  ]
  for (const [path, spoil, reason] of faults) {
    told.length = 0
    await spoil()
    t.equal(credentials.context, good)
    t.equal(credentials.context, good)
    t.equal(credentials.own?.subject, 'CN=ann')
    t.equal(told.length, 1, 'told once')
    t.match(told[0], { level: 'warn', message: /last good content/ })
    t.match(told[0]?.reason, reason)
    t.ok(told[0]?.where?.includes(path), `${told[0]?.where} names ${path}`)
    await Promise.all([writeFile(files.clientKey, ann.key), writeFile(files.clientCert, ann.certificate), writeFile(files.serverCa, authority.certificate)])
    t.equal(credentials.context, good, 'as before: nothing has changed')
  }
  told.length = 0
  await Promise.all([writeFile(files.clientKey, bob.key), writeFile(files.clientCert, bob.certificate)])
  t.not(credentials.context, good)
  t.equal(credentials.own?.subject, 'CN=bob')
  t.match(told, [{ level: 'info', message: /certificate files changed/ }])
})

await t.test('at the first time nothing is forgiven, and the file is named', async t => {
  const { log, told } = listener()
  const files = await filesOf(t, ann)
  const faults: Array<[Partial<typeof files>, string]> = [
    [{ clientKey: `${files.clientKey}-2` }, `${files.clientKey}-2`], [{ clientCert: files.clientKey }, files.clientKey], [{ serverCa: files.clientKey }, files.clientKey]
  ]
  for (const [more, where] of faults) t.throws(() => new TlsCredentials({ ...files, ...more }, log), { code: 'KAFKA_FILE', where })
  await writeFile(files.clientKey, bob.key)
  t.throws(() => new TlsCredentials(files, log), { code: 'KAFKA_FILE', message: /not that of/, where: `${files.clientCert} and ${files.clientKey}` })
  t.strictSame(told, [])
})

await t.test('files of a pod are replaced by one link: the next handshake is made with the new ones, with the new authority too', async t => {
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
  const credentials = new TlsCredentials({ serverCa: path('ca.crt'), clientCert: path('user.crt'), clientKey: path('user.key') }, listener().log)

  /** Who the server saw, or why there was no handshake. */
  const greet = async (authority: Credentials): Promise<string> => {
    const { certificate, key } = await issueCertificate(authority, { name: 'server', hosts: ['localhost'] })
    const server = createServer({ cert: certificate, key, ca: authority.certificate, requestCert: true, rejectUnauthorized: true }, socket => { socket.end(String(socket.getPeerCertificate().subject.CN)) })
    server.on('tlsClientError', () => {})
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket: TLSSocket = connect({ host: '127.0.0.1', servername: 'localhost', port: (server.address() as AddressInfo).port, secureContext: credentials.context })
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
  t.equal(await greet(authority), 'ann')
  t.equal(await greet(other), 'not trusted')
  await generation('two', other, await issueCertificate(other, { name: 'ann-again' }))
  t.equal(await greet(other), 'ann-again')
  t.equal(await greet(authority), 'not trusted')
})

await t.test('a password file that is away or empty for a while leaves the last password', async t => {
  const path = join(await tempDir(t), 'password')
  const { told, log } = listener()
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
  t.match(told, [{ level: 'warn', reason: /empty/ }, { level: 'warn', reason: /cannot be read/ }])
  await writeFile(path, 'new')
  t.equal(file.password, 'new')
  t.match(told.at(-1), { level: 'info', message: /password file changed/ })
  t.notMatch(JSON.stringify(told), /old|new"/, 'passwords are not told')
})
