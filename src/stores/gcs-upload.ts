// Uploads objects to Cloud Storage without the client library, with the access tokens of google-auth-library. The request is the same as
// that of the library, so the objects are too. If the service rejects a token that has not expired, a fresh token is tried once.
import { EnvHttpProxyAgent } from 'undici'
import { checkedResponse, parsedJson, type GcsClient, type GcsJson, type GcsRequest, type GcsResponse } from './gcs-client.ts'
import { requestError } from './gcs-errors.ts'
import { connectionOptions, UploadClient, type SendUpload, type UploadRequest, type UploadResponse } from './upload-client.ts'

export type GcsUploadRequest = GcsRequest & Required<Pick<GcsRequest, 'body'>>

export class GcsUpload {
  readonly #client: GcsClient
  readonly #uploads: UploadClient
  #parsed: { readonly uri: string, readonly url: URL } | undefined

  constructor (client: GcsClient, requestMs: number) {
    this.#client = client
    // Like the client library, uploads honour HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
    this.#uploads = new UploadClient(new EnvHttpProxyAgent(connectionOptions), requestMs)
  }

  /** Sends a request like `GcsClient.json`. */
  async json (request: GcsUploadRequest): Promise<GcsResponse<GcsJson>> {
    const { method = 'POST', uri, query = {}, headers = {}, body } = request
    const { origin, pathname } = this.#parse(uri)
    const parameters = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')
    const upload = {
      origin, path: `${pathname}?${parameters}`, method: method as 'POST', headers: { 'user-agent': 'alert-stream', ...headers }, body
    }
    try {
      const response = await this.#uploads.run(request, async send => await this.#authorized(upload, send))
      const checked = checkedResponse({ ...response, body: parsedJson(response.body) }, request)
      return { ...checked, body: typeof checked.body === 'object' && checked.body !== null ? checked.body as GcsJson : {} }
    } catch (error) {
      throw requestError(error, request)
    }
  }

  /** All uploads of a bucket have the same URI. */
  #parse (uri: string): URL {
    if (this.#parsed?.uri !== uri) this.#parsed = { uri, url: new URL(uri) }
    return this.#parsed.url
  }

  async #authorized (upload: UploadRequest, send: SendUpload): Promise<UploadResponse> {
    const sendWith = async (headers: Readonly<Record<string, string>>): Promise<UploadResponse> =>
      await send({ ...upload, headers: { ...upload.headers, ...headers } })
    const authorization = await this.#client.authorization()
    const response = await sendWith(authorization)
    if (response.status !== 401) return response
    const fresh = await this.#client.authorization(authorization)
    return fresh['authorization'] === authorization['authorization'] ? response : await sendWith(fresh)
  }

  abort (): void {
    this.#uploads.abort()
  }
}
