# No secrets here: there are none in any of this. Project and host names are examples: put in your own.
project_id  = "alert-stream-prod"
environment = "prod"
region      = "us-central1"
zones       = ["us-central1-a", "us-central1-b", "us-central1-c"]

bootstrap_host = "alert-stream.example.org"
broker_host    = "alert-stream-broker-%d.example.org"
ingress_hosts  = ["alert-schemas.example.org", "data.example.org"]

# Replace this documentation range (RFC 5737) with the addresses of your administrators, or set private_endpoint = true.
authorized_networks = { replace-with-your-office = "192.0.2.0/24" }

# Null: the records are entered by hand, from the output dns_records.
dns_zone = null

labels = {
  application = "alert-stream"
}
