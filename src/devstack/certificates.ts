// Certificates for a Kafka on this machine: an authority of our own, one certificate for the server and one for each client, in a folder that
// is kept. Keys are PKCS#8, mode 0600; files appear whole by a rename; what is missing, damaged, of another authority or about to expire is
// made anew, and nothing else is touched.
import { createPrivateKey, randomBytes, X509Certificate, type webcrypto } from 'node:crypto'
import { chmod, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { folderError } from './errors.ts'
import { writeWhole } from './secrets.ts'

/** A certificate and its key, PEM both. */
export interface Credentials {
  readonly certificate: string
  readonly key: string
}

export interface Validity {
  readonly from: Date
  readonly to: Date
}

export interface CertificateRequest {
  /** The whole subject is `CN=name`: Kafka's principal is then `User:CN=name`. */
  readonly name: string
  /** Names and addresses that a server answers to; none for a client. */
  readonly hosts?: readonly string[] | undefined
  readonly validity?: Validity | undefined
}

export interface CertificateFolder {
  readonly folder: string
  /** PEM file of the authority. */
  readonly ca: string
  /** PEM file for Kafka: the server's key, its certificate and the authority's. */
  readonly server: string
  /** A client's files. */
  client (name: string): { readonly certificate: string, readonly key: string }
}

const DAY_MS = 86_400_000
const AUTHORITY_DAYS = 3650
const LEAF_DAYS = 365
const RENEW_DAYS = 30
/** Clocks differ: nobody's certificate is to begin in somebody's future. */
const EARLY_MS = 3_600_000
const ELLIPTIC = { name: 'ECDSA', namedCurve: 'P-256' } as const
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' } as const

/** A new authority. */
export async function createAuthority (name: string, validity: Validity = lasting(AUTHORITY_DAYS)): Promise<Credentials> {
  const x509 = await library()
  const keys = await crypto.subtle.generateKey(ELLIPTIC, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...shape(name, validity),
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey)
    ]
  })
  return { certificate: `${certificate.toString('pem').trimEnd()}\n`, key: await pemOf(keys.privateKey) }
}

/** A certificate signed by that authority. One for a server serves it as a client of other servers too. */
export async function issueCertificate (authority: Credentials, { name, hosts, validity = lasting(LEAF_DAYS) }: CertificateRequest): Promise<Credentials> {
  const x509 = await library()
  const issuer = new x509.X509Certificate(authority.certificate)
  const signingKey = await crypto.subtle.importKey('pkcs8', createPrivateKey(authority.key).export({ type: 'pkcs8', format: 'der' }), ELLIPTIC, false, ['sign'])
  const keys = await crypto.subtle.generateKey(ELLIPTIC, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.create({
    ...shape(name, validity),
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([...(hosts === undefined ? [] : [x509.ExtendedKeyUsage.serverAuth]), x509.ExtendedKeyUsage.clientAuth]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...(hosts === undefined ? [] : [new x509.SubjectAlternativeNameExtension(hosts.map(value => ({ type: isAddress(value) ? 'ip' : 'dns', value })))])
    ]
  })
  return { certificate: `${certificate.toString('pem').trimEnd()}\n`, key: await pemOf(keys.privateKey) }
}

/**
 * The folder with an authority, a certificate of the server `server` for these hosts, and one of each client.
 * Errors: DEVSTACK_FOLDER, DEVSTACK_DISK_FULL.
 */
export async function ensureCertificates (
  folder: string, { server, hosts, clients }: { readonly server: string, readonly hosts: readonly string[], readonly clients: readonly string[] }
): Promise<CertificateFolder> {
  try {
    await mkdir(folder, { recursive: true })
    // Whoever can write here decides who is who.
    await chmod(folder, 0o700)
    const authority = await kept(folder, 'ca') ?? await keep(folder, 'ca', await createAuthority('alert-stream development CA'))
    const files = await Promise.all(clients.map(async name => {
      if (await kept(folder, name, authority) === undefined) await keep(folder, name, await issueCertificate(authority, { name }))
      return name
    }))
    const own = await kept(folder, server, authority, hosts) ?? await keep(folder, server, await issueCertificate(authority, { name: server, hosts }))
    await writeWhole(join(folder, `${server}.pem`), chain(own, authority), 0o600)
    return {
      folder,
      ca: join(folder, 'ca.crt'),
      server: join(folder, `${server}.pem`),
      client: name => {
        if (!files.includes(name)) throw new Error(`no certificate was made for ${name}`)
        return { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) }
      }
    }
  } catch (error) {
    throw folderError(error, folder)
  }
}

/** Key, certificate and authority in one PEM text, as Kafka's keystore wants them. */
export function chain (own: Credentials, authority: Credentials): string {
  return own.key + own.certificate + authority.certificate
}

/** What the folder holds under that name, if it is whole, signed by the authority, for these hosts, and good for a while. */
async function kept (folder: string, name: string, authority?: Credentials, hosts?: readonly string[]): Promise<Credentials | undefined> {
  try {
    const [certificate, key] = await Promise.all([readFile(join(folder, `${name}.crt`), 'utf8'), readFile(join(folder, `${name}.key`), 'utf8')])
    const read = new X509Certificate(certificate)
    const signer = new X509Certificate(authority?.certificate ?? certificate)
    const good = read.checkPrivateKey(createPrivateKey(key)) && read.checkIssued(signer) && read.verify(signer.publicKey) &&
      Date.parse(read.validTo) - Date.now() > RENEW_DAYS * DAY_MS &&
      (hosts ?? []).every(host => (isAddress(host) ? read.checkIP(host) : read.checkHost(host)) !== undefined)
    return good ? { certificate, key } : undefined
  } catch {
    // Missing, or no certificate and key: made anew.
    return undefined
  }
}

async function keep (folder: string, name: string, made: Credentials): Promise<Credentials> {
  await writeWhole(join(folder, `${name}.key`), made.key, 0o600)
  await writeWhole(join(folder, `${name}.crt`), made.certificate, 0o644)
  return made
}

function shape (name: string, { from, to }: Validity) {
  return {
    serialNumber: serialNumber(),
    // Given as parts: a name with a comma or a plus would else be read as several.
    subject: [{ CN: [name] }],
    name: [{ CN: [name] }],
    notBefore: from,
    notAfter: to,
    signingAlgorithm: SIGNATURE
  }
}

// Positive, as the standard has it: the first bit is that of the sign.
function serialNumber (): string {
  const bytes = randomBytes(16)
  bytes[0] = bytes[0]! & 0x7f | 0x40
  return bytes.toString('hex')
}

function lasting (days: number): Validity {
  const now = Date.now()
  return { from: new Date(now - EARLY_MS), to: new Date(now + days * DAY_MS) }
}

function isAddress (host: string): boolean {
  return /^[\d.]+$|:/.test(host)
}

async function pemOf (key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', key))
  return `-----BEGIN PRIVATE KEY-----\n${der.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n')}\n-----END PRIVATE KEY-----\n`
}

// Loaded only where certificates are made: it costs a start time that nobody else should pay.
async function library () {
  await import('reflect-metadata')
  return await import('@peculiar/x509')
}
