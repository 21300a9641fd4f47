// TLS certificates for a local Kafka: a certificate authority (CA), a server certificate and one certificate per client, all in one folder.
// Certificates that are missing, damaged, signed by another CA or about to expire are reissued; all other certificates are kept.
// Private keys are PKCS#8 PEM files with mode 0600.
import { createPrivateKey, randomBytes, X509Certificate, type webcrypto } from 'node:crypto'
import { chmod, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeAtomically } from './atomic-file.ts'
import { folderError } from './errors.ts'

/** A certificate and its private key in PEM format. */
export interface Credentials {
  readonly certificate: string
  readonly key: string
}

export interface Validity {
  readonly from: Date
  readonly to: Date
}

export interface CertificateRequest {
  /** The subject is `CN=name`, so the Kafka principal is `User:CN=name`. */
  readonly name: string
  /** Subject alternative names of a server: host names and IP addresses. Omit for a client. */
  readonly hosts?: readonly string[] | undefined
  readonly validity?: Validity | undefined
}

export interface CertificateNames {
  /** Name of the server, and the hosts its certificate is valid for. */
  readonly server: string
  readonly hosts: readonly string[]
  readonly clients: readonly string[]
}

export interface CertificateFolder {
  readonly folder: string
  /** PEM file of the CA certificate. */
  readonly ca: string
  /** PEM keystore for Kafka: the server's key, its certificate and the CA certificate. */
  readonly server: string
  client (name: string): { readonly certificate: string, readonly key: string }
}

const DAY_MS = 86_400_000
const AUTHORITY_DAYS = 3650
const LEAF_DAYS = 365
const RENEW_DAYS = 30
/** The validity starts one hour before a certificate is issued, because the clocks of two machines may differ. */
const CLOCK_SKEW_MS = 3_600_000
const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' } as const

export async function createAuthority (name: string, validity: Validity = validFor(AUTHORITY_DAYS)): Promise<Credentials> {
  const x509 = await loadX509()
  const keys = await crypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...commonFields(name, validity),
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey)
    ]
  })
  return { certificate: `${certificate.toString('pem').trimEnd()}\n`, key: await pemOf(keys.privateKey) }
}

/** Issues a certificate signed by the CA. A server certificate is also valid for client authentication. */
export async function issueCertificate (
  authority: Credentials, { name, hosts, validity = validFor(LEAF_DAYS) }: CertificateRequest
): Promise<Credentials> {
  const x509 = await loadX509()
  const issuer = new x509.X509Certificate(authority.certificate)
  const authorityKey = createPrivateKey(authority.key).export({ type: 'pkcs8', format: 'der' })
  const signingKey = await crypto.subtle.importKey('pkcs8', authorityKey, KEY_ALGORITHM, false, ['sign'])
  const usages = [...hosts === undefined ? [] : [x509.ExtendedKeyUsage.serverAuth], x509.ExtendedKeyUsage.clientAuth]
  const alternativeNames = hosts?.map(value => ({ type: isAddress(value) ? 'ip' as const : 'dns' as const, value }))
  const keys = await crypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.create({
    ...commonFields(name, validity),
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(usages),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...alternativeNames === undefined ? [] : [new x509.SubjectAlternativeNameExtension(alternativeNames)]
    ]
  })
  return { certificate: `${certificate.toString('pem').trimEnd()}\n`, key: await pemOf(keys.privateKey) }
}

/**
 * Ensures that the folder has a CA, a certificate of `server` for `hosts`, and a certificate for each of `clients`.
 * Errors: DEVSTACK_FOLDER, DEVSTACK_DISK_FULL.
 */
export async function ensureCertificates (folder: string, { server, hosts, clients }: CertificateNames): Promise<CertificateFolder> {
  try {
    await mkdir(folder, { recursive: true })
    // Anyone who can read the CA key in this folder can impersonate every user.
    await chmod(folder, 0o700)
    const authority = await readValid(folder, 'ca') ?? await write(folder, 'ca', await createAuthority('alert-stream development CA'))
    await Promise.all(clients.map(async name => {
      if (await readValid(folder, name, authority) === undefined) await write(folder, name, await issueCertificate(authority, { name }))
    }))
    const { key, certificate } = await readValid(folder, server, authority, hosts) ??
      await write(folder, server, await issueCertificate(authority, { name: server, hosts }))
    await writeAtomically(join(folder, `${server}.pem`), key + certificate + authority.certificate, 0o600)
    return {
      folder,
      ca: join(folder, 'ca.crt'),
      server: join(folder, `${server}.pem`),
      client: name => {
        if (!clients.includes(name)) throw new Error(`no certificate was issued for ${name}`)
        return { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) }
      }
    }
  } catch (error) {
    throw folderError(error, folder)
  }
}

/** Returns the stored credentials of `name` if they are intact, signed by the CA, valid for `hosts` and not about to expire. */
async function readValid (
  folder: string, name: string, authority?: Credentials, hosts: readonly string[] = []
): Promise<Credentials | undefined> {
  try {
    const certificate = await readFile(join(folder, `${name}.crt`), 'utf8')
    const key = await readFile(join(folder, `${name}.key`), 'utf8')
    const parsed = new X509Certificate(certificate)
    const signer = new X509Certificate(authority?.certificate ?? certificate)
    const valid = parsed.checkPrivateKey(createPrivateKey(key)) && parsed.checkIssued(signer) && parsed.verify(signer.publicKey) &&
      Date.parse(parsed.validTo) - Date.now() > RENEW_DAYS * DAY_MS &&
      hosts.every(host => (isAddress(host) ? parsed.checkIP(host) : parsed.checkHost(host)) !== undefined)
    return valid ? { certificate, key } : undefined
  } catch {
    // Missing or damaged credentials are reissued.
    return undefined
  }
}

async function write (folder: string, name: string, credentials: Credentials): Promise<Credentials> {
  await writeAtomically(join(folder, `${name}.key`), credentials.key, 0o600)
  await writeAtomically(join(folder, `${name}.crt`), credentials.certificate)
  return credentials
}

function commonFields (name: string, { from, to }: Validity) {
  const serialNumber = randomBytes(16)
  // RFC 5280, 4.1.2.2: serial numbers are positive, so the sign bit is cleared.
  serialNumber[0] = serialNumber[0]! & 0x7f | 0x40
  return {
    serialNumber: serialNumber.toString('hex'),
    // The subject is an array. In a string, a comma or plus sign in the name would start another attribute.
    subject: [{ CN: [name] }],
    name: [{ CN: [name] }],
    notBefore: from,
    notAfter: to,
    signingAlgorithm: SIGNATURE
  }
}

function validFor (days: number): Validity {
  const now = Date.now()
  return { from: new Date(now - CLOCK_SKEW_MS), to: new Date(now + days * DAY_MS) }
}

function isAddress (host: string): boolean {
  return /^[\d.]+$|:/.test(host)
}

async function pemOf (key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', key))
  return `-----BEGIN PRIVATE KEY-----\n${der.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n')}\n-----END PRIVATE KEY-----\n`
}

// Imports the X.509 library on first use, because the import takes too long for modes that issue no certificates.
async function loadX509 () {
  await import('reflect-metadata')
  return await import('@peculiar/x509')
}
