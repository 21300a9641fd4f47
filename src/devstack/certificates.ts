// TLS certificates for a local Kafka: a certificate authority (CA), a server certificate and one certificate per client, all in one folder.
// Certificates that are missing, damaged, signed by another CA or about to expire are reissued; all other certificates are kept.
// Private keys are PKCS#8 PEM files with mode 0600.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { chmod, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeAtomically } from './atomic-file.ts'
import { folderError } from './errors.ts'
import { createAuthority, DAY_MS, isAddress, issueCertificate, type Credentials } from './issue-certificate.ts'

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

const RENEW_DAYS = 30

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
