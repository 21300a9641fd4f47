// Reads certificates and passwords again for each connection, because operators (Strimzi, cert-manager) rotate the files while the program
// runs. At startup all files must be valid. Later, a missing, truncated or mismatched file is logged, and the last valid content is kept.
// Reads are synchronous, because the library needs all TLS options at once. The files are small and connections are rare.
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContext } from 'node:tls'
import { AlertStreamError, messageOf, systemErrorCode } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import { kafkaErrors } from './errors.ts'

/** Paths of PEM files, all optional. */
export interface TlsFiles {
  readonly clientKey?: string | undefined
  readonly clientCert?: string | undefined
  readonly serverCa?: string | undefined
}

/** A value parsed from one or several files. The value is parsed again when the content of a file changes. */
class ReloadedFiles<T> {
  readonly #name: string
  readonly #read: () => readonly Buffer[]
  readonly #parse: (contents: readonly Buffer[]) => T
  readonly #log: Logger
  #contents: readonly Buffer[]
  #value: T
  #loggedReason: string | undefined

  /** Throws if the files are unusable. `current` never throws. */
  constructor (name: string, read: () => readonly Buffer[], parse: (contents: readonly Buffer[]) => T, log: Logger) {
    this.#name = name
    this.#read = read
    this.#parse = parse
    this.#log = log
    this.#contents = read()
    this.#value = parse(this.#contents)
  }

  get current (): T {
    try {
      this.#reload()
    } catch {
      try {
        // The files may have been replaced while they were read. In this case, the second attempt reads only new files.
        this.#reload()
      } catch (error) {
        this.#warnOnce(error)
      }
    }
    return this.#value
  }

  #reload (): void {
    const contents = this.#read()
    if (!contents.every((content, index) => content.equals(this.#contents[index]!))) {
      this.#value = this.#parse(contents)
      this.#contents = contents
      this.#log.info({}, `${this.#name} changed: new connections use the new content`)
    }
    this.#loggedReason = undefined
  }

  #warnOnce (error: unknown): void {
    const where = error instanceof AlertStreamError ? error.where : undefined
    const reason = messageOf(error)
    if (this.#loggedReason === reason) return
    this.#log.warn({ where, reason }, `cannot reload the ${this.#name}: the last valid content stays in use`)
    this.#loggedReason = reason
  }
}

/** TLS credentials for new connections. The constructor throws KAFKA_FILE; the getters never throw. */
export class TlsCredentials {
  readonly #paths: TlsFiles
  readonly #files: ReloadedFiles<{ readonly context: SecureContext, readonly certificate: X509Certificate | undefined }>

  constructor (paths: TlsFiles, log: Logger) {
    this.#paths = paths
    const { serverCa, clientCert, clientKey } = paths
    const read = (): Buffer[] => [
      readPem(serverCa, 'server CA certificate', 'CERTIFICATE'),
      readPem(clientCert, 'client certificate', 'CERTIFICATE'),
      readPem(clientKey, 'client key', 'PRIVATE KEY')
    ]
    this.#files = new ReloadedFiles('certificate files', read, ([ca, cert, key]) => this.#parse(ca!, cert!, key!), log)
  }

  get context (): SecureContext {
    return this.#files.current.context
  }

  get certificate (): X509Certificate | undefined {
    return this.#files.current.certificate
  }

  #parse (ca: Buffer, cert: Buffer, key: Buffer): { context: SecureContext, certificate: X509Certificate | undefined } {
    const { serverCa, clientCert, clientKey } = this.#paths
    try {
      const context = createSecureContext({
        ...(serverCa === undefined ? {} : { ca: [...pemBlocks(ca)] }),
        ...(clientCert === undefined ? {} : { cert }),
        ...(clientKey === undefined ? {} : { key })
      })
      return { context, certificate: clientCert === undefined ? undefined : new X509Certificate(cert) }
    } catch (error) {
      const where = [clientCert, clientKey].filter(path => path !== undefined).join(' and ')
      const mismatch = systemErrorCode(error) === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH'
      const what = mismatch
        ? 'the client key does not match the client certificate'
        : `cannot use the client certificate and key: ${messageOf(error)}`
      throw kafkaErrors.KAFKA_FILE(what, { where, cause: error })
    }
  }
}

/** Password for new connections. The constructor throws PASSWORD_FILE; the getter never throws. */
export class PasswordFile {
  readonly #file: ReloadedFiles<string>

  constructor (path: string, log: Logger) {
    const read = (): Buffer[] => {
      try {
        return [readFileSync(path)]
      } catch (cause) {
        throw kafkaErrors.PASSWORD_FILE('cannot read the password file', { where: path, cause })
      }
    }
    this.#file = new ReloadedFiles('password file', read, ([content]) => {
      const line = content!.toString().split(/\r?\n/, 1)[0]
      if (!line) throw kafkaErrors.PASSWORD_FILE('the first line of the password file is empty', { where: path })
      return line
    }, log)
  }

  get password (): string {
    return this.#file.current
  }
}

function readPem (path: string | undefined, name: string, type: 'CERTIFICATE' | 'PRIVATE KEY'): Buffer {
  if (path === undefined) return Buffer.alloc(0)
  try {
    const pem = readFileSync(path)
    const blocks = pemBlocks(pem)
    if (blocks.length === 0) throw new Error('the file contains no PEM block')
    // Reject a truncated file, because OpenSSL would silently use its complete blocks.
    if (blocks.length !== pem.toString().split('-----BEGIN ').length - 1) throw new Error('the file ends within a PEM block')
    if (!blocks.some(block => block.includes(`${type}-----`))) throw new Error(`the file contains no ${type}`)
    if (type === 'CERTIFICATE') for (const block of blocks) if (block.includes('CERTIFICATE-----')) void new X509Certificate(block)
    return pem
  } catch (error) {
    throw kafkaErrors.KAFKA_FILE(`cannot use the ${name}: ${messageOf(error)}`, { where: path, cause: error })
  }
}

function pemBlocks (pem: Buffer): string[] {
  return pem.toString().match(/-----BEGIN ([^-]+)-----[^-]+-----END \1-----/g) ?? []
}
