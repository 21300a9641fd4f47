// Makes a client of the library ask another broker after a failure. By default, the client sends lookups to the first bootstrap broker that
// accepts a connection. A frozen broker still accepts connections, so all lookups would fail although the other brokers are healthy.
import { kGetBootstrapConnection, type Base } from './client-library.ts'

export interface BrokerRotation {
  /** Must be called after a failed request: the next requests go to the next broker. */
  failed (): void
}

export function rotateBrokers (client: Base): BrokerRotation {
  let failures = 0
  const original = client[kGetBootstrapConnection].bind(client)
  client[kGetBootstrapConnection] = (done, attempt = 0) => { original(done, attempt + failures) }
  return { failed: () => { failures++ } }
}
