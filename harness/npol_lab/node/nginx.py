"""What the nginx image brings with it: its configuration, and where it writes."""

from __future__ import annotations

_MAIN = """\
user  nginx;
worker_processes  1;

error_log  /var/log/nginx/error.log notice;
pid        /run/nginx.pid;

events {
    worker_connections  1024;
}

http {
    include       /etc/nginx/mime.types;
    default_type  application/octet-stream;
    log_format  main  '$remote_addr - $remote_user [$time_local] "$request" '
                      '$status $body_bytes_sent "$http_referer" '
                      '"$http_user_agent" "$http_x_forwarded_for"';
    access_log  /var/log/nginx/access.log  main;
    sendfile        on;
    keepalive_timeout  65;
    include /etc/nginx/conf.d/*.conf;
}
"""

_DEFAULT_SERVER = """\
server {
    listen       80;
    server_name  localhost;
    location / {
        root   /usr/share/nginx/html;
        index  index.html index.htm;
    }
    error_page   500 502 503 504  /50x.html;
    location = /50x.html {
        root   /usr/share/nginx/html;
    }
}
"""

_PAGE = """\
<!DOCTYPE html>
<html>
<head>
<title>Welcome to nginx!</title>
</head>
<body>
<h1>Welcome to nginx!</h1>
<p><em>Thank you for using nginx.</em></p>
</body>
</html>
"""

_MIME_TYPES = """\
types {
    text/html                             html htm shtml;
    text/css                              css;
    text/xml                              xml;
    text/plain                            txt;
    application/javascript                js;
    application/json                      json;
    image/gif                             gif;
    image/jpeg                            jpeg jpg;
    image/png                             png;
    image/svg+xml                         svg svgz;
}
"""

FILES = {
    "etc/nginx/nginx.conf": _MAIN,
    "etc/nginx/conf.d/default.conf": _DEFAULT_SERVER,
    "etc/nginx/mime.types": _MIME_TYPES,
    "usr/share/nginx/html/index.html": _PAGE,
    "usr/share/nginx/html/50x.html": _PAGE.replace("Welcome to nginx!", "An error occurred."),
    "var/lib/nginx/.keep": "",
}
_TEMPORARY = "".join(
    f"    {kind}_temp_path /tmp/{kind}_temp;\n"
    for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)
UNPRIVILEGED_FILES = FILES | {
    "etc/nginx/nginx.conf": _MAIN.replace("user  nginx;\n", "")
    .replace("/run/", "/tmp/")
    .replace("http {\n", f"http {{\n{_TEMPORARY}"),
    "etc/nginx/conf.d/default.conf": _DEFAULT_SERVER.replace("80;", "8080;", 1),
}
"""The unprivileged image listens on 8080, as any user, and writes to /tmp only."""
LINKS = {
    "var/log/nginx/access.log": "/dev/stdout",
    "var/log/nginx/error.log": "/dev/stderr",
}

INGRESS_START = "events {}\nhttp {\n    server { listen 80; return 404; }\n}\n"
"""What an ingress controller runs with until it knows its Ingresses."""

HARMLESS = b" initgroups("
"""Workers try it; a user namespace of an ordinary user has one group and refuses."""
