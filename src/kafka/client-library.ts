// The client library @platformatic/kafka, with deferred validators. Lint forbids other imports of the package, except of its types.
// Modules are evaluated in the order of the imports: the deferral starts before the library is loaded and ends afterwards.
import { endDeferral } from './deferred-validators.ts'
export * from '@platformatic/kafka'

endDeferral()
