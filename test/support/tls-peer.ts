/**
 * HTTPS servers with certificates of their own making, for which OpenSSL must be at hand.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** An HTTPS server with a certificate of its own making. It would take to HTTP/2, and then not speak it. */
export async function tlsPeer(from: string, to: string) {
  const { cert, key, dir } = certificate(from, to)
  const seen: string[] = []
  const server = createTlsServer({ cert, key, ALPNProtocols: ['h2', 'http/1.1'] }, (request, response) => {
    seen.push(request.url ?? '')
    response.end('{"id":1}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const end = async () => {
    server.close()
    server.closeAllConnections()
    rmSync(dir, { recursive: true })
  }
  return { cert, seen, url: `https://127.0.0.1:${port}`, [Symbol.asyncDispose]: end }
}

export function hasOpenssl(): boolean {
  try {
    return execFileSync('openssl', ['version']).toString().startsWith('OpenSSL')
  } catch {
    return false
  }
}

/** A self-signed certificate for 127.0.0.1 and rest-e008.invalid, good between two dates. */
export function certificate(from: string, to: string): { cert: string; key: string; dir: string } {
  const dir = mkdtempSync(join(tmpdir(), 'certificate-'))
  const run = (command: string) => execFileSync('openssl', command.split(' '), { cwd: dir, stdio: 'pipe' })
  // Only the small certificate authority inside OpenSSL lets the dates be chosen.
  const authority = ['dir=.', 'database=index.txt', 'new_certs_dir=.', 'serial=serial', 'default_md=sha256']
  const extensions = [
    '[x]',
    'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:rest-e008.invalid',
    'basicConstraints=CA:TRUE',
  ]
  const policy = ['policy=p', 'x509_extensions=x', '[p]', 'commonName=supplied']
  writeFileSync(
    join(dir, 'ca.cnf'),
    ['[ca]', 'default_ca=a', '[a]', ...authority, ...policy, ...extensions].join('\n'),
  )
  writeFileSync(join(dir, 'index.txt'), '')
  writeFileSync(join(dir, 'serial'), '01')
  run('req -new -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj /CN=127.0.0.1')
  const dates = `-startdate ${from} -enddate ${to}`
  run(`ca -batch -selfsign -notext -config ca.cnf -keyfile key.pem -in request.pem -out cert.pem ${dates}`)
  const read = (name: string) => readFileSync(join(dir, name), 'utf8')
  return { cert: read('cert.pem'), key: read('key.pem'), dir }
}
