import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { chain, createAuthority, ensureCertificates, issueCertificate } from '../../src/devstack/certificates.ts'
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

await t.test('a certificate says exactly CN=name, and for a server the hosts that it is good for', async t => {
  const authority = await createAuthority('an authority')
  const ca = new X509Certificate(authority.certificate)
  t.equal(ca.ca, true)
  for (const name of ['fink-idfint', 'a, b+O=c']) {
    const client = await issueCertificate(authority, { name })
    const read = new X509Certificate(client.certificate)
    t.equal(read.toLegacyObject().subject.CN, name)
    t.strictSame(Object.keys(read.toLegacyObject().subject), ['CN'])
    t.ok(read.verify(ca.publicKey) && read.checkIssued(ca))
    t.ok(read.checkPrivateKey(createPrivateKey(client.key)))
    t.match(client.key, /^-----BEGIN PRIVATE KEY-----\n/, 'PKCS#8')
    t.equal(read.subjectAltName, undefined)
    t.strictSame(read.keyUsage, ['1.3.6.1.5.5.7.3.2'], 'for clients only')
  }
  const server = new X509Certificate((await issueCertificate(authority, { name: 'broker', hosts: wanted.hosts })).certificate)
  t.equal(server.subjectAltName, 'DNS:localhost, IP Address:127.0.0.1')
  t.equal(server.checkHost('elsewhere'), undefined)
  const past = new X509Certificate((await issueCertificate(authority, { name: 'late', validity: days(-9, -2) })).certificate)
  t.ok(Date.parse(past.validTo) < Date.now())
  t.not(new X509Certificate((await createAuthority('an authority')).certificate).fingerprint256, ca.fingerprint256)
})

await t.test('a folder holds an authority, the server\'s and each client\'s files, keys for nobody else to read', async t => {
  const root = join(await tempDir(t), 'certificates')
  const folder = await ensureCertificates(root, wanted)
  t.strictSame((await readdir(root)).sort(), ['ann.crt', 'ann.key', 'bob.crt', 'bob.key', 'broker.crt', 'broker.key', 'broker.pem', 'ca.crt', 'ca.key'])
  for (const name of ['ca.key', 'ann.key', 'broker.key', 'broker.pem']) t.equal((await stat(join(root, name))).mode & 0o777, 0o600, name)
  t.equal((await stat(root)).mode & 0o777, 0o700)
  t.strictSame(folder.client('ann'), { certificate: join(root, 'ann.crt'), key: join(root, 'ann.key') })
  t.throws(() => folder.client('eve'), /eve/)
  const text = await readFile(folder.server, 'utf8')
  t.strictSame(text.match(/-----BEGIN [A-Z ]+-----/g), ['-----BEGIN PRIVATE KEY-----', '-----BEGIN CERTIFICATE-----', '-----BEGIN CERTIFICATE-----'])
  t.equal(text.match(/^-----/gm)?.length, 6, 'each line of its own')
})

await t.test('what is good is kept; what is missing, damaged, of another authority, for other hosts or soon over is made anew, and only that', async t => {
  const root = await tempDir(t)
  await ensureCertificates(root, wanted)
  let before = await contents(root)
  const again = async (more: Partial<typeof wanted> = {}): Promise<string[]> => {
    await ensureCertificates(root, { ...wanted, ...more })
    const after = await contents(root)
    const names = changed(before, after)
    before = after
    return names
  }
  t.strictSame(await again(), [])
  t.strictSame(await again({ clients: ['ann', 'bob', 'cid'] }), ['cid.crt', 'cid.key'])
  t.strictSame(await again({ hosts: ['localhost', 'other.example'] }), ['broker.crt', 'broker.key', 'broker.pem'])

  await writeFile(join(root, 'ann.crt'), before['ann.crt']!.slice(0, 200))
  t.strictSame(await again(), ['ann.crt', 'ann.key', 'broker.crt', 'broker.key', 'broker.pem'], 'the address that the last server had not is missing')
  await writeFile(join(root, 'ann.key'), before['bob.key']!)
  t.strictSame(await again(), ['ann.crt', 'ann.key'], 'a key that is not the certificate\'s')

  const authority = { certificate: before['ca.crt']!, key: before['ca.key']! }
  const soonOver = await issueCertificate(authority, { name: 'bob', validity: days(-300, 29) })
  const good = await issueCertificate(authority, { name: 'ann', validity: days(-300, 31) })
  for (const [name, { certificate, key }] of Object.entries({ ann: good, bob: soonOver })) {
    await writeFile(join(root, `${name}.crt`), certificate)
    await writeFile(join(root, `${name}.key`), key)
  }
  before = await contents(root)
  t.strictSame(await again(), ['bob.crt', 'bob.key'])

  const other = await createAuthority('another', days(-1, 400))
  await writeFile(join(root, 'ca.crt'), other.certificate)
  await writeFile(join(root, 'ca.key'), other.key)
  before = await contents(root)
  t.strictSame(await again(), ['ann.crt', 'ann.key', 'bob.crt', 'bob.key', 'broker.crt', 'broker.key', 'broker.pem'])
  t.ok(before['broker.pem']!.endsWith(chain({ certificate: before['broker.crt']!, key: before['broker.key']! }, other)))
})

await t.test('a folder that cannot be made is named', async t => {
  const file = join(await tempDir(t), 'file')
  await writeFile(file, '')
  await t.rejects(ensureCertificates(join(file, 'certificates'), wanted), { code: 'DEVSTACK_FOLDER', where: join(file, 'certificates') })
})
