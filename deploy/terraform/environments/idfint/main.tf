# Rubin's integration environment, as DMTN-210 describes it: the cluster is there already (lsst/idf_deploy makes it), so are DNS (Route53, by
# hand) and the addresses, which Google gave once and which are kept.

module "alertdb" {
  source = "../../modules/alertdb"

  project_id  = var.project_id
  environment = var.environment
  location    = var.region
  name_salt   = var.bucket_name_salt
  labels      = var.labels

  bucket_names = var.bucket_names

  # Simulated alerts have no value once they are old.
  purge_old_alerts  = true
  maximum_alert_age = var.maximum_alert_age
}

module "kafka_node_pool" {
  source = "../../modules/kafka-node-pool"

  project_id      = var.project_id
  cluster         = var.cluster_name
  location        = var.cluster_location
  zones           = var.zones
  machine_type    = var.kafka_machine_type
  resource_labels = var.labels
}

module "addresses" {
  source = "../../modules/dns-and-addresses"

  project_id        = var.project_id
  region            = var.region
  bootstrap_host    = var.bootstrap_host
  broker_host       = var.broker_host
  brokers           = var.brokers
  bootstrap_address = var.bootstrap_address
  broker_addresses  = var.broker_addresses
  labels            = var.labels
}
