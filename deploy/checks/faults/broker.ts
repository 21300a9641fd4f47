// Faults in the broker's values and templates.
import type { DeliberateFault } from './fault.ts'

const chart = 'alert-stream-broker'
const users = `${chart}/templates/users.yaml`

export const brokerFaults: readonly DeliberateFault[] = [
  {
    chart,
    fault: 'an unknown key among the values',
    tool: 'schema',
    says: /additional properties 'replica' not allowed/,
    values: 'kafka: {replica: 3}'
  },
  {
    chart,
    fault: 'a number of brokers in words',
    tool: 'schema',
    says: /at '\/kafka\/replicas': got string, want integer/,
    values: 'kafka: {replicas: three}'
  },
  {
    chart,
    fault: 'an address of the load balancer that is none',
    tool: 'schema',
    says: /at '\/externalListener\/bootstrap\/ip'/,
    values: 'externalListener: {bootstrap: {ip: 35.188.169.310}}'
  },
  {
    chart,
    fault: 'an external listener of a type that Strimzi does not have',
    tool: 'schema',
    says: /at '\/externalListener\/type'/,
    values: 'externalListener: {type: clusterwide}'
  },
  {
    chart,
    fault: 'a user without a name',
    tool: 'schema',
    says: /missing property 'username'/,
    values: 'users: [{readonlyTopics: [alerts-simulated], groups: [a]}]'
  },
  {
    chart,
    fault: 'an API version of Strimzi that no operator serves',
    tool: 'chart',
    says: /strimziAPIVersion "kafka\.strimzi\.io\/v9": it is/,
    values: 'global: {strimziAPIVersion: kafka.strimzi.io/v9}'
  },
  {
    chart, fault: 'the same user twice', tool: 'chart', says: /users: ann is listed twice/,
    values:
      'users: [{username: ann, readonlyTopics: [alerts-simulated], groups: [ann]}, ' +
      '{username: ann, readonlyTopics: [alerts-simulated], groups: [ann]}]'
  },
  {
    chart,
    fault: 'a group that would be everybody\'s',
    tool: 'chart',
    says: /group "\*": groups are prefixes, and this one would be everybody's/,
    values: 'users: [{username: ann, readonlyTopics: [alerts-simulated], groups: ["*"]}]'
  },
  {
    chart,
    fault: 'a super user among the users',
    tool: 'chart',
    says: /kafka-admin is in superusers too/,
    values: 'users: [{username: kafka-admin, readonlyTopics: ["*"], groups: [kafka-admin]}]'
  },
  {
    chart,
    fault: 'too few brokers for the replicas in sync',
    tool: 'chart',
    says: /min\.insync\.replicas is 3 and .*replication\.factor 3: with every restart/,
    values: 'kafka: {config: {min.insync.replicas: 3}}'
  },
  {
    chart,
    fault: 'fewer addresses than brokers',
    tool: 'chart',
    says: /has 3 entries, and there are 5 brokers/,
    values: 'kafka: {replicas: 5}'
  },
  {
    chart,
    fault: 'the external listener on the port of an internal one',
    tool: 'chart',
    says: /port 9093: the internal listeners have 9092 and 9093/,
    values: 'externalListener: {port: 9093}'
  },
  {
    chart,
    fault: 'a protocol version of the days of ZooKeeper',
    tool: 'chart',
    says: /interBrokerProtocolVersion.*has no such setting, as 4\.0 took ZooKeeper/,
    values: 'kafka: {interBrokerProtocolVersion: "3.9"}'
  },
  {
    chart, fault: 'a typo in a field of Kafka', tool: 'kubeconform', says: /additional properties 'listener' not allowed/,
    edit: { file: `${chart}/templates/kafka.yaml`, from: '    listeners:\n', to: '    listener:\n' }
  },
  {
    chart,
    fault: 'a typo in a field of Kafka, for an older operator',
    strimzi: 'v1beta2',
    tool: 'kubeconform',
    says: /additional properties 'entityOperators' not allowed/,
    edit: { file: `${chart}/templates/kafka.yaml`, from: '\n  entityOperator:\n', to: '\n  entityOperators:\n' }
  },
  {
    chart, fault: 'a text where Kafka takes a number of partitions', tool: 'kubeconform', says: /got string, want integer/,
    edit: { file: `${chart}/templates/dead-letters.yaml`, from: 'partitions: {{ $letters.partitions }}', to: 'partitions: many' }
  },
  {
    chart, fault: 'an operation that Kafka does not have', tool: 'kubeconform', says: /operations\/2': value must be one of/,
    edit: { file: users, from: '          - Read\n', to: '          - Consume\n' }
  },
  {
    chart, fault: 'a way to come in that Kafka does not have', tool: 'kubeconform', says: /authentication\/type': value must be one of/,
    edit: { file: users, from: 'type: {{ $user.authentication | default "scram-sha-512" }}', to: 'type: scram-sha-256' }
  },
  {
    chart,
    fault: 'another name for Kafka than the others know',
    tool: 'system',
    says: /no Kafka answers at alert-broker-kafka-bootstrap|and Kafka is called alerts/,
    values: 'cluster: {name: alerts}'
  },
  {
    chart, fault: 'a user fewer', tool: 'acls', says: /lasair-idfint: rendered 0 times/,
    edit: {
      file: users,
      from: '{{- range $user := .Values.users }}',
      to: '{{- range $user := .Values.users }}{{- if eq $user.username "lasair-idfint" }}{{ continue }}{{ end }}'
    }
  },
  {
    chart, fault: 'a user who may write', tool: 'acls', says: /rule too many: allow Write on topic alerts-simulated/,
    edit: { file: users, from: '          - Read\n', to: '          - Read\n          - Write\n' }
  },
  {
    chart,
    fault: 'a super user that nobody decided on',
    tool: 'acls',
    says: /CN=ann: is a super user, but not in the table/,
    values: 'superusers: [kafka-admin, ann]'
  },
  {
    chart,
    fault: 'a certificate\'s days for a user with a password',
    tool: 'kube-apiserver',
    says: /'validityDays' and 'renewalDays' can be configured only with 'type: tls'/,
    edit: { file: users, from: 'default "scram-sha-512" }}\n', to: 'default "scram-sha-512" }}\n    validityDays: 30\n' }
  }
]
