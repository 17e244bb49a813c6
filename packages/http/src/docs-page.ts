/*
 * The contract for programs (`/openapi.json`) and for people (`/docs`). Both are made when they are first asked for: a
 * server that nobody reads about carries neither the document nor the page's four megabytes. They are kept packed;
 * whoever cannot unpack (no browser) makes it happen here, once for all.
 *
 * The page is Scalar's, its script comes from the package and from this server. Its own content security policy lets
 * the browser talk to nobody else, so nothing of what is looked at or tried out there can leave, whatever the script
 * would like to do.
 */
import { hash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type onRequestHookHandler,
} from 'fastify'
import { noneMatchHolds } from './etag.ts'
import { type OpenApiSpec, openapiDocument } from './openapi.ts'

const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Nothing is loaded from elsewhere, nothing is sent elsewhere. */
const PAGE_SETTINGS = {
  servers: [{ url: '/' }],
  defaultOpenAllTags: true,
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
}

const compress = promisify(gzip)
const uncompress = promisify(gunzip)

interface Kept {
  readonly gzipped: Buffer
  readonly plain: () => Promise<Buffer>
  readonly etag: string
}

/**
 * Registers `/openapi.json`, `/docs` and the page's script; the bare address leads to the page, and so does its own with a slash.
 *
 * @param guardOf the `onRequest` hook of an address
 */
export function serveDocs(
  app: FastifyInstance,
  spec: OpenApiSpec,
  guardOf: (url: string) => onRequestHookHandler,
): void {
  const document = once(async () => kept(JSON.stringify(await openapiDocument(spec))))
  const script = once(async () => kept(await pageScript()))
  const page = pageOf(spec)
  const register = (url: string, handler: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>) => {
    app.get(url, { onRequest: guardOf(url) }, handler)
  }
  for (const url of ['/', '/docs/']) register(url, async (_request, reply) => reply.redirect('/docs'))
  register('/openapi.json', async (request, reply) =>
    sendKept(await document(), 'application/json; charset=utf-8', 'no-cache', request, reply),
  )
  register('/docs/scalar.js', async (request, reply) =>
    sendKept(await script(), 'text/javascript; charset=utf-8', 'public, max-age=86400', request, reply),
  )
  register('/docs', async (_request, reply) =>
    reply
      .header('content-security-policy', PAGE_POLICY)
      .header('cache-control', 'no-cache')
      .type('text/html; charset=utf-8')
      .send(page),
  )
}

/** The outcome of the first call for all; a failure is tried again by the next one. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null
  return () => {
    made ??= make().catch((error: unknown) => {
      made = null
      throw error
    })
    return made
  }
}

async function kept(text: string): Promise<Kept> {
  const gzipped = await compress(text)
  const etag = `"${hash('sha256', text, 'base64url').slice(0, 22)}"`
  return { gzipped, plain: once(() => uncompress(gzipped)), etag }
}

async function sendKept(
  { gzipped, plain, etag }: Kept,
  type: string,
  cacheControl: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  reply.header('etag', etag).header('cache-control', cacheControl).header('vary', 'accept-encoding')
  const condition = request.headers['if-none-match']
  if (condition !== undefined && noneMatchHolds(condition, etag)) return reply.code(304).send()
  reply.type(type)
  if (/\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))) {
    return reply.header('content-encoding', 'gzip').send(gzipped)
  }
  return reply.send(await plain())
}

/** The script, as Scalar's plugin would serve it. */
async function pageScript(): Promise<string> {
  const { default: scalar } = await import('@scalar/fastify-api-reference')
  const app = Fastify()
  await app.register(scalar, { routePrefix: '/docs', configuration: { url: '/openapi.json' } })
  const { body, statusCode } = await app.inject({ url: '/docs/js/scalar.js' })
  await app.close()
  if (statusCode !== 200) throw new Error(`the package of the page gave no script (${statusCode})`)
  return body
}

function pageOf({ title, schemes }: OpenApiSpec): string {
  const preferredSecurityScheme = schemes[0]?.name ?? null
  const settings = escapeHtml(JSON.stringify({ ...PAGE_SETTINGS, authentication: { preferredSecurityScheme } }))
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}: API</title>
<link rel="icon" href="data:,">
</head>
<body>
<noscript>This page needs JavaScript. The document itself is at <a href="/openapi.json">/openapi.json</a>.</noscript>
<script id="api-reference" type="application/json" data-url="/openapi.json" data-configuration="${settings}"></script>
<script src="/docs/scalar.js"></script>
</body>
</html>
`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
