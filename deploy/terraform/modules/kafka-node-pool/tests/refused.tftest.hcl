# What each variable refuses, and what contradicts each other.

mock_provider "google" {}

variables {
  project_id = "alert-stream-test"
  cluster    = "science"
  location   = "us-central1"
  zones      = ["us-central1-a", "us-central1-b", "us-central1-c"]
}

run "project_by_name" {
  command = plan
  variables {
    project_id = "Alert Stream"
  }
  expect_failures = [var.project_id]
}

run "location_is_a_country" {
  command = plan
  variables {
    location = "chile"
  }
  expect_failures = [var.location]
}

run "name_with_underscore" {
  command = plan
  variables {
    name = "kafka_pool"
  }
  expect_failures = [var.name]
}

run "no_zones" {
  command = plan
  variables {
    zones = []
  }
  expect_failures = [var.zones]
}

run "one_zone_twice" {
  command = plan
  variables {
    zones = ["us-central1-a", "us-central1-a"]
  }
  expect_failures = [var.zones]
}

run "region_for_a_zone" {
  command = plan
  variables {
    zones = ["us-central1"]
  }
  expect_failures = [var.zones]
}

run "zone_without_nodes" {
  command = plan
  variables {
    nodes_per_zone = { min = 0, max = 1 }
  }
  expect_failures = [var.nodes_per_zone]
}

run "most_below_least" {
  command = plan
  variables {
    nodes_per_zone = { min = 2, max = 1 }
  }
  expect_failures = [var.nodes_per_zone]
}

run "unknown_disk" {
  command = plan
  variables {
    boot_disk = { type = "standard" }
  }
  expect_failures = [var.boot_disk]
}

run "tiny_disk" {
  command = plan
  variables {
    boot_disk = { size_gb = 10 }
  }
  expect_failures = [var.boot_disk]
}

run "default_account_of_the_project" {
  command = plan
  variables {
    node_service_account = "123456789012-compute@developer.gserviceaccount.com"
  }
  expect_failures = [var.node_service_account]
}

run "account_is_no_address" {
  command = plan
  variables {
    node_service_account = "nodes"
  }
  expect_failures = [var.node_service_account]
}

run "zones_elsewhere" {
  command = plan
  variables {
    zones = ["us-east1-b"]
  }
  expect_failures = [google_container_node_pool.kafka]
}

run "machine_without_such_a_disk" {
  command = plan
  variables {
    machine_type = "n4-standard-8"
  }
  expect_failures = [google_container_node_pool.kafka]
}
