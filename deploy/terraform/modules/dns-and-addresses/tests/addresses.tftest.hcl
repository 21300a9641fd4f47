mock_provider "google" {}

variables {
  project_id     = "alert-stream-test"
  region         = "us-central1"
  bootstrap_host = "alert-stream.example.org"
  broker_host    = "alert-stream-broker-%d.example.org"
}

run "one_address_each" {
  command = plan
  assert {
    condition     = toset(keys(google_compute_address.this)) == toset(["bootstrap", "broker-0", "broker-1", "broker-2"])
    error_message = "bootstrap and three brokers"
  }
  assert {
    condition     = output.address_names == { for name in ["bootstrap", "broker-0", "broker-1", "broker-2"] : name => "alert-stream-${name}" }
    error_message = "names"
  }
  assert {
    condition     = alltrue([for address in google_compute_address.this : address.address_type == "EXTERNAL" && address.region == "us-central1" && address.network_tier == "PREMIUM"])
    error_message = "regional, external, of the tier that Services have"
  }
  assert {
    condition     = length(google_dns_record_set.this) == 0 && length(google_dns_managed_zone.this) == 0
    error_message = "no records unless a zone is given"
  }
}

run "addresses_that_are_in_use_are_kept" {
  command = plan
  variables {
    bootstrap_address = "192.0.2.10"
    broker_addresses  = ["192.0.2.11", "192.0.2.12", "192.0.2.13"]
  }
  assert {
    condition = output.helm_values.externalListener == {
      bootstrap = { host = "alert-stream.example.org", ip = "192.0.2.10" }
      brokers = [
        { host = "alert-stream-broker-0.example.org", ip = "192.0.2.11" },
        { host = "alert-stream-broker-1.example.org", ip = "192.0.2.12" },
        { host = "alert-stream-broker-2.example.org", ip = "192.0.2.13" },
      ]
    }
    error_message = "the chart's values, brokers in their order"
  }
  assert {
    condition     = google_compute_address.this["bootstrap"].address == "192.0.2.10" && google_compute_address.this["broker-2"].address == "192.0.2.13"
    error_message = "these very addresses are reserved"
  }
}

run "addresses_by_name" {
  command = plan
  variables {
    pin_by  = "name"
    brokers = 1
  }
  assert {
    condition = output.helm_values.externalListener == {
      bootstrap = { host = "alert-stream.example.org", addressName = "alert-stream-bootstrap" }
      brokers   = [{ host = "alert-stream-broker-0.example.org", addressName = "alert-stream-broker-0" }]
    }
    error_message = "names instead of addresses, known before they are made"
  }
}

run "values_come_from_the_addresses" {
  command = apply
  assert {
    condition     = output.helm_values.externalListener.bootstrap.ip == google_compute_address.this["bootstrap"].address && output.addresses["broker-1"] == google_compute_address.this["broker-1"].address
    error_message = "bootstrap's address"
  }
  assert {
    condition     = [for broker in output.helm_values.externalListener.brokers : broker.ip] == [for i in range(3) : google_compute_address.this["broker-${i}"].address]
    error_message = "brokers' addresses in their order"
  }
  assert {
    condition     = output.ingress_address == null && length(output.name_servers) == 0
    error_message = "nothing for an ingress or a zone that was not asked for"
  }
  assert {
    condition     = { for record in output.dns_records : record.name => record.value }["alert-stream-broker-1.example.org"] == google_compute_address.this["broker-1"].address
    error_message = "records to be entered by hand"
  }
  assert {
    condition     = length(output.dns_records) == 4 && alltrue([for record in output.dns_records : record.type == "A" && record.ttl == 300])
    error_message = "a record for each host"
  }
}

run "records_in_a_zone_that_is_there" {
  command = apply
  variables {
    dns_zone      = { name = "example-org", project_id = "dns-project" }
    ingress_hosts = ["schemas.example.org", "data.example.org"]
    ttl           = 60
  }
  assert {
    condition     = toset([for record in google_dns_record_set.this : record.name]) == toset(["alert-stream.example.org.", "alert-stream-broker-0.example.org.", "alert-stream-broker-1.example.org.", "alert-stream-broker-2.example.org.", "schemas.example.org.", "data.example.org."])
    error_message = "a record for each host, with a dot at its end"
  }
  assert {
    condition     = alltrue([for host in ["schemas.example.org", "data.example.org"] : google_dns_record_set.this[host].rrdatas == tolist([google_compute_address.this["ingress"].address])])
    error_message = "ingress hosts share the ingress controller's address"
  }
  assert {
    condition     = google_dns_record_set.this["alert-stream.example.org"].rrdatas == tolist([google_compute_address.this["bootstrap"].address]) && output.ingress_address == google_compute_address.this["ingress"].address
    error_message = "each host its address"
  }
  assert {
    condition     = alltrue([for record in google_dns_record_set.this : record.project == "dns-project" && record.managed_zone == "example-org" && record.ttl == 60 && record.type == "A"])
    error_message = "zone, project, ttl"
  }
  assert {
    condition     = length(google_dns_managed_zone.this) == 0
    error_message = "the zone is there already"
  }
}

run "records_in_a_zone_that_is_made" {
  command = apply
  variables {
    dns_zone = { name = "alerts", create = true, dns_name = "example.org." }
  }
  assert {
    condition     = google_dns_managed_zone.this[0].dns_name == "example.org." && google_dns_managed_zone.this[0].dnssec_config[0].state == "on" && google_dns_managed_zone.this[0].project == "alert-stream-test"
    error_message = "zone with DNSSEC"
  }
  assert {
    condition     = !google_dns_managed_zone.this[0].force_destroy && google_dns_managed_zone.this[0].visibility == "public"
    error_message = "a zone with records must not be destroyed"
  }
  assert {
    condition     = output.name_servers == google_dns_managed_zone.this[0].name_servers && google_dns_record_set.this["alert-stream.example.org"].managed_zone == "alerts"
    error_message = "name servers to be entered above"
  }
}

run "everything_else_is_a_choice" {
  command = plan
  variables {
    brokers      = 5
    name_prefix  = "kafka"
    network_tier = "STANDARD"
    region       = "europe-west1"
    labels       = { team = "alerts" }
  }
  assert {
    condition     = length(google_compute_address.this) == 6 && google_compute_address.this["broker-4"].name == "kafka-broker-4"
    error_message = "brokers and name_prefix"
  }
  assert {
    condition     = alltrue([for address in google_compute_address.this : address.network_tier == "STANDARD" && address.region == "europe-west1" && address.labels == tomap({ team = "alerts" })])
    error_message = "tier, region, labels"
  }
}
