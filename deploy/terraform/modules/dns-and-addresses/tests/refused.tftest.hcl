# What each variable refuses, and what contradicts each other.

mock_provider "google" {}

variables {
  project_id     = "alert-stream-test"
  region         = "us-central1"
  bootstrap_host = "alert-stream.example.org"
  broker_host    = "alert-stream-broker-%d.example.org"
}

run "project_by_number" {
  command = plan
  variables {
    project_id = "123456789012"
  }
  expect_failures = [var.project_id]
}

run "zone_for_a_region" {
  command = plan
  variables {
    region = "us-central1-b"
  }
  expect_failures = [var.region]
}

run "name_ends_with_hyphen" {
  command = plan
  variables {
    name_prefix = "alert-stream-"
  }
  expect_failures = [var.name_prefix]
}

run "unknown_tier" {
  command = plan
  variables {
    network_tier = "BASIC"
  }
  expect_failures = [var.network_tier]
}

run "bootstrap_ends_with_a_dot" {
  command = plan
  variables {
    bootstrap_host = "alert-stream.example.org."
  }
  expect_failures = [var.bootstrap_host]
}

run "brokers_without_numbers" {
  command = plan
  variables {
    broker_host = "alert-stream-broker.example.org"
  }
  expect_failures = [var.broker_host]
}

run "two_numbers" {
  command = plan
  variables {
    broker_host = "alert-stream-%d-broker-%d.example.org"
  }
  expect_failures = [var.broker_host]
}

run "no_brokers" {
  command = plan
  variables {
    brokers = 0
  }
  expect_failures = [var.brokers]
}

run "address_is_a_name" {
  command = plan
  variables {
    bootstrap_address = "alert-stream.example.org"
  }
  expect_failures = [var.bootstrap_address]
}

run "address_twice" {
  command = plan
  variables {
    broker_addresses = ["192.0.2.1", "192.0.2.1", "192.0.2.2"]
  }
  expect_failures = [var.broker_addresses]
}

run "ingress_host_is_a_url" {
  command = plan
  variables {
    ingress_hosts = ["https://data.example.org"]
  }
  expect_failures = [var.ingress_hosts]
}

run "pinned_by_hand" {
  command = plan
  variables {
    pin_by = "address"
  }
  expect_failures = [var.pin_by]
}

run "new_zone_without_a_domain" {
  command = plan
  variables {
    dns_zone = { name = "alerts", create = true }
  }
  expect_failures = [var.dns_zone]
}

run "records_for_ever" {
  command = plan
  variables {
    ttl = 100000
  }
  expect_failures = [var.ttl]
}

run "two_addresses_for_three_brokers" {
  command = plan
  variables {
    broker_addresses = ["192.0.2.1", "192.0.2.2"]
  }
  expect_failures = [google_compute_address.this["bootstrap"], google_compute_address.this["broker-0"], google_compute_address.this["broker-1"], google_compute_address.this["broker-2"]]
}

run "one_host_twice" {
  command = plan
  variables {
    ingress_hosts = ["alert-stream.example.org"]
  }
  expect_failures = [google_compute_address.this["bootstrap"], google_compute_address.this["broker-0"], google_compute_address.this["broker-1"], google_compute_address.this["broker-2"], google_compute_address.this["ingress"]]
}

run "host_outside_of_the_new_zone" {
  command = plan
  variables {
    dns_zone = { name = "alerts", create = true, dns_name = "other.org." }
  }
  expect_failures = [google_dns_managed_zone.this]
}
