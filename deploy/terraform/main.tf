# What the other files share. Ports and limits are the program's own: docs/configuration.md and the Dockerfile say them too.

data "aws_availability_zones" "available" {
  state = "available"

  # Local zones, which somebody has to opt into, have no Fargate.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  port  = 8080
  zones = slice(data.aws_availability_zones.available.names, 0, 2)

  # The program stops by itself within 25 s.
  stop_timeout = 35
}
