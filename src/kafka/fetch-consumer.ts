// A consumer of the client library whose Fetch responses are parsed by fetch-response.ts.
import {
  type API, type Callback, Consumer, createAPI, fetchV13, fetchV14, fetchV15, fetchV16, fetchV17, kGetApi, UnsupportedApiError
} from './client-library.ts'
import { parseFetchResponse } from './fetch-response.ts'

const FETCH = 1
/** The versions in which a request names topics by id. */
const fetchVersions = new Map([
  [13, fetchV13.createRequest], [14, fetchV14.createRequest], [15, fetchV15.createRequest], [16, fetchV16.createRequest],
  [17, fetchV17.createRequest]
])

export class FetchConsumer extends Consumer {
  override [kGetApi]<Request extends unknown[], Response> (name: string, callback: Callback<API<Request, Response>>): void {
    super[kGetApi]<Request, Response>(name, (error, api) => {
      if (error !== null || api === undefined || name !== 'Fetch') {
        callback(error, api)
        return
      }
      const createRequest = fetchVersions.get(api.version)
      if (createRequest === undefined) callback(new UnsupportedApiError('the broker is older than Kafka 3.1'))
      else callback(null, createAPI(FETCH, api.version, createRequest, parseFetchResponse) as unknown as API<Request, Response>)
    })
  }
}
