# Two secrets: one whose values are made here (and so stand in Terraform's state), one that you fill in yourself and that
# Terraform never sees.

resource "random_bytes" "ticket_key" {
  length = 32
}

resource "random_bytes" "index_key" {
  length = 32
}

resource "aws_secretsmanager_secret" "made" {
  name        = "${var.name}/made"
  description = "Keys of ${var.name} that Terraform made"
}

resource "aws_secretsmanager_secret_version" "made" {
  secret_id = aws_secretsmanager_secret.made.id
  secret_string = jsonencode({
    REDIS_URL             = "rediss://:${random_password.redis.result}@${aws_elasticache_replication_group.main.primary_endpoint_address}:6379"
    TABLECALL_TICKET_KEYS = random_bytes.ticket_key.base64
    TABLECALL_INDEX_KEY   = random_bytes.index_key.base64
  })
}

resource "aws_secretsmanager_secret" "given" {
  name        = "${var.name}/given"
  description = "Secrets of ${var.name} that its operator gives: a JSON object of ${join(", ", var.given_secrets)}"
}
