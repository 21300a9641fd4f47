mock_provider "google" {}

override_resource {
  target = google_service_account.nodes
  values = {
    email = "science-kafka-pool@alert-stream-test.iam.gserviceaccount.com"
  }
}

variables {
  project_id = "alert-stream-test"
  cluster    = "science"
  location   = "us-central1"
  zones      = ["us-central1-a", "us-central1-b", "us-central1-c"]
}

run "only_brokers_come_here" {
  command = plan
  assert {
    condition     = google_container_node_pool.kafka.node_config[0].labels["kafka"] == "ok"
    error_message = "the label that the brokers look for"
  }
  assert {
    condition     = [for taint in google_container_node_pool.kafka.node_config[0].taint : "${taint.key}=${taint.value}:${taint.effect}"] == ["kafka=ok:NO_SCHEDULE"]
    error_message = "the taint that keeps others away"
  }
  assert {
    condition     = output.dedicated == { key = "kafka", value = "ok", effect = "NoSchedule" }
    error_message = "output dedicated"
  }
}

run "one_broker_per_zone" {
  command = plan
  assert {
    condition     = google_container_node_pool.kafka.node_locations == toset(["us-central1-a", "us-central1-b", "us-central1-c"])
    error_message = "zones"
  }
  assert {
    condition     = google_container_node_pool.kafka.autoscaling[0].min_node_count == 1 && google_container_node_pool.kafka.autoscaling[0].max_node_count == 2 && google_container_node_pool.kafka.initial_node_count == 1
    error_message = "one node in each zone, two while one is replaced"
  }
  assert {
    condition     = google_container_node_pool.kafka.autoscaling[0].location_policy == "BALANCED"
    error_message = "zones must not be chosen by price"
  }
  assert {
    condition     = output.brokers == 3
    error_message = "output brokers"
  }
  assert {
    condition     = output.name == "kafka-pool"
    error_message = "output name"
  }
}

run "nodes_are_replaced_one_by_one" {
  command = plan
  assert {
    condition     = google_container_node_pool.kafka.upgrade_settings[0].max_surge == 1 && google_container_node_pool.kafka.upgrade_settings[0].max_unavailable == 0
    error_message = "the successor comes first"
  }
  assert {
    condition     = google_container_node_pool.kafka.management[0].auto_repair && google_container_node_pool.kafka.management[0].auto_upgrade
    error_message = "nodes are repaired and upgraded"
  }
}

run "nodes_are_hardened" {
  command = plan
  assert {
    condition     = google_container_node_pool.kafka.node_config[0].shielded_instance_config[0].enable_secure_boot && google_container_node_pool.kafka.node_config[0].shielded_instance_config[0].enable_integrity_monitoring
    error_message = "shielded nodes"
  }
  assert {
    condition     = google_container_node_pool.kafka.node_config[0].workload_metadata_config[0].mode == "GKE_METADATA"
    error_message = "pods must not get the node's identity"
  }
  assert {
    condition     = google_container_node_pool.kafka.node_config[0].metadata["disable-legacy-endpoints"] == "true"
    error_message = "no legacy metadata endpoints"
  }
  assert {
    condition     = !google_container_node_pool.kafka.node_config[0].spot
    error_message = "brokers are not taken away by default"
  }
}

run "nodes_have_a_small_identity" {
  command = apply
  assert {
    condition     = google_container_node_pool.kafka.node_config[0].service_account == "science-kafka-pool@alert-stream-test.iam.gserviceaccount.com" && output.node_service_account == "science-kafka-pool@alert-stream-test.iam.gserviceaccount.com"
    error_message = "the nodes' own service account"
  }
  assert {
    condition     = [for member in google_project_iam_member.node : member.role] == ["roles/container.defaultNodeServiceAccount"] && length(google_project_iam_member.registry_reader) == 0
    error_message = "only what a node needs"
  }
}

run "images_from_a_registry" {
  command = apply
  variables {
    registry_projects = ["images-project"]
  }
  assert {
    condition     = google_project_iam_member.registry_reader["images-project"].role == "roles/artifactregistry.reader" && google_project_iam_member.registry_reader["images-project"].project == "images-project"
    error_message = "registry reader"
  }
}

run "identity_of_somebody_else" {
  command = plan
  variables {
    node_service_account = "nodes@alert-stream-test.iam.gserviceaccount.com"
    registry_projects    = ["images-project"]
  }
  assert {
    condition     = google_container_node_pool.kafka.node_config[0].service_account == "nodes@alert-stream-test.iam.gserviceaccount.com"
    error_message = "node_service_account"
  }
  assert {
    condition     = length(google_service_account.nodes) + length(google_project_iam_member.node) + length(google_project_iam_member.registry_reader) == 0
    error_message = "nothing is made or granted for an account that was given"
  }
}

run "long_names_make_a_valid_account" {
  command = plan
  variables {
    cluster = "a-cluster-with-a-rather-long-"
    name    = "kafka"
  }
  assert {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", google_service_account.nodes[0].account_id))
    error_message = "account id ${google_service_account.nodes[0].account_id}"
  }
}

run "everything_else_is_a_choice" {
  command = plan
  variables {
    location        = "europe-west1-b"
    zones           = ["europe-west1-b"]
    name            = "brokers"
    nodes_per_zone  = { min = 3, max = 4 }
    machine_type    = "n4-standard-16"
    boot_disk       = { type = "hyperdisk-balanced", size_gb = 50 }
    dedicated       = { key = "dedicated", value = "kafka" }
    labels          = { tier = "data" }
    resource_labels = { cost = "alerts" }
    network_tags    = ["kafka"]
    spot            = true
  }
  assert {
    condition     = google_container_node_pool.kafka.location == "europe-west1-b" && google_container_node_pool.kafka.name == "brokers" && output.brokers == 3
    error_message = "a zonal cluster with all brokers in one zone"
  }
  assert {
    condition     = google_container_node_pool.kafka.autoscaling[0].max_node_count == 4
    error_message = "nodes_per_zone"
  }
  assert {
    condition     = google_container_node_pool.kafka.node_config[0].machine_type == "n4-standard-16" && google_container_node_pool.kafka.node_config[0].disk_type == "hyperdisk-balanced" && google_container_node_pool.kafka.node_config[0].disk_size_gb == 50
    error_message = "machine and disk"
  }
  assert {
    condition     = google_container_node_pool.kafka.node_config[0].labels == tomap({ dedicated = "kafka", tier = "data" }) && google_container_node_pool.kafka.node_config[0].taint[0].key == "dedicated"
    error_message = "labels and taint"
  }
  assert {
    condition     = google_container_node_pool.kafka.node_config[0].resource_labels == tomap({ cost = "alerts" }) && google_container_node_pool.kafka.node_config[0].tags == tolist(["kafka"]) && google_container_node_pool.kafka.node_config[0].spot
    error_message = "resource labels, tags, spot"
  }
}
