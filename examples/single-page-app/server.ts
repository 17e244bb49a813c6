/*
 * Serves the files of the application, and the two things that it has to be told. There is no build: the browser runs
 * `app.js` as it is written.
 */
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'

const { CLIENT_ID = '', ISSUER = 'http://127.0.0.1:3000/t/demo', PORT = '4002' } = process.env

if (!CLIENT_ID) refuse('Set CLIENT_ID: README.md says where it comes from.')
if (!URL.canParse(ISSUER)) refuse(`ISSUER=${ISSUER} is no address: README.md has one.`)

/** What is set is wrong: a sentence is enough. */
function refuse(text: string): never {
  console.error(text)
  process.exit(1)
}

const own = async (file: string) => await readFile(new URL(file, import.meta.url), 'utf8')
const page = await own('index.html')
const files: Readonly<Record<string, readonly [type: string, content: string]>> = {
  '/': ['text/html', page],
  '/app.js': ['text/javascript', await own('app.js')],
  '/style.css': ['text/css', await own('style.css')],
  '/oauth4webapi.js': ['text/javascript', await own(import.meta.resolve('oauth4webapi'))],
  '/settings.json': ['application/json', JSON.stringify({ clientId: CLIENT_ID, issuer: ISSUER })],
}
const [, importMap = ''] = /<script type="importmap">([\s\S]*?)<\/script>/.exec(page) ?? []
// Scripts of our own alone, which talk to Stoa alone: the tokens are in the page.
const policy = [
  "default-src 'none'",
  `script-src 'self' 'sha256-${hash('sha256', importMap, 'base64')}'`,
  "style-src 'self'",
  'img-src data:',
  `connect-src 'self' ${new URL(ISSUER).origin}`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const server = createServer(({ url = '/' }, response) => {
  const file = files[url.split('?')[0] as string]
  if (file === undefined) return response.writeHead(404).end()
  const [type, content] = file
  response.setHeader('content-security-policy', policy)
  response.setHeader('referrer-policy', 'no-referrer')
  return response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(content)
}).listen(Number(PORT), '127.0.0.1')
await once(server, 'listening')
console.log(`ready at http://localhost:${PORT}`)
