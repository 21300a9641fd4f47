// What lets us in: certificates and passwords, read from their files anew for each connection, because operators (Strimzi, cert-manager) replace
// them under a running program. At the first time all must be good; later a file that is missing, half written or not the other one's match
// is told, and the last good ones are used until it is. Files are read synchronously: the library takes TLS options in one go when it connects,
// and so nothing can come between a key and its certificate but the one who writes them. They are a few KB, connections are rare.
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContext } from 'node:tls'
import { AlertStreamError, messageOf, systemErrorCode } from '../pipeline/errors.ts'
import type { Logger } from '../pipeline/log.ts'
import { kafkaErrors } from './errors.ts'

/** Paths of PEM files; each may be left out. */
export interface TlsFiles {
  readonly clientKey?: string | undefined
  readonly clientCert?: string | undefined
  readonly serverCa?: string | undefined
}

/** One file or several that belong together, as something to use; made anew when what they hold has changed. */
class Fresh<T> {
  readonly #what: string
  readonly #read: () => readonly Buffer[]
  readonly #make: (contents: readonly Buffer[]) => T
  readonly #log: Logger
  #contents: readonly Buffer[]
  #made: T
  #told: string | undefined

  /** Throws what is wrong at the first time. */
  constructor (what: string, read: () => readonly Buffer[], make: (contents: readonly Buffer[]) => T, log: Logger) {
    this.#what = what
    this.#read = read
    this.#make = make
    this.#log = log
    this.#contents = read()
    this.#made = make(this.#contents)
  }

  get current (): T {
    try {
      this.#take()
    } catch {
      try {
        // Replaced between the first and the last of them: once more, now that it is done.
        this.#take()
      } catch (error) {
        this.#tell(error)
      }
    }
    return this.#made
  }

  #take (): void {
    const contents = this.#read()
    if (!contents.every((content, index) => content.equals(this.#contents[index]!))) {
      this.#made = this.#make(contents)
      this.#contents = contents
      this.#log.info({}, `the ${this.#what} changed: used from this connection on`)
    }
    this.#told = undefined
  }

  #tell (error: unknown): void {
    const where = error instanceof AlertStreamError ? error.where : undefined
    const reason = messageOf(error)
    if (this.#told !== reason) this.#log.warn({ where, reason }, `cannot use the ${this.#what} at the moment: going on with the last good content`)
    this.#told = reason
  }
}

/** Errors at construction, and only then: KAFKA_FILE. */
export class TlsCredentials {
  readonly #files: TlsFiles
  readonly #fresh: Fresh<{ readonly context: SecureContext, readonly own: X509Certificate | undefined }>

  constructor (files: TlsFiles, log: Logger) {
    this.#files = files
    const { serverCa, clientCert, clientKey } = files
    const read = (): Buffer[] => [
      read1(serverCa, 'server CA certificate', 'CERTIFICATE'), read1(clientCert, 'client certificate', 'CERTIFICATE'), read1(clientKey, 'client key', 'PRIVATE KEY')
    ]
    this.#fresh = new Fresh('certificate files', read, ([ca, cert, key]) => this.#make(ca!, cert!, key!), log)
  }

  /** For the next connection. */
  get context (): SecureContext {
    return this.#fresh.current.context
  }

  /** The certificate that we show, as it was for the last connection. */
  get own (): X509Certificate | undefined {
    return this.#fresh.current.own
  }

  #make (ca: Buffer, cert: Buffer, key: Buffer): { context: SecureContext, own: X509Certificate | undefined } {
    const { serverCa, clientCert, clientKey } = this.#files
    try {
      const context = createSecureContext({
        ...(serverCa === undefined ? {} : { ca: [...pemBlocks(ca)] }), ...(clientCert === undefined ? {} : { cert }), ...(clientKey === undefined ? {} : { key })
      })
      return { context, own: clientCert === undefined ? undefined : new X509Certificate(cert) }
    } catch (error) {
      const where = [clientCert, clientKey].filter(path => path !== undefined).join(' and ')
      const mismatch = systemErrorCode(error) === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH'
      const what = mismatch ? 'the client key is not that of the client certificate' : `the client certificate and key cannot be used: ${messageOf(error)}`
      throw kafkaErrors.KAFKA_FILE(what, { where, cause: error })
    }
  }
}

/** Error at construction, and only then: PASSWORD_FILE. */
export class PasswordFile {
  readonly #fresh: Fresh<string>

  constructor (path: string, log: Logger) {
    const read = (): Buffer[] => {
      try {
        return [readFileSync(path)]
      } catch (cause) {
        throw kafkaErrors.PASSWORD_FILE('the password file cannot be read', { where: path, cause })
      }
    }
    this.#fresh = new Fresh('password file', read, ([content]) => {
      const line = content!.toString().split(/\r?\n/, 1)[0]
      if (!line) throw kafkaErrors.PASSWORD_FILE('the first line of the password file is empty', { where: path })
      return line
    }, log)
  }

  /** For the next connection. */
  get password (): string {
    return this.#fresh.current
  }
}

function read1 (path: string | undefined, what: string, kind: string): Buffer {
  if (path === undefined) return Buffer.alloc(0)
  try {
    const pem = readFileSync(path)
    const blocks = pemBlocks(pem)
    if (blocks.length === 0) throw new Error('it holds no PEM block')
    // OpenSSL takes the first blocks of a file that is cut, without a word.
    if (blocks.length !== pem.toString().split('-----BEGIN ').length - 1) throw new Error('it ends within a PEM block')
    if (!blocks.some(block => block.includes(`${kind}-----`))) throw new Error(`it holds no ${kind}`)
    if (kind === 'CERTIFICATE') for (const block of blocks) if (block.includes('CERTIFICATE-----')) void new X509Certificate(block)
    return pem
  } catch (error) {
    throw kafkaErrors.KAFKA_FILE(`the ${what} cannot be used: ${messageOf(error)}`, { where: path, cause: error })
  }
}

function pemBlocks (pem: Buffer): string[] {
  return pem.toString().match(/-----BEGIN ([^-]+)-----[^-]+-----END \1-----/g) ?? []
}
