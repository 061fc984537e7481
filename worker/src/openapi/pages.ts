/**
 * `/openapi` and `/docs`: the document, and Swagger UI over it from files of its package. Mounted by `http.ts`.
 * Open on a loopback HOST; elsewhere they take the key, as header or as the password of HTTP Basic, which is what
 * a browser can ask for.
 * Invariant: only the files of the table are served, and the page runs no script but those.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { sameKey } from '@berth/runtime'
import type { Keys } from '../config.ts'
import { type Answer, problem } from '../http/answer.ts'
import { opensReads, type Presented } from '../http/auth.ts'
import { type DocumentParts, describeWorker } from './document.ts'

export interface PageOptions {
  /** OPENAPI_ENABLED. */
  readonly isEnabled: boolean
  /** The HOST is loopback. */
  readonly isOpen: boolean
}

interface Asset {
  readonly mediaType: string
  read(): Promise<string | Uint8Array>
}

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Berth worker</title>
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
`

const START = `SwaggerUIBundle({
  url: new URL('openapi', document.baseURI).href,
  dom_id: '#docs',
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
})
`

const fromPackage = (file: string, mediaType: string): Asset => ({
  mediaType,
  read: () => readFile(fileURLToPath(import.meta.resolve(`swagger-ui-dist/${file}`))),
})

const ASSETS: ReadonlyMap<string, Asset> = new Map([
  ['swagger-ui.css', fromPackage('swagger-ui.css', 'text/css; charset=utf-8')],
  ['swagger-ui-bundle.js', fromPackage('swagger-ui-bundle.js', 'text/javascript; charset=utf-8')],
  ['favicon-32x32.png', fromPackage('favicon-32x32.png', 'image/png')],
  ['start.js', { mediaType: 'text/javascript; charset=utf-8', read: async () => START }],
])

export class Pages {
  readonly #parts: DocumentParts
  readonly #keys: Keys
  readonly #options: PageOptions
  #document: string | undefined

  constructor(parts: DocumentParts, keys: Keys, options: PageOptions) {
    this.#parts = parts
    this.#keys = keys
    this.#options = options
  }

  document(presented: Presented): Answer {
    const refusal = this.#refusal(presented)
    if (refusal) return refusal
    this.#document ??= JSON.stringify(describeWorker(this.#parts))
    const headers = { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' }
    return { status: 200, headers, body: this.#document }
  }

  page(presented: Presented): Answer {
    const headers = { ...HEADERS, 'content-type': 'text/html; charset=utf-8' }
    return this.#refusal(presented) ?? { status: 200, headers, body: PAGE }
  }

  async asset(presented: Presented, name: string): Promise<Answer> {
    const refusal = this.#refusal(presented)
    if (refusal) return refusal
    const asset = ASSETS.get(name)
    if (!asset) return problem('NOT_FOUND', `There is nothing at /docs/${name.slice(0, 200)}`)
    const headers = {
      ...HEADERS,
      'content-type': asset.mediaType,
      'cache-control': 'private, max-age=3600',
    }
    return { status: 200, headers, body: await asset.read() }
  }

  #refusal(presented: Presented): Answer | undefined {
    const { isOpen, isEnabled } = this.#options
    if (!isOpen && !opensReads(presented, this.#keys) && !this.#knowsPassword(presented)) return askForKey()
    if (isEnabled) return undefined
    return problem('NOT_FOUND', 'The pages of this worker are turned off (OPENAPI_ENABLED)')
  }

  #knowsPassword({ authorization }: Presented): boolean {
    const encoded = /^Basic ([A-Za-z0-9+/=]{1,8192})$/i.exec(authorization ?? '')?.[1]
    if (encoded === undefined) return false
    const [, ...password] = Buffer.from(encoded, 'base64').toString().split(':')
    return sameKey(password.join(':'), this.#keys.authKey)
  }
}

function askForKey(): Answer {
  const detail = 'A valid key is needed, as Authorization: Bearer <AUTH_KEY> or as the password of HTTP Basic'
  const headers = { 'www-authenticate': 'Basic realm="Berth worker", charset="UTF-8"' }
  return problem('UNAUTHORIZED', detail, { headers })
}
