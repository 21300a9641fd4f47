# No secrets here: there are none in any of this. Project and host names are examples: put in your own.
project_id  = "alert-stream-prod"
environment = "prod"
region      = "us-central1"
zones       = ["us-central1-a", "us-central1-b", "us-central1-c"]

bootstrap_host = "alert-stream.example.org"
broker_host    = "alert-stream-broker-%d.example.org"
ingress_hosts  = ["alert-schemas.example.org", "data.example.org"]

# Null: the records are entered by hand, from the output dns_records.
dns_zone = null

labels = {
  application = "alert-stream"
}
