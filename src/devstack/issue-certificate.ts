// Issues X.509 certificates: a certificate authority (CA), and certificates of servers and clients. Private keys are PKCS#8 in PEM format.
import { createPrivateKey, randomBytes, type webcrypto } from 'node:crypto'

/** A certificate and its private key in PEM format. */
export interface Credentials {
  readonly certificate: string
  readonly key: string
}

interface Validity {
  readonly from: Date
  readonly to: Date
}

interface CertificateRequest {
  /** The subject is `CN=name`, so the Kafka principal is `User:CN=name`. */
  readonly name: string
  /** Subject alternative names of a server: host names and IP addresses. Omit for a client. */
  readonly hosts?: readonly string[] | undefined
  readonly validity?: Validity | undefined
}

export const DAY_MS = 86_400_000
const AUTHORITY_DAYS = 3650
const LEAF_DAYS = 365
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

export function isAddress (host: string): boolean {
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
