#!/bin/sh
# Runs once, as root, before everything else: passwords, a certificate authority with its certificates, and the folders of the
# other services, each in a volume that only its service mounts. What is there stays: running it again changes nothing.
#
# Volumes, by name below /v: tls-ca, tls-control, tls-postgres, tls-vectors, tls-redis, secrets-control, secrets-postgres,
# secrets-vectors, secrets-retrieval, secrets-redis, home-a, home-b, home-edge, models, local-models, and keys-NAME of each pool;
# with observability/compose.yaml secrets-metrics and secrets-grafana too.
set -eu
umask 077

# Users of the images.
bowline=65532
postgres=${POSTGRES_UID:-999}
redis=${REDIS_UID:-999}

# own UID PATH...: these belong to that user, and only it reads them.
own() {
  uid=$1
  shift
  chown -R "$uid:$uid" "$@"
}

password() {
  openssl rand -hex 32
}

ca=/v/tls-ca
if [ ! -f "$ca/ca.pem" ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj '/CN=Bowline of this machine' \
    -addext 'keyUsage=critical,keyCertSign,cRLSign' -keyout "$ca/ca.key" -out "$ca/ca.pem.part" 2>/dev/null
  mv "$ca/ca.pem.part" "$ca/ca.pem"
fi

# certificate VOLUME UID NAME[,NAME...]: a certificate for these names, good for two years; made anew in its last 60 days.
certificate() {
  folder=/v/$1
  if ! openssl x509 -checkend 5184000 -noout -in "$folder/cert.pem" >/dev/null 2>&1; then
    names=$(printf '%s' "$3" | sed 's/[^,]*/DNS:&/g'),IP:127.0.0.1
    printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "$names" >"$folder/ext"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=${3%%,*}" \
      -keyout "$folder/key.pem" -out "$folder/csr" 2>/dev/null
    openssl x509 -req -days 730 -in "$folder/csr" -CA "$ca/ca.pem" -CAkey "$ca/ca.key" -CAcreateserial \
      -extfile "$folder/ext" -out "$folder/cert.pem" 2>/dev/null
    rm -f "$folder/csr" "$folder/ext"
  fi
  cp "$ca/ca.pem" "$folder/ca.pem"
  own "$2" "$folder"
  chmod 0500 "$folder"
  chmod 0400 "$folder"/*.pem
}

certificate tls-control $bowline control,control-a,control-b,localhost${CONTROL_NAMES:+,$CONTROL_NAMES}
certificate tls-postgres "$postgres" postgres
certificate tls-vectors "$postgres" vectors
certificate tls-redis "$redis" redis

# The authority's public half, for whoever connects.
mkdir -p /v/trust
cp "$ca/ca.pem" /v/trust/ca.pem
chmod 0755 /v/trust
chmod 0444 /v/trust/ca.pem

# secret VOLUME UID FILE: what standard input says, unless it is there.
secret() {
  file=/v/$1/$3
  if [ -f "$file" ]; then cat >/dev/null; else cat >"$file.part" && mv "$file.part" "$file"; fi
  own "$2" "/v/$1"
  chmod 0500 "/v/$1"
  chmod 0400 "$file"
}

trust='sslmode=verify-full&sslrootcert=/run/trust/ca.pem'
password | secret secrets-postgres "$postgres" password
printf 'postgres://bowline:%s@postgres/bowline?%s' "$(cat /v/secrets-postgres/password)" "$trust" |
  secret secrets-control $bowline database-url
password | secret secrets-vectors "$postgres" password
printf 'postgres://bowline:%s@vectors/bowline?%s' "$(cat /v/secrets-vectors/password)" "$trust" |
  secret secrets-retrieval $bowline database-url

if [ ! -f /v/secrets-redis/redis.conf ]; then
  word=$(password)
  printf 'rediss://bowline:%s@redis:6379' "$word" | secret secrets-control $bowline redis-url
  secret secrets-redis "$redis" redis.conf <<CONF
port 0
tls-port 6379
tls-cert-file /run/tls/cert.pem
tls-key-file /run/tls/key.pem
tls-ca-cert-file /run/tls/ca.pem
tls-auth-clients no
user default off
user bowline on >$word ~{bowline}:* &{bowline}:* +@all -@admin -@dangerous +info
maxmemory-policy noeviction
appendonly yes
appendfsync everysec
dir /data
CONF
fi

# For observability/compose.yaml alone: the key to the metrics of all replicas, and the password of Grafana.
if [ -d /v/secrets-metrics ]; then
  password | secret secrets-metrics "${PROMETHEUS_UID:-65534}" metrics-key
  secret secrets-control $bowline metrics-key </v/secrets-metrics/metrics-key
  password | secret secrets-grafana "${GRAFANA_UID:-472}" password
fi

for home in home-a home-b home-edge; do
  own $bowline "/v/$home"
  chmod 0700 "/v/$home"
done
for keys in llm embed retrieval web sandbox local; do own $bowline "/v/keys-$keys"; done

# models FOLDER: models.yaml and the keys beside it, where a worker finds them in its home. What is gone is gone there too.
models() {
  rm -f "/v/$1"/*
  for file in "/in/$1/models.yaml" "/in/$1"/*.key; do
    if [ -f "$file" ]; then cp -L "$file" "/v/$1/"; fi
  done
  own $bowline "/v/$1"
  chmod 0700 "/v/$1"
}
models models
models local-models
echo 'setup: done'
