// Deliberate faults: what somebody might get wrong in values or templates, and which tool has to refuse it. A check that has never refused
// anything proves nothing; these are wrong in one place each, so that exactly the tool that is named stops them.

/**
 * `schema`: the chart's values.schema.json, by Helm. `chart`: a message of the chart's own. `kubeconform`: the schemas of the kinds.
 * `objects`: the checks of pods, selectors and namespaces here. `program`: the program's own tables. `system`: the other charts, whose
 * names it gets wrong. `acls`: deploy/acls.json. `kube-apiserver`: what only a real one finds.
 */
export type Refuser = 'schema' | 'chart' | 'kubeconform' | 'objects' | 'program' | 'system' | 'acls' | 'kube-apiserver'

/** A change to a file of deploy/helm: the text has to be there, or the fault is out of date. */
export interface Edit {
  readonly file: string
  readonly from: string
  readonly to: string
}

export interface DeliberateFault {
  /** What is wrong, in a few words. */
  readonly fault: string
  readonly chart: string
  readonly tool: Refuser
  /** A piece of what the tool says to it. */
  readonly says: RegExp
  /** YAML above the values of the environment. */
  readonly values?: string
  readonly edit?: Edit
  /** Of Strimzi's API, default `v1`. */
  readonly strimzi?: 'v1' | 'v1beta2'
}
