region      = "eu-west-1"
domain      = "calls.example.com"
zone_id     = "Z0123456789ABCDEFGHIJ"
image       = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/tablecall@sha256:0000000000000000000000000000000000000000000000000000000000000000"
alarm_email = "you@example.com"

settings = {
  TABLECALL_SERVICE_NAME = "Ana books tables"
}
