// NetworkPolicies, as Kubernetes reads them: who is let through to whom. Addresses (ipBlock) let nobody of the system through, as Pods have
// none of their own.

export interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>
  readonly matchExpressions?: ReadonlyArray<{ readonly key: string, readonly operator: string, readonly values?: readonly string[] }>
}

export interface Peer {
  readonly podSelector?: Selector
  readonly namespaceSelector?: Selector
}

export interface PortRule {
  readonly port?: number | string
  readonly endPort?: number
}

export interface Policy {
  readonly namespace: string
  readonly podSelector: Selector
  readonly policyTypes?: readonly string[]
  readonly ingress?: ReadonlyArray<{ readonly from?: readonly Peer[], readonly ports?: readonly PortRule[] }>
  readonly egress?: ReadonlyArray<{ readonly to?: readonly Peer[], readonly ports?: readonly PortRule[] }>
}

/** Pods of one kind: where they are and what they listen on. */
export interface Place {
  readonly title: string
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly ports: ReadonlyArray<{ readonly name: string | undefined, readonly port: number }>
}

export function matches ({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
    const value = labels[key]
    switch (operator) {
      case 'In': return value !== undefined && values.includes(value)
      case 'NotIn': return value === undefined || !values.includes(value)
      case 'Exists': return value !== undefined
      case 'DoesNotExist': return value === undefined
      default: return false
    }
  })
}

export function selects ({ namespace, podSelector }: Policy, place: Place): boolean {
  return namespace === place.namespace && matches(podSelector, place.labels)
}

/** Whether one may come to the other on a port of it, its name or its number: both sides have a say, and who has no policy says yes. */
export function allows (policies: readonly Policy[], from: Place, to: Place, port: number | string): boolean {
  const into = policies.filter(policy => applies(policy, 'Ingress') && selects(policy, to))
  const out = policies.filter(policy => applies(policy, 'Egress') && selects(policy, from))
  return (into.length === 0 ||
    into.some(policy => (policy.ingress ?? []).some(rule => peersHave(rule.from, policy, from) && portsHave(rule.ports, to, port)))) &&
    (out.length === 0 ||
      out.some(policy => (policy.egress ?? []).some(rule => peersHave(rule.to, policy, to) && portsHave(rule.ports, to, port))))
}

function applies ({ policyTypes, egress }: Policy, type: 'Ingress' | 'Egress'): boolean {
  return policyTypes?.includes(type) ?? (type === 'Ingress' || egress !== undefined)
}

/** No list of peers is everybody. */
function peersHave (peers: readonly Peer[] | undefined, { namespace }: Policy, place: Place): boolean {
  if (peers === undefined || peers.length === 0) return true
  return peers.some(({ podSelector, namespaceSelector }) => {
    if (podSelector === undefined && namespaceSelector === undefined) return false
    // A namespace is known by the one label that Kubernetes gives each.
    const there = namespaceSelector === undefined ?
      place.namespace === namespace :
      matches(namespaceSelector, { 'kubernetes.io/metadata.name': place.namespace })
    return there && matches(podSelector ?? {}, place.labels)
  })
}

function portsHave (rules: readonly PortRule[] | undefined, to: Place, port: number | string): boolean {
  if (rules === undefined || rules.length === 0) return true
  const number = typeof port === 'number' ? port : to.ports.find(({ name }) => name === port)?.port
  return rules.some(({ port: allowed, endPort }) => {
    if (allowed === undefined) return true
    const first = typeof allowed === 'number' ? allowed : to.ports.find(({ name }) => name === allowed)?.port
    return first !== undefined && number !== undefined && number >= first && number <= (endPort ?? first)
  })
}
