# An environment from an empty project: network, cluster, nodes for Kafka, addresses and their DNS records, the archive's buckets. Nothing is purged.

locals {
  services = [
    "compute.googleapis.com", "container.googleapis.com", "storage.googleapis.com", "iam.googleapis.com", "iamcredentials.googleapis.com",
    "cloudresourcemanager.googleapis.com", "logging.googleapis.com", "monitoring.googleapis.com"
  ]
}

resource "google_project_service" "this" {
  for_each = toset(concat(
    local.services,
    var.dns_zone == null ? [] : ["dns.googleapis.com"],
    var.backup.enabled ? ["gkebackup.googleapis.com"] : []
  ))

  project = var.project_id
  service = each.value
  # Others in the project may use them too.
  disable_on_destroy = false
}

module "cluster" {
  source = "../../modules/cluster"

  project_id          = var.project_id
  name                = var.cluster_name
  region              = var.region
  zones               = var.zones
  release_channel     = "STABLE"
  authorized_networks = var.authorized_networks
  private_endpoint    = var.private_endpoint
  deletion_protection = var.deletion_protection
  backup              = var.backup
  labels              = var.labels

  depends_on = [google_project_service.this]
}

module "kafka_node_pool" {
  source = "../../modules/kafka-node-pool"

  project_id      = var.project_id
  cluster         = module.cluster.name
  location        = module.cluster.location
  zones           = var.zones
  machine_type    = var.kafka_machine_type
  resource_labels = var.labels
}

module "addresses" {
  source = "../../modules/dns-and-addresses"

  project_id     = var.project_id
  region         = var.region
  bootstrap_host = var.bootstrap_host
  broker_host    = var.broker_host
  brokers        = var.brokers
  ingress_hosts  = var.ingress_hosts
  pin_by         = "name"
  dns_zone       = var.dns_zone
  labels         = var.labels

  depends_on = [google_project_service.this]
}

module "alertdb" {
  source = "../../modules/alertdb"

  project_id  = var.project_id
  environment = var.environment
  location    = var.region
  name_salt   = var.bucket_name_salt
  # The pool, and with it what the bindings name, is there when the cluster is.
  workload_identity_pool = module.cluster.workload_identity_pool
  extra_readers          = var.archive_readers
  labels                 = var.labels

  # What was published is kept for the survey's ten years.
  retention_days      = var.retention_days
  retention_locked    = var.retention_locked
  storage_class_rules = var.storage_class_rules

  depends_on = [google_project_service.this]
}
