# Addresses that are there before Kafka is. DMTN-210 3.2.1.1 tells of two steps: start Kafka, look which addresses Google gave, pin them. With
# addresses that are reserved first, the listener is right from its first start: host names, certificates and load balancers agree.

locals {
  broker_names = [for i in range(var.brokers) : "broker-${i}"]
  broker_hosts = [for i in range(var.brokers) : format(var.broker_host, i)]

  # Name of the address -> the address that is kept; null: a new one.
  addresses = merge(
    { bootstrap = var.bootstrap_address },
    { for i, name in local.broker_names : name => try(var.broker_addresses[i], null) },
    length(var.ingress_hosts) == 0 ? {} : { ingress = null }
  )
  # Host name -> name of its address.
  hosts = merge(
    { (var.bootstrap_host) = "bootstrap" },
    { for i, name in local.broker_names : local.broker_hosts[i] => name },
    { for host in var.ingress_hosts : host => "ingress" }
  )
}

# Regional, as load balancers of Services are; global ones are for Google's HTTP load balancers.
resource "google_compute_address" "this" {
  for_each = local.addresses

  project      = var.project_id
  region       = var.region
  name         = "${var.name_prefix}-${each.key}"
  description  = each.key == "ingress" ? "Ingress controller." : "Kafka's external listener: ${each.key}."
  address_type = "EXTERNAL"
  network_tier = var.network_tier
  address      = each.value
  labels       = var.labels

  lifecycle {
    precondition {
      condition     = contains([0, var.brokers], length(var.broker_addresses))
      error_message = "broker_addresses has ${length(var.broker_addresses)} addresses for ${var.brokers} brokers: give none, or one for each."
    }
    precondition {
      condition     = length(local.hosts) == 1 + var.brokers + length(var.ingress_hosts)
      error_message = "A host name is given twice, among the bootstrap's, the brokers' and ingress_hosts: each has one address."
    }
  }
}

resource "google_dns_managed_zone" "this" {
  count = try(var.dns_zone.create, false) ? 1 : 0

  project     = coalesce(var.dns_zone.project_id, var.project_id)
  name        = var.dns_zone.name
  dns_name    = var.dns_zone.dns_name
  description = "Host names of the alert stream."
  visibility  = "public"
  labels      = var.labels
  # Not while it has records: those of others, too.
  force_destroy = false

  dnssec_config {
    state = "on"
  }

  lifecycle {
    precondition {
      condition     = alltrue([for host in keys(local.hosts) : endswith("${host}.", ".${var.dns_zone.dns_name}") || "${host}." == var.dns_zone.dns_name])
      error_message = "All host names must lie in the zone ${var.dns_zone.dns_name}"
    }
  }
}

resource "google_dns_record_set" "this" {
  for_each = var.dns_zone == null ? {} : local.hosts

  project      = coalesce(var.dns_zone.project_id, var.project_id)
  managed_zone = var.dns_zone.create ? google_dns_managed_zone.this[0].name : var.dns_zone.name
  name         = "${each.key}."
  type         = "A"
  ttl          = var.ttl
  rrdatas      = [google_compute_address.this[each.value].address]
}
