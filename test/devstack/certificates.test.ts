import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ensureCertificates } from '../../src/devstack/certificates.ts'
import { createAuthority, issueCertificate } from '../../src/devstack/issue-certificate.ts'
import { tempDir } from '../support/stack.ts'

const DAY_MS = 86_400_000
const days = (from: number, to: number) => ({ from: new Date(Date.now() + from * DAY_MS), to: new Date(Date.now() + to * DAY_MS) })
const wanted = { server: 'broker', hosts: ['localhost', '127.0.0.1'], clients: ['ann', 'bob'] }

async function contents (folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort()
  return Object.fromEntries(await Promise.all(names.map(async name => [name, await readFile(join(folder, name), 'utf8')] as const)))
}

function changed (before: Record<string, string>, after: Record<string, string>): string[] {
  return Object.keys(after).filter(name => after[name] !== before[name])
}

await t.test('the subject of a certificate is CN=name, and a server certificate lists its hosts', async t => {
  const authority = await createAuthority('first CA')
  const ca = new X509Certificate(authority.certificate)
  t.equal(ca.ca, true)
  for (const name of ['fink-idfint', 'a, b+O=c']) {
    const client = await issueCertificate(authority, { name })
    const read = new X509Certificate(client.certificate)
    t.equal(read.toLegacyObject().subject.CN, name)
    t.strictSame(Object.keys(read.toLegacyObject().subject), ['CN'])
    t.ok(read.verify(ca.publicKey) && read.checkIssued(ca))
    t.ok(read.checkPrivateKey(createPrivateKey(client.key)))
    t.match(client.key, /^-----BEGIN PRIVATE KEY-----\n/, 'the key is in PKCS#8 format')
    t.equal(read.subjectAltName, undefined)
    t.strictSame(read.keyUsage, ['1.3.6.1.5.5.7.3.2'], 'the certificate is valid for client authentication only')
  }
  const server = new X509Certificate((await issueCertificate(authority, { name: 'broker', hosts: wanted.hosts })).certificate)
  t.equal(server.subjectAltName, 'DNS:localhost, IP Address:127.0.0.1')
  t.equal(server.checkHost('elsewhere'), undefined)
  const past = new X509Certificate((await issueCertificate(authority, { name: 'late', validity: days(-9, -2) })).certificate)
  t.ok(Date.parse(past.validTo) < Date.now())
  t.not(new X509Certificate((await createAuthority('first CA')).certificate).fingerprint256, ca.fingerprint256)
})

await t.test('the folder has the files of the CA, the server and each client, and only the owner can read private keys', async t => {
  const root = join(await tempDir(t), 'certificates')
  const folder = await ensureCertificates(root, wanted)
  const files = ['ann.crt', 'ann.key', 'bob.crt', 'bob.key', 'broker.crt', 'broker.key', 'broker.pem', 'ca.crt', 'ca.key']
  t.strictSame((await readdir(root)).sort(), files)
  for (const name of ['ca.key', 'ann.key', 'broker.key', 'broker.pem']) t.equal((await stat(join(root, name))).mode & 0o777, 0o600)
  t.equal((await stat(root)).mode & 0o777, 0o700)
  t.strictSame(folder.client('ann'), { certificate: join(root, 'ann.crt'), key: join(root, 'ann.key') })
  t.throws(() => folder.client('eve'), /eve/)
  const text = await readFile(folder.server, 'utf8')
  t.strictSame(text.match(/(?<=-----BEGIN )[A-Z ]+(?=-----)/g), ['PRIVATE KEY', 'CERTIFICATE', 'CERTIFICATE'])
  t.equal(text.match(/^-----/gm)?.length, 6, 'each PEM marker starts a line')
})

await t.test('reissues only certificates that are missing, damaged, signed by another CA, for other hosts or about to expire', async t => {
  const root = await tempDir(t)
  await ensureCertificates(root, wanted)
  let before = await contents(root)
  const changedFiles = async (more: Partial<typeof wanted> = {}): Promise<string[]> => {
    await ensureCertificates(root, { ...wanted, ...more })
    const after = await contents(root)
    const names = changed(before, after)
    before = after
    return names
  }
  t.strictSame(await changedFiles(), [])
  t.strictSame(await changedFiles({ clients: ['ann', 'bob', 'cid'] }), ['cid.crt', 'cid.key'])
  t.strictSame(await changedFiles({ hosts: ['localhost', 'other.example'] }), ['broker.crt', 'broker.key', 'broker.pem'])

  await writeFile(join(root, 'ann.crt'), before['ann.crt']!.slice(0, 200))
  const reissued = ['ann.crt', 'ann.key', 'broker.crt', 'broker.key', 'broker.pem']
  t.strictSame(await changedFiles(), reissued, 'the server certificate was not valid for 127.0.0.1')
  await writeFile(join(root, 'ann.key'), before['bob.key']!)
  t.strictSame(await changedFiles(), ['ann.crt', 'ann.key'], 'a certificate is reissued if its key does not match')

  const authority = { certificate: before['ca.crt']!, key: before['ca.key']! }
  const expiring = await issueCertificate(authority, { name: 'bob', validity: days(-300, 29) })
  const valid = await issueCertificate(authority, { name: 'ann', validity: days(-300, 31) })
  for (const [name, { certificate, key }] of Object.entries({ ann: valid, bob: expiring })) {
    await writeFile(join(root, `${name}.crt`), certificate)
    await writeFile(join(root, `${name}.key`), key)
  }
  before = await contents(root)
  t.strictSame(await changedFiles(), ['bob.crt', 'bob.key'])

  const other = await createAuthority('second CA', days(-1, 400))
  await writeFile(join(root, 'ca.crt'), other.certificate)
  await writeFile(join(root, 'ca.key'), other.key)
  before = await contents(root)
  t.strictSame(await changedFiles(), ['ann.crt', 'ann.key', 'bob.crt', 'bob.key', 'broker.crt', 'broker.key', 'broker.pem'])
  t.equal(before['broker.pem'], before['broker.key']! + before['broker.crt']! + other.certificate)
})

await t.test('if the certificate folder cannot be created, the error names the folder', async t => {
  const file = join(await tempDir(t), 'file')
  await writeFile(file, '')
  await t.rejects(ensureCertificates(join(file, 'certificates'), wanted), { code: 'DEVSTACK_FOLDER', where: join(file, 'certificates') })
})
