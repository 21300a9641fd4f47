# What each variable refuses.

mock_provider "google" {}

variables {
  project_id          = "alert-stream-test"
  region              = "us-central1"
  authorized_networks = { office = "192.0.2.0/24" }
}

run "project_by_number" {
  command = plan
  variables {
    project_id = "123456789012"
  }
  expect_failures = [var.project_id]
}

run "name_too_long" {
  command = plan
  variables {
    name = "a-name-of-23-characters"
  }
  expect_failures = [var.name]
}

run "zone_for_a_region" {
  command = plan
  variables {
    region = "us-central1-b"
  }
  expect_failures = [var.region]
}

run "region_for_a_zone" {
  command = plan
  variables {
    zones = ["us-central1"]
  }
  expect_failures = [var.zones]
}

run "network_without_a_name" {
  command = plan
  variables {
    network = { create = false, subnetwork = "subnet" }
  }
  expect_failures = [var.network]
}

run "range_is_an_address" {
  command = plan
  variables {
    network = { pods_cidr = "10.132.0.0" }
  }
  expect_failures = [var.network]
}

run "control_plane_too_large" {
  command = plan
  variables {
    control_plane_cidr = "172.16.0.0/24"
  }
  expect_failures = [var.control_plane_cidr]
}

run "authorized_host" {
  command = plan
  variables {
    authorized_networks = { office = "office.example.org" }
  }
  expect_failures = [var.authorized_networks]
}

run "nobody_authorized" {
  command = plan
  variables {
    authorized_networks = {}
  }
  expect_failures = [google_container_cluster.this]
}

run "whole_internet_authorized" {
  command = plan
  variables {
    authorized_networks = { all = "0.0.0.0/0" }
  }
  expect_failures = [var.authorized_networks]
}

run "half_of_the_internet_authorized" {
  command = plan
  variables {
    authorized_networks = { low = "0.0.0.0/1", high = "128.0.0.0/1" }
  }
  expect_failures = [var.authorized_networks]
}

run "private_endpoint_of_public_nodes" {
  command = plan
  variables {
    private_endpoint = true
    private_nodes    = false
  }
  expect_failures = [google_container_cluster.this]
}

run "unknown_channel" {
  command = plan
  variables {
    release_channel = "NONE"
  }
  expect_failures = [var.release_channel]
}

run "window_too_short" {
  command = plan
  variables {
    maintenance = { start = "2026-01-01T14:00:00Z", end = "2026-01-01T15:00:00Z" }
  }
  expect_failures = [var.maintenance]
}

run "window_without_a_date" {
  command = plan
  variables {
    maintenance = { start = "14:00", end = "20:00" }
  }
  expect_failures = [var.maintenance]
}

run "exclusion_backwards" {
  command = plan
  variables {
    maintenance = { exclusions = { never = { start = "2026-06-30T00:00:00Z", end = "2026-06-01T00:00:00Z" } } }
  }
  expect_failures = [var.maintenance]
}

run "pool_without_nodes" {
  command = plan
  variables {
    general_pool = { min = 0 }
  }
  expect_failures = [var.general_pool]
}

run "backup_of_nothing" {
  command = plan
  variables {
    backup = { enabled = true, namespaces = [] }
  }
  expect_failures = [var.backup]
}

run "backup_at_noon" {
  command = plan
  variables {
    backup = { enabled = true, schedule = "noon" }
  }
  expect_failures = [var.backup]
}
