/**
 * HAProxy and nginx as Debian ships them, sending each request to the server with the fewest connections.
 * Undefined when one is not installed. Connections to the servers are kept open and shared, which is the
 * fastest that either does.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findPort, isInstalled, isOpen, type Stage } from '../stage.ts'

/** The address it listens on. */
export async function startHaproxy(stage: Stage, servers: readonly string[]): Promise<string | undefined> {
  if (!isInstalled('haproxy')) return undefined
  const port = await findPort()
  const file = join(stage.folder, `haproxy-${port}.cfg`)
  await writeFile(file, haproxyConfig(port, servers))
  await stage.start({ name: 'haproxy', command: 'haproxy', args: ['-f', file, '-db'], env: PATHS }, () =>
    isOpen(port),
  )
  return `http://127.0.0.1:${port}`
}

export async function startNginx(stage: Stage, servers: readonly string[]): Promise<string | undefined> {
  if (!isInstalled('nginx')) return undefined
  const port = await findPort()
  const file = join(stage.folder, `nginx-${port}.conf`)
  await writeFile(file, nginxConfig(port, servers, stage.folder))
  const args = ['-c', file, '-p', stage.folder, '-g', 'daemon off;']
  await stage.start({ name: 'nginx', command: 'nginx', args, env: PATHS }, () => isOpen(port))
  return `http://127.0.0.1:${port}`
}

const PATHS = { PATH: `${process.env.PATH}:/usr/sbin` }

function haproxyConfig(port: number, servers: readonly string[]): string {
  const lines = servers.map((url, index) => `  server w${index} ${new URL(url).host} maxconn 4096`)
  return `global
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option http-keep-alive
  http-reuse always
frontend tasks
  bind 127.0.0.1:${port}
  default_backend workers
backend workers
  balance leastconn
${lines.join('\n')}
`
}

function nginxConfig(port: number, servers: readonly string[], folder: string): string {
  return `worker_processes auto;
pid ${folder}/nginx-${port}.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${folder}/nginx-body;
  proxy_temp_path ${folder}/nginx-proxy;
  client_body_buffer_size 2m;
  client_max_body_size 16m;
  proxy_buffers 64 32k;
  proxy_buffer_size 32k;
  keepalive_requests 100000000;
  upstream workers {
    least_conn;
    ${servers.map((url) => `server ${new URL(url).host};`).join('\n    ')}
    keepalive 512;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://workers;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`
}
