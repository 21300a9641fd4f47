{{- $proxy := .Values.readOnly.proxy -}}
# Read-only access to the registry, protected twice: all methods but GET and HEAD are rejected, and each forwarded request is a GET without a body
# and with the headers listed here only. Relative paths are below the prefix folder (-p), the only one that NGINX writes to.
worker_processes 1;
daemon off;
pid nginx.pid;
error_log stderr warn;

events {
  worker_connections 1024;
}

http {
  log_format json escape=json '{"time":"$time_iso8601","client":"$http_x_forwarded_for","method":"$request_method","path":"$request_uri","status":$status,"bytes":$body_bytes_sent,"seconds":$request_time,"cache":"$upstream_cache_status","agent":"$http_user_agent"}';
  access_log /dev/stdout json;

  client_body_temp_path client-body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
{{- if $proxy.cache.enabled }}
  proxy_cache_path cache levels=1:2 keys_zone=schemas:1m max_size={{ $proxy.cache.maxSize }} inactive=30d use_temp_path=off;
{{- end }}

  server_tokens off;
  keepalive_timeout 65s;
  client_header_timeout 10s;
  client_body_timeout 10s;
  client_max_body_size 64k;
  gzip on;
  gzip_proxied any;
  gzip_vary on;
  gzip_types application/json application/vnd.schemaregistry.v1+json application/vnd.schemaregistry+json;

  map $request_method $reads {
    default 0;
    GET     1;
    HEAD    1;
  }
  map $status $allow {
    default "";
    405     "GET, HEAD";
  }

  server {
    listen {{ $proxy.port }};
    default_type application/vnd.schemaregistry.v1+json;
    add_header Allow $allow always;

    if ($reads = 0) {
      return 405 '{"error_code":405,"message":"This registry is read-only: use GET or HEAD"}';
    }
    proxy_method GET;
    proxy_pass_request_body off;
    # Otherwise the registry waits for the body that NGINX announces but does not forward.
    proxy_set_header Content-Length "";
    proxy_set_header Transfer-Encoding "";
    proxy_pass_request_headers off;
    proxy_set_header Host $proxy_host;
    proxy_set_header Accept $http_accept;
    proxy_set_header Connection "";
    proxy_http_version 1.1;
    proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;
    proxy_connect_timeout 3s;
    proxy_read_timeout 15s;

    location / {
      proxy_pass http://{{ include "alert-stream-schema-registry.upstream" . }};
    }
{{- if $proxy.cache.enabled }}

    # The schema of an id never changes.
    location ~ ^/schemas/ids/[0-9]+(/schema)?$ {
      proxy_cache schemas;
      proxy_cache_key "$request_uri $http_accept";
      proxy_cache_valid 200 {{ $proxy.cache.validity }};
      proxy_cache_lock on;
      proxy_cache_background_update on;
      proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504;
      proxy_ignore_headers Cache-Control Expires Set-Cookie Vary X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;
      proxy_pass http://{{ include "alert-stream-schema-registry.upstream" . }};
    }
{{- end }}
  }

  # Health check for the kubelet. It does not depend on the registry, because cached schemas are served without it.
  server {
    listen {{ $proxy.healthPort }};
    access_log off;
    location = /healthz {
      default_type text/plain;
      return 200 "OK\n";
    }
    location / {
      return 404;
    }
  }
}
