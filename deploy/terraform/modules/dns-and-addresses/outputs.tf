output "addresses" {
  description = "The addresses by name: `bootstrap`, `broker-0` ..., and `ingress` where there are `ingress_hosts`."
  value       = { for name, address in google_compute_address.this : name => address.address }
}

output "address_names" {
  description = "Names of the addresses in Google Cloud: the chart's `addressName`, for Services that take an address by annotation instead of `loadBalancerIP`."
  value       = { for name, address in google_compute_address.this : name => address.name }
}

output "ingress_address" {
  description = "Address for the ingress controller's Service (`controller.service.loadBalancerIP` of ingress-nginx); null where there are no `ingress_hosts`."
  value       = try(google_compute_address.this["ingress"].address, null)
}

output "dns_records" {
  description = "The records, to be entered by hand where `dns_zone` is null (Rubin's are in Route53)."
  value = [
    for host, name in local.hosts : { name = host, type = "A", ttl = var.ttl, value = google_compute_address.this[name].address }
  ]
}

output "name_servers" {
  description = "Name servers of the zone, where it is made here: to be entered as NS records in the zone above."
  value       = try(google_dns_managed_zone.this[0].name_servers, [])
}

locals {
  pinned = {
    for name, address in google_compute_address.this : name => merge(
      { host = one([for host, of in local.hosts : host if of == name && name != "ingress"]) },
      var.pin_by == "ip" ? { ip = address.address } : { addressName = address.name }
    )
  }
}

output "helm_values" {
  description = "Values of the chart alert-stream-broker."
  value = {
    externalListener = {
      bootstrap = local.pinned["bootstrap"]
      brokers   = [for name in local.broker_names : local.pinned[name]]
    }
  }
}
